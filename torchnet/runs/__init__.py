"""Run folders and what is in them. Nothing here imports Lightning."""
