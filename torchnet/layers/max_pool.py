"""Max pooling: the largest value of each window."""

import torch
from torch import Tensor

from torchnet.layers.layer import Layer, expect_shape, refuse


class MaxPool2d(Layer):
    """Take the largest value of each window of an image, like torch.nn.MaxPool2d."""

    def __init__(
        self,
        kernel_size: int,
        stride: int | None = None,
        padding: int = 0,
        dilation: int = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        refuse(return_indices=return_indices)
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation, self.ceil_mode = padding, dilation, ceil_mode

    def forward(self, x: Tensor) -> Tensor:
        """Return the largest value of each window."""
        y, indices = torch.ops.aten.max_pool2d_with_indices(x, *self._geometry())
        self.remember(x, indices)
        return y

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input."""
        x, indices = self.recall()
        expect_shape("grad_output", grad_output, indices.shape, "pass the gradient of this layer's output")
        if not input_grad:
            return None
        return torch.ops.aten.max_pool2d_with_indices_backward(grad_output, x, *self._geometry(), indices)

    def _geometry(self) -> tuple[object, ...]:
        pairs = [(it, it) for it in (self.kernel_size, self.stride, self.padding, self.dilation)]
        return (*pairs, self.ceil_mode)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}"
