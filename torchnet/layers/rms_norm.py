"""Root mean square normalization: scale each sample by the root mean square of its features."""

from collections.abc import Sequence

import torch
from torch import Tensor

from torchnet.layers.layer import expect_features, expect_shape
from torchnet.layers.layer_norm import sample_shape
from torchnet.layers.normalization import Device, Normalization


class RMSNorm(Normalization):
    """Divide each sample by the root mean square of its features, with the names of torch.nn.RMSNorm.

    Training and evaluation mode do the same.

    Args:
        normalized_shape: the shape of a sample, the last dimensions of the input, as a sequence; an int for one
            dimension. I is the number of its features.
        eps: ε, which avoids a division by zero if all features of a sample are zero; the machine epsilon if None.
        elementwise_affine: False for no weight: it is None, and missing from the `state_dict`.
        device, dtype: those of the weight; torch's default if None.

    Raises:
        ValueError: if normalized_shape has no dimensions, or one of them is not a whole number from 1 up.

    Source: Zhang & Sennrich 2019, "Root mean square layer normalization", equation 4.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        shape, dims = sample_shape(normalized_shape)
        super().__init__(shape, elementwise_affine, False, device, dtype)
        self.normalized_shape, self.dims = shape, dims
        self.eps, self.elementwise_affine = eps, elementwise_affine

    def forward(self, x: Tensor) -> Tensor:
        """Return y = γ ⊙ x̂ with x̂ = x / √(1/I Σᵢ xᵢ² + ε) for each sample, and γ the weight.

        Shape:
            x: (*, *normalized_shape); returns: the same.
        """
        expect_features(x, self.normalized_shape, *self.dtypes_of(x))
        dtype, x = x.dtype, x.to(self.dtype_of(x))
        eps = torch.finfo(x.dtype).eps if self.eps is None else self.eps
        rrms = ((x * x).mean(dim=self.dims, keepdim=True) + eps).rsqrt()
        normalized = x * rrms
        self.remember(normalized, rrms)
        return self.scale(normalized).to(dtype)

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Write the gradient of the weight; return the gradient of the input.

        The samples are independent. For one of them, r = 1/√(1/I Σᵢ x_i² + ε), y_i = γ_i x̂_i and x̂_i = x_i r. An input
        x_j reaches all x̂_i of its sample: directly, and through r:

            ∂r/∂x_j = -r³/2 · 2 x_j / I = -r² x̂_j / I

            ∂x̂_i/∂x_j = r [i = j] + x_i ∂r/∂x_j = r ([i = j] - x̂_i x̂_j / I)

        With G = ∂L/∂y, H = ∂L/∂x̂ and the mean taken over the features of each sample; leading dimensions (*, I) are one
        long batch, N is their product:

            ∂L/∂γ = Σₙ Gₙ ⊙ x̂ₙ                     (N, I) -> (I,)
            H     = G ⊙ γ                          (N, I)
            ∂L/∂x = r (H - x̂ mean(H ⊙ x̂))          (N, I), r and the mean (N, 1)

        Shape:
            grad_output: (*, *normalized_shape).
            returns: the same, or None if input_grad is False.
        """
        normalized, rrms = self.recall()
        expect_shape("grad_output", grad_output, normalized.shape, "pass the gradient of this layer's output")
        self.write((grad_output * normalized).reshape(-1, *self.normalized_shape).sum(dim=0))
        if not input_grad:
            return None
        grad = self.scale(grad_output)
        grad_input = (grad - normalized * (grad * normalized).mean(dim=self.dims, keepdim=True)) * rrms
        return grad_input.to(grad_output.dtype)

    def extra_repr(self) -> str:
        off = "" if self.elementwise_affine else ", elementwise_affine=False"
        return f"{self.normalized_shape}, eps={self.eps}{off}"
