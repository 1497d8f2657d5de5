"""Batches of training windows: planned by the scene, mixed by worker processes."""
