"""Changes to training audio and features, one a file: first draw, then apply."""
