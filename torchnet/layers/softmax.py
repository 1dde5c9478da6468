"""Softmax and its logarithm: y = eˣ / Σ eˣ, along one dimension."""

import torch
from torch import Tensor

from torchnet.layers.layer import Layer, expect_floats, expect_shape


class Softmax(Layer):
    """Turn the numbers along one dimension into probabilities, like torch.nn.Softmax.

    For classification, use the loss `torchnet.cross_entropy`, which contains a softmax and is stable.

    Args:
        dim: the dimension along which the sum of y is 1, such as -1.

    Raises:
        ValueError: if dim is None, for which torch.nn guesses a dimension.
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = _expect_dim(dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return y_i = e^x_i / Σⱼ e^x_j, where i and j run along the dimension.

        Shape:
            x: any; returns: the same.
        """
        expect_floats(x)
        y = torch.softmax(x, self.dim)  # subtracts the maximum first: exp would overflow
        self.remember(y)
        return y

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input.

        ∂y_i/∂x_j = y_i ([i = j] - y_j): every output depends on every input. With G = ∂L/∂y:

            ∂L/∂x_j = Σᵢ G_i y_i ([i = j] - y_j) = y_j (G_j - Σᵢ G_i y_i)
            ∂L/∂x = y ⊙ (G - Σ G ⊙ y)
        """
        y = self.recall()
        expect_shape("grad_output", grad_output, y.shape, "pass the gradient of this layer's output")
        return y * (grad_output - (grad_output * y).sum(self.dim, keepdim=True)) if input_grad else None

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Layer):
    """Turn the numbers along one dimension into log-probabilities, like torch.nn.LogSoftmax.

    Args:
        dim: the dimension along which the sum of e^y is 1, such as -1.

    Raises:
        ValueError: if dim is None, for which torch.nn guesses a dimension.
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = _expect_dim(dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return y_i = x_i - log Σⱼ e^x_j, where i and j run along the dimension.

        Shape:
            x: any; returns: the same.
        """
        expect_floats(x)
        y = torch.log_softmax(x, self.dim)  # the logarithm of softmax would be -Inf where softmax underflows to 0
        self.remember(y)
        return y

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input.

        ∂y_i/∂x_j = [i = j] - e^x_j / Σ e^x = [i = j] - e^y_j. With G = ∂L/∂y:

            ∂L/∂x_j = Σᵢ G_i ([i = j] - e^y_j) = G_j - e^y_j Σᵢ G_i
            ∂L/∂x = G - e^y Σ G
        """
        y = self.recall()
        expect_shape("grad_output", grad_output, y.shape, "pass the gradient of this layer's output")
        return grad_output - y.exp() * grad_output.sum(self.dim, keepdim=True) if input_grad else None

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


def _expect_dim(dim: int | None) -> int:
    if dim is None:
        raise ValueError("dim: expected a dimension, got None: write dim=-1 for the last one, the classes of a sample")
    return dim
