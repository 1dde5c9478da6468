"""The exponential linear activation: y = x where x > 0, y = α (eˣ - 1) elsewhere."""

import torch
from torch import Tensor
from torch.nn import functional

from torchnet.layers.layer import Layer, expect_shape


class ELU(Layer):
    """Pass what is positive and let the rest saturate at -α, as torch.nn.ELU does.

    Args:
        alpha: α, the height below zero at which it saturates. With 1 there is no kink.

    Source: Clevert et al. 2016, "Fast and accurate deep network learning by exponential linear units (ELUs)".
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        """Return y = x where x > 0 and y = α (eˣ - 1) elsewhere, elementwise.

        Shape:
            x: any; returns: the same.
        """
        self.remember(x)
        return functional.elu(x, self.alpha)

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input.

        dy/dx is 1 where x > 0 and α eˣ where x < 0. At x = 0, a kink unless α = 1, it is α, as in PyTorch:

            ∂L/∂x = G ⊙ ([x > 0] + α eˣ [x ≤ 0]),    G = ∂L/∂y

        α eˣ is y + α, too, but far below zero that sum has lost the digits of eˣ.

        Shape:
            grad_output: that of the output; returns: the same, or None if input_grad is False.

        Raises:
            RuntimeError: if no forward pass was made in training mode since the last backward.
            ValueError: if grad_output has another shape than the output had.
        """
        x = self.recall()
        expect_shape("grad_output", grad_output, x.shape, "pass the gradient of this layer's output")
        # Where eˣ overflows, it is not taken.
        return torch.where(x > 0, grad_output, self.alpha * grad_output * torch.exp(x)) if input_grad else None

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"
