"""Benchmarks: torchnet and its peers train the same network on the same data, measured in one run."""
