"""Figures of a run as pictures; the counting itself is in auricle_shared.accuracy."""
