"""Dropout: in training, set each element to zero with probability p."""

import torch
from torch import Tensor, nn

from torchnet.layers.layer import Layer, expect_shape, refuse
from torchnet.randomness import uniform


class Dropout(Layer):
    """Drop elements at random and scale up the others, like torch.nn.Dropout; the identity in evaluation mode.

    The mask is a function of (seed, stream, step) and the position of the element; no generator is involved. The step
    is the number of the training step if an engine counts steps (`Layer.step_counter`). Otherwise the buffer `step`
    counts backward passes: all forward passes before a backward use the same mask, as finite differences need it.

    Args:
        p: the probability that an element is dropped.
        inplace: only False.
        seed: the seed of the run.
        stream: the number of this layer; layers of one network with equal streams drop the same elements.

    Raises:
        ValueError: if p is not between 0 and 1.

    Source: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".
    """

    def __init__(self, p: float = 0.5, inplace: bool = False, *, seed: int = 0, stream: int = 0) -> None:
        super().__init__()
        refuse(inplace=inplace)
        if not isinstance(p, (int, float)) or not 0 <= p <= 1:
            raise ValueError(f"p: expected a probability from 0 to 1, got {p!r}")
        self.p, self.seed, self.stream = p, seed, stream
        # Not in the state_dict, which is that of torch.nn.Dropout. `set_step` restores it.
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
        step = self.step if self.step_counter is None else self.step_counter
        mask = (uniform(self.mask_shape(x), self.seed, self.stream, step, start) >= self.p).to(x.dtype) * scale
        self.remember(mask.expand_as(x))
        return x * mask

    def mask_shape(self, x: Tensor) -> tuple[int, ...]:
        """Return the shape of the mask, which broadcasts to that of x."""
        return x.shape

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input; the next step has another mask.

        The mask does not depend on x: dy/dx = m.

            ∂L/∂x = G ⊙ m,    G = ∂L/∂y
        """
        mask = self.recall()
        expect_shape("grad_output", grad_output, mask.shape, "pass the gradient of this layer's output")
        if self.step_counter is None:
            self.step.add_(1)
        return grad_output * mask if input_grad else None

    def extra_repr(self) -> str:
        return f"p={self.p}, seed={self.seed}, stream={self.stream}"


class Dropout2d(Dropout):
    """Drop whole channels at random and scale up the others, like torch.nn.Dropout2d.

    Neighboring pixels of a channel are similar, so a network reads a single dropped pixel off the others.

    Source: Tompson et al. 2015, "Efficient object localization using convolutional networks", section 3.2.
    """

    def mask_shape(self, x: Tensor) -> tuple[int, ...]:
        """Return (N, C, 1, 1): all values of a channel are multiplied by one number.

        Raises:
            ValueError: if x is neither (N, C, H, W) nor, as in torch.nn, (N, C, L).
        """
        if x.dim() not in (3, 4):
            raise ValueError(
                f"expected input of shape (N, C, H, W) or (N, C, L), got {tuple(x.shape)}: use Dropout for other shapes"
            )
        return (*x.shape[:2], *[1] * (x.dim() - 2))


def set_step(net: nn.Module, step: int | Tensor) -> None:
    """Set the step of every Dropout in a network, in place, and so its masks.

    Args:
        net: the network.
        step: the number of completed steps.
    """
    for module in net.modules():
        if isinstance(module, Dropout):
            module.step.fill_(step)
