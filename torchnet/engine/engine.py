"""The training step at full speed: blocks of steps on data that stay on the device.

The step itself is written in torchnet/step.py. What makes it fast surrounds it:

- The data stay on the device as they are, pixels as uint8; a mini-batch is gathered and scaled there.
- What differs from step to step (samples, learning rate) is copied to the device for a whole block of steps, and
  nothing is read back before the block ends: no step waits for a number.
- The step is captured and replayed (replay.py): it writes into the same memory each time, without Python in between.
- For some networks, compiled code computes the whole step (fused/), and adds up in another order.
- float32 products are computed by the faster of torch's libraries (matmul_precision.py).

Several processes may train one network (torchnet/replicas.py): each runs its share of every mini-batch, and the
gradients are summed over all processes before the update.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from torchnet.averaging import WeightAverage
from torchnet.engine.allocator import freed_memory_kept
from torchnet.engine.fused.steps import FusedSteps
from torchnet.engine.matmul_precision import float32_products
from torchnet.engine.replay import ReplayedStep, assumptions
from torchnet.engine.step_options import Options, StepOptions, captures_update
from torchnet.engine.way import Way, choose_way
from torchnet.layers import set_step, step_known
from torchnet.replicas import GradientSum, Replicas
from torchnet.state import TrainingState
from torchnet.step import Hooks, Recipe, train_step, update_weights, write_gradients


class Engine:
    """Train a network for many steps at a time.

    Args:
        net: an MLP, or another module with a hand-written `backward(grad_logits)`.
        loss: a function (logits, targets, divisor) -> (loss, grad_logits).
        optimizer: updates the weights of the network. The update is captured with the step, and so is the average, if
            the optimizer is a torchnet.SGD or one of torch.optim that can be captured (`captures_update` in
            step_options.py). If not, both run after the captured part.
        images: (n, ...) uint8, or the dtype of the weights, on their device.
        targets: (n,) int64, or (n, C) rows, on the same device.
        block_size: the number of steps that are copied to the device at once.
        way: "eager", "captured", with the same bits, or "fused", to rounding (way.py); the next one that works if this
            one does not. None for the fastest that works; a Way that was chosen already.
        tf32: let a GPU round the operands of float32 products to TF32.
        augment: a function (images, step, start) -> images of the same shape, applied in training. `start` is the
            place of the first image in the mini-batch.
        clip: a function that clips the gradients of weights before the update.
        average: a moving average of the weights, updated after every step.
        replicas: the processes that train the network together, each with its own engine. All are given the same
            mini-batches, and each trains on its rows of them. Their steps run eagerly.
        normalizer: what a loss divides by if that is not the number of samples, as a function of the targets of a
            mini-batch. It is needed with replicas only, since one process sees a part of the targets.
        hooks: called in the middle of each step (torchnet/step.py). Steps then run eagerly.
    """

    def __init__(
        self,
        net: nn.Module,
        loss: Callable[..., tuple[Tensor, Tensor]],
        optimizer: torch.optim.Optimizer,
        images: Tensor,
        targets: Tensor,
        block_size: int = 100,
        way: Way | str | None = None,
        tf32: bool = False,
        augment: Callable[[Tensor, Tensor, int], Tensor] | None = None,
        clip: Callable[[Iterable[Tensor]], Any] | None = None,
        average: WeightAverage | None = None,
        replicas: Replicas | None = None,
        normalizer: Callable[[Tensor], Tensor] | None = None,
        hooks: Hooks | None = None,
    ) -> None:
        gradient_sum = None if replicas is None else GradientSum(replicas, net)
        self.recipe = Recipe(net, loss, optimizer, images, targets, augment, clip, average, gradient_sum, hooks)
        self.block_size, self.tf32 = block_size, tf32
        self.way = way if isinstance(way, Way) else choose_way(way, self.recipe, tf32)
        self.fused = FusedSteps(self.recipe, tf32) if self.way.name == "fused" else None
        self.replicas, self.normalizer = replicas, normalizer
        self.counters = torch.zeros(2, dtype=torch.int64, device=images.device)
        self.step = self.counters[0]  # the number of completed steps
        self.place = self.counters[1:]  # the number of those of the block that is running, (1,)
        self.unclipped: dict[str, Tensor] = {}  # see keep_unclipped
        self._blocks: dict[tuple[int, int | None], _Block] = {}

    @property
    def state(self) -> TrainingState:
        """Every tensor that a step changes."""
        return TrainingState(self.recipe.net, self.recipe.optimizer, self.recipe.average)

    @torch.no_grad()
    def run(
        self,
        indices: Tensor,
        batch_size: int,
        divisor: int | None = None,
        schedule: Options | None = None,
        step: int | None = None,
    ) -> Tensor:
        """Run one step per mini-batch; return their losses, which are still on the device.

        Args:
            indices: the samples in the order in which they are trained on.
            batch_size: samples per mini-batch; the last one may be smaller.
            divisor: what a loss divides the sum over samples by; None for the size of each mini-batch.
            schedule: for each step, options of the optimizer by name; None for those of its groups.
            step: the number of the first step, on which everything random depends; None to continue counting.

        Shape:
            indices: (m,) int64.
            returns: (steps,).

        Raises:
            ValueError: if indices are empty or not int64, or the schedule has another length than there are
                mini-batches.
            CaptureError: if the step of this network cannot be replayed.
        """
        if batch_size < 1 or len(indices) == 0:
            raise ValueError(f"expected samples and a batch_size from 1 up, got {len(indices)} and {batch_size}")
        if indices.dtype != torch.int64:  # a boolean mask would select samples 0 and 1
            raise ValueError(f"expected indices of dtype torch.int64, got {indices.dtype}")
        if schedule is not None and len(schedule) != -(-len(indices) // batch_size):
            raise ValueError(f"expected a schedule of {-(-len(indices) // batch_size)} steps, got {len(schedule)}")
        full = len(indices) // batch_size * batch_size
        if step is not None:
            self.step.fill_(step)
        losses: list[Tensor] = []
        with float32_products(self.recipe.images.device, self.tf32), freed_memory_kept():
            for mini_batches in (indices[:full].view(-1, batch_size), indices[None, full:]):
                for order in mini_batches.split(self.block_size) if mini_batches.numel() > 0 else ():
                    done = sum(map(len, losses))
                    options = None if schedule is None else schedule[done : done + len(order)]
                    losses.append(self._run_block(order, divisor, options))
        set_step(self.recipe.net, self.step)
        return torch.cat(losses)

    def _run_block(self, order: Tensor, divisor: int | None, schedule: Options | None) -> Tensor:
        if self.fused is None or not set(schedule[0] if schedule else ()) <= {"lr", "momentum"}:
            return self._block(order.shape[1], divisor, schedule).run(order, schedule)
        (group,) = self.recipe.optimizer.param_groups
        options = [[{**group, **own}[name] for name in ("lr", "momentum")] for own in schedule or [{}] * len(order)]
        numbers = torch.tensor(options, dtype=torch.float32, device=self.step.device)
        has_momentum = any(momentum != 0 for _, momentum in options)
        losses = self.fused.run(order.to(self.step.device), numbers, divisor, has_momentum)
        self.step += len(order)
        return losses

    def keep_unclipped(self) -> None:
        """Keep the gradients as backward writes them in `unclipped`, from now on."""
        clip = self.recipe.clip
        if clip is not None and not self.unclipped:
            self.unclipped = {name: torch.zeros_like(weight) for name, weight in self.recipe.net.named_parameters()}
            self.recipe.clip = partial(_keep_and_clip, self.recipe.net, self.unclipped, clip)

    def _block(self, batch_size: int, divisor: int | None, schedule: Options | None) -> "_Block":
        """Return the block for mini-batches of this size; a new one if the captured step is out of date."""
        key, names = (batch_size, divisor), () if schedule is None else tuple(schedule[0])
        block = self._blocks.get(key)
        if block is None or block.assumed != assumptions(self.recipe, self.state, self.block_size, names):
            block = self._blocks[key] = _Block(self, *key, names)
        return block


class _Block:
    """A block of steps on mini-batches of one size: their samples, options and losses, on the device.

    `names` are the options of the optimizer that the schedule sets for each step.
    """

    def __init__(self, engine: Engine, batch_size: int, divisor: int | None, names: tuple[str, ...]) -> None:
        self.engine, self.recipe, self.divisor, self.names = engine, engine.recipe, divisor, names
        weight, size = next(self.recipe.net.parameters()), engine.block_size
        share = None if engine.replicas is None else engine.replicas.share(batch_size)
        # If each process runs the whole mini-batch, their losses and gradients are averaged, not added up.
        self.share, self.copies = (share, 1) if share is None or not share.is_whole else (None, share.copies)
        self.order = torch.zeros((size, batch_size), dtype=torch.int64, device=weight.device)
        self.losses = weight.new_zeros(size)
        self.options: StepOptions | None = None  # for an update that is captured with the step
        if captures_update(self.recipe.optimizer, names, weight.device):
            self.options = StepOptions(self.recipe.optimizer, names, size, weight)
        others = {"losses": self.losses, "counters": engine.counters} | engine.unclipped
        self.replay = ReplayedStep(self._step, engine.state, others)
        self.assumed: Any = None  # what the captured step takes for granted; known after the first block

    def run(self, order: Tensor, schedule: Options | None) -> Tensor:
        """Run the steps of one block; return their losses."""
        steps, groups = len(order), self.recipe.optimizer.param_groups
        self.order[:steps] = order
        self.engine.place.zero_()
        if self.options is not None:
            self.options.fill(schedule, steps)
        self.replay.point_gradients()
        self.assumed = None  # if this block is interrupted, the captured step is not used again
        with step_known(self.recipe.net, self.engine.step, self.share):
            for of_step in schedule or [{}] * steps:
                if self.engine.way.name != "eager":
                    self.replay.take()
                else:
                    self._step()
                if self.options is None:
                    update_weights(self.recipe, [of_step] * len(groups))
        self.assumed = assumptions(self.recipe, self.engine.state, self.engine.block_size, self.names)
        losses = self.losses[:steps].clone()
        return losses if self.engine.replicas is None else self.engine.replicas.sum(losses)

    def _step(self) -> None:
        """Run the next step of the block. This is what is captured: it reads and writes tensors only."""
        place = self.engine.place
        indices = self.order.index_select(0, place).view(-1)
        arguments = (self.recipe, indices, self.engine.step, self._divisor(indices), self.share)
        loss = write_gradients(*arguments) if self.options is None else train_step(*arguments, self.options.at(place))
        self.losses.index_copy_(0, place, loss.view(1))
        self.engine.counters.add_(1)

    def _divisor(self, indices: Tensor) -> int | Tensor | None:
        """Return the divisor of the whole mini-batch, of which a process sees a part."""
        if self.engine.replicas is None:
            return self.divisor
        divisor: int | Tensor = self.divisor or len(indices)
        if self.divisor is None and self.engine.normalizer is not None:
            divisor = self.engine.normalizer(self.recipe.targets.index_select(0, indices))
        return divisor * self.copies


def _keep_and_clip(
    net: Any, kept: Mapping[str, Tensor], clip: Callable[[Iterable[Tensor]], Any], weights: Iterable[Tensor]
) -> None:
    for name, tensor in kept.items():
        tensor.copy_(net.get_parameter(name).grad)
    clip(weights)
