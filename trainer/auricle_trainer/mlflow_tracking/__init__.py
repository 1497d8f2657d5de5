"""Runs told to MLflow beside their folders: for a team's server, or for its page over a file on this machine."""
