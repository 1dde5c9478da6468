"""The rectified linear activation that learns its slope: y = x where x > 0, y = a x elsewhere."""

import torch
from torch import Tensor, nn

from torchnet.layers.layer import Layer, expect_counts, expect_shape, expect_values, input_dtypes


class PReLU(Layer):
    """Pass positive elements unchanged and scale the others by a slope that is learned, like torch.nn.PReLU.

    Args:
        num_parameters: 1 for one slope, or C for one for each channel.
        init: the initial slope.
        device: the device of the slopes.
        dtype: the dtype of the slopes; torch's default if None.

    Raises:
        ValueError: if num_parameters is not a whole number from 1 up.

    Source: He et al. 2015, "Delving deep into rectifiers", section 2.1.
    """

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        expect_counts(num_parameters=num_parameters)
        self.num_parameters, self.init = num_parameters, init
        weight = torch.full((num_parameters,), float(init), device=device, dtype=dtype)
        self.weight = nn.Parameter(weight, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return y = x where x > 0 and y = a x elsewhere, elementwise.

        Shape:
            x: (N, C, ...), or any with one slope; returns: the same.

        Raises:
            ValueError: if x does not have C channels or has a different dtype than the slopes.
        """
        if self.num_parameters not in (1, *x.shape[1:2]):
            raise ValueError(
                f"expected input of shape (N, {self.num_parameters}, ...), got {tuple(x.shape)}: the slopes belong to "
                "the channels, which are dimension 1"
            )
        expect_values(x, *input_dtypes(self.weight.dtype))
        self.remember(x)
        return torch.where(x > 0, x, (self._slopes(x) * x).to(x.dtype))

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Write the gradient of the slopes; return the gradient of the input.

        ∂y/∂x is 1 where x > 0 and a elsewhere, ∂y/∂a is 0 where x > 0 and x elsewhere. A slope a_c reaches the loss
        through all elements of channel c, over which its gradient is summed; with one slope, through all elements:

            ∂L/∂a_c = Σ G ⊙ x [x ≤ 0]  over channel c
            ∂L/∂x = G ⊙ ([x > 0] + a [x ≤ 0]),    G = ∂L/∂y

        At the kink x = 0, ∂y/∂x is a, as in PyTorch.
        """
        x = self.recall()
        expect_shape("grad_output", grad_output, x.shape, "pass the gradient of this layer's output")
        slopes, grad = self._slopes(x), grad_output.to(self.weight.dtype)
        products = grad * x.clamp(max=0)
        self.weight.grad = products.sum_to_size(slopes.shape).view_as(self.weight)
        return torch.where(x > 0, grad, slopes * grad).to(x.dtype) if input_grad else None

    def _slopes(self, x: Tensor) -> Tensor:
        """Return the slopes in the shape (1, C, 1, ...), which broadcasts along the channels of (N, C, ...)."""
        return self.weight.view([-1 if dim == 1 else 1 for dim in range(x.dim())])

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"
