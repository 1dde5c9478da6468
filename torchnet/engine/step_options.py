"""The options of the optimizer, such as the learning rate, where a captured update reads them: in tensors."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from torchnet.optimizers import SGD

Options = Sequence[Mapping[str, Any]]


def captures_update(optimizer: torch.optim.Optimizer, scheduled: Sequence[str], device: torch.device) -> bool:
    """Return whether the update of an optimizer can be part of a captured step.

    It must read the learning rate, and whatever else the schedule changes, from tensors, and must count its steps in
    tensors on the device. The optimizers of torch.optim do so on a CPU with `fused`, and on a GPU if they have the
    option `capturable`; with foreach=False some of them read the learning rate from Python nevertheless. A hook that is
    registered with the optimizer must be called in every step.

    Args:
        optimizer: a torchnet.SGD, or any other.
        scheduled: the options that the schedule sets for each step.
        device: the device of the weights.
    """
    if isinstance(optimizer, SGD):
        return True
    hooks = (*optimizer._optimizer_step_pre_hooks, *optimizer._optimizer_step_post_hooks)
    if hooks or not type(optimizer).__module__.startswith("torch.optim.") or not set(scheduled) <= {"lr"}:
        return False
    if _is_gpu(device):
        return all("capturable" in group and group["foreach"] is not False for group in optimizer.param_groups)
    return all(group.get("fused") for group in optimizer.param_groups)


class StepOptions:
    """The options that a captured update reads from tensors, for each step of a block and each group of the optimizer.

    These are the learning rate and what the schedule sets. All other options are Python's, and part of the capture.

    Args:
        optimizer: an optimizer whose update can be captured.
        scheduled: the options that the schedule sets for each step.
        steps: the number of steps of a block.
        weight: has the device and the dtype of the weights.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, scheduled: Sequence[str], steps: int, weight: Tensor) -> None:
        self.groups, self.scheduled = optimizer.param_groups, scheduled
        self.names = tuple(dict.fromkeys(("lr", *scheduled)))
        dtype = weight.dtype
        if any(group.get("fused") for group in self.groups):  # torch's kernels read a learning rate of this dtype
            dtype = torch.float32 if _is_gpu(weight.device) else torch.float64
        self.numbers = torch.zeros((steps, len(self.groups), len(self.names)), dtype=dtype, device=weight.device)
        # The count of steps may be on the CPU, where an update that is not `capturable` expects it.
        self.others: dict[str, Any] = {}
        if _is_gpu(weight.device) and not isinstance(optimizer, SGD):
            self.others = {"capturable": True}
            for state in optimizer.state.values():
                state.update({k: v.to(weight.device) for k, v in state.items() if isinstance(v, Tensor)})

    def fill(self, schedule: Options | None, steps: int) -> None:
        """Copy the options of the next steps to the device, those that the schedule does not set from the groups."""
        numbers = [
            [[of_step.get(name, group[name]) for name in self.names] for group in self.groups]
            for of_step in schedule or [{}] * steps
        ]
        self.numbers[:steps] = torch.tensor(numbers, dtype=self.numbers.dtype)

    def at(self, place: Tensor) -> list[dict[str, Any]]:
        """Return the options of each group in the step at this place of the block, (1,) int64."""
        of_step = self.numbers.index_select(0, place)[0] if self.scheduled else self.numbers[0]
        return [dict(zip(self.names, of_group.unbind(), strict=True)) | self.others for of_group in of_step.unbind()]


def _is_gpu(device: torch.device) -> bool:
    return device.type == "cuda"
