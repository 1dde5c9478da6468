"""Torchnet beside its peers: the same network, data and steps, measured in one run, in turns."""
