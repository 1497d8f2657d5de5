"""What training and device have in common: one front end, one scorer interface, one notion of a scene."""

__version__ = "0.1.0"
