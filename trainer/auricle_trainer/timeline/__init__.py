"""`auricle timeline`: commits, data, runs, evaluations, exports and notes in the order in which they happened."""
