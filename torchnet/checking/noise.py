"""How far rounding alone may move a gradient: what is less is no mistake."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from torchnet.checking.oracles import NoOracleError, autograd
from torchnet.checking.rounding import rounded_otherwise
from torchnet.checking.subject import Outputs, Subject, Tensors, copies

_MARGIN = 10  # times what rounding is seen to do in a few runs is what it may do in another
_EXCUSE = 10  # times the noise of autograd is the most that a backward may claim for itself


class Noise:
    """The noise of a subject in float64, element by element; found out when it is first asked for.

    Args:
        subject: in float64.
        grad_outputs: its upstream gradient.
    """

    def __init__(self, subject: Subject, grad_outputs: Outputs) -> None:
        self.subject, self.grad_outputs = subject, grad_outputs
        self._noise: Tensors | None = None

    def of(self, name: str) -> Tensor:
        """Return how far each element of a gradient may be off, in autograd's computation or the hand-written one."""
        if self._noise is None:
            self._noise = self._find_out()
        return self._noise[name]

    def _find_out(self) -> Tensors:
        by_hand = _spread(self._by_hand)
        try:
            by_autograd = _spread(partial(autograd, self.subject, self.grad_outputs))
        except (NoOracleError, RuntimeError):
            return by_hand
        # A backward that rounding disturbs far more than autograd is no excuse for itself.
        return {
            name: torch.minimum(by_hand[name], _EXCUSE * noise.max()).maximum(noise)
            for name, noise in by_autograd.items()
        }

    def _by_hand(self) -> Tensors:
        written = self.subject.backward(copies(self.subject.tensors), self.grad_outputs)
        gradients = {}
        for name, tensor in self.subject.tensors.items():
            gradient = written.get(name)
            fits = gradient is not None and gradient.shape == tensor.shape
            gradients[name] = gradient.clone() if gradient is not None and fits else torch.zeros_like(tensor)
        return gradients


def _spread(compute: Callable[[], Tensors]) -> Tensors:
    """Return how far apart the results lie when every operation rounds otherwise, with a margin."""
    plain = compute()
    spread = {name: torch.zeros_like(tensor) for name, tensor in plain.items()}
    for moved in rounded_otherwise(compute, torch.float64, share=1):
        for name, widest in spread.items():
            distance = (moved[name] - plain[name]).abs().nan_to_num(0, posinf=0)  # what is not finite excuses nothing
            spread[name] = torch.maximum(widest, _MARGIN * distance)
    return spread
