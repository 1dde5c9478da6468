"""The state of training: every tensor that a step changes, listed once.

The comparison of a replayed step with an eager one, the watch on Inf and NaN, and the comparison of replicas all read
it from here.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from torchnet.averaging import WeightAverage


@dataclass(frozen=True)
class TrainingState:
    """The tensors that a training step changes, by name."""

    net: nn.Module
    optimizer: torch.optim.Optimizer
    average: WeightAverage | None = None

    def gradients(self) -> dict[str, Tensor]:
        """Return the gradients that are written, in the order in which backward writes them."""
        weights = reversed(list(self.net.named_parameters()))
        return {f"the gradient of {name}": weight.grad for name, weight in weights if weight.grad is not None}

    def kept(self) -> dict[str, Tensor]:
        """Return what one step passes on to the next: buffers, weights, and those of optimizer and average."""
        kept = dict(self.net.named_buffers()) | dict(self.net.named_parameters())
        for name, key, value in self._optimizer_values():
            if isinstance(value, Tensor):
                kept[f"{key} of {name}"] = value
        if self.average is not None:
            kept |= {f"the average of {name}": value for name, value in self.average.net.named_parameters()}
            kept |= {f"the average of {name}": value for name, value in self.average.net.named_buffers()}
            kept["the number of averaged updates"] = self.average.updates
        return kept

    def attributes(self) -> dict[str, Tensor]:
        """Return the tensors that modules keep as plain attributes."""
        return {f"{path}.{name}": value for path, _, name, value in self.plain_attributes()}

    def plain_attributes(self) -> Iterator[tuple[str, nn.Module, str, Tensor]]:
        """Yield path, module, name and tensor of each plain attribute; expanded tensors, not writable, are left out."""
        for path, module in self.net.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, Tensor) and 0 not in value.stride():
                    yield path, module, name, value

    def snapshot(self) -> dict[str, Any]:
        """Return a copy of what one step passes on to the next."""
        numbers = {
            f"{key} of {name}": copy.deepcopy(value)
            for name, key, value in self._optimizer_values()
            if not isinstance(value, Tensor)
        }
        return {name: tensor.clone() for name, tensor in self.kept().items()} | numbers

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Restore the values of a snapshot; tensors keep their memory."""
        for name, tensor in self.kept().items():
            if name in snapshot:
                tensor.copy_(snapshot[name])
        for name, key, value in list(self._optimizer_values()):
            kept = self.optimizer.state[self.net.get_parameter(name)]
            if f"{key} of {name}" not in snapshot:
                del kept[key]  # the optimizer has made it since
            elif not isinstance(value, Tensor):
                kept[key] = copy.deepcopy(snapshot[f"{key} of {name}"])

    def _optimizer_values(self) -> Iterator[tuple[str, str, Any]]:
        """Yield the name of a weight, the key and the value of everything that the optimizer keeps."""
        for name, weight in self.net.named_parameters():
            for key, value in self.optimizer.state.get(weight, {}).items():
                yield name, key, value


def first_nonfinite(tensors: Mapping[str, Tensor]) -> str | None:
    """Return the name of the first tensor with Inf or NaN; None if all are finite.

    One number is read from the device: a sum of finite numbers is finite. Only if it is not, as the sum of very large
    numbers may not be either, each tensor is read.
    """
    numbers = {name: tensor for name, tensor in tensors.items() if tensor.is_floating_point()}
    by_device: dict[torch.device, list[Tensor]] = {}
    for tensor in numbers.values():
        by_device.setdefault(tensor.device, []).append(tensor.sum())
    if all(bool(torch.stack(sums).sum().isfinite()) for sums in by_device.values()):
        return None
    return next((name for name, tensor in numbers.items() if not bool(tensor.isfinite().all())), None)
