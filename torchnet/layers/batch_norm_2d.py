"""Batch normalization of images: the mathematics of batch_norm.py, computed by torch's kernels."""

import torch
from torch import Tensor

from torchnet.layers.batch_norm import BatchNorm
from torchnet.layers.layer import expect_shape


class BatchNorm2d(BatchNorm):
    """Batch normalization of (N, C, H, W); the arguments are those of `BatchNorm`.

    The formulas of `BatchNorm` read and write the images once per operation. torch's kernels do it once per pass.

    Attributes:
        fast: whether to call the kernels. Complex numbers, mini-batches that several processes divide, and what
            autograd watches always take the formulas: torch's derivative of its kernel is wrong for a single sample in
            the memory format channels_last (torch 2.13).
    """

    layouts = ("N, C, H, W",)
    fast = True
    _by_kernel = False  # the forward pass that backward belongs to, the last one in training mode

    def forward(self, x: Tensor) -> Tensor:
        by_kernel = self.fast and self.share is None and not x.is_complex() and not x.requires_grad
        if self.training:
            self._by_kernel = by_kernel
        if not by_kernel:
            return super().forward(x)
        self.expect(x)
        of_batch = self.training or self.running_mean is None
        # With momentum 1 the kernel sets these to mean and unbiased variance of the batch. It does not get the running
        # statistics: it would move them unknown to a captured step, and it knows no cumulative mean.
        zeros = x.new_zeros(2, self.num_features, dtype=self.dtype_of(x))
        statistics = zeros if of_batch else (self.running_mean, self.running_var)
        y, *used = torch.ops.aten.native_batch_norm(x, self.weight, self.bias, *statistics, of_batch, 1, self.eps)
        if of_batch:
            self.track(*statistics)
        self.remember(x, *used)
        return y

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        if not self._by_kernel:
            return super().backward(grad_output, input_grad)
        x, mean, rstd = self.recall()
        expect_shape("grad_output", grad_output, x.shape, "pass the gradient of this layer's output")
        wanted = (input_grad, self.weight is not None, self.bias is not None)
        grad_input, *grads = torch.ops.aten.native_batch_norm_backward(
            grad_output.to(x.dtype), x, self.weight, None, None, mean, rstd, True, self.eps, wanted
        )
        self.write(*grads)
        return grad_input if input_grad else None
