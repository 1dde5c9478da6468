"""A step of a residual convolutional network: torchnet and autograd, in turns."""
