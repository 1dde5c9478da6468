"""Update rules: an optimizer reads `.grad`, which backward wrote, and changes the weights.

It is independent of layers.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import unwrap
from typing import Any, cast

import torch
from torch import Tensor

from torchnet.html.optimizer import optimizer_table

Tensors = list[Tensor] | tuple[Tensor, ...]


class SGD(torch.optim.Optimizer):
    """Gradient descent with momentum, as torch.optim.SGD and with its state_dict, the update written out by hand.

    For a weight w with gradient g, weight decay λ, momentum μ, dampening τ and learning rate η:

        g ← g + λ w
        v ← g at the first step, then μ v + (1 - τ) g
        g ← g + μ v with Nesterov, else v           (without momentum g stays as it is)
        w ← w - η g

    Args:
        params: the weights, or groups of them with options of their own.
        lr: η >= 0.
        momentum: μ >= 0.
        dampening: τ >= 0, the part of the gradient that is kept from the velocity v.
        weight_decay: λ >= 0.
        nesterov: look ahead along v; needs momentum and no dampening.

    Raises:
        ValueError: if an option is out of its range.

    Source: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning", in the variant
    of torch.optim.SGD, where the learning rate multiplies the velocity.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        numbers = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
        for name, value in numbers.items():
            if not 0 <= value <= torch.finfo(torch.float32).max:
                raise ValueError(f"{name}: expected a number from 0 to the largest of float32, got {value}")
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError(
                f"nesterov: expected momentum > 0 and dampening 0, got momentum {momentum} and dampening {dampening}"
            )
        super().__init__(params, {**numbers, "nesterov": nesterov})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of weights, as torch.optim.Optimizer does, but without importing torch's compiler first."""
        unwrap(torch.optim.Optimizer.add_param_group)(self, param_group)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every weight that has a gradient.

        Learning rate and momentum of a group may be tensors, (), on the device of the weights; their values are not
        read, so nothing waits for the GPU.

        Args:
            closure: called first; what it returns is returned.
        """
        result = None
        if closure is not None:
            with torch.enable_grad():  # as torch's optimizers do; a closure may use autograd
                result = closure()
        for group in self.param_groups:
            if weights := [weight for weight in group["params"] if weight.grad is not None]:
                self._update(weights, group)
        return result

    def _update(self, weights: list[Tensor], group: Mapping[str, Any]) -> None:
        """Update the weights of a group; each operation is one for all of them."""
        grads: Tensors = [cast(Tensor, weight.grad) for weight in weights]
        lr, momentum = group["lr"], group["momentum"]
        if group["weight_decay"] != 0:
            grads = torch._foreach_add(grads, weights, alpha=group["weight_decay"])
        if isinstance(momentum, Tensor) or momentum != 0:  # reading a tensor would wait for its device
            velocities = self._velocities(weights, grads, momentum, group["dampening"])
            if group["nesterov"]:
                grads = torch._foreach_add(grads, torch._foreach_mul(velocities, momentum))
            else:
                grads = velocities
        if not isinstance(lr, Tensor):
            torch._foreach_sub_(weights, grads, alpha=lr)
        elif lr.is_cuda:  # two kernels for all weights, instead of one for each
            torch._foreach_sub_(weights, torch._foreach_mul(grads, lr))
        else:  # one pass over each weight, instead of two
            torch._foreach_addcmul_(weights, grads, [lr] * len(weights), value=-1)

    def _velocities(self, weights: list[Tensor], grads: Tensors, momentum: Any, dampening: float) -> list[Tensor]:
        """Return the velocities, μ v + (1 - τ) g, or copies of the gradients at the first step of a weight."""
        velocities, added = [], []
        for weight, grad in zip(weights, grads, strict=True):
            velocity = self.state[weight].get("momentum_buffer")
            if velocity is None:
                self.state[weight]["momentum_buffer"] = grad.clone()
            else:
                velocities.append(velocity)
                added.append(grad)
        if velocities:
            torch._foreach_mul_(velocities, momentum)
            torch._foreach_add_(velocities, added, alpha=1 - dampening)
        return [self.state[weight]["momentum_buffer"] for weight in weights]

    def _repr_html_(self) -> str:
        return optimizer_table(self)


@contextmanager
def options_set(optimizer: torch.optim.Optimizer, options: Sequence[Mapping[str, Any]] | None) -> Iterator[None]:
    """Within this context, give each group of an optimizer these options in place of its own; None for no change."""
    groups = optimizer.param_groups
    before = [dict(group) for group in groups]
    try:
        for group, of_group in zip(groups, options or [{}] * len(groups), strict=True):
            group.update(of_group)
        yield
    finally:
        for group, own in zip(groups, before, strict=True):
            group.update(own)
