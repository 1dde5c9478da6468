"""The training step at full speed."""
