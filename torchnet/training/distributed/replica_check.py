"""The check that processes which train one network start equal and stay equal."""

import hashlib
import math
from datetime import timedelta
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from torchnet.replicas import Replicas
from torchnet.runs.errors import DriftError, UsageError
from torchnet.training.callbacks.every_n_steps import steps_until_multiple


class ReplicaCheck(Callback):
    """Compare the replicas of a network when training starts and after every n-th step.

    The comparison uses a digest of 8 bytes per tensor. With a single process it does nothing.

    Args:
        check_every_n_steps: n, the number of steps between two comparisons.
        timeout: seconds that a process waits for the others before it reports them as lost.

    Raises:
        ValueError: if a number is out of range; UsageError, when training starts: if the processes would train
            different things; DriftError: if their replicas differ.
    """

    def __init__(self, check_every_n_steps: int = 500, timeout: float = 300.0) -> None:
        if check_every_n_steps < 1:
            raise ValueError(f"check_every_n_steps: expected a whole number from 1 up, got {check_every_n_steps}")
        if not 1 <= timeout <= 86400:
            raise ValueError(f"timeout: expected seconds from 1 to 86400, got {timeout}")
        self.check_every_n_steps, self.timeout = check_every_n_steps, timedelta(seconds=timeout)
        self.common: dict[str, str] = {}  # what all processes must have in common, as text; the command line sets it
        self.replicas: Replicas | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.world_size > 1:
            self.replicas = Replicas()
            self._expect_same_text(self.common | {"step": str(trainer.global_step)}, trainer.strategy.root_device)
            self._expect_same_state(trainer, pl_module)

    def steps_until_due(self, step: int) -> float:
        """Return how many steps the next block may have."""
        return math.inf if self.replicas is None else steps_until_multiple(step, self.check_every_n_steps)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.replicas is not None and trainer.global_step % self.check_every_n_steps == 0:
            self._expect_same_state(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.replicas is not None:
            self._expect_same_state(trainer, pl_module)

    def _expect_same_text(self, texts: dict[str, str], device: torch.device) -> None:
        hashes = [hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts.values()]
        numbers = [int.from_bytes(each, "little", signed=True) for each in hashes]
        if (found := self._first_difference(torch.tensor(numbers, device=device))) is not None:
            process, which = found
            raise UsageError(
                f"process {process} has a different {list(texts)[which]} than process 0: start all of them with the "
                "same arguments, and let them find the same files"
            )

    def _expect_same_state(self, trainer: Trainer, pl_module: Any) -> None:
        tensors = pl_module.state.kept()
        digests = torch.stack([digest(tensor).to(trainer.strategy.root_device) for tensor in tensors.values()])
        if (found := self._first_difference(digests)) is not None:
            process, which = found
            raise DriftError(
                f"step {trainer.global_step}: {list(tensors)[which]} of process {process} differs from that of process "
                "0: the replicas have drifted apart, and nothing more is saved; resume from an earlier checkpoint, and "
                "if it happens again, look for a faulty processor or memory on that machine"
            )

    def _first_difference(self, numbers: Tensor) -> tuple[int, int] | None:
        """Return the first process, and the index, whose number differs from process 0; None if all are equal."""
        assert self.replicas is not None
        gathered = self.replicas.gather(numbers)
        differs = (gathered != gathered[0]).nonzero()
        if len(differs) == 0:
            return None
        place, process = min((place, process) for process, place in differs.tolist())
        return process, place


def digest(tensor: Tensor) -> Tensor:
    """Return a number, (), int64, that changes if one bit of one element changes.

    The bits of element k, as a whole number, are multiplied by 2k + 1, and the products are summed, both modulo 2⁶⁴. An
    odd factor is invertible there, so a change of one element always shows. Sums of whole numbers do not depend on
    their order, so every device computes the same.
    """
    whole = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[tensor.element_size()]
    bits = tensor.detach().reshape(-1).contiguous().view(whole).to(torch.int64)
    return (bits * (2 * torch.arange(len(bits), device=tensor.device) + 1)).sum()
