"""Record the operations of a step once, and replay them into the same memory ever after.

A step that is written plainly allocates every tensor that it makes, and Python walks through its layers each time. But
each step does the same operations on tensors of the same shapes; only the numbers in them differ. So the step is run
once while its operations are noted down. From then on the list is gone through in place of the Python code, each
operation writing into the memory that it wrote into the first time: the same kernels in the same order on the same
shapes, so the results are those of the plain step, bit for bit. On an NVIDIA GPU a CUDA graph does the same.

What differs from one step to the next has to lie in tensors that the step reads and writes in place. What it does in
Python, such as a number that it computes or a branch that it takes, is done once, while recording.
"""

import weakref
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from torchnet.engine.variants import comes_to, out_variants

_aten = torch.ops.aten
_COPIES = (_aten._to_copy.default, _aten.clone.default)
# What comes out depends on the shapes and dtypes of what goes in, not on the numbers.
_CONSTANTS = ("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full")


class CaptureError(RuntimeError):
    """A step does what cannot be replayed."""


class Tape:
    """The operations of a step, recorded by taking it once; works on any device.

    Args:
        step: takes the step.

    Raises:
        CaptureError: if the step reads a number off a tensor, draws random numbers, or makes a tensor whose shape
            depends on the numbers in others.
    """

    def __init__(self, step: Callable[[], Any]) -> None:
        self.calls: list[Callable[[], Any]] = []
        self.allocating: set[str] = set()  # operations that cannot write into memory which is already there
        recorder = _Recorder(self)
        with torch.no_grad(), recorder:
            step()
        recorder.stop_watching()

    @torch.inference_mode()
    def replay(self) -> None:
        """Take the step again, on the numbers that its tensors hold by now."""
        for call in self.calls:
            call()


class _Recorder(TorchDispatchMode):
    """Note each operation on the tape as it is done, and choose the memory in which its result lies.

    Memory that the step has let go of is used for its next result of that size: Python's reference counts say when. In
    the replay, which keeps the order, it is free at the same place.
    """

    def __init__(self, tape: Tape) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch does not annotate it
        self.tape = tape
        self.buffers: dict[int, Tensor] = {}  # by address; the tape refers to them, the step to aliases of them
        self.aliases: dict[int, int] = defaultdict(int)  # how many of these the step holds
        self.free: dict[tuple[torch.dtype, int], list[Tensor]] = defaultdict(list)
        self.watches: list[weakref.finalize[Any, Any]] = []

    def stop_watching(self) -> None:
        """Let go of this recorder what the step has left behind, such as `.grad`: it may outlive the tape."""
        for watch in self.watches:
            watch.detach()

    def __torch_dispatch__(self, func: OpOverload, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        _refuse(func, args)
        result = func(*args, **kwargs)
        # What torch.tensor makes comes by as an argument, but is as new as a result.
        given = set() if func is _aten.lift_fresh.default else set(map(_address, _tensors((args, kwargs))))
        made = _made(result, given)
        if not made:  # an update in place, or a view, which stays one
            if func._schema.is_mutable:
                self._note(func._op, *args, **kwargs)
            return tree_map(self._hand_out, result)
        buffers = [self._buffer(tensor) for tensor in made]
        name = func._schema.name.removeprefix("aten::")
        if name.startswith("empty") or name == "new_empty":
            pass
        elif not given or name in _CONSTANTS:
            for buffer in buffers:
                self._note(buffer.copy_, buffer.clone())
        elif func in _COPIES:
            self._note(buffers[0].copy_, args[0])
        elif variant := next((v for v in out_variants(func) if comes_to(buffers, *v, args, kwargs)), None):
            write, names = variant
            self._note(write, *args, **kwargs, **dict(zip(names, buffers, strict=True)))
        else:
            self.tape.allocating.add(str(func))
            self._note(partial(_copy_results, func, given, buffers), *args, **kwargs)
        replaced = dict(zip(map(_address, made), buffers, strict=True))
        return tree_map(lambda leaf: self._hand_out(leaf, replaced), result)

    def _note(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        # Not the step's own tensors but others in the same place: the tape must not keep alive what the step lets go.
        args, kwargs = tree_map(
            lambda leaf: leaf.detach() if isinstance(leaf, Tensor) and _address(leaf) in self.buffers else leaf,
            (args, kwargs),
        )
        self.tape.calls.append(partial(call, *args, **kwargs))

    def _buffer(self, made: Tensor) -> Tensor:
        """Return memory that holds what was made: some that has become free, or else where it lies."""
        free = self.free[made.dtype, made.numel()]
        return free.pop().view(made.shape).copy_(made) if free and made.is_contiguous() else made

    def _hand_out(self, leaf: Any, replaced: dict[int, Tensor] | None = None) -> Any:
        """Return a tensor for the step to hold, and count it until the step lets it go."""
        if not isinstance(leaf, Tensor):
            return leaf
        address = _address(leaf)
        if replaced and address in replaced:
            buffer = replaced[address]
            address = _address(buffer)
            self.buffers[address] = buffer
            leaf = buffer.detach()
        if address in self.buffers:
            self.aliases[address] += 1
            self.watches.append(weakref.finalize(leaf, self._let_go, address))
        return leaf

    def _let_go(self, address: int) -> None:
        self.aliases[address] -= 1
        buffer = self.buffers[address]
        if self.aliases[address] == 0 and buffer.is_contiguous():
            self.free[buffer.dtype, buffer.numel()].append(buffer)


def _tensors(tree: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor))


def _made(result: Any, given: set[int]) -> list[Tensor]:
    """Return the tensors that are neither views of those that were given nor empty."""
    return [tensor for tensor in _tensors(result) if tensor.numel() > 0 and _address(tensor) not in given]


def _refuse(func: OpOverload, args: Any) -> None:
    """Raise a CaptureError if an operation cannot be replayed."""
    if torch.Tag.data_dependent_output in func.tags:
        raise CaptureError("a captured step cannot read a number off a tensor (.item(), float, if): keep it there")
    if torch.Tag.nondeterministic_seeded in func.tags:
        raise CaptureError(f"a captured step cannot draw random numbers, as {func} does")
    # An index may be a mask, which makes as many elements as it has ones.
    by_numbers = func is _aten.index.Tensor and all(index.dtype == torch.int64 for index in _tensors(args[1]))
    if torch.Tag.dynamic_output_shape in func.tags and not by_numbers:
        raise CaptureError(f"a captured step cannot make tensors of a shape that depends on numbers, as {func} does")


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _copy_results(func: OpOverload, given: set[int], buffers: list[Tensor], *args: Any, **kwargs: Any) -> None:
    for buffer, tensor in zip(buffers, _made(func(*args, **kwargs), given), strict=True):
        buffer.copy_(tensor)
