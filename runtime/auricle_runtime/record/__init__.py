"""Recording one's own sounds: a microphone that is asked for pieces, takes that are judged, a folder to train from."""
