"""Check that a pickle builds only a tree of plain values and plain tensors, without running it.

A pickle is a program for a stack machine. `torch.load(weights_only=True)` runs it with few instructions and calls only
functions that torch allows. The machine here knows even fewer instructions and calls nothing. It accepts a pickle only
if the result is a tree of limited size and depth in which nothing is shared and each tensor fills its own storage.
"""

import io
import math
import pickletools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from torchnet.storage.contents import ATOMS, DTYPES, MAX_DEPTH, is_key

_MAX_INSTRUCTIONS = 1_000_000
_MAX_DIMENSIONS = 64  # the most that torch supports
_INSTRUCTIONS = (
    "PROTO GLOBAL BINPERSID REDUCE STOP MARK BINPUT LONG_BINPUT BINGET LONG_BINGET "
    "NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT BINUNICODE "
    "EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST APPEND APPENDS EMPTY_DICT SETITEM SETITEMS"
)
_OPCODES = {
    opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes if opcode.name in _INSTRUCTIONS.split()
}
_REBUILD = "torch._utils _rebuild_tensor_v2"
_ORDERED_DICT = "collections OrderedDict"
_ITEMSIZES = {f"torch {name}": dtype.itemsize for dtype, name in DTYPES.items()}
_GLOBALS = {_REBUILD, _ORDERED_DICT, *_ITEMSIZES}

# Stand on the stack for objects other than plain values.
_MARK = object()  # the start of the items of a container
_NO_HOOKS = object()  # the empty OrderedDict of backward hooks that each tensor has
_TENSOR = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "MARK": _MARK}
_EMPTY: dict[str, type] = {"EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict}


@dataclass(frozen=True)
class _Global:
    name: str


@dataclass(frozen=True)
class _Storage:
    numel: int


def check_pickle(content: bytes, storages: list[int]) -> None:
    """Check that a pickle builds a tree of plain values and plain tensors.

    Args:
        content: the pickle.
        storages: the sizes of the storages in the same file, in bytes.

    Raises:
        ValueError: if the pickle does anything else.
    """
    machine = _Machine(storages)
    for instruction, argument in _instructions(content):
        machine.run(instruction, argument)
    _check_tree(machine.result())


def _instructions(content: bytes) -> Iterator[tuple[str, Any]]:
    stream = io.BytesIO(content)
    for _ in range(_MAX_INSTRUCTIONS):
        opcode = _OPCODES.get(stream.read(1))
        if opcode is None:
            _refuse(f"a forbidden instruction at byte {stream.tell() - 1}")
        if opcode.name == "STOP":
            break
        try:
            argument = None if opcode.arg is None else opcode.arg.reader(stream)
        except ValueError as error:
            _refuse(f"an invalid argument of {opcode.name}", error)
        yield opcode.name, argument
    else:
        _refuse(f"more than {_MAX_INSTRUCTIONS} instructions")
    if stream.read(1):
        _refuse("one with trailing bytes")


class _Machine:
    def __init__(self, storages: list[int]) -> None:
        self.storages = storages
        self.used = 0
        self.stack: list[Any] = []
        self.memo: list[Any] = []

    def run(self, instruction: str, argument: Any) -> None:
        push = self.stack.append
        match instruction:
            case "PROTO":
                if argument != 2 or self.stack:
                    _refuse(f"protocol {argument}")
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT" | "BINUNICODE":
                push(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE" | "MARK":
                push(_CONSTANTS[instruction])
            case "EMPTY_TUPLE" | "EMPTY_LIST" | "EMPTY_DICT":
                push(_EMPTY[instruction]())
            case "TUPLE":
                push(tuple(self.pop_to_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                push(tuple(reversed([self.pop() for _ in range(int(instruction[-1]))])))
            case "APPEND" | "APPENDS":
                items = [self.pop()] if instruction == "APPEND" else self.pop_to_mark()
                self.top(list).extend(items)
            case "SETITEM" | "SETITEMS":
                items = [self.pop(), self.pop()][::-1] if instruction == "SETITEM" else self.pop_to_mark()
                _set_items(self.top(dict), items)
            case "BINPUT" | "LONG_BINPUT":
                if argument != len(self.memo):
                    _refuse("one that memoizes out of order")
                self.memo.append(self.top(object))
            case "BINGET" | "LONG_BINGET":
                push(self.recall(argument))
            case "GLOBAL":
                if argument not in _GLOBALS:
                    _refuse(f"the global {argument[:80]!r}")
                push(_Global(argument))
            case "BINPERSID":
                push(self.storage(self.pop(tuple)))
            case "REDUCE":
                arguments = self.pop(tuple)
                push(self.call(self.pop(_Global).name, arguments))

    def result(self) -> Any:
        contents = self.pop(dict)
        if self.stack or self.used != len(self.storages):
            _refuse("one with unused values or storages")
        return contents

    def top(self, kind: type) -> Any:
        value = self.stack[-1] if self.stack else _MARK
        if value is _MARK or (kind is not object and type(value) is not kind):
            _refuse(f"an instruction without its {'value' if kind is object else kind.__name__.strip('_').lower()}")
        return value

    def pop(self, kind: type = object) -> Any:
        value = self.top(kind)
        del self.stack[-1]
        return value

    def pop_to_mark(self) -> list[Any]:
        items = []
        while self.stack and self.stack[-1] is not _MARK:
            items.append(self.stack.pop())
        if not self.stack:
            _refuse("an instruction without its mark")
        del self.stack[-1]
        return items[::-1]

    def recall(self, index: int) -> Any:
        value = self.memo[index] if index < len(self.memo) else None
        if type(value) not in (str, _Global):  # strings and globals are immutable, so only they may be shared
            _refuse("a value that is shared")
        return value

    def storage(self, identity: tuple[Any, ...]) -> _Storage:
        match identity:
            case ("storage", _Global(name), key, "cpu", numel) if name in _ITEMSIZES and self.used < len(self.storages):
                size = self.storages[self.used]
                if key == str(self.used) and _is_count(numel) and numel * _ITEMSIZES[name] == size:
                    self.used += 1
                    return _Storage(numel)
        _refuse("a tensor without its own storage")

    def call(self, name: str, arguments: tuple[Any, ...]) -> Any:
        if name == _ORDERED_DICT and not arguments:
            return _NO_HOOKS
        match arguments:
            case (_Storage(numel), offset, tuple(sizes), tuple(strides), False, hooks) if name == _REBUILD:
                if hooks is _NO_HOOKS and _is_count(offset) and offset == 0 and _fills(numel, sizes, strides):
                    return _TENSOR
        _refuse("a tensor that does not fill its storage")


def _set_items(target: dict[Any, Any], items: list[Any]) -> None:
    if len(items) % 2:
        _refuse("a key without a value")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not is_key(key) or key in target:
            _refuse("a key that is duplicate, or neither a string nor a small integer")
        target[key] = value


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _fills(numel: int, sizes: tuple[Any, ...], strides: tuple[Any, ...]) -> bool:
    """Return whether a tensor of these sizes and strides is contiguous and has `numel` elements."""
    if len(sizes) > _MAX_DIMENSIONS or not all(map(_is_count, (*sizes, *strides))):
        return False
    contiguous = tuple(math.prod(max(size, 1) for size in sizes[i + 1 :]) for i in range(len(sizes)))
    return math.prod(sizes) == numel and strides == contiguous


def _check_tree(contents: Any) -> None:
    """Check the depth and the types of the result, without recursion."""
    left = [(contents, 0)]
    while left:
        value, depth = left.pop()
        if type(value) in (dict, list, tuple):
            if depth == MAX_DEPTH:
                _refuse(f"more than {MAX_DEPTH} nested containers")
            left += ((item, depth + 1) for item in (value.values() if type(value) is dict else value))
        elif value is not _TENSOR and type(value) not in ATOMS:
            _refuse("an object that is neither a plain value nor a tensor")


def _refuse(found: str, cause: Exception | None = None) -> NoReturn:
    raise ValueError(f"expected a pickle of plain values and tensors, got {found}") from cause
