"""Record the operations of a step once, and replay them into the same memory from then on.

An eager step allocates a tensor for every result, and Python runs the code of its layers each time. But each step runs
the same operations on tensors of the same shapes; only their values differ. So the step runs once while its operations
are recorded. A replay runs the recorded operations without the Python code, and each writes into the memory that it
wrote into the first time. The same kernels run in the same order on the same shapes, so the results have the same bits
as those of the eager step. On an NVIDIA GPU a CUDA graph does the same.

Everything that differs between steps must be in tensors that the step reads and writes in place. Python code of the
step, such as arithmetic on Python numbers or a branch, runs only once, while recording.
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

from torchnet.engine.variants import gives_same_results, out_variants

_aten = torch.ops.aten
_COPIES = (_aten._to_copy.default, _aten.clone.default)
# Operations whose results depend on the shapes and dtypes of their arguments, not on the values.
_CONSTANTS = ("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full")
# Operations on lists that are recorded tensor by tensor: none of them can write a list into existing memory.
_OF_EACH = {_aten._foreach_add.List: _aten.add.Tensor, _aten._foreach_mul.Tensor: _aten.mul.Tensor}
_OF_EACH |= {_aten._foreach_mul.Scalar: _aten.mul.Tensor}


class CaptureError(RuntimeError):
    """A step cannot be replayed."""


class Tape:
    """The operations of a step, recorded while it runs once; works on any device.

    Raises:
        CaptureError: if the step reads a value of a tensor into Python, draws random numbers, or makes a tensor whose
            shape depends on values.
    """

    def __init__(self, step: Callable[[], Any]) -> None:
        self.calls: list[Callable[[], Any]] = []
        self.allocating: set[str] = set()  # operations that cannot write into existing memory
        recorder = _Recorder(self)
        with torch.no_grad(), recorder:
            step()
        recorder.stop_watching()

    @torch.inference_mode()
    def replay(self) -> None:
        """Run the step again on the current values of its tensors."""
        for call in self.calls:
            call()


class _Recorder(TorchDispatchMode):
    """Record each operation on the tape when it runs, and choose the memory of its result.

    Memory that the step no longer refers to, according to Python's reference counts, is reused for its next result of
    the same size. A replay keeps the order of the operations, so the memory is free at the same place.
    """

    def __init__(self, tape: Tape) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch does not annotate it
        self.tape = tape
        self.buffers: dict[int, Tensor] = {}  # by address; the step gets aliases of them
        self.aliases: dict[int, int] = defaultdict(int)  # the number of aliases that the step refers to
        self.free: dict[tuple[torch.dtype, int], list[Tensor]] = defaultdict(list)
        self.watches: list[weakref.finalize[Any, Any]] = []
        self.remade: dict[int, _Remade] = {}  # results that every replay makes anew, by address

    def stop_watching(self) -> None:
        """Stop watching the tensors that outlive the step, such as `.grad`: they may outlive the tape."""
        for watch in self.watches:
            watch.detach()
        for address, remade in self.remade.items():
            remade.outlives_step = self.aliases[address] > 0

    def __torch_dispatch__(self, func: OpOverload, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _OF_EACH:
            tensors, other = args
            others = other if isinstance(other, list) else [other] * len(tensors)
            each = zip(tensors, others, strict=True)
            return [self.__torch_dispatch__(_OF_EACH[func], types, pair, kwargs) for pair in each]
        _refuse(func, args)
        result = func(*args, **kwargs)
        # The result of torch.tensor arrives as an argument, although it is new.
        given = set() if func is _aten.lift_fresh.default else set(map(_address, _tensors((args, kwargs))))
        made = _made(result, given)
        if not made:  # an update in place, or a view, which stays one
            if func._schema.is_mutable:
                self._note(func._op, *args, **kwargs)
            return tree_map(self._hand_out, result)
        buffers = self._record(func, result, made, bool(given), args, kwargs)
        replaced = dict(zip(map(_address, made), buffers, strict=True))
        return tree_map(lambda leaf: self._hand_out(leaf, replaced), result)

    def _record(
        self, func: OpOverload, result: Any, made: list[Tensor], has_inputs: bool, args: Any, kwargs: Any
    ) -> list[Tensor]:
        """Record an operation that makes tensors; return those that the replay writes to instead of them."""
        name = func._schema.name.removeprefix("aten::")
        is_empty, is_constant = name.startswith("empty") or name == "new_empty", not has_inputs or name in _CONSTANTS
        variant = None
        if not is_empty and not is_constant and func not in _COPIES:
            variant = next((v for v in out_variants(func) if gives_same_results(made, *v, args, kwargs)), None)
            if variant is None:
                self.tape.allocating.add(str(func))
                leaves = enumerate(tree_leaves(result))
                remade = {place: _Remade(leaf) for place, leaf in leaves if any(leaf is tensor for tensor in made)}
                self._note(partial(_remake, func, remade), *args, **kwargs)
                self.remade |= {_address(one.result): one for one in remade.values()}
                return made
        buffers = [self._buffer(tensor) for tensor in made]
        if is_constant and not is_empty:
            for buffer in buffers:
                self._note(buffer.copy_, buffer.clone())
        elif func in _COPIES:
            self._note(buffers[0].copy_, args[0])
        elif variant is not None:
            write, names = variant
            self._note(write, *args, **kwargs, **dict(zip(names, buffers, strict=True)))
        return buffers

    def _note(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        # Record aliases of the step's tensors: the tape must not keep the tensors themselves alive.
        args, kwargs = tree_map(self._alias, (args, kwargs))
        self.tape.calls.append(partial(call, *args, **kwargs))

    def _alias(self, leaf: Any) -> Any:
        if not isinstance(leaf, Tensor) or _address(leaf) not in self.buffers:
            return leaf
        alias = leaf.detach()
        if remade := self.remade.get(_address(leaf)):
            remade.readers.append(alias)
        return alias

    def _buffer(self, made: Tensor) -> Tensor:
        """Return a buffer with the values of a new tensor: reused memory if some is free, else the tensor itself."""
        free = self.free[made.dtype, made.numel()]
        return free.pop().as_strided(made.shape, made.stride()).copy_(made) if free and _is_dense(made) else made

    def _hand_out(self, leaf: Any, replaced: dict[int, Tensor] | None = None) -> Any:
        """Return a tensor for the step, and count it until the step no longer refers to it."""
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
            self.watches.append(weakref.finalize(leaf, self._release, address))
        return leaf

    def _release(self, address: int) -> None:
        self.aliases[address] -= 1
        buffer = self.buffers[address]
        if self.aliases[address] > 0:
            return
        if address in self.remade:
            self.tape.calls.append(self.remade[address].free)
        elif _is_dense(buffer):
            self.free[buffer.dtype, buffer.numel()].append(buffer)


def _tensors(tree: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor))


def _made(result: Any, given: set[int]) -> list[Tensor]:
    """Return the tensors that are not empty and no views of given ones."""
    return [tensor for tensor in _tensors(result) if tensor.numel() > 0 and _address(tensor) not in given]


def _refuse(func: OpOverload, args: Any) -> None:
    """Raise a CaptureError if an operation cannot be replayed."""
    if torch.Tag.data_dependent_output in func.tags:
        raise CaptureError(
            "a captured step cannot read a number off a tensor (.item(), float, if): keep it in the tensor"
        )
    if torch.Tag.nondeterministic_seeded in func.tags:
        raise CaptureError(f"a captured step cannot draw random numbers, as {func} does")
    # An index may be a mask, and then the number of its ones decides the shape of the result.
    by_numbers = func is _aten.index.Tensor and all(index.dtype == torch.int64 for index in _tensors(args[1]))
    if torch.Tag.dynamic_output_shape in func.tags and not by_numbers:
        raise CaptureError(f"a captured step cannot make tensors of a shape that depends on numbers, as {func} does")


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


class _Remade:
    """A result that cannot be written into existing memory: every replay makes it anew.

    Attributes:
        result: the tensor that the step has made.
        readers: the aliases of it that recorded operations read or write. They may be views.
        outlives_step: whether the step has stored it, as in `.grad`.
    """

    def __init__(self, result: Tensor) -> None:
        self.result, self.readers, self.outlives_step = result, list[Tensor](), False
        self.memory = result.untyped_storage()

    def free(self) -> None:
        """Free the memory where the step frees it, so that the next result is made in what is in the cache."""
        self.memory.resize_(0)

    def update(self, again: Tensor) -> None:
        """Give the result the values of another replay."""
        if self.outlives_step:
            self.result.copy_(again)
            return
        self.memory = again.untyped_storage()  # not copied, since the result of a convolution is large
        for reader in self.readers:
            reader.set_(self.memory, reader.storage_offset(), reader.size(), reader.stride())


def _remake(func: OpOverload, remade: dict[int, _Remade], *args: Any, **kwargs: Any) -> None:
    leaves = tree_leaves(func(*args, **kwargs))
    for place, one in remade.items():
        one.update(leaves[place])


def _is_dense(tensor: Tensor) -> bool:
    """Whether a tensor fills its memory, in any order of dimensions."""
    return tensor.untyped_storage().nbytes() == tensor.nbytes
