"""Processes that train one network together begin alike and stay alike, or the run ends."""

import hashlib
import math
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from torchnet.replicas import Replicas
from torchnet.runs.errors import DriftError, UsageError


class Together(Callback):
    """Compare the replicas of a network: all of their state at the start and then every so many steps.

    What is compared is a digest of each tensor, 8 bytes. With a single process this does nothing.

    Args:
        check_every_n_steps: from one comparison to the next.
        timeout: seconds that a process waits for the others before it gives them up for lost.

    Raises:
        ValueError: if a number is not one that works; UsageError, when training starts: if the processes are to train
            different things; DriftError: if their replicas are no longer equal.
    """

    def __init__(self, check_every_n_steps: int = 500, timeout: float = 300.0) -> None:
        if check_every_n_steps < 1:
            raise ValueError(f"check_every_n_steps: expected a whole number from 1 up, got {check_every_n_steps}")
        if not 1 <= timeout <= 86400:
            raise ValueError(f"timeout: expected seconds from 1 to 86400, got {timeout}")
        self.check_every_n_steps, self.timeout = check_every_n_steps, timedelta(seconds=timeout)
        self.what: dict[str, str] = {}  # known to the command line: what all processes must have in common, as text
        self.replicas: Replicas | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.world_size > 1:
            self.replicas = Replicas()
            self._expect_same_words(self.what | {"step": str(trainer.global_step)}, trainer.strategy.root_device)
            self._expect_same_state(trainer, pl_module)

    def steps_until_due(self, step: int) -> float:
        """Return how many steps there are to the next comparison."""
        return math.inf if self.replicas is None else self.check_every_n_steps - step % self.check_every_n_steps

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.replicas is not None and trainer.global_step % self.check_every_n_steps == 0:
            self._expect_same_state(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.replicas is not None:
            self._expect_same_state(trainer, pl_module)

    def _expect_same_words(self, words: dict[str, str], device: torch.device) -> None:
        hashes = [hashlib.blake2b(word.encode(), digest_size=8).digest() for word in words.values()]
        numbers = [int.from_bytes(each, "little", signed=True) for each in hashes]
        if (found := self._first_difference(torch.tensor(numbers, device=device))) is not None:
            process, which = found
            raise UsageError(
                f"process {process} has another {list(words)[which]} than process 0: start all of them with the same "
                "arguments, and let them find the same files"
            )

    def _expect_same_state(self, trainer: Trainer, pl_module: Any) -> None:
        tensors = dict(_state(pl_module, trainer.optimizers[0]))
        digests = torch.stack([digest(tensor).to(trainer.strategy.root_device) for tensor in tensors.values()])
        if (found := self._first_difference(digests)) is not None:
            process, which = found
            raise DriftError(
                f"step {trainer.global_step}: {list(tensors)[which]} of process {process} is not that of process 0: "
                "the replicas have drifted apart, and nothing more is saved; go on from an earlier checkpoint, and if "
                "it happens again, look for a faulty processor or memory on that machine"
            )

    def _first_difference(self, numbers: Tensor) -> tuple[int, int] | None:
        """Return the first process, and the place, whose number is not that of process 0; None if all are equal."""
        assert self.replicas is not None
        gathered = self.replicas.gather(numbers)
        differs = (gathered != gathered[0]).nonzero()
        if len(differs) == 0:
            return None
        place, process = min((place, process) for process, place in differs.tolist())
        return process, place


def _state(pl_module: Any, optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    """Yield all that a step changes, with names: the network, what the optimizer keeps, the average."""
    yield from pl_module.net.state_dict().items()
    for name, weight in pl_module.net.named_parameters():
        for key, kept in optimizer.state.get(weight, {}).items():
            if isinstance(kept, Tensor):
                yield f"{key} of {name}", kept
    if pl_module.average is not None:
        yield from ((f"the average of {name}", value) for name, value in pl_module.average.net.state_dict().items())


def digest(tensor: Tensor) -> Tensor:
    """Return a number, (), int64, that is another one if a single element has another bit.

    The bits of element k, as a whole number, are multiplied by 2k + 1, and the products summed up, both modulo 2⁶⁴. An
    odd factor can be divided by there, so that no change of one element is lost; sums of whole numbers do not depend on
    their order, so that every device finds the same.
    """
    whole = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[tensor.element_size()]
    bits = tensor.detach().reshape(-1).contiguous().view(whole).to(torch.int64)
    return (bits * (2 * torch.arange(len(bits), device=tensor.device) + 1)).sum()
