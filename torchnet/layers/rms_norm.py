"""Root mean square normalization: each sample scaled by the size of its own features."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from torchnet.layers.layer import Layer, expect_rows, expect_shape
from torchnet.layers.layer_norm import one_dimension


class RMSNorm(Layer):
    """Divide each sample by the root mean square of its features, as torch.nn.RMSNorm does and with its names.

    Training and evaluation do the same.

    Args:
        normalized_shape: I, the width of the input, as a number or a tuple of one.
        eps: ε, which keeps a sample of zeros from being divided by zero; that of the input's type if None.
        dtype: the type of the weight, torch's default if None.

    Raises:
        ValueError: if normalized_shape has more than one dimension.

    Source: Zhang & Sennrich 2019, "Root mean square layer normalization", equation 4.
    """

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.normalized_shape, self.eps = one_dimension(normalized_shape), eps
        self.weight = nn.Parameter(torch.ones(self.normalized_shape, dtype=dtype), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return y = γ ⊙ x̂ with x̂ = x / √(1/I Σᵢ xᵢ² + ε) for each sample, and γ the weight.

        Shape:
            x: (N, I); returns: the same.

        Raises:
            ValueError: if x has another shape or another dtype than the weight.
        """
        expect_rows(x, self.weight)
        eps = torch.finfo(x.dtype).eps if self.eps is None else self.eps
        rrms = ((x * x).mean(dim=1, keepdim=True) + eps).rsqrt()
        normalized = x * rrms
        self.remember(normalized, rrms)
        return normalized * self.weight

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Write the gradient of the weight; return the gradient of the input.

        Every sample is on its own. For one of them, with r = 1/√(1/I Σᵢ x_i² + ε), y_i = γ_i x̂_i and x̂_i = x_i r, an
        input x_j reaches all x̂_i of its sample: directly, and through r:

            ∂r/∂x_j = -r³/2 · 2 x_j / I = -r² x̂_j / I

            ∂x̂_i/∂x_j = r [i = j] + x_i ∂r/∂x_j = r ([i = j] - x̂_i x̂_j / I)

        With G = ∂L/∂y, H = ∂L/∂x̂ and the mean taken over the features of each sample:

            ∂L/∂γ = Σₙ Gₙ ⊙ x̂ₙ                     (N, I) -> (I,)
            H     = G ⊙ γ                          (N, I)
            ∂L/∂x = r (H - x̂ mean(H ⊙ x̂))          (N, I), r and the mean (N, 1)

        Shape:
            grad_output: (N, I).
            returns: (N, I), or None if input_grad is False.

        Raises:
            RuntimeError: if no forward pass was made in training mode since the last backward.
            ValueError: if grad_output has another shape than the output had.
        """
        normalized, rrms = self.recall()
        expect_shape("grad_output", grad_output, normalized.shape, "pass the gradient of this layer's output")
        self.weight.grad = (grad_output * normalized).sum(dim=0)
        if not input_grad:
            return None
        grad = grad_output * self.weight
        return (grad - normalized * (grad * normalized).mean(dim=1, keepdim=True)) * rrms

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}"
