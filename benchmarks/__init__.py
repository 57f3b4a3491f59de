"""Speed of the advisor, of the service and of training, each as a ratio against a named peer or limit of the same run."""
