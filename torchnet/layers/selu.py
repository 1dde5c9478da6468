"""The self-normalizing exponential linear activation: y = s x where x > 0, y = s α (eˣ - 1) elsewhere."""

import torch
from torch import Tensor
from torch.nn import functional

from torchnet.layers.layer import Layer, expect_floats, expect_shape, refuse

# Solutions of two equations: an input of mean 0 and variance 1, normally distributed, gives such an output.
ALPHA = 1.6732632423543772848170429916717
SCALE = 1.0507009873554804934193349852946


class SELU(Layer):
    """Scale ELU such that inputs of mean 0 and variance 1 give such outputs, like torch.nn.SELU.

    Args:
        inplace: only False.

    Source: Klambauer et al. 2017, "Self-normalizing neural networks", equation 2.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        refuse(inplace=inplace)

    def forward(self, x: Tensor) -> Tensor:
        """Return y = s x where x > 0 and y = s α (eˣ - 1) elsewhere, elementwise, with s = 1.0507 and α = 1.6733.

        Shape:
            x: any; returns: the same.
        """
        expect_floats(x)
        self.remember(x)
        return functional.selu(x)

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input.

        dy/dx is s where x > 0 and s α eˣ where x < 0. At the kink x = 0 it is s α, as in PyTorch:

            ∂L/∂x = s G ⊙ ([x > 0] + α eˣ [x ≤ 0]),    G = ∂L/∂y
        """
        x = self.recall()
        expect_shape("grad_output", grad_output, x.shape, "pass the gradient of this layer's output")
        # SCALE * torch.where(x > 0, grad_output, grad_output * ALPHA * torch.exp(x)) in one pass, from the input x
        return torch.ops.aten.elu_backward(grad_output, ALPHA, SCALE, 1, False, x) if input_grad else None
