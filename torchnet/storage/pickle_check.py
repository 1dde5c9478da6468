"""Check that a pickle builds only a tree of plain values and plain tensors, without running it.

A pickle is a program for a stack machine. `torch.load(weights_only=True)` runs it with few instructions and calls only
functions that torch allows. The machine here knows even fewer instructions and calls nothing. It accepts a pickle only
if the result is a tree of limited size and depth in which nothing is shared and each tensor fills its own storage.
"""

import math
import pickletools
from collections.abc import Iterator
from typing import Any

from torchnet.storage.contents import ATOMS, DTYPES, MAX_DEPTH, is_key

_MAX_INSTRUCTIONS = 1_000_000
_MAX_DIMENSIONS = 64  # the most that torch supports
_REBUILD = "torch._utils _rebuild_tensor_v2"
_ORDERED_DICT = "collections OrderedDict"
_ITEMSIZES = {f"torch {name}": dtype.itemsize for dtype, name in DTYPES.items()}
_GLOBALS = {_REBUILD, _ORDERED_DICT, *_ITEMSIZES}

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, type] = {"EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict}
_ITEM_COUNTS = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3, "APPEND": 1, "SETITEM": 2}  # others take all after a mark


class _Global(str):
    """Stands on the stack for a function or a class: its name."""


class _Storage(int):
    """Stands on the stack for a storage: its number of elements."""


_NO_HOOKS = object()  # the empty OrderedDict of backward hooks that each tensor has
_TENSOR = object()


def check_pickle(content: bytes, storages: list[int]) -> None:
    """Raise a ValueError if a pickle does anything else than build a tree of plain values and plain tensors.

    `storages` are the sizes of the storages in the same file, in bytes.
    """
    machine = _Machine(storages)
    try:
        for count, (opcode, argument, position) in enumerate(_instructions(content)):
            _expect(count < _MAX_INSTRUCTIONS, "too many instructions")
            if opcode.name == "STOP":
                _expect(position == len(content) - 1, "one with trailing bytes")
            else:
                machine.run(opcode.name, argument)
        _check_tree(machine.result())
    except ValueError as error:
        raise ValueError(f"expected a pickle of plain values and tensors, got {error}") from error


def _instructions(content: bytes) -> Iterator[tuple[pickletools.OpcodeInfo, Any, int | None]]:
    try:
        yield from pickletools.genops(content)
    except ValueError as error:
        raise ValueError("an invalid instruction") from error


class _Machine:
    def __init__(self, storages: list[int]) -> None:
        self.storages = storages
        self.used = 0
        self.stack: list[Any] = []
        self.outer: list[list[Any]] = []  # what was on the stack before each mark
        self.memo: list[Any] = []

    def run(self, instruction: str, argument: Any) -> None:
        push = self.stack.append
        match instruction:
            case "PROTO":
                _expect(argument == 2, f"protocol {argument}")
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT" | "BINUNICODE":
                push(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                push(_CONSTANTS[instruction])
            case "EMPTY_TUPLE" | "EMPTY_LIST" | "EMPTY_DICT":
                push(_EMPTY[instruction]())
            case "MARK":
                self.outer.append(self.stack)
                self.stack = []
            case "TUPLE" | "TUPLE1" | "TUPLE2" | "TUPLE3":
                items = self.pop_items(instruction)
                self.stack.append(tuple(items))
            case "APPEND" | "APPENDS":
                items = self.pop_items(instruction)
                self.top(list).extend(items)
            case "SETITEM" | "SETITEMS":
                items = self.pop_items(instruction)
                _set_items(self.top(dict), items)
            case "BINPUT" | "LONG_BINPUT":
                _expect(argument == len(self.memo), "one that memoizes out of order")
                self.memo.append(self.top())
            case "BINGET" | "LONG_BINGET":
                value = self.memo[argument] if argument < len(self.memo) else None
                _expect(isinstance(value, str), "a shared value")  # only strings and globals, which are immutable
                push(value)
            case "GLOBAL":
                _expect(argument in _GLOBALS, f"the global {argument[:80]!r}")
                push(_Global(argument))
            case "BINPERSID":
                push(self.storage(self.pop(tuple)))
            case "REDUCE":
                arguments = self.pop(tuple)
                push(_call(self.pop(_Global), arguments))
            case _:
                raise ValueError(f"the instruction {instruction}")

    def result(self) -> Any:
        contents = self.pop(dict)
        _expect(not self.stack and not self.outer and self.used == len(self.storages), "unused values or storages")
        return contents

    def top(self, kind: type = object) -> Any:
        _expect(bool(self.stack) and kind in (object, type(self.stack[-1])), "an instruction without its value")
        return self.stack[-1]

    def pop(self, kind: type = object) -> Any:
        value = self.top(kind)
        del self.stack[-1]
        return value

    def pop_items(self, instruction: str) -> list[Any]:
        """Pop the items that an instruction adds to a container."""
        if instruction in _ITEM_COUNTS:
            return [self.pop() for _ in range(_ITEM_COUNTS[instruction])][::-1]
        _expect(bool(self.outer), "an instruction without its mark")
        items, self.stack = self.stack, self.outer.pop()
        return items

    def storage(self, identity: tuple[Any, ...]) -> _Storage:
        match identity:
            case ("storage", _Global() as name, key, "cpu", numel) if name in _ITEMSIZES and _is_count(numel):
                size = numel * _ITEMSIZES[name]
                if key == str(self.used) and self.storages[self.used : self.used + 1] == [size]:
                    self.used += 1
                    return _Storage(numel)
        raise ValueError("a tensor without its own storage")


def _call(function: _Global, arguments: tuple[Any, ...]) -> Any:
    if function == _ORDERED_DICT and not arguments:
        return _NO_HOOKS
    match arguments:
        case (_Storage() as numel, offset, tuple(sizes), tuple(strides), False, hooks) if function == _REBUILD:
            if hooks is _NO_HOOKS and _is_count(offset) and offset == 0 and _fills(numel, sizes, strides):
                return _TENSOR
    raise ValueError("a tensor that does not fill its storage")


def _set_items(target: dict[Any, Any], items: list[Any]) -> None:
    _expect(len(items) % 2 == 0, "a key without a value")
    for key, value in zip(items[::2], items[1::2], strict=True):
        _expect(is_key(key) and key not in target, "a key that is duplicate, or neither a string nor a small integer")
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
            _expect(depth < MAX_DEPTH, f"more than {MAX_DEPTH} nested containers")
            left += ((item, depth + 1) for item in (value.values() if type(value) is dict else value))
        else:
            _expect(value is _TENSOR or type(value) in ATOMS, "an object that is neither a plain value nor a tensor")


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
