"""What a network must beat: fitted, not trained, through the same loop and metric."""
