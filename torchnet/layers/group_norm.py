"""Group normalization: center and scale groups of channels by the statistics of each sample."""

import torch
from torch import Tensor

from torchnet.layers.layer import expect_counts, expect_shape
from torchnet.layers.normalization import Device, Normalization, expect_channels, other_dims, per_channel


class GroupNorm(Normalization):
    """Normalize each group of channels of each sample, with the names of torch.nn.GroupNorm.

    Training and evaluation mode do the same. One group is a layer normalization of the whole sample, with a weight for
    each channel; as many groups as channels are an instance normalization.

    Args:
        num_groups: K, the number of groups of consecutive channels.
        num_channels: C, the number of channels, a multiple of num_groups.
        eps: ε, which avoids a division by zero if all values of a group are equal.
        affine: False for no weight and no bias: they are None, and missing from the `state_dict`.
        device, dtype: those of weight and bias; torch's default if None.
        bias: False for no bias.

    Raises:
        ValueError: if a number is not a whole number from 1 up, or the groups would not have one size.

    Source: Wu & He 2018, "Group normalization", equations 1, 2 and 7.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Device = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        expect_counts(num_groups=num_groups, num_channels=num_channels)
        if num_channels % num_groups != 0:
            raise ValueError(
                f"num_groups: expected a divisor of num_channels, {num_channels}, got {num_groups}: all groups have "
                "one size"
            )
        super().__init__((num_channels,), affine, bias, device, dtype)
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine

    def forward(self, x: Tensor) -> Tensor:
        """Return y = γ x̂ + β with x̂ = (x - μ) / √(σ² + ε), γ the weight and β the bias of the channel.

        For each sample and group, μ = 1/M Σₘ xₘ and σ² = 1/M Σₘ (xₘ - μ)² over its M values: of C/K channels, at all
        positions.

        Shape:
            x: (N, C, *); returns: the same.
        """
        expect_channels(x, self.num_channels, ("N, C, *",), *self.dtypes_of(x))
        dtype, x = x.dtype, x.to(self.dtype_of(x))
        groups, dims = self._in_groups(x)
        centered = groups - groups.mean(dims, keepdim=True)
        var = (centered * centered).mean(dims, keepdim=True)
        rstd = (var + self.eps).rsqrt()
        normalized = centered * rstd
        self.remember(normalized, rstd)
        return self.scale_and_shift(normalized.flatten(1, 2), per_channel(x)).to(dtype)

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Write the gradients of weight and bias; return the gradient of the input.

        The groups of all samples are independent. For one of them, r = 1/√(σ² + ε), and y_m = γ_c x̂_m + β_c with
        x̂_m = (x_m - μ) r, where c is the channel of the value m. As in `LayerNorm`, where a sample is one group,

            ∂x̂_m/∂x_k = r ([m = k] - 1/M - x̂_m x̂_k / M)

        A weight and a bias belong to a channel, and so reach the loss through all samples n and positions p of it. With
        G = ∂L/∂y, H = ∂L/∂x̂ and means taken over the values of each group:

            ∂L/∂β_c = Σₙₚ G_ncp                                (N, C, *) -> (C,)
            ∂L/∂γ_c = Σₙₚ G_ncp x̂_ncp                          (N, C, *) -> (C,)
            H       = G ⊙ γ                                    (N, C, *)
            ∂L/∂x   = r (H - x̂ mean(H ⊙ x̂) - mean(H))          (N, K, C/K, *), r and means (N, K)

        Since the mean of x̂ is zero, the last mean is also the mean of H - x̂ mean(H ⊙ x̂). The code subtracts the latter:
        rounding leaves a small mean in x̂, and the gradient of the input must have none.

        Shape:
            grad_output: (N, C, *).
            returns: the same, or None if input_grad is False.
        """
        normalized, rstd = self.recall()
        shape, others = normalized.flatten(1, 2).shape, other_dims(grad_output)
        expect_shape("grad_output", grad_output, shape, "pass the gradient of this layer's output")
        dtype, grad_output = grad_output.dtype, grad_output.to(normalized.dtype)
        self.write((grad_output * normalized.flatten(1, 2)).sum(others), grad_output.sum(others))
        if not input_grad:
            return None
        grad, dims = self._in_groups(self.scale(grad_output, per_channel(grad_output)))
        grad = torch.addcmul(grad, normalized, (grad * normalized).mean(dims, keepdim=True), value=-1)
        return ((grad - grad.mean(dims, keepdim=True)) * rstd).flatten(1, 2).to(dtype)

    def _in_groups(self, x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        """Return x in the shape (N, K, C/K, *), and the dimensions of a group."""
        return x.unflatten(1, (self.num_groups, -1)), tuple(range(2, x.dim() + 1))

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}{self.switched_off('affine')}"
