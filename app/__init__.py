"""The service. It never imports torch."""
