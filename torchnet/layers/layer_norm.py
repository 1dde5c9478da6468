"""Layer normalization: center and scale each sample by the statistics of its own features."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from torchnet.layers.layer import expect_counts, expect_features, expect_shape
from torchnet.layers.normalization import Device, Normalization, Shape


class LayerNorm(Normalization):
    """Normalize each sample over its features, with the names of torch.nn.LayerNorm.

    Training and evaluation mode do the same.

    Args:
        normalized_shape: the shape of a sample, the last dimensions of the input, as a sequence; an int for one
            dimension. I is the number of its features.
        eps: ε, which avoids a division by zero if all features of a sample are equal.
        elementwise_affine: False for no weight and no bias: they are None, and missing from the `state_dict`.
        bias: False for no bias.
        device, dtype: those of weight and bias; torch's default if None.

    Raises:
        ValueError: if normalized_shape has no dimensions, or one of them is not a whole number from 1 up.

    Source: Ba, Kiros & Hinton 2016, "Layer normalization", equations 3 and 4.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        shape, dims = sample_shape(normalized_shape)
        super().__init__(shape, elementwise_affine, bias, device, dtype)
        self.normalized_shape, self.dims = shape, dims
        self.eps, self.elementwise_affine = eps, elementwise_affine

    def forward(self, x: Tensor) -> Tensor:
        """Return y = γ ⊙ x̂ + β with x̂ = (x - μ) / √(σ² + ε), γ the weight and β the bias.

        For each sample, μ = 1/I Σᵢ xᵢ and σ² = 1/I Σᵢ (xᵢ - μ)².

        Shape:
            x: (*, *normalized_shape); returns: the same.
        """
        expect_features(x, self.normalized_shape, *self.dtypes_of(x))
        dtype, x = x.dtype, x.to(self.dtype_of(x))
        centered = x - x.mean(dim=self.dims, keepdim=True)
        var = (centered * centered).mean(dim=self.dims, keepdim=True)
        rstd = (var + self.eps).rsqrt()
        normalized = centered * rstd
        self.remember(normalized, rstd)
        return self.scale_and_shift(normalized).to(dtype)

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Write the gradients of weight and bias; return the gradient of the input.

        The samples are independent. For one of them, r = 1/√(σ² + ε), y_i = γ_i x̂_i + β_i and x̂_i = (x_i - μ) r. An
        input x_j reaches all x̂_i of its sample: directly, through μ and through r. Since Σᵢ (x_i - μ) = 0,

            ∂μ/∂x_j = 1/I        ∂σ²/∂x_j = 2 (x_j - μ) / I        ∂r/∂x_j = -r³/2 ∂σ²/∂x_j = -r² x̂_j / I

            ∂x̂_i/∂x_j = r ([i = j] - 1/I) + (x_i - μ) ∂r/∂x_j = r ([i = j] - 1/I - x̂_i x̂_j / I)

        With G = ∂L/∂y, H = ∂L/∂x̂ and means taken over the features of each sample; leading dimensions (*, I) are one
        long batch, N is their product:

            ∂L/∂β = Σₙ Gₙ                                    (N, I) -> (I,)
            ∂L/∂γ = Σₙ Gₙ ⊙ x̂ₙ                               (N, I) -> (I,)
            H     = G ⊙ γ                                    (N, I)
            ∂L/∂x = r (H - x̂ mean(H ⊙ x̂) - mean(H))          (N, I), r and means (N, 1)

        Since the mean of x̂ is zero, the last mean is also the mean of H - x̂ mean(H ⊙ x̂). The code subtracts the latter:
        rounding leaves a small mean in x̂, and the gradient of the input must have none.

        Shape:
            grad_output: (*, *normalized_shape).
            returns: the same, or None if input_grad is False.
        """
        normalized, rstd = self.recall()
        expect_shape("grad_output", grad_output, normalized.shape, "pass the gradient of this layer's output")
        dtype, grad_output = grad_output.dtype, grad_output.to(normalized.dtype)
        rows = (-1, *self.normalized_shape)
        self.write((grad_output * normalized).reshape(rows).sum(dim=0), grad_output.reshape(rows).sum(dim=0))
        if not input_grad:
            return None
        grad = self.scale(grad_output)
        grad = torch.addcmul(grad, normalized, (grad * normalized).mean(dim=self.dims, keepdim=True), value=-1)
        return ((grad - grad.mean(dim=self.dims, keepdim=True)) * rstd).to(dtype)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}{self.switched_off('elementwise_affine')}"


def sample_shape(normalized_shape: int | Sequence[int]) -> tuple[Shape, Shape]:
    """Return normalized_shape as a tuple, and the dimensions, counted from the last, that it has in the input."""
    shape = tuple(normalized_shape) if isinstance(normalized_shape, Iterable) else (normalized_shape,)
    if not shape:
        raise ValueError("normalized_shape: expected at least one dimension, got (): give the width of a sample")
    for size in shape:
        expect_counts(normalized_shape=size)
    return shape, tuple(range(-len(shape), 0))
