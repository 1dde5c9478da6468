"""Convolution: y = W ∗ x + b, the same small linear layer at every position of an image."""

import torch
from torch import Tensor, nn

from torchnet.initializers import Initializer, he_normal
from torchnet.layers.layer import Layer, expect_shape, expect_values, refuse
from torchnet.layers.linear import expect_matmul_dtype

Size = int | tuple[int, int]


class Conv2d(Layer):
    """Multiply each patch of an image by a weight and add a bias, with the names and layouts of torch.nn.Conv2d.

    Args:
        in_channels: I, the channels of the input.
        out_channels: O, the channels of the output.
        kernel_size: the height and width of a patch.
        stride: the step from one patch to the next.
        padding: the zeros that are added at each side.
        dilation: the step between the pixels of a patch.
        groups: the number of groups of channels; those of an output depend on those of its group only.
        bias: whether to add a bias; if False, `self.bias` is None and missing from the `state_dict`.
        padding_mode: only "zeros".
        device: the device of the weights; that of the generator if None.
        dtype: the dtype of the weights; torch's default if None.
        initializer: draws the weight; the bias starts at zero. torch.nn draws both from a uniform.
        generator: the random number generator; torch's global one if None.
        matmul_dtype: torch.bfloat16 to round the operands of products to bfloat16 if the weights are float32.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        initializer: Initializer = he_normal,
        generator: torch.Generator | None = None,
        matmul_dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        refuse(padding_mode=padding_mode != "zeros" and padding_mode)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride = _pair(kernel_size), _pair(stride)
        self.padding, self.dilation = _pair(padding), _pair(dilation)
        self.matmul_dtype = expect_matmul_dtype(matmul_dtype)
        weight = initializer((out_channels, in_channels // groups, *self.kernel_size), generator, dtype).to(device)
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.bias = nn.Parameter(weight.new_zeros(out_channels), requires_grad=False) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Return y = W ∗ x + b.

        Shape:
            x: (N, I, H, W); returns: (N, O, H', W').
        """
        operand, weight = self._operand(x), self._operand(self.weight)
        expect_values(x, self.weight.dtype, weight.dtype)
        self.remember(operand)
        bias = None if self.bias is None else self._operand(self.bias)
        y = torch.ops.aten.convolution(operand, weight, bias, *self._geometry())
        return y.to(self.weight.dtype) if y.dtype == self.matmul_dtype else y

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Write the gradients of weight and bias; return the gradient of the input.

        Shape:
            grad_output: (N, O, H', W').
            returns: (N, I, H, W), or None if input_grad is False.
        """
        x, dtype = self.recall(), self.weight.dtype
        grad, weight = self._operand(grad_output), self._operand(self.weight)
        expect_shape("grad_output", grad, grad.shape, "pass the gradient of this layer's output")
        grad_x, grad_weight, _ = torch.ops.aten.convolution_backward(
            grad, x, weight, None, *self._geometry(), (input_grad, True, False)
        )
        self.weight.grad = grad_weight.to(dtype)
        if self.bias is not None:
            self.bias.grad = grad_output.sum(dim=(0, 2, 3))
        return grad_x.to(dtype) if input_grad else None

    def _geometry(self) -> tuple[object, ...]:
        """Return the arguments of torch's convolution after weight and bias."""
        return self.stride, self.padding, self.dilation, False, (0, 0), self.groups

    def _operand(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.matmul_dtype) if self.matmul_dtype and tensor.dtype == torch.float32 else tensor

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"


def _pair(size: Size | str) -> tuple[int, int]:
    assert not isinstance(size, str)
    return (size, size) if isinstance(size, int) else size
