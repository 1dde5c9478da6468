"""Predictions of a trained network for files of images, rows or arrays."""
