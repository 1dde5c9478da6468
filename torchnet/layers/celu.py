"""The continuously differentiable exponential linear activation: y = x where x > 0, y = α (e^(x/α) - 1) elsewhere."""

import torch
from torch import Tensor

from torchnet.layers.layer import Layer, expect_floats, expect_shape, refuse


class CELU(Layer):
    """Pass positive elements unchanged and let negative ones saturate at -α, like torch.nn.CELU: ELU without a kink.

    Args:
        alpha: α; the output saturates at -α.
        inplace: only False.

    Raises:
        ValueError: if alpha is 0, or inplace is true.

    Source: Barron 2017, "Continuously differentiable exponential linear units".
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        refuse(inplace=inplace)
        if alpha == 0:
            raise ValueError("alpha: expected a number other than 0, got 0: the layer divides by it")
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        """Return y = x where x > 0 and y = α (e^(x/α) - 1) elsewhere, elementwise.

        Shape:
            x: any; returns: the same.
        """
        expect_floats(x)
        self.remember(x)
        return torch.ops.aten.elu(x, self.alpha, 1, 1 / self.alpha)

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input.

        dy/dx is 1 where x > 0 and α e^(x/α) / α elsewhere, which is 1 at x = 0, too:

            ∂L/∂x = G ⊙ ([x > 0] + e^(x/α) [x ≤ 0]),    G = ∂L/∂y
        """
        x = self.recall()
        expect_shape("grad_output", grad_output, x.shape, "pass the gradient of this layer's output")
        if not input_grad:
            return None
        # torch.where(x > 0, grad_output, grad_output * torch.exp(x / self.alpha)) in one pass; False: x is the input
        return torch.ops.aten.elu_backward(grad_output, self.alpha, 1, 1 / self.alpha, False, x)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"
