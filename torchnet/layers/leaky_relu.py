"""The leaky rectified linear activation: y = x where x > 0, y = s x elsewhere."""

import torch
from torch import Tensor
from torch.nn import functional

from torchnet.layers.layer import Layer, expect_floats, expect_shape, refuse


class LeakyReLU(Layer):
    """Pass positive elements unchanged and scale the others by s, like torch.nn.LeakyReLU: the gradient is never zero.

    Args:
        negative_slope: s, the slope where x ≤ 0.
        inplace: only False.

    Source: Maas et al. 2013, "Rectifier nonlinearities improve neural network acoustic models".
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        refuse(inplace=inplace)
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        """Return y = x where x > 0 and y = s x elsewhere, elementwise.

        Shape:
            x: any; returns: the same.
        """
        expect_floats(x)
        self.remember(x)  # not y: if s is negative, its sign is not that of x
        return functional.leaky_relu(x, self.negative_slope)

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input.

        dy/dx is 1 where x > 0 and s where x < 0. At the kink x = 0 it is s, as in PyTorch:

            ∂L/∂x = G ⊙ ([x > 0] + s [x ≤ 0]),    G = ∂L/∂y
        """
        x = self.recall()
        expect_shape("grad_output", grad_output, x.shape, "pass the gradient of this layer's output")
        # torch.where(x > 0, grad_output, self.negative_slope * grad_output) in one pass; False: x is the input
        return torch.ops.aten.leaky_relu_backward(grad_output, x, self.negative_slope, False) if input_grad else None

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"
