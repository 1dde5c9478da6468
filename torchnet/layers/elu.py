"""The exponential linear activation: y = x where x > 0, y = α (eˣ - 1) elsewhere."""

import torch
from torch import Tensor
from torch.nn import functional

from torchnet.layers.layer import Layer, expect_floats, expect_shape, refuse


class ELU(Layer):
    """Pass positive elements unchanged and let negative ones saturate at -α, like torch.nn.ELU.

    Args:
        alpha: α; the output saturates at -α. With α = 1 there is no kink at zero.
        inplace: only False.

    Source: Clevert et al. 2016, "Fast and accurate deep network learning by exponential linear units (ELUs)".
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        refuse(inplace=inplace)
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        """Return y = x where x > 0 and y = α (eˣ - 1) elsewhere, elementwise.

        Shape:
            x: any; returns: the same.
        """
        expect_floats(x)
        self.remember(x)
        return functional.elu(x, self.alpha)

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input.

        dy/dx is 1 where x > 0 and α eˣ where x < 0. At x = 0, a kink unless α = 1, it is α, as in PyTorch:

            ∂L/∂x = G ⊙ ([x > 0] + α eˣ [x ≤ 0]),    G = ∂L/∂y

        Here α eˣ = y + α, but far below zero that sum would lose the digits of eˣ.
        """
        x = self.recall()
        expect_shape("grad_output", grad_output, x.shape, "pass the gradient of this layer's output")
        # torch.where(x > 0, grad_output, grad_output * self.alpha * torch.exp(x)) in one pass; False: x is the input
        return torch.ops.aten.elu_backward(grad_output, self.alpha, 1, 1, False, x) if input_grad else None

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"
