"""The training loop at full speed: blocks of steps on data that stay on the device.

A step is the plain one: gather a mini-batch, forward, loss, backward, update. What is done for speed lies around it and
changes no result:

- The data stay on the device as they are, pixels as uint8; a mini-batch is gathered and scaled there.
- What differs from step to step (which samples, which learning rate) is put on the device for a whole block of steps,
  and nothing is read back before the block is done: no step waits for a number.
- The step is captured and replayed (torchnet/capture/): its results have their memory, and Python is out of the way.
- float32 products are computed by the faster of torch's libraries (torchnet/products.py).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from torchnet.capture import CaptureError, capture, same_bits
from torchnet.data import scale_pixels
from torchnet.optimizers import SGD
from torchnet.products import float32_products


class Engine:
    """Train a network for many steps at a time.

    Args:
        net: an MLP, or another module with a hand-written `backward(grad_logits)`.
        loss: a function (logits, targets, divisor) -> (loss, grad_logits).
        optimizer: over the weights of the network. The update of a torchnet.SGD is captured with the step; that of any
            other optimizer is done after the captured part.
        images: (n, ...) uint8, on the device of the weights.
        targets: (n,) int64, or (n, C) rows, on the same device.
        block_size: the steps that the device is given at once.
        captured: replay the step; False takes each step as it is written, with the same result.
        tf32: let a GPU round the operands of float32 products to TF32.
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
    ) -> None:
        self.net, self.loss, self.optimizer = net, loss, optimizer
        self.images, self.targets = images, targets
        self.block_size, self.captured, self.tf32 = block_size, captured, tf32
        self._steps: dict[tuple[int, int], _Step] = {}

    @torch.no_grad()
    def run(
        self, indices: Tensor, batch_size: int, divisor: int | None = None, lrs: Sequence[float] | None = None
    ) -> Tensor:
        """Take one step for each mini-batch; return their losses, which are still on the device.

        Args:
            indices: the samples in the order in which they are trained on.
            batch_size: samples in a mini-batch; the last one may be smaller.
            divisor: what a sum over samples is divided by to make a mean; the size of each mini-batch if None.
            lrs: the learning rate of each step; that of the optimizer's groups if None.

        Shape:
            indices: (m,) int64.
            returns: (steps,).

        Raises:
            ValueError: if the indices are none or no whole numbers, or there are not as many learning rates as
                mini-batches.
            CaptureError: if the network does something in its step that cannot be replayed.
        """
        if batch_size < 1 or len(indices) == 0:
            raise ValueError(f"expected samples and a batch_size from 1 up, got {len(indices)} and {batch_size}")
        if indices.dtype != torch.int64:  # a mask would pass for samples 0 and 1
            raise ValueError(f"expected indices of dtype torch.int64, got {indices.dtype}")
        if lrs is not None and len(lrs) != -(-len(indices) // batch_size):
            raise ValueError(f"expected {-(-len(indices) // batch_size)} lrs, one a mini-batch, got {len(lrs)}")
        full = len(indices) // batch_size * batch_size
        losses: list[Tensor] = []
        with float32_products(self.images.device, self.tf32):
            for mini_batches in (indices[:full].view(-1, batch_size), indices[None, full:]):
                for block in mini_batches.split(self.block_size) if mini_batches.numel() > 0 else ():
                    step = self._step(block.shape[1], divisor or block.shape[1], lrs is not None)
                    start = sum(map(len, losses))
                    losses.append(step.run(block, None if lrs is None else lrs[start : start + len(block)]))
        return torch.cat(losses)

    def _step(self, batch_size: int, divisor: int, varies: bool) -> "_Step":
        key = (batch_size, divisor)
        step = self._steps.get(key)
        if step is None or step.fingerprint != step.current_fingerprint(varies):
            step = self._steps[key] = _Step(self, *key, varies)  # what was captured is no longer what would be done
        return step


class _Step:
    """The step on mini-batches of one size, with the tensors that say what it is to do and take up what came of it."""

    def __init__(self, engine: Engine, batch_size: int, divisor: int, varies: bool) -> None:
        self.engine, self.divisor = engine, divisor
        weight, self.groups = next(engine.net.parameters()), engine.optimizer.param_groups
        # Pixels are rounded at once to what the first product takes: it would make the same of them.
        rounded = getattr(engine.net, "matmul_dtype", None) if weight.dtype == torch.float32 else None
        self.pixel_dtype = rounded or weight.dtype
        size = engine.block_size
        self.order = torch.zeros((size, batch_size), dtype=torch.int64, device=weight.device)
        self.lrs = weight.new_zeros((size, len(self.groups)))
        self.lr = weight.new_zeros(len(self.groups))
        self.losses = weight.new_zeros(size)
        self.k = torch.zeros(1, dtype=torch.int64, device=weight.device)  # which step of the block is next
        # Of other optimizers it is not known what they compute in Python.
        self.updates = isinstance(engine.optimizer, SGD)
        self.varies = varies  # whether the steps of a block have learning rates of their own
        self.turns = self._turns()
        self.grads: list[tuple[Tensor, Tensor]] = []
        self.fingerprint: Any = None  # of what was captured, once a block is done

    def run(self, order: Tensor, lrs: Sequence[float] | None) -> Tensor:
        """Take the steps of one block; return their losses."""
        for weight, grad in self.grads:
            weight.grad = grad
        own, steps = [group["lr"] for group in self.groups], len(order)
        rates = [own] * steps if lrs is None else [[lr] * len(own) for lr in lrs]
        self.order[:steps] = order
        self.lrs[:steps] = torch.tensor(rates, dtype=self.lrs.dtype)
        self.lr.copy_(self.lrs[0])
        self.k.zero_()
        self.fingerprint = None  # should this block be interrupted, it was the last one of this step
        try:
            for rate in rates:
                self._set_lr(self.lr if self.updates else rate)
                next(self.turns)
                if not self.updates:
                    self.engine.optimizer.step()
        finally:
            self._set_lr(own)
        self.fingerprint = self.current_fingerprint(self.varies)
        return self.losses[:steps].clone()

    def _take(self) -> None:
        """Take the next step of the block."""
        engine = self.engine
        chosen = self.order.index_select(0, self.k).view(-1)
        images = scale_pixels(engine.images.index_select(0, chosen), self.pixel_dtype)
        loss, grad_logits = engine.loss(engine.net(images), engine.targets.index_select(0, chosen), self.divisor)
        engine.net.backward(grad_logits)
        if self.varies:
            self.lr.copy_(self.lrs.index_select(0, self.k).view(-1))
        if self.updates:
            engine.optimizer.step()
        self.losses.index_copy_(0, self.k, loss.view(1))
        self.k.add_(1)

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
        net, optimizer = self.engine.net, self.engine.optimizer
        grads = [weight.grad for weight in net.parameters() if weight.grad is not None]
        return [self.losses, self.k, *grads, *_kept(net, optimizer)]

    def current_fingerprint(self, varies: bool) -> Any:
        """Return what a captured step takes for granted: where its tensors lie, and what is not in tensors."""
        engine = self.engine
        tensors = (engine.images, engine.targets, *_kept(engine.net, engine.optimizer))
        options = [
            value
            for group in engine.optimizer.param_groups
            for key, value in group.items()
            if key not in ("params", "lr")
        ]
        parts = (engine.net, engine.loss, engine.optimizer, engine.block_size, engine.net.training)
        return [tensor.data_ptr() for tensor in tensors], options, parts, varies

    def _set_lr(self, lrs: Sequence[float] | Tensor) -> None:
        for group, lr in zip(self.groups, lrs, strict=True):
            group["lr"] = lr


def _kept(net: torch.nn.Module, optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """Return the tensors that outlive a step: weights, those in attributes, and those of the optimizer."""
    of_optimizer = [value for state in optimizer.state.values() for value in state.values()]
    attributes = [tensor for _, _, tensor in _attributes(net)]
    return [*net.parameters(), *net.buffers(), *attributes, *(v for v in of_optimizer if isinstance(v, Tensor))]


def _attributes(net: torch.nn.Module) -> list[tuple[torch.nn.Module, str, Tensor]]:
    """Return the tensors that modules keep unregistered, but for expanded ones, which cannot be written into."""
    attributes = [(m, key, value) for m in net.modules() for key, value in vars(m).items()]
    return [it for it in attributes if isinstance(it[2], Tensor) and 0 not in it[2].stride()]
