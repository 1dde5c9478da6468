"""Batch normalization: center and scale each feature by the statistics of the mini-batch."""

import torch
from torch import Tensor, nn

from torchnet.layers.layer import Layer, expect_rows, expect_shape


class BatchNorm1d(Layer):
    """Normalize each feature over the batch, with the names of torch.nn.BatchNorm1d.

    In training mode, normalize by the mean and variance of the mini-batch and move the running statistics towards them;
    as in PyTorch, the running variance is the unbiased one, with N - 1. In evaluation mode, normalize by the running
    statistics. If several processes divide the mini-batch, N and all sums over n refer to the whole mini-batch.

    Args:
        num_features: I, the width of the input.
        eps: ε, which avoids a division by zero if a feature is constant.
        momentum: the weight of each batch in the running statistics; None for the mean over all batches.
        dtype: the dtype of weight, bias and running statistics; torch's default if None.

    Source: Ioffe & Szegedy 2015, "Batch normalization", algorithm 1; the backward pass is in compact form.
    """

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features, dtype=dtype), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(num_features, dtype=dtype), requires_grad=False)
        self.running_mean = nn.Buffer(torch.zeros(num_features, dtype=dtype))
        self.running_var = nn.Buffer(torch.ones(num_features, dtype=dtype))
        self.num_batches_tracked = nn.Buffer(torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """Return y = γ x̂ + β with x̂ = (x - μ) / √(σ² + ε), γ the weight and β the bias.

        In training mode μ = 1/N Σₙ xₙ and σ² = 1/N Σₙ (xₙ - μ)²; in evaluation mode they are the running statistics.

        Shape:
            x: (N, I), in training mode N >= 2; returns: the same.
        """
        expect_rows(x, self.weight)
        if self.training:
            n = len(x) if self.share is None else self.share.samples
            if n < 2:
                raise ValueError(
                    f"expected at least two samples in training mode, got {n}: a single one has no variance; drop "
                    "a last mini-batch of one sample, or call eval() first"
                )
            mean = x.mean(dim=0)
            centered = x - mean
            var = (centered * centered).mean(dim=0)
            if self.share is not None:
                mean, var = self.share.pool(mean, var)
                centered = x - mean
            self._track(mean, var, n)
        else:
            centered, var = x - self.running_mean, self.running_var
        rstd = (var + self.eps).rsqrt()
        normalized = centered * rstd
        self.remember(normalized, rstd)
        return torch.addcmul(self.bias, normalized, self.weight)

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Write the gradients of weight and bias; return the gradient of the input.

        The features are independent. For one of them, r = 1/√(σ² + ε), y_n = γ x̂_n + β and x̂_n = (x_n - μ) r. An input
        x_m reaches all x̂_n of its feature: directly, through μ and through r. Since Σₙ (x_n - μ) = 0,

            ∂μ/∂x_m = 1/N        ∂σ²/∂x_m = 2 (x_m - μ) / N        ∂r/∂x_m = -r³/2 ∂σ²/∂x_m = -r² x̂_m / N

            ∂x̂_n/∂x_m = r ([n = m] - 1/N) + (x_n - μ) ∂r/∂x_m = r ([n = m] - 1/N - x̂_n x̂_m / N)

        With G = ∂L/∂y, the sum over n of G_n γ ∂x̂_n/∂x_m contains the gradients of bias and weight:

            ∂L/∂β = Σₙ Gₙ                                        (N, I) -> (I,)
            ∂L/∂γ = Σₙ Gₙ ⊙ x̂ₙ                                   (N, I) -> (I,)
            ∂L/∂x = γ r ⊙ (G - x̂ ⊙ ∂L/∂γ / N - ∂L/∂β / N)        (N, I)

        The last term is the mean of G. It is also the mean of G - x̂ ⊙ ∂L/∂γ / N, since the mean of x̂ is zero. The code
        subtracts the latter: rounding leaves a small mean in x̂, and the gradient of the input must have none.

        If several processes divide the mini-batch, both sums, and the sum of x̂ for this mean, are added up over all
        processes in one message. `.grad`, as in every layer, covers only the rows of this process.

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
        if self.share is None:
            grad = torch.addcmul(grad_output, normalized, self.weight.grad, value=-1 / len(normalized))
            mean = grad.mean(dim=0)
        else:
            sums = torch.stack((self.bias.grad, self.weight.grad, normalized.sum(dim=0)))
            of_grad, of_product, of_normalized = self.share.sum(sums) / self.share.samples
            grad = torch.addcmul(grad_output, normalized, of_product, value=-1)
            mean = of_grad - of_normalized * of_product
        return (grad - mean) * (self.weight * rstd)

    @torch.no_grad()
    def _track(self, mean: Tensor, var: Tensor, n: int) -> None:
        """Move the running statistics towards those of a batch: in place, so that a captured step can replay it."""
        self.num_batches_tracked.add_(1)
        rate = self.num_batches_tracked.to(mean.dtype).reciprocal() if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, rate)
        self.running_var.lerp_(var * (n / (n - 1)), rate)

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"


class BatchNorm2d(Layer):
    """Normalize each channel over batch, height and width, with the names of torch.nn.BatchNorm2d."""

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features, dtype=dtype), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(num_features, dtype=dtype), requires_grad=False)
        self.running_mean = nn.Buffer(torch.zeros(num_features, dtype=dtype))
        self.running_var = nn.Buffer(torch.ones(num_features, dtype=dtype))
        self.num_batches_tracked = nn.Buffer(torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """Return y = γ x̂ + β."""
        if self.training:
            self.num_batches_tracked.add_(1)
        y, mean, rstd = torch.ops.aten.native_batch_norm(
            x, self.weight, self.bias, self.running_mean, self.running_var, self.training, self.momentum, self.eps
        )
        self.remember(x, mean, rstd)
        return y

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Write the gradients of weight and bias; return the gradient of the input."""
        x, mean, rstd = self.recall()
        grad, self.weight.grad, self.bias.grad = torch.ops.aten.native_batch_norm_backward(
            grad_output, x, self.weight, None, None, mean, rstd, True, self.eps, (True, True, True)
        )
        return grad if input_grad else None

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"
