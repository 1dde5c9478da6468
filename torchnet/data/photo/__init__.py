"""Photographs of digits, brought to the form of MNIST images."""
