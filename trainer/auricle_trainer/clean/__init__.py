"""`auricle clean`: what is wrong with a pack, what a person decides about it, and the pack without it."""
