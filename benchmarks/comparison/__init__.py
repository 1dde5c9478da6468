"""The comparison with other implementations: all peers train the same task, one epoch at a time, in turns."""
