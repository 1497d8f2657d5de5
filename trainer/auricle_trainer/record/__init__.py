"""A run is a folder that explains itself: writing the record, reading it, checking and repeating it."""
