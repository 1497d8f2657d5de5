"""Training: imports, networks, losses, checkpoints. Needs torch."""
