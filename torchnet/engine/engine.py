"""The training loop at full speed: blocks of steps on data that stay on the device.

A step is the plain one: gather a mini-batch, deform its images, forward, loss, backward, clip, update, average. What is
done for speed lies around it and changes no result:

- The data stay on the device as they are, pixels as uint8; a mini-batch is gathered and scaled there.
- What differs from step to step (which samples, which learning rate) is put on the device for a whole block of steps,
  and nothing is read back before the block is done: no step waits for a number.
- What is random in a step is a function of its number (torchnet/randomness.py), which lies on the device, too.
- The step is captured and replayed (torchnet/engine/): its results have their memory, and Python is out of the way.
- float32 products are computed by the faster of torch's libraries (torchnet/engine/matmul_precision.py).

Several processes may train one network together (torchnet/replicas.py): each takes its share of every mini-batch, and
the gradients are summed over all of them between backward and update.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from torchnet.averaging import WeightAverage
from torchnet.data import scale_pixels
from torchnet.engine.matmul_precision import float32_products
from torchnet.engine.replay import CaptureError, capture, same_bits
from torchnet.layers import set_step
from torchnet.network import MLP
from torchnet.optimizers import SGD
from torchnet.replicas import GradientSum, Replicas, sharing


class Engine:
    """Train a network for many steps at a time.

    Args:
        net: an MLP, or another module with a hand-written `backward(grad_logits)`.
        loss: a function (logits, targets, divisor) -> (loss, grad_logits).
        optimizer: over the weights of the network. The update of a torchnet.SGD is captured with the step; that of any
            other optimizer, and the average then, is done after the captured part.
        images: (n, ...) uint8, on the device of the weights.
        targets: (n,) int64, or (n, C) rows, on the same device.
        block_size: the steps that the device is given at once.
        captured: replay the step; False takes each step as it is written, with the same result.
        tf32: let a GPU round the operands of float32 products to TF32.
        augment: a function (images, step, start) -> images, of the same shape, which deforms a mini-batch in training,
            or a part of it that begins at the place start.
        clip: a function of the weights, which shortens their gradients before the update.
        average: takes up the weights after every update.
        replicas: the processes that train the network together, each with an engine of its own. They are given the same
            mini-batches, and each takes its rows of them. Their steps are taken as they are written, not replayed.
        normalizer: what a loss divides by that does not divide by the number of samples, as a function of the targets
            of a mini-batch. Only with replicas is it asked: a process sees a part of the targets alone.
    """

    def __init__(
        self,
        net: Any,
        loss: Callable[..., tuple[Tensor, Tensor]],
        optimizer: torch.optim.Optimizer,
        images: Tensor,
        targets: Tensor,
        block_size: int = 100,
        captured: bool = True,
        tf32: bool = False,
        augment: Callable[[Tensor, Tensor, int], Tensor] | None = None,
        clip: Callable[[Iterable[Tensor]], Any] | None = None,
        average: WeightAverage | None = None,
        replicas: Replicas | None = None,
        normalizer: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.net, self.loss, self.optimizer = net, loss, optimizer
        self.images, self.targets = images, targets
        self.block_size, self.captured, self.tf32 = block_size, captured and replicas is None, tf32
        self.augment, self.clip, self.average = augment, clip, average
        self.replicas, self.normalizer = replicas, normalizer
        self.gradient_sum = None if replicas is None else GradientSum(replicas, net)
        self.step = torch.zeros((), dtype=torch.int64, device=images.device)  # the number of the next step
        self.unclipped: dict[str, Tensor] = {}  # if it is wanted, see keep_unclipped
        self._steps: dict[tuple[int, int | None], _Step] = {}

    @torch.no_grad()
    def run(
        self,
        indices: Tensor,
        batch_size: int,
        divisor: int | None = None,
        schedule: Sequence[Mapping[str, Any]] | None = None,
        step: int | None = None,
    ) -> Tensor:
        """Take one step for each mini-batch; return their losses, which are still on the device.

        Args:
            indices: the samples in the order in which they are trained on.
            batch_size: samples in a mini-batch; the last one may be smaller.
            divisor: what a sum over samples is divided by to make a mean; the size of each mini-batch if None.
            schedule: the options of the optimizer that each step has of its own, by name; those of its groups if None.
            step: the number of the first step, on which everything random depends; the one after the last if None.

        Shape:
            indices: (m,) int64.
            returns: (steps,).

        Raises:
            ValueError: if the indices are none or no whole numbers, or the schedule has not as many steps as there are
                mini-batches.
            CaptureError: if the network does something in its step that cannot be replayed.
        """
        if batch_size < 1 or len(indices) == 0:
            raise ValueError(f"expected samples and a batch_size from 1 up, got {len(indices)} and {batch_size}")
        if indices.dtype != torch.int64:  # a mask would pass for samples 0 and 1
            raise ValueError(f"expected indices of dtype torch.int64, got {indices.dtype}")
        if schedule is not None and len(schedule) != -(-len(indices) // batch_size):
            raise ValueError(f"expected a schedule of {-(-len(indices) // batch_size)} steps, got {len(schedule)}")
        full = len(indices) // batch_size * batch_size
        if step is not None:
            self.step.fill_(step)
            set_step(self.net, step)
        names = None if schedule is None else tuple(schedule[0])
        losses: list[Tensor] = []
        with float32_products(self.images.device, self.tf32):
            for mini_batches in (indices[:full].view(-1, batch_size), indices[None, full:]):
                for block in mini_batches.split(self.block_size) if mini_batches.numel() > 0 else ():
                    taken = sum(map(len, losses))
                    options = None if schedule is None else schedule[taken : taken + len(block)]
                    losses.append(self._step(block.shape[1], divisor, names).run(block, options))
        return torch.cat(losses)

    def inputs(self, indices: Tensor, dtype: torch.dtype, step: Tensor, start: int = 0) -> Tensor:
        """Return what the network is trained on in a step: the images of these samples, scaled and deformed.

        Args:
            indices: of a mini-batch, or a part of it.
            dtype: of the result.
            step: the number of the step.
            start: the place of the first sample in the mini-batch.
        """
        images = scale_pixels(self.images.index_select(0, indices), dtype)
        return images if self.augment is None else self.augment(images, step, start)

    def keep_unclipped(self) -> None:
        """From now on keep, in `unclipped`, the gradients as backward wrote them, for who wants to see them."""
        if self.clip is not None and not self.unclipped:
            self.unclipped = {name: torch.zeros_like(weight) for name, weight in self.net.named_parameters()}
            self._steps.clear()

    def _step(self, batch_size: int, divisor: int | None, names: tuple[str, ...] | None) -> "_Step":
        key = (batch_size, divisor)
        step = self._steps.get(key)
        if step is None or step.fingerprint != step.current_fingerprint(names):
            step = self._steps[key] = _Step(self, *key, names)  # what was captured is no longer what would be done
        return step


class _Step:
    """The step on mini-batches of one size, with the tensors that say what it is to do and take up what came of it."""

    def __init__(self, engine: Engine, batch_size: int, divisor: int | None, names: tuple[str, ...] | None) -> None:
        self.engine, self.divisor = engine, divisor
        weight = next(engine.net.parameters())
        # Pixels are rounded at once to what the first product takes: it would make the same of them.
        rounded = getattr(engine.net, "matmul_dtype", None) if weight.dtype == torch.float32 else None
        self.pixel_dtype = rounded if rounded and engine.augment is None else weight.dtype
        size = engine.block_size
        self.order = torch.zeros((size, batch_size), dtype=torch.int64, device=weight.device)
        self.losses = weight.new_zeros(size)
        self.k = torch.zeros(1, dtype=torch.int64, device=weight.device)  # which step of the block is next
        # Of other optimizers it is not known what they compute in Python.
        self.updates = isinstance(engine.optimizer, SGD)
        self.names = names  # of the options that the steps of a block have of their own
        # What a captured update reads from tensors. Further options are Python's, and part of what is captured.
        self.read = tuple({"lr": None, **dict.fromkeys(names or ())}) if self.updates else ()
        self.schedule = weight.new_zeros((size, len(self.read), len(self.groups)))
        self.options = weight.new_zeros((len(self.read), len(self.groups)))
        self.turns = self._turns()
        self.grads: list[tuple[Tensor, Tensor]] = []
        self.fingerprint: Any = None  # of what was captured, once a block is done
        self.share = None if engine.replicas is None else engine.replicas.share(batch_size)

    @property
    def groups(self) -> list[dict[str, Any]]:
        """Those of the optimizer now: loading a state puts others in their place."""
        return self.engine.optimizer.param_groups

    def run(self, order: Tensor, schedule: Sequence[Mapping[str, Any]] | None) -> Tensor:
        """Take the steps of one block; return their losses."""
        for weight, grad in self.grads:
            weight.grad = grad
        names, steps = self.names or (), len(order)
        own = [{name: group[name] for name in (*self.read, *names)} for group in self.groups]
        self.order[:steps] = order
        if self.updates:
            of_steps = [[options | dict(of_step) for options in own] for of_step in schedule or [{}] * steps]
            numbers = [[[options[name] for options in of_step] for name in self.read] for of_step in of_steps]
            self.schedule[:steps] = torch.tensor(numbers, dtype=self.schedule.dtype)
            self.options.copy_(self.schedule[0])
        self.k.zero_()
        self.fingerprint = None  # should this block be interrupted, it was the last one of this step
        try:
            for group, options in zip(self.groups, self.options.unbind(1), strict=True):
                group.update(zip(self.read, options, strict=True))
            with sharing(self.engine.net, self.share):
                for of_step in schedule or [{}] * steps:
                    next(self.turns)
                    if not self.updates:
                        for group in self.groups:
                            group.update(of_step)
                        self.engine.optimizer.step()
                        if self.engine.average is not None:
                            self.engine.average.update(self.engine.net)
        finally:
            for group, options in zip(self.groups, own, strict=True):
                group.update(options)
        self.fingerprint = self.current_fingerprint(self.names)
        losses = self.losses[:steps].clone()
        return losses if self.engine.replicas is None else self.engine.replicas.sum(losses)

    def _take(self) -> None:
        """Take the next step of the block."""
        engine = self.engine
        chosen = self.order.index_select(0, self.k).view(-1)
        loss = self._write_gradients(chosen)
        if engine.clip is not None:
            for name, grad in engine.unclipped.items():
                grad.copy_(engine.net.get_parameter(name).grad)
            engine.clip(engine.net.parameters())
        if self.updates:
            if self.names:
                self.options.copy_(self.schedule.index_select(0, self.k).view_as(self.options))
            engine.optimizer.step()
            if engine.average is not None:
                engine.average.update(engine.net)
        self.losses.index_copy_(0, self.k, loss.view(1))
        self.k.add_(1)
        engine.step.add_(1)

    def _write_gradients(self, chosen: Tensor) -> Tensor:
        """Forward, loss and backward on a mini-batch; return its loss, of a share the part that it has in it."""
        engine, share, gradient_sum = self.engine, self.share, self.engine.gradient_sum
        if share is None or gradient_sum is None:
            logits = engine.net(engine.inputs(chosen, self.pixel_dtype, engine.step))
            loss, grad_logits = engine.loss(logits, engine.targets.index_select(0, chosen), self.divisor)
            engine.net.backward(grad_logits)
            return loss
        divisor = self._divisor(chosen) * share.copies
        rows = chosen[share.rows]
        logits = engine.net(engine.inputs(rows, self.pixel_dtype, engine.step, share.start))
        loss, grad_logits = engine.loss(logits, engine.targets.index_select(0, rows), divisor)
        if isinstance(engine.net, MLP):
            engine.net.backward(grad_logits, written=gradient_sum.add)
        else:
            engine.net.backward(grad_logits)
        gradient_sum.finish()
        return loss

    def _divisor(self, chosen: Tensor) -> int | Tensor:
        """Return what a sum over a whole mini-batch is divided by to make a mean."""
        if self.divisor is None and self.engine.normalizer is not None:
            return self.engine.normalizer(self.engine.targets.index_select(0, chosen))
        return self.divisor or len(chosen)

    def _turns(self) -> Iterator[None]:
        """Take one step each time: plainly, while capturing it, to compare the two, and from then on by replay."""
        self._take()  # the first, in which optimizers make what they keep, is not like the others
        yield
        while not self.engine.captured:
            self._take()
            yield
        replayed = capture(self._take, self.k.device)
        self.grads = [(weight, weight.grad) for weight in self.engine.net.parameters() if weight.grad is not None]
        yield
        attributes = _attributes(self.engine.net)
        before = [tensor.clone() for tensor in self._state()]
        replayed.replay()
        after = [tensor.clone() for tensor in self._state()]
        for tensor, value in zip(self._state(), before, strict=True):
            tensor.copy_(value)
        self._take()
        if not all(map(same_bits, self._state(), after)):
            raise CaptureError(
                "replayed, the step of this network does not do what it does when it is taken: it keeps something "
                "outside of tensors, or in other tensors each time; train it with captured=False"
            )
        # The replay goes on writing where it did, and not into what this plain step has put in its place.
        for owner, name, tensor in [*attributes, *((weight, "grad", grad) for weight, grad in self.grads)]:
            setattr(owner, name, tensor.copy_(getattr(owner, name)))
        while True:
            yield
            replayed.replay()

    def _state(self) -> list[Tensor]:
        """Return all that a step changes."""
        engine = self.engine
        grads = [weight.grad for weight in engine.net.parameters() if weight.grad is not None]
        return [self.losses, self.k, engine.step, *engine.unclipped.values(), *grads, *_kept(engine)]

    def current_fingerprint(self, names: tuple[str, ...] | None) -> Any:
        """Return what a captured step takes for granted: where its tensors lie, and what is not in tensors."""
        engine = self.engine
        tensors = (engine.images, engine.targets, *_kept(engine))
        options = [
            value
            for group in engine.optimizer.param_groups
            for key, value in group.items()
            if key not in ("params", "lr", *(names or ()))
        ]
        parts = (engine.net, engine.loss, engine.optimizer, engine.augment, engine.clip, engine.average)
        return [tensor.data_ptr() for tensor in tensors], options, parts, engine.block_size, engine.net.training, names


def _kept(engine: Engine) -> list[Tensor]:
    """Return the tensors that outlive a step: weights, those in attributes, those of the optimizer and the average."""
    nets = [engine.net] if engine.average is None else [engine.net, engine.average]
    weights = [tensor for net in nets for tensor in (*net.parameters(), *net.buffers())]
    attributes = [tensor for net in nets for _, _, tensor in _attributes(net)]
    of_optimizer = [value for state in engine.optimizer.state.values() for value in state.values()]
    return [*weights, *attributes, *(value for value in of_optimizer if isinstance(value, Tensor))]


def _attributes(net: torch.nn.Module) -> list[tuple[torch.nn.Module, str, Tensor]]:
    """Return the tensors that modules keep unregistered, but for expanded ones, which cannot be written into."""
    attributes = [(m, key, value) for m in net.modules() for key, value in vars(m).items()]
    return [it for it in attributes if isinstance(it[2], Tensor) and 0 not in it[2].stride()]
