"""The paths from outputs back to inputs, and the gradient without one of them."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from torchnet.checking.oracles import NoOracleError, autograd
from torchnet.checking.subject import Outputs, Subject, Tensors

_NO_STEP = (Tensor.requires_grad_, Tensor.clone)  # of the forward pass, but of what leads up to it
_MOST_PLACES = 64  # of a forward pass in which it is cut


def with_one_path_cut(subject: Subject, grad_outputs: Outputs) -> Iterator[tuple[str, Tensors]]:
    """Yield, for each argument of each operation of the forward pass, what it is and the gradients without it."""
    counter = _Cut(None, {})
    with counter:
        if not autograd_if_it_can(subject, grad_outputs):
            return
    for place in range(min(counter.places, _MOST_PLACES)):
        with _Cut(place, subject.tensors) as cut:
            gradients = autograd_if_it_can(subject, grad_outputs)
        yield cut.what, gradients


def autograd_if_it_can(subject: Subject, grad_outputs: Outputs) -> Tensors:
    """Return autograd's gradients, none if it has nothing to follow, as where every path is cut."""
    try:
        return autograd(subject, grad_outputs)
    except (NoOracleError, RuntimeError):
        return {}


class _Cut(TorchFunctionMode):
    """Detach the argument in one place of the forward pass; count the places on the way."""

    def __init__(self, place: int | None, tensors: Tensors) -> None:
        super().__init__()
        self.place, self.tensors = place, tensors
        self.places, self.operations, self.what = 0, 0, ""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if not isinstance(result, Tensor) or not result.requires_grad or func in _NO_STEP:
            return result
        self.operations += 1
        for i, x in enumerate(args):
            if isinstance(x, Tensor) and x.requires_grad:
                self.places += 1
                if self.places - 1 == self.place:
                    name = next((f" ({name})" for name, tensor in self.tensors.items() if _is(x, tensor)), "")
                    function = func.__name__.strip("_")
                    self.what = f"argument {i}{name} of {function} (operation {self.operations} of the forward pass)"
                    result = func(*args[:i], x.detach(), *args[i + 1 :], **kwargs)
        return result


def _is(x: Tensor, tensor: Tensor) -> bool:
    return x.shape == tensor.shape and torch.equal(x.detach(), tensor)
