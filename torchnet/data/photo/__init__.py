"""Pictures of digits, converted to the format of MNIST images."""
