"""Run folders and their files. Nothing here imports Lightning."""
