"""The arguments of convolutions, and what they say about the patches."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from torchnet.initializers import Initializer, he_normal
from torchnet.layers.images import expect_sizes
from torchnet.layers.layer import Layer, expect_counts, refuse
from torchnet.layers.linear import expect_matmul_dtype
from torchnet.layers.patches import Windows, windows


class ConvolutionArguments(Layer):
    """The constructor of convolutions in any number of dimensions; Conv2d documents the arguments."""

    dimensions: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] | str = 0,
        dilation: int | tuple[int, ...] = 1,
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
        refuse(padding_mode=None if padding_mode == "zeros" else padding_mode)
        expect_counts(in_channels=in_channels, out_channels=out_channels, groups=groups)
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ValueError(f"{name}: expected a multiple of groups, {groups}, got {channels}")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = expect_sizes("kernel_size", kernel_size, self.dimensions)
        self.stride = expect_sizes("stride", stride, self.dimensions)
        self.dilation = expect_sizes("dilation", dilation, self.dimensions)
        self.padding = padding if isinstance(padding, str) else expect_sizes("padding", padding, self.dimensions, 0)
        if isinstance(padding, str) and (
            padding not in ("same", "valid") or (padding == "same" and max(self.stride) > 1)
        ):
            raise ValueError(f"padding: expected numbers, 'valid', or 'same' with stride 1, got {padding!r}")
        self.padding_mode, self.matmul_dtype = padding_mode, expect_matmul_dtype(matmul_dtype)
        weight = initializer((out_channels, in_channels // groups, *self.kernel_size), generator, dtype).to(device)
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.bias = nn.Parameter(weight.new_zeros(out_channels), requires_grad=False) if bias else None

    def _windows(self, x: Tensor) -> Windows:
        """Return where the patches of x lie."""
        if self.padding == "same":
            totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            padding = tuple((total // 2, total - total // 2) for total in totals)  # as in torch, more at the end
        elif isinstance(self.padding, str):  # "valid"
            padding = ((0, 0),) * self.dimensions
        else:
            padding = tuple((size, size) for size in self.padding)
        return windows(x.shape[-self.dimensions :], self.kernel_size, self.stride, padding, self.dilation)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        defaults: dict[str, Any] = {"padding": (0,) * self.dimensions, "dilation": (1,) * self.dimensions, "groups": 1}
        for name, default in (defaults | {"matmul_dtype": None}).items():
            if (value := getattr(self, name)) != default:
                text += f", {name}={value}"
        return text + (", bias=False" if self.bias is None else "")
