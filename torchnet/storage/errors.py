"""What is wrong with a file that was to be read."""


class CheckpointError(ValueError):
    """A checkpoint is missing, damaged, hostile, or belongs to another network."""
