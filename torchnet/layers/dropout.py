"""Dropout: each element is set to zero with probability p, while training."""

import torch
from torch import Tensor, nn

from torchnet.layers.layer import Layer, expect_shape
from torchnet.randomness import uniform


class Dropout(Layer):
    """Drop elements at random and scale up the others, as torch.nn.Dropout does; evaluation passes all on.

    Which elements are dropped is a function of (seed, stream, step) and their place, and of no generator. The buffer
    `step` counts backward passes, since it is backward that ends a step: all forward passes before it see one mask. So
    does whoever takes a loss more than once for one gradient, as finite differences do: with a mask that changed in
    between, they would hold against each other the values of two functions.

    Args:
        p: the probability that an element is dropped.
        seed: of the run.
        stream: of this layer: those of one network with equal streams drop the same places.

    Raises:
        ValueError: if p is no probability.

    Source: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".
    """

    def __init__(self, p: float = 0.5, seed: int = 0, stream: int = 0) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p: expected a probability from 0 to 1, got {p}")
        self.p, self.seed, self.stream = p, seed, stream
        # Not in the state_dict, which is that of torch.nn.Dropout: whoever resumes a run knows its step (`set_step`).
        self.step = nn.Buffer(torch.tensor(0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return y = x ⊙ m; an element of the mask m is 0 with probability p, else 1 / (1 - p), so that E[y] = x.

        Shape:
            x: any; returns: the same.
        """
        if not self.training:
            return x
        scale = 1 / (1 - self.p) if self.p < 1 else 0.0
        start = 0 if self.share is None else self.share.start
        mask = (uniform(x.shape, self.seed, self.stream, self.step, start) >= self.p).to(x.dtype) * scale
        self.remember(mask)
        return x * mask

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input, and go on to the mask of the next step.

        The mask does not depend on x: dy/dx = m.

            ∂L/∂x = G ⊙ m,    G = ∂L/∂y

        Shape:
            grad_output: that of the output; returns: the same, or None if input_grad is False.

        Raises:
            RuntimeError: if no forward pass was made in training mode since the last backward.
            ValueError: if grad_output has another shape than the output had.
        """
        mask = self.recall()
        expect_shape("grad_output", grad_output, mask.shape, "pass the gradient of this layer's output")
        self.step.add_(1)
        return grad_output * mask if input_grad else None

    def extra_repr(self) -> str:
        return f"p={self.p}, seed={self.seed}, stream={self.stream}"


def set_step(net: nn.Module, step: int) -> None:
    """Set the step of every Dropout in a network, in place: its masks are those of this step, whatever came before."""
    for module in net.modules():
        if isinstance(module, Dropout):
            module.step.fill_(step)
