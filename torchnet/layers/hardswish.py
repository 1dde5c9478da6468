"""The piecewise quadratic approximation of SiLU: y = x min(max(x + 3, 0), 6) / 6."""

import torch
from torch import Tensor
from torch.nn import functional

from torchnet.layers.layer import Layer, expect_floats, expect_shape, refuse


class Hardswish(Layer):
    """Multiply each element by a line that is clipped to [0, 1], like torch.nn.Hardswish: SiLU without exp.

    Args:
        inplace: only False.

    Source: Howard et al. 2019, "Searching for MobileNetV3", section 5.2.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        refuse(inplace=inplace)

    def forward(self, x: Tensor) -> Tensor:
        """Return y = x h with h = min(max(x + 3, 0), 6) / 6, elementwise.

        Shape:
            x: any; returns: the same.
        """
        expect_floats(x)
        self.remember(x)
        return x * (functional.hardtanh(x + 3, 0, 6) / 6)  # 6 x might overflow

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input.

        y is 0 up to x = -3, x from x = 3 on, and (x² + 3 x) / 6 between them, with the slope x / 3 + 1/2. At the kinks
        -3 and 3 it is that of the outer piece, as in PyTorch:

            ∂L/∂x = G ⊙ ((x / 3 + 1/2) [-3 < x < 3] + [x ≥ 3]),    G = ∂L/∂y
        """
        x = self.recall()
        expect_shape("grad_output", grad_output, x.shape, "pass the gradient of this layer's output")
        if not input_grad:
            return None
        return grad_output * (x / 3 + 0.5).masked_fill(x <= -3, 0).masked_fill(x >= 3, 1)
