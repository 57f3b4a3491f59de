"""Networks and the training loop. Importing this package, or `models.contract`, does not import torch."""
