"""The rectified linear activation: y = max(x, 0)."""

import torch
from torch import Tensor

from torchnet.layers.layer import Layer, expect_floats, expect_shape, refuse


class ReLU(Layer):
    """Pass positive elements unchanged and set the others to zero, like torch.nn.ReLU.

    Args:
        inplace: only False.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        refuse(inplace=inplace)

    def forward(self, x: Tensor) -> Tensor:
        """Return y = max(x, 0), elementwise.

        Shape:
            x: any; returns: the same.
        """
        expect_floats(x)
        y = torch.relu(x)
        self.remember(y)
        return y

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input.

        dy/dx is 1 where x > 0 and 0 where x < 0. At the kink x = 0 any value in [0, 1] is a subgradient; as in PyTorch
        it is 0. Since y > 0 exactly where x > 0, the output is enough to compute it:

            ∂L/∂x = G ⊙ [y > 0],    G = ∂L/∂y
        """
        y = self.recall()
        expect_shape("grad_output", grad_output, y.shape, "pass the gradient of this layer's output")
        # torch.where(y > 0, grad_output, 0) in one pass
        return torch.ops.aten.threshold_backward(grad_output, y, 0) if input_grad else None
