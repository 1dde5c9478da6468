"""What all normalizations share: they end with y = γ x̂ + β, where the weight γ and the bias β may be switched off."""

import torch
from torch import Tensor, nn

from torchnet.layers.layer import Layer, expect_values, input_dtypes

Device = torch.device | str | None
Shape = tuple[int, ...]


class Normalization(Layer):
    """A layer with a weight of ones and a bias of zeros, or None; as in torch.nn, there is no bias without a weight."""

    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, shape: Shape, weight: bool, bias: bool, device: Device, dtype: torch.dtype | None) -> None:
        super().__init__()
        ones = torch.ones(shape, device=device, dtype=dtype)
        self.weight = nn.Parameter(ones, requires_grad=False) if weight else None
        self.bias = nn.Parameter(torch.zeros_like(ones), requires_grad=False) if weight and bias else None

    def scale_and_shift(self, x: Tensor, shape: Shape | None = None) -> Tensor:
        """Return γ x + β, where γ and β broadcast in this shape, or in their own."""
        if self.weight is None or self.bias is None:
            return self.scale(x, shape)
        if self.bias.dim() > 1:  # addcmul would return the memory format of the bias, not that of x
            return self.scale(x) + self.bias
        shape = shape or self.weight.shape
        return torch.addcmul(self.bias.view(shape), x, self.weight.view(shape))

    def scale(self, x: Tensor, shape: Shape | None = None) -> Tensor:
        """Return γ x, where γ broadcasts in this shape, or in its own."""
        return x if self.weight is None else x * self.weight.view(shape or self.weight.shape)

    def write(self, weight_grad: Tensor, bias_grad: Tensor | None = None) -> None:
        """Write the gradients of weight and bias, unless they are switched off."""
        if self.weight is not None:
            self.weight.grad = weight_grad
        if self.bias is not None:
            self.bias.grad = bias_grad

    def dtype_of(self, x: Tensor) -> torch.dtype:
        """Return the dtype of the computation: that of the layer's own tensors; that of x, or a float, without any."""
        any_float = x.dtype if x.is_floating_point() or x.is_complex() else torch.get_default_dtype()
        return next((own.dtype for own in (*self.parameters(), *self.buffers())), any_float)

    def dtypes_of(self, x: Tensor) -> tuple[torch.dtype, ...]:
        """Return the dtypes that x may have; the output has the same."""
        return input_dtypes(self.dtype_of(x))

    def switched_off(self, name: str) -> str:
        """Return the arguments that switch off what is missing, for `extra_repr`."""
        return f", {name}=False" if self.weight is None else ", bias=False" if self.bias is None else ""


def other_dims(x: Tensor) -> Shape:
    """Return the dimensions of x, of shape (N, C, ...), other than that of the channels."""
    return (0, *range(2, x.dim()))


def per_channel(x: Tensor) -> Shape:
    """Return the shape in which one value for each channel broadcasts: (C, 1, ..., 1) if x is (N, C, ...)."""
    return (-1, *[1] * (x.dim() - 2))


def expect_channels(x: Tensor, channels: int, layouts: tuple[str, ...], *dtypes: torch.dtype) -> None:
    """Raise a ValueError unless x has one of these layouts, as "N, C, L" or "N, C, *", C channels, and such a dtype."""
    dims = [(layout.count(",") + 1, "*" in layout) for layout in layouts]
    fits = any(x.dim() == count or (any_more and x.dim() >= count - 1) for count, any_more in dims)
    if not fits or x.shape[1] != channels:
        expected = " or ".join(f"({layout.replace('C', str(channels))})" for layout in layouts)
        raise ValueError(f"expected input of shape {expected}, got {tuple(x.shape)}: the channels are dimension 1")
    expect_values(x, *dtypes)
