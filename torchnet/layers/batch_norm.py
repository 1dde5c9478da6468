"""Batch normalization: center and scale each channel by the statistics of the mini-batch."""

import torch
from torch import Tensor, nn

from torchnet.layers.layer import expect_counts, expect_shape
from torchnet.layers.normalization import Device, Normalization, expect_channels, other_dims, per_channel


class BatchNorm(Normalization):
    """Normalize each channel over all other dimensions, with the names of torch.nn's BatchNorm1d and 2d.

    In training mode, normalize by the mean and variance of the mini-batch and move the running statistics towards them;
    as in PyTorch, the running variance is the unbiased one. In evaluation mode, normalize by the running statistics. If
    several processes divide the mini-batch, M and all sums over m refer to the whole mini-batch.

    Args:
        num_features: C, the number of channels.
        eps: ε, which avoids a division by zero if a channel is constant.
        momentum: the weight of each batch in the running statistics; None for the mean over all batches.
        affine, bias: False for no weight and no bias, or no bias: they are None, and missing from the `state_dict`.
        track_running_stats: False for no running statistics: evaluation mode uses those of the mini-batch.
        device, dtype: those of weights and running statistics; torch's default if None.

    Source: Ioffe & Szegedy 2015, "Batch normalization", algorithm 1; the backward pass is in compact form.
    """

    layouts: tuple[str, ...] = ("N, C", "N, C, L")  # the input has one of them

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Device = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        expect_counts(num_features=num_features)
        super().__init__((num_features,), affine, bias, device, dtype)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        zeros, count = torch.zeros(num_features, device=device, dtype=dtype), torch.tensor(0, device=device)
        self.running_mean = nn.Buffer(zeros) if track_running_stats else None
        self.running_var = nn.Buffer(torch.ones_like(zeros)) if track_running_stats else None
        self.num_batches_tracked = nn.Buffer(count) if track_running_stats else None

    def forward(self, x: Tensor) -> Tensor:
        """Return y = γ x̂ + β with x̂ = (x - μ) / √(σ² + ε), γ the weight and β the bias.

        In training mode μ = 1/M Σₘ xₘ and σ² = 1/M Σₘ (xₘ - μ)² over the M values of a channel (N, N·L or N·H·W); in
        evaluation mode they are the running statistics.

        Shape:
            x: (N, C), (N, C, L) or (N, C, H, W), in training mode M >= 2; returns: the same.
        """
        self.expect(x)
        dtype, x = x.dtype, x.to(self.dtype_of(x))
        m, others, shape = self._values(x), other_dims(x), per_channel(x)
        if self.training or self.running_mean is None or self.running_var is None:
            mean = x.mean(others)
            centered = x - mean.view(shape)
            var = (centered * centered).mean(others)
            if self.share is not None:
                mean, var = self.share.pool(mean, var)
                centered = x - mean.view(shape)
            self.track(mean, var * (m / (m - 1)))
        else:
            centered, var = x - self.running_mean.view(shape), self.running_var
        rstd = (var + self.eps).rsqrt()
        normalized = centered * rstd.view(shape)
        self.remember(normalized, rstd)
        return self.scale_and_shift(normalized, shape).to(dtype)

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Write the gradients of weight and bias; return the gradient of the input.

        The channels are independent. For one of them, r = 1/√(σ² + ε), y_m = γ x̂_m + β and x̂_m = (x_m - μ) r. An input
        x_k reaches all x̂_m of its channel: directly, through μ and through r. Since Σₘ (x_m - μ) = 0,

            ∂μ/∂x_k = 1/M        ∂σ²/∂x_k = 2 (x_k - μ) / M        ∂r/∂x_k = -r³/2 ∂σ²/∂x_k = -r² x̂_k / M

            ∂x̂_m/∂x_k = r ([m = k] - 1/M) + (x_m - μ) ∂r/∂x_k = r ([m = k] - 1/M - x̂_m x̂_k / M)

        With G = ∂L/∂y, the sum over m of G_m γ ∂x̂_m/∂x_k contains the gradients of bias and weight:

            ∂L/∂β = Σₘ Gₘ                                        (N, C, *) -> (C,)
            ∂L/∂γ = Σₘ Gₘ ⊙ x̂ₘ                                   (N, C, *) -> (C,)
            ∂L/∂x = γ r ⊙ (G - x̂ ⊙ ∂L/∂γ / M - ∂L/∂β / M)        (N, C, *)

        The last term is the mean of G. It is also the mean of G - x̂ ⊙ ∂L/∂γ / M, since the mean of x̂ is zero. The code
        subtracts the latter: rounding leaves a small mean in x̂, and the gradient of the input must have none.

        If several processes divide the mini-batch, both sums, and the sum of x̂ for this mean, are added up over all
        processes in one message. `.grad`, as in every layer, covers only the rows of this process.

        Shape:
            grad_output: the shape of x.
            returns: the shape of x, or None if input_grad is False.
        """
        normalized, rstd = self.recall()
        expect_shape("grad_output", grad_output, normalized.shape, "pass the gradient of this layer's output")
        dtype, grad_output = grad_output.dtype, grad_output.to(normalized.dtype)
        m, others, shape = self._values(normalized), other_dims(normalized), per_channel(normalized)
        of_bias, of_weight = grad_output.sum(others), (grad_output * normalized).sum(others)
        self.write(of_weight, of_bias)
        if not input_grad:
            return None
        if self.share is None:
            grad = torch.addcmul(grad_output, normalized, of_weight.view(shape), value=-1 / m)
            mean = grad.mean(others)
        else:
            sums = torch.stack((of_bias, of_weight, normalized.sum(others)))
            of_grad, of_product, of_normalized = self.share.sum(sums) / m
            grad = torch.addcmul(grad_output, normalized, of_product.view(shape), value=-1)
            mean = of_grad - of_normalized * of_product
        return ((grad - mean.view(shape)) * self.scale(rstd).view(shape)).to(dtype)

    def expect(self, x: Tensor) -> None:
        """Raise a ValueError if x has the wrong layout or dtype, or too few values for a variance."""
        expect_channels(x, self.num_features, self.layouts, *self.dtypes_of(x))
        if (self.training or self.running_mean is None) and (m := self._values(x)) < 2:
            hint = "a single one has no variance; drop a last mini-batch of one sample, or call eval() first"
            raise ValueError(f"expected at least two values per channel in training mode, got {m}: {hint}")

    def _values(self, x: Tensor) -> int:
        """Return M, the number of values per channel in the whole mini-batch."""
        return (len(x) if self.share is None else self.share.samples) * x.shape[2:].numel()

    @torch.no_grad()
    def track(self, mean: Tensor, unbiased_var: Tensor) -> None:
        """Move the running statistics towards those of a batch: in place, so that a captured step can replay it."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        rate = self.num_batches_tracked.to(mean.dtype).reciprocal() if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, rate)
        self.running_var.lerp_(unbiased_var, rate)

    def extra_repr(self) -> str:
        off = self.switched_off("affine") + ("" if self.track_running_stats else ", track_running_stats=False")
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}{off}"


class BatchNorm1d(BatchNorm):
    """Batch normalization of (N, C) or (N, C, L); the arguments are those of `BatchNorm`."""
