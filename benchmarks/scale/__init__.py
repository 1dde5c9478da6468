"""The time of a step over width, depth and batch size."""
