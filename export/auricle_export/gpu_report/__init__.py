"""`make gpu-report`: everything about a GPU that is worth knowing before training on it, measured in one run."""
