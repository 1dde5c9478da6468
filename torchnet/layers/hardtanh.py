"""The clipped linear activation: y = x, but at least a and at most b."""

import torch
from torch import Tensor
from torch.nn import functional

from torchnet.layers.layer import Layer, expect_floats, expect_shape, refuse


class Hardtanh(Layer):
    """Clip each element to [a, b], like torch.nn.Hardtanh.

    Args:
        min_val: a, the smallest output.
        max_val: b, the largest output.
        inplace: only False.
        min_value: the old name of min_val, which is refused.
        max_value: the old name of max_val, which is refused.

    Raises:
        ValueError: if min_val is not below max_val, or for an argument that is refused.

    Source: Collobert 2004, "Large scale machine learning", chapter 6.
    """

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__()
        refuse(inplace=inplace)
        for old, value, name in (("min_value", min_value, "min_val"), ("max_value", max_value, "max_val")):
            if value is not None:
                raise ValueError(f"{old}: expected it to be left out, got {value}: its name is {name} now")
        if not min_val < max_val:
            raise ValueError(f"expected min_val < max_val, got {min_val} and {max_val}: the output lies between them")
        self.min_val, self.max_val = min_val, max_val

    def forward(self, x: Tensor) -> Tensor:
        """Return y = min(max(x, a), b), elementwise.

        Shape:
            x: any; returns: the same.
        """
        expect_floats(x)
        self.remember(x)  # not y, in which a or b may be rounded
        return functional.hardtanh(x, self.min_val, self.max_val)

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input.

        dy/dx is 1 between a and b, and 0 outside. At the kinks a and b it is 0, as in PyTorch:

            ∂L/∂x = G ⊙ [a < x < b],    G = ∂L/∂y
        """
        x = self.recall()
        expect_shape("grad_output", grad_output, x.shape, "pass the gradient of this layer's output")
        # torch.where((x > self.min_val) & (x < self.max_val), grad_output, 0) in one pass
        return torch.ops.aten.hardtanh_backward(grad_output, x, self.min_val, self.max_val) if input_grad else None

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}"
