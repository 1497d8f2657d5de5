"""How fast this machine trains, row by row from the naive set-up to the fast path."""
