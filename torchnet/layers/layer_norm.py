"""Layer normalization: center and scale each sample by the statistics of its own features."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from torchnet.layers.layer import Layer, expect_rows, expect_shape


class LayerNorm(Layer):
    """Normalize each sample over its features, with the names of torch.nn.LayerNorm.

    Training and evaluation mode do the same.

    Args:
        normalized_shape: I, the width of the input, as an int or a tuple of length one.
        eps: ε, which avoids a division by zero if all features of a sample are equal.
        dtype: the dtype of weight and bias; torch's default if None.

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

        The samples are independent. For one of them, r = 1/√(σ² + ε), y_i = γ_i x̂_i + β_i and x̂_i = (x_i - μ) r. An
        input x_j reaches all x̂_i of its sample: directly, through μ and through r. Since Σᵢ (x_i - μ) = 0,

            ∂μ/∂x_j = 1/I        ∂σ²/∂x_j = 2 (x_j - μ) / I        ∂r/∂x_j = -r³/2 ∂σ²/∂x_j = -r² x̂_j / I

            ∂x̂_i/∂x_j = r ([i = j] - 1/I) + (x_i - μ) ∂r/∂x_j = r ([i = j] - 1/I - x̂_i x̂_j / I)

        With G = ∂L/∂y, H = ∂L/∂x̂ and means taken over the features of each sample:

            ∂L/∂β = Σₙ Gₙ                                    (N, I) -> (I,)
            ∂L/∂γ = Σₙ Gₙ ⊙ x̂ₙ                               (N, I) -> (I,)
            H     = G ⊙ γ                                    (N, I)
            ∂L/∂x = r (H - x̂ mean(H ⊙ x̂) - mean(H))          (N, I), r and means (N, 1)

        Since the mean of x̂ is zero, the last mean is also the mean of H - x̂ mean(H ⊙ x̂). The code subtracts the latter:
        rounding leaves a small mean in x̂, and the gradient of the input must have none.

        Shape:
            grad_output: (N, I).
            returns: (N, I), or None if input_grad is False.
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
    """Return normalized_shape as a tuple of length one, as torch stores it; a sample here has one dimension."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if len(shape) != 1:
        raise ValueError(f"normalized_shape: expected one dimension, got {shape}: flatten each sample to one row")
    return shape
