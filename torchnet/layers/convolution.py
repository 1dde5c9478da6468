"""Convolution: y = W ∗ x + b, the same linear layer at every patch of an image."""

import torch
from torch import Tensor

from torchnet.layers.convolution_arguments import ConvolutionArguments
from torchnet.layers.convolution_kernels import convolve, convolve_backward
from torchnet.layers.images import expect_images
from torchnet.layers.layer import expect_shape
from torchnet.layers.patches import Windows


class _Convolution(ConvolutionArguments):
    """A convolution in any number of dimensions.

    Attributes:
        fast: False for the products that are written out, instead of torch's kernels.
    """

    fast = True

    def forward(self, x: Tensor) -> Tensor:
        """Return y = W ∗ x + b.

        With the patches of the image as the columns of a matrix X, a convolution is a product. Groups are separate
        convolutions; for one with I channels of the input and O of the output, kernels of K = I · h · w weights and
        P = H' · W' positions:

            Y = W X + b      (O, K)(K, P) + (O, 1) -> (O, P)

        Shape:
            x: (N, I, H, W) or (I, H, W); returns: (N, O, H', W') or (O, H', W').

        Raises:
            ValueError: if x has the wrong shape or a different dtype than the weights, or is smaller than the kernel.
        """
        operand, weight = self._operand(x), self._operand(self.weight)
        bias = None if self.bias is None else self._operand(self.bias)
        expect_images(x, self.dimensions, self.in_channels, self.weight.dtype, weight.dtype)
        batch, where = self._batch(operand), self._windows(x)
        self.remember(operand, x.dtype)
        if self.fast and not x.is_complex():
            y = convolve(batch, weight, bias, where, self.groups)
        else:
            Y = torch.einsum("gok,ngkp->ngop", self._grouped(weight), self._patches(batch, where))
            y = Y.reshape(len(batch), -1, *where.output_size)
            y = y if bias is None else y + bias.view(-1, *[1] * self.dimensions)
        return y.reshape(*self._shape(x, where))

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Write the gradients of weight and bias; return the gradient of the input.

        Element by element, y_op = Σₖ W_ok X_kp + b_o, where X_kp is the pixel q = q(k, p) of x, or 0 in the padding. A
        weight W_ok reaches the loss L through channel o at all positions p of all samples n, an X_kp through all
        channels o at its position, and a pixel through all patches that contain it. With G = ∂L/∂y:

            ∂L/∂W_ok = Σₙₚ G_nop X_nkp    ∂L/∂b_o = Σₙₚ G_nop    ∂L/∂X_nkp = Σ_o W_ok G_nop
            ∂L/∂x_nq = Σ ∂L/∂X_nkp over all (k, p) with q(k, p) = q

        In matrix form, with the dimensions, for each group:

            ∂L/∂W = Σₙ Gₙ Xₙᵀ       (O, P)(P, K) -> (O, K)
            ∂L/∂b = Σₙ Gₙ 1         (O, P)(P,)   -> (O,)
            ∂L/∂X = Wᵀ G            (K, O)(O, P) -> (K, P)
            ∂L/∂x = fold(∂L/∂X)     (K, P)       -> (I, H, W)

        Shape:
            grad_output: the shape of the output.
            returns: the shape of the input, or None if input_grad is False.
        """
        (x, input_dtype), dtype = self.recall(), self.weight.dtype
        where, batch = self._windows(x), self._batch(x)
        expect_shape("grad_output", grad_output, self._shape(x, where), "pass the gradient of this layer's output")
        grad_output = self._batch(grad_output)
        grad, weight = self._operand(grad_output), self._operand(self.weight)
        if self.fast and not x.is_complex():
            grad_x, grad_weight = convolve_backward(grad, batch, weight, where, self.groups, input_grad)
        else:
            X, G = self._patches(batch, where), grad.flatten(2).unflatten(1, (self.groups, -1))
            grad_weight = torch.einsum("ngop,ngkp->gok", G, X).reshape_as(weight)
            grad_X = torch.einsum("gok,ngop->ngkp", self._grouped(weight), G).to(dtype)
            grad_x = where.fold(grad_X.reshape(*batch.shape[:2], -1, grad_X.shape[-1])) if input_grad else None
        self.weight.grad = grad_weight.to(dtype)
        if self.bias is not None:
            self.bias.grad = grad_output.flatten(2).sum(dim=(0, 2), dtype=dtype)
        return None if grad_x is None else grad_x.to(input_dtype).reshape(x.shape)

    def _operand(self, tensor: Tensor) -> Tensor:
        """Round weights or images to matmul_dtype; the hardware accumulates in float32 and rounds the result."""
        return tensor.to(self.matmul_dtype) if self.matmul_dtype and tensor.dtype == torch.float32 else tensor

    def _batch(self, images: Tensor) -> Tensor:
        return images if images.dim() > self.dimensions + 1 else images[None]

    def _shape(self, x: Tensor, where: Windows) -> tuple[int, ...]:
        """Return the shape of the output."""
        return (*x.shape[: -self.dimensions - 1], self.out_channels, *where.output_size)

    def _patches(self, batch: Tensor, where: Windows) -> Tensor:
        """Return the patches X of each group: (N, groups, K, P)."""
        return where.unfold(batch).unflatten(1, (self.groups, -1)).flatten(2, 3)

    def _grouped(self, weight: Tensor) -> Tensor:
        """Return the weight matrix W of each group: (groups, O, K)."""
        return weight.flatten(1).unflatten(0, (self.groups, -1))


class Conv1d(_Convolution):
    """Multiply each patch of a signal by a weight and add a bias, like torch.nn.Conv1d: Conv2d in one dimension.

    Shape:
        x: (N, I, L) or (I, L); returns: (N, O, L') or (O, L').
    """

    dimensions = 1


class Conv2d(_Convolution):
    """Multiply each patch of an image by a weight and add a bias, with the names and layouts of torch.nn.Conv2d.

    As in torch, the kernel is not flipped: y_o(p) = b_o + Σ_i Σₖ W_oi(k) x_i(stride ⊙ p + dilation ⊙ k - padding).

    Args:
        in_channels: I, the channels of the input.
        out_channels: O, the channels of the output.
        kernel_size: (h, w), the size of a patch; one number for both.
        stride: the step from one patch to the next.
        padding: the zeros added at each side; "same" keeps the size of the image, "valid" adds none.
        dilation: the step between the pixels of a patch.
        groups: the number of groups of channels; the outputs of a group depend on its inputs only.
        bias: whether to add a bias; if False, `self.bias` is None and missing from the `state_dict`.
        padding_mode: only "zeros".
        device: the device of the weights; that of the generator if None.
        dtype: the dtype of the weights; torch's default if None.
        initializer: draws the weight; the bias starts at zero. torch.nn draws both from a uniform.
        generator: the random number generator; torch's global one if None.
        matmul_dtype: torch.bfloat16 to round input, weight and bias to bfloat16 if the weights are float32. The output
            stays bfloat16, as under torch.autocast, and the layers after it keep this dtype, up to a Linear layer.

    Raises:
        ValueError: if an argument has an invalid value.
    """

    dimensions = 2
