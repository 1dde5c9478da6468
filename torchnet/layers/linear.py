"""The fully connected layer: y = x Wᵀ + b."""

import torch
from torch import Tensor, nn

from torchnet.initializers import Initializer, he_normal
from torchnet.layers.layer import Layer, expect_counts, expect_features, expect_shape


class Linear(Layer):
    """Multiply by a weight matrix and add a bias, with the names and layouts of torch.nn.Linear.

    Args:
        in_features: I, the width of the input.
        out_features: O, the width of the output.
        bias: whether to add a bias; if False, `self.bias` is None and missing from the `state_dict`.
        device: the device of the weights; that of the generator if None.
        dtype: the dtype of the weights; torch's default if None.
        initializer: draws the weight; the bias starts at zero. torch.nn draws both from a uniform.
        generator: the random number generator; torch's global one if None.
        matmul_dtype: torch.bfloat16 to round the operands of matrix products to bfloat16 if the weights are float32;
            None to leave them unrounded. The output has the dtype of the weights in both cases.

    Raises:
        ValueError: if a width is not a whole number from 1 up, or matmul_dtype neither torch.bfloat16 nor None.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        initializer: Initializer = he_normal,
        generator: torch.Generator | None = None,
        matmul_dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        expect_counts(in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        self.matmul_dtype = expect_matmul_dtype(matmul_dtype)
        weight = initializer((out_features, in_features), generator, dtype).to(device)
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.bias = nn.Parameter(weight.new_zeros(out_features), requires_grad=False) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Return y = x Wᵀ + b.

        Shape:
            x: (*, I), with at least one value; returns: (*, O).

        Raises:
            ValueError: if x has the wrong shape or a different dtype than the weights.
        """
        operand, weight = self._operand(x), self._operand(self.weight)
        expect_features(x, (self.in_features,), self.weight.dtype, weight.dtype)
        self.remember(operand, x.dtype)
        rows, shape = operand.reshape(-1, self.in_features), (*x.shape[:-1], self.out_features)
        if self.bias is not None and operand.dtype == self.weight.dtype:
            return torch.addmm(self.bias, rows, weight.T).view(shape)  # the sum within the product
        product = (rows @ weight.T).view(shape)
        y = product.to(self.weight.dtype)
        return y if self.bias is None else y + self.bias

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Write the gradients of weight and bias; return the gradient of the input.

        Element by element, y_no = Σᵢ x_ni W_oi + b_o. A weight W_oi reaches the loss L through the outputs y_no of all
        samples n, a bias b_o likewise, an input x_ni through all outputs o of its own sample. With G = ∂L/∂y:

            ∂L/∂W_oi = Σₙ G_no x_ni        ∂L/∂b_o = Σₙ G_no        ∂L/∂x_ni = Σ_o G_no W_oi

        In matrix form, with the dimensions; leading dimensions (*, I) are one long batch, N is their product:

            ∂L/∂W = Gᵀ x      (O, N)(N, I) -> (O, I)
            ∂L/∂b = Σₙ Gₙ     (N, O)       -> (O,)
            ∂L/∂x = G W       (N, O)(O, I) -> (N, I)

        Shape:
            grad_output: (*, O).
            returns: (*, I), or None if input_grad is False.

        Raises:
            RuntimeError: if no forward pass was made in training mode since the last backward.
            ValueError: if grad_output does not have the shape of the output.
        """
        x, input_dtype = self.recall()
        shape = (*x.shape[:-1], self.out_features)
        expect_shape("grad_output", grad_output, shape, "pass the gradient of this layer's output")
        x, grad_output = x.reshape(-1, self.in_features), grad_output.reshape(-1, self.out_features)
        grad, dtype = self._operand(grad_output), self.weight.dtype
        self.weight.grad = (grad.T @ x).to(dtype)
        if self.bias is not None:
            self.bias.grad = grad_output.sum(dim=0)
        return (grad @ self._operand(self.weight)).to(input_dtype).view(*shape[:-1], -1) if input_grad else None

    def _operand(self, tensor: Tensor) -> Tensor:
        """Round an operand of a product to matmul_dtype; the hardware accumulates in float32 and rounds the result."""
        return tensor.to(self.matmul_dtype) if self.matmul_dtype and tensor.dtype == torch.float32 else tensor

    def extra_repr(self) -> str:
        rounded = f", matmul_dtype={self.matmul_dtype}" if self.matmul_dtype else ""
        unbiased = ", bias=False" if self.bias is None else ""
        return f"in_features={self.in_features}, out_features={self.out_features}{rounded}{unbiased}"


def expect_matmul_dtype(dtype: torch.dtype | None) -> torch.dtype | None:
    """Return the dtype that operands of products are rounded to, if it can be one."""
    if dtype not in (None, torch.bfloat16):
        raise ValueError(f"matmul_dtype: expected torch.bfloat16 or None, got {dtype}")
    return dtype
