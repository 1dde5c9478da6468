"""The value of a loss: a tensor whose `backward()` says that gradients come from `net.backward(grad_logits)`."""

import copy
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn, ParamSpec

import torch
from torch import Tensor

P = ParamSpec("P")


class LossValue(Tensor):
    """The value of a loss, (): a plain tensor in all but `backward`. Copies of it, and results, are plain tensors."""

    __torch_function__: Any = torch._C._disabled_torch_function_impl  # results of operations are plain tensors

    def backward(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise a RuntimeError that says what to call."""
        raise RuntimeError(
            "expected net.backward(grad_logits), got backward() of the loss: it has no autograd graph; write loss, "
            "grad_logits = torchnet.cross_entropy(logits, targets), and then net.backward(grad_logits)"
        )

    # Tensor's own versions of these look at the exact class.

    def __deepcopy__(self, memo: Any) -> Tensor:
        return copy.deepcopy(self.as_subclass(Tensor), memo)

    def __format__(self, spec: str) -> str:
        return format(self.as_subclass(Tensor), spec)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.as_subclass(Tensor).__reduce_ex__(protocol)

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]  # its own is not annotated
        return repr(self.as_subclass(Tensor))


def explains_backward(loss: Callable[P, tuple[Tensor, Tensor]]) -> Callable[P, tuple[Tensor, Tensor]]:
    """Make the values of a loss function LossValues, unless autograd follows the logits."""

    @wraps(loss)
    def explained(*args: P.args, **kwargs: P.kwargs) -> tuple[Tensor, Tensor]:
        value, grad_logits = loss(*args, **kwargs)
        if type(value) is Tensor and not value.requires_grad and not torch.compiler.is_compiling():
            value.__class__ = LossValue  # neither an operation nor a copy: captured steps see the same tensor
        return value, grad_logits

    return explained
