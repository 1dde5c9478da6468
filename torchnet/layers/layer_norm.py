"""Layer normalization: each sample centered and scaled by the statistics of its own features."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from torchnet.layers.layer import Layer, expect_rows, expect_shape


class LayerNorm(Layer):
    """Normalize each sample over its features, as torch.nn.LayerNorm does and with its names.

    Training and evaluation do the same.

    Args:
        normalized_shape: I, the width of the input, as a number or a tuple of one.
        eps: ε, which keeps a constant sample from being divided by zero.
        dtype: the type of weight and bias, torch's default if None.

    Raises:
        ValueError: if normalized_shape has more than one dimension.

    Source: Ba, Kiros & Hinton 2016, "Layer normalization", equations 3 and 4.
    """

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float = 1e-5, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.normalized_shape, self.eps = one_dimension(normalized_shape), eps
        self.weight = nn.Parameter(torch.ones(self.normalized_shape, dtype=dtype), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(self.normalized_shape, dtype=dtype), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return y = γ ⊙ x̂ + β with x̂ = (x - μ) / √(σ² + ε), γ the weight and β the bias.

        For each sample, μ = 1/I Σᵢ xᵢ and σ² = 1/I Σᵢ (xᵢ - μ)².

        Shape:
            x: (N, I); returns: the same.

        Raises:
            ValueError: if x has another shape or another dtype than the weights.
        """
        expect_rows(x, self.weight)
        centered = x - x.mean(dim=1, keepdim=True)
        var = (centered * centered).mean(dim=1, keepdim=True)
        rstd = (var + self.eps).rsqrt()
        normalized = centered * rstd
        self.remember(normalized, rstd)
        return torch.addcmul(self.bias, normalized, self.weight)

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Write the gradients of weight and bias; return the gradient of the input.

        Every sample is on its own. For one of them, with r = 1/√(σ² + ε), y_i = γ_i x̂_i + β_i and x̂_i = (x_i - μ) r, an
        input x_j reaches all x̂_i of its sample: directly, through μ and through r. Since Σᵢ (x_i - μ) = 0,

            ∂μ/∂x_j = 1/I        ∂σ²/∂x_j = 2 (x_j - μ) / I        ∂r/∂x_j = -r³/2 ∂σ²/∂x_j = -r² x̂_j / I

            ∂x̂_i/∂x_j = r ([i = j] - 1/I) + (x_i - μ) ∂r/∂x_j = r ([i = j] - 1/I - x̂_i x̂_j / I)

        With G = ∂L/∂y, H = ∂L/∂x̂ and means taken over the features of each sample:

            ∂L/∂β = Σₙ Gₙ                                    (N, I) -> (I,)
            ∂L/∂γ = Σₙ Gₙ ⊙ x̂ₙ                               (N, I) -> (I,)
            H     = G ⊙ γ                                    (N, I)
            ∂L/∂x = r (H - x̂ mean(H ⊙ x̂) - mean(H))          (N, I), r and means (N, 1)

        The mean that is subtracted last is that of all that stands before it, since that of x̂ is zero. It is taken of
        all: rounding leaves a little of a mean in x̂, and the gradient of the input has to have none.

        Shape:
            grad_output: (N, I).
            returns: (N, I), or None if input_grad is False.

        Raises:
            RuntimeError: if no forward pass was made in training mode since the last backward.
            ValueError: if grad_output has another shape than the output had.
        """
        normalized, rstd = self.recall()
        expect_shape("grad_output", grad_output, normalized.shape, "pass the gradient of this layer's output")
        self.bias.grad = grad_output.sum(dim=0)
        self.weight.grad = (grad_output * normalized).sum(dim=0)
        if not input_grad:
            return None
        grad = grad_output * self.weight
        grad = torch.addcmul(grad, normalized, (grad * normalized).mean(dim=1, keepdim=True), value=-1)
        return (grad - grad.mean(dim=1, keepdim=True)) * rstd

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}"


def one_dimension(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    """Return the shape as torch keeps it, a tuple; a sample here is one row, so that it is a tuple of one."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if len(shape) != 1:
        raise ValueError(f"normalized_shape: expected one dimension, got {shape}: flatten each sample to one row")
    return shape
