"""Hostile checkpoints. Each has a correct digest, so another check must refuse it."""

import io
import os
import pickle
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from torchnet.storage.checkpoint import add_digest

from .forge import ONE_FLOAT, archive, sealed, usual


class Calls:
    """An object that is unpickled by calling a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return self.call


def hostile_contents(canary: Path) -> Iterator[tuple[str, bytes]]:
    """Yield each hostile checkpoint. Those that run code create the canary file."""
    for name, content in _pickles(canary):
        yield name, sealed(content, [ONE_FLOAT] if STORAGE in content else [])
    yield from _tensors()
    yield from _archives()
    yield from _other_files(canary)


def large_contents() -> Iterator[tuple[str, bytes]]:
    """Yield hostile checkpoints that are slow to build, so the test suite omits them."""
    yield "two million instructions", sealed(b"\x80\x02}X\x01\0\0\0k]" + b"(e" * 1_000_000 + b"s.")
    yield "20 MB of text", sealed(b"\x80\x02}X\x01\0\0\0k" + _text("x" * 20_000_000) + b"s.")
    yield "200 MB of instructions", sealed(b"\x80\x02" + b"]" * 200_000_000)
    yield "a bomb of 1 GB", add_digest(_zipped({"data.pkl": bytes(10**9)}, zipfile.ZIP_DEFLATED))


def _pickles(canary: Path) -> Iterator[tuple[str, bytes]]:
    """Yield pickles. Some refer to a storage of one float."""
    touch = f"touch {canary}"
    create = f"open({str(canary)!r}, 'w')"
    calls = {
        "os.system": Calls(os.system, touch),
        "exec": Calls(exec, create),
        "eval": Calls(eval, create),
        "open": Calls(open, str(canary), "w"),
        "torch.load": Calls(torch.load, str(canary)),
        "getattr": Calls(getattr, "", "format"),
        "Path.touch": Calls(Path.touch, canary),
    }
    for protocol in range(6):
        for name, call in calls.items():
            yield f"{name}, protocol {protocol}", pickle.dumps({"state_dict": call}, protocol)
    command = touch.encode()
    text = b"X" + struct.pack("<I", len(command)) + command
    for name, body in {
        "GLOBAL": b"cos\nsystem\n(" + text + b"tR",
        "STACK_GLOBAL": b"\x8c\x02os\x8c\x06system\x93(" + text + b"tR",
        "INST": b"(" + text + b"ios\nsystem\n",
        "OBJ": b"(cos\nsystem\n" + text + b"o",
        "NEWOBJ": b"ccollections\nOrderedDict\n)\x81",
        "NEWOBJ_EX": b"ccollections\nOrderedDict\n)}\x92",
        "BUILD": b"ccollections\nOrderedDict\n)R}(X\x01\0\0\0aK\x01ub",
        "BUILD of a tensor": TENSOR + b"(K\x01tb",
        "EXT1": b"\x82\x01",
        "EXT2": b"\x83\x01\0",
        "EXT4": b"\x84\x01\0\0\0",
        "PERSID": b"Pos.system\n",
        "a numeric persistent id": b"K\x00Q",
        "a textual persistent id": text + b"Q",
        "a persistent id of a module": b"(X\x06\0\0\0modulecos\nsystem\nX\x01\0\0\0aX\x01\0\0\0btQ",
        "a global that torch allows": b"ctorch\nfloat32\n",
        "a class among the values": b"ctorch\nFloatStorage\n",
        "an empty OrderedDict among the values": b"ccollections\nOrderedDict\n)R",
        "a storage among the values": STORAGE,
        "getattr of torch": b"ctorch.serialization\nload\n(" + text + b"tR",
        "a dtype by name": b"ctorch._utils\n_rebuild_tensor_v3\n)R",
        "a set": b"\x8f",
        "bytes": b"C\x01a",
        "a bytearray": b"\x96\x01\0\0\0\0\0\0\0a",
        "STRING with an escape": b"S'\\q'\n",
        "INT": b"I1\n",
        "FLOAT": b"F1\n",
        "LONG": b"L1L\n",
        "LONG4 of 2 GB": b"\x8b\xff\xff\xff\x7f",
        "LONG4 of negative length": b"\x8b\xff\xff\xff\xff",
        "BINUNICODE of 4 GB": b"X\xff\xff\xff\xff",
        "BINUNICODE8 of 8 EB": b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f",
        "BINBYTES8 of 8 EB": b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
        "FRAME": b"\x95\0\0\0\0\0\0\0\0K\x01",
        "DUP": b"]2a",
        "POP": b"K\x01K\x020",
        "POP_MARK": b"K\x01(K\x021",
        "100,000 nested lists": b"]" * 100_000 + b"a" * 99_999,
        "100,000 nested tuples": b"K\x01" + b"\x85" * 100_000,
        "100,000 nested dicts": b"}X\x01\0\0\0a" * 100_000 + b"K\x01" + b"s" * 100_000,
        "33 nested containers": b"]" * 32 + b"a" * 31,
        "a key of 100,000 nested tuples": b"}K\x01" + b"\x85" * 100_000 + b"K\x01s",
        "a float key": b"}G" + bytes(8) + b"K\x01s",
        "a None key": b"}NK\x01s",
        "a True key": b"}\x88K\x01s",
        "a duplicate key": b"}(K\x01K\x02K\x01K\x03u",
        "a key without a value": b"}(K\x01K\x02K\x03u",
        "colliding keys": b"}(" + b"".join(_long(n * (2**61 - 1)) + b"N" for n in range(1, 50_000)) + b"u",
        "a memo bomb of lists": b"]q\x02" + b"".join(b"](h%ch%ceq%c" % (i, i, i + 1) for i in range(2, 34)),
        "a memo bomb of tuples": b")q\x02" + b"".join(b"(h%ch%ctq%c" % (i, i, i + 1) for i in range(2, 34)),
        "a list that contains itself": b"]q\x02h\x02a",
        "a dict that contains itself": b"}q\x02K\x01h\x02s",
        "a memo with a gap": b"]q\x09",
        "a memo index of 4 billion": b"]r\xff\xff\xff\xff",
        "an unknown memo index": b"h\x63",
        "appending to a tensor": TENSOR + b"K\x01a",
        "setting an item of a tensor": TENSOR + b"K\x00K\x01s",
        "setting an item of a list": b"](K\x00K\x01u",
        "appending to a dict": b"}K\x01a",
        "appending across a mark": b"](K\x01a",
        "protocol 4": b"\x80\x04K\x01",
        "an empty stack": b"a",
        "a tuple of too few items": b"\x87",
        "no mark": b"t",
    }.items():
        yield name, b"\x80\x02}q\0X\x01\0\0\0kq\x01" + body + b"s."
    yield "no STOP", b"\x80\x02}"
    yield "instructions after STOP", b"\x80\x02}." + b"cos\nsystem\n"
    yield "two values", b"\x80\x02}}."
    yield "not a dict", b"\x80\x02]."
    yield "an empty pickle", b""


def _long(number: int) -> bytes:
    encoded = number.to_bytes(12, "little")
    return b"\x8a" + bytes([len(encoded)]) + encoded


def _text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def _tuple(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def _int(value: int) -> bytes:
    return b"J" + struct.pack("<i", value) if abs(value) < 2**31 else _long_signed(value)


def _long_signed(value: int) -> bytes:
    return b"\x8a\x0a" + value.to_bytes(10, "little", signed=True)


def storage(kind: str = "FloatStorage", key: str = "0", location: str = "cpu", numel: int = 1) -> bytes:
    """Return the instructions that load a storage."""
    return _tuple(_text("storage"), f"ctorch\n{kind}\n".encode(), _text(key), _text(location), _int(numel)) + b"Q"


def tensor(
    of: bytes = b"",
    offset: bytes = b"K\0",
    sizes: tuple[int, ...] = (1,),
    strides: tuple[int, ...] = (1,),
    gradient: bytes = b"\x89",
    hooks: bytes = b"ccollections\nOrderedDict\n)R",
    rebuild: str = "torch._utils\n_rebuild_tensor_v2",
    more: bytes = b"",
    sizes_are: bytes = b"",
) -> bytes:
    """Return the instructions that build a tensor."""
    shape = (sizes_are or _tuple(*map(_int, sizes))) + _tuple(*map(_int, strides))
    return f"c{rebuild}\n".encode() + _tuple(of or storage(), offset, shape, gradient, hooks, more) + b"R"


STORAGE, TENSOR = storage(), tensor()


def _tensors() -> Iterator[tuple[str, bytes]]:
    """Yield tensors that misstate their storage. The file has one storage, of one float."""
    sizes = {f"of sizes {s}": {"sizes": s, "strides": (1,) * len(s)} for s in [(2,), (0,), (-1,), (2**62, 4), (1, 2)]}
    strides = {f"of strides {s}": {"strides": s} for s in [(0,), (2,), (-1,), (), (1, 1), (2**62,)]}
    lies = {
        "a storage with too many elements": {"of": storage(numel=2)},
        "a storage with a trillion elements": {"of": storage(numel=2**40)},
        "a storage with too few elements": {"of": storage(numel=0)},
        "a storage with -1 elements": {"of": storage(numel=-1)},
        "a storage with True elements": {"of": storage().replace(_int(1), b"\x88")},
        "a storage of another type": {"of": storage("DoubleStorage")},
        "a storage of complex numbers": {"of": storage("ComplexFloatStorage")},
        "a storage of quantized numbers": {"of": storage("QInt8Storage", numel=4)},
        "a storage of no type": {"of": storage("UntypedStorage", numel=4)},
        "a missing storage": {"of": storage(key="1")},
        "a storage outside of the folder": {"of": storage(key="../data/0")},
        "a storage on a GPU": {"of": storage(location="cuda:0")},
        "a storage on meta": {"of": storage(location="meta")},
        "an offset of 1": {"offset": b"K\1"},
        "an offset of -1": {"offset": _int(-1)},
        "an offset of False": {"offset": b"\x89"},
        "an offset of 2 ** 62": {"offset": _int(2**62)},
        "a gradient": {"gradient": b"\x88"},
        "hooks": {"hooks": b"}"},
        "metadata": {"more": b"}"},
        "65 dimensions": {"sizes": (1,) * 65, "strides": (1,) * 65},
        "300,000 dimensions": {"sizes": (1,) * 300_000, "strides": (1,) * 300_000},
        "sizes that are a storage": {"sizes_are": storage(key="1")},
        "an older version": {"rebuild": "torch._utils\n_rebuild_tensor"},
        "a newer version": {"rebuild": "torch._utils\n_rebuild_tensor_v3", "more": b"ctorch\nfloat32\n"},
        "a quantized tensor": {"rebuild": "torch._utils\n_rebuild_qtensor"},
        "a sparse tensor": {"rebuild": "torch._utils\n_rebuild_sparse_tensor"},
        "a nested tensor": {"rebuild": "torch._utils\n_rebuild_nested_tensor"},
        "a meta tensor": {"rebuild": "torch._utils\n_rebuild_meta_tensor_no_storage"},
        "a tensor of a subclass": {"rebuild": "torch._tensor\n_rebuild_from_type_v2"},
        "a parameter": {"rebuild": "torch._utils\n_rebuild_parameter"},
    }
    for name, lie in (sizes | strides | lies).items():
        storages = [ONE_FLOAT] * (2 if "sizes_are" in lie else 1)
        yield f"tensor: {name}", sealed(b"\x80\x02}X\x01\0\0\0k" + tensor(**lie) + b"s.", storages)
    two = b"\x80\x02}(X\x01\0\0\0a" + TENSOR + b"X\x01\0\0\0b" + TENSOR + b"u."
    yield "tensor: two with one storage", sealed(two, [ONE_FLOAT])
    yield "tensor: an unused storage", sealed(b"\x80\x02}.", [ONE_FLOAT])
    for name, contents in {
        "saved: quantized": _quantized(),
        "saved: sparse": torch.ones(3).to_sparse(),
        "saved: overlapping": torch.ones(1).expand(1000),
        "saved: a part of a storage": torch.ones(10)[2:4],
        "saved: transposed": torch.ones(2, 3).T,
        "saved: complex": torch.ones(3, dtype=torch.complex64),
        "saved: a parameter": nn.Parameter(torch.ones(3)),
        "saved: needs a gradient": torch.ones(3, requires_grad=True),
        "saved: on meta": torch.ones(3, device="meta"),
        "saved: a size": torch.Size([1]),
        "saved: a dtype": torch.float32,
        "saved: a device": torch.device("cpu"),
    }.items():
        yield name, add_digest(_saved({"k": contents}))


def _archives() -> Iterator[tuple[str, bytes]]:
    pickle_of_tensor = b"\x80\x02}X\x01\0\0\0k" + TENSOR + b"s."
    right = usual(pickle_of_tensor, [ONE_FLOAT])
    renamed = {
        "a name outside of the folder": ("data/0", "../0"),
        "an absolute name": ("data/0", "/data/0"),
        "a name in capitals": ("data.pkl", "DATA.PKL"),
        "TorchScript": (".format_version", "constants.pkl"),
        "code": (".format_version", "code/a.py"),
    }
    for name, (old, new) in renamed.items():
        yield f"archive: {name}", add_digest(archive({new if key == old else key: right[key] for key in right}))
    changed = {
        "big-endian": {"byteorder": b"big"},
        "another byte order": {"byteorder": b"middle"},
        "another version": {"version": b"9\n"},
        "another format": {".format_version": b"2"},
        "another alignment": {".storage_alignment": b"0"},
        "an additional member": {"constants.pkl": b""},
    }
    for name, change in changed.items():
        yield f"archive: {name}", add_digest(archive(right | change))
    for name in right:
        yield f"archive: without {name}", add_digest(archive({key: right[key] for key in right if key != name}))
    yield "archive: another order", add_digest(archive(dict(reversed(right.items()))))
    good = archive(right)
    yield "archive: leading bytes", add_digest(b"MZ" + good)
    yield "archive: a byte between records", add_digest(good.replace(b"PK\x01\x02", b"\0PK\x01\x02", 1))
    yield "archive: another size in a header", add_digest(good[:18] + b"\1" + good[19:])
    yield "archive: a flag", add_digest(good[:6] + b"\1" + good[7:])
    yield "archive: a count of 2 ** 63", add_digest(good[:-66] + struct.pack("<Q", 2**63) * 2 + good[-50:])
    yield "archive: a directory of 2 ** 63", add_digest(good[:-58] + struct.pack("<Q", 2**63) + good[-50:])
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA):
        yield f"archive: of Python, method {method}", add_digest(_zipped(right, method))
    yield "archive: a bomb", add_digest(_zipped(right | {"data/0": bytes(10**7)}, zipfile.ZIP_DEFLATED))
    yield "archive: empty", add_digest(_zipped({}, zipfile.ZIP_STORED))
    yield "archive: data.pkl twice", add_digest(_zipped(right, zipfile.ZIP_STORED, again="data.pkl"))


def _other_files(canary: Path) -> Iterator[tuple[str, bytes]]:
    yield "file: TorchScript", add_digest(_script())
    legacy = io.BytesIO()
    torch.save({"k": torch.ones(1)}, legacy, _use_new_zipfile_serialization=False)
    end = archive({})[-22:]
    yield "file: legacy", add_digest(legacy.getvalue() + end)
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as file:
        for name in ("storages", "tensors", "pickle"):
            content = pickle.dumps(Calls(os.system, f"touch {canary}"), 2)
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    yield "file: legacy tar", add_digest(tar.getvalue() + end)
    yield "file: a pickle alone", add_digest(pickle.dumps(Calls(os.system, f"touch {canary}"), 2) + end)
    yield "file: only the end record", add_digest(end)


def _quantized() -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated
        return torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)


def _saved(contents: Any) -> bytes:
    file = io.BytesIO()
    torch.save(contents, file)
    return file.getvalue()


def _zipped(members: dict[str, bytes], method: int, again: str | None = None) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", method) as zipped:
        warnings.simplefilter("ignore")  # about a duplicate name
        for name in [*members, *([again] if again else [])]:
            zipped.writestr(f"archive/{name}", members[name])
    return file.getvalue()


def _script() -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        torch.jit.save(torch.jit.trace(nn.Linear(1, 1), torch.ones(1, 1)), file)
    return file.getvalue()
