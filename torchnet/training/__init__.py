"""The trainer: the only room that knows Lightning."""
