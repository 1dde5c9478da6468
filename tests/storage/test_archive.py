"""Every byte of an archive outside of its members' contents is checked."""

import io
from pathlib import Path

import pytest
import torch

from torchnet.storage import read_checkpoint, write_checkpoint
from torchnet.storage.archive import descriptor, directory_end, entry, header, members

from .examples import expect_same
from .forge import ONE_FLOAT, archive, usual

GOOD = archive(usual(b"\x80\x02}.", [ONE_FLOAT, b""]))
DIRECTORY = GOOD.index(b"PK\x01\x02")
END = GOOD.index(b"PK\x06\x06")


def refused(content: bytes) -> bool:
    try:
        members(io.BytesIO(content), len(content))
    except ValueError as error:
        return str(error).startswith("expected an archive as torch.save writes it, got ")
    return False


def test_rebuilt_archive_equals_that_of_torch(tmp_path):
    file = io.BytesIO()
    torch.save({"a": torch.ones(3), "b": torch.ones(0)}, file)
    content = file.getvalue()
    pickle, storages = members(file, len(content))
    others = [content[member.start : member.start + member.size] for member in storages]
    built = usual(content[pickle.start : pickle.start + pickle.size], others)
    identity = content.index(b"archive/.data/serialization_id")
    start = (identity + 30 + 63) // 64 * 64
    found = next(at for at in range(start, start + 128, 64) if content[at : at + 40].isdigit())
    built[".data/serialization_id"] = content[found : found + 40]
    assert archive(built) == content


def test_every_byte_outside_of_the_contents_is_checked():
    pickle, storages = members(io.BytesIO(GOOD), len(GOOD))
    identity = GOOD.index(b"0" * 40)
    free = {*range(pickle.start, pickle.start + pickle.size), *range(storages[0].start, storages[0].start + 4)}
    free |= {*range(identity, identity + 40)}
    free |= {len(GOOD) - 2, len(GOOD) - 1}  # the length of the comment, which is checked with the digest
    for at in range(len(GOOD)):
        for change in (1, 0x80):
            changed = GOOD[:at] + bytes([GOOD[at] ^ change]) + GOOD[at + 1 :]
            assert refused(changed) == (at not in free), f"byte {at}"


def test_truncated_archives_are_refused():
    assert not refused(GOOD)
    for size in range(len(GOOD)):
        assert refused(GOOD[:size]), size


@pytest.mark.parametrize(
    "content",
    [
        GOOD[:DIRECTORY] + b"gap" + GOOD[DIRECTORY:END] + directory_end(8, END - DIRECTORY, DIRECTORY + 3),
        GOOD[:END] + b"gap" + directory_end(8, END - DIRECTORY, DIRECTORY),
        GOOD[:END] + b"gap" + directory_end(8, END - DIRECTORY + 3, DIRECTORY),
        GOOD[:END] + directory_end(9, END - DIRECTORY, DIRECTORY),
        GOOD[:END] + directory_end(7, END - DIRECTORY, DIRECTORY),
        GOOD[:END] + directory_end(5, END - DIRECTORY, DIRECTORY),
        GOOD[:END] + directory_end(0, END - DIRECTORY, DIRECTORY),
        GOOD[:END] + directory_end(8, END - DIRECTORY, DIRECTORY + 1),
        GOOD[:END] + directory_end(8, END, 0),
        directory_end(0, 0, 0),
        b"",
    ],
)
def test_gaps_and_wrong_counts_are_refused(content):
    assert refused(content)


@pytest.mark.parametrize("count", [8, 100_007, 2**50])
def test_a_directory_that_is_too_large_is_not_read(tmp_path: Path, count: int):
    path, end = tmp_path / "sparse", directory_end(count, 2**42, 0)
    with path.open("w+b") as file:
        file.truncate(2**42)
        file.seek(2**42)
        file.write(end)
        with pytest.raises(ValueError, match=r"got (one that claims|a directory that is too large)"):
            members(file, 2**42 + len(end))


@pytest.mark.parametrize("size", [2**32 - 2, 2**32 - 1, 2**40])
@pytest.mark.parametrize("offset", [0, 64, 2**32 - 1, 2**33])
def test_records_of_large_archives(size: int, offset: int):
    """The expected records are those that torch.save wrote for, and after, a tensor of 2 ** 32 - 1 bytes."""
    numbers = (size, size) * (size >= 2**32 - 1) + (offset,) * (offset >= 2**32 - 1)
    extra = b"".join(number.to_bytes(8, "little") for number in numbers)
    expected = b"\x01\0" + len(extra).to_bytes(2, "little") + extra if extra else b""
    assert entry("name", 7, size, offset).endswith(b"name" + expected)
    assert (offset + len(header("name", size, offset))) % 64 == 0
    assert len(descriptor(7, size, offset)) == (24 if extra else 16)


@pytest.mark.parametrize("at", [DIRECTORY + 16 + 8, DIRECTORY + 46 + 16 + 46 + 24 + 24])
@pytest.mark.parametrize("size", [2**16, 2**31, 2**32 - 2, 2**32 - 1])
def test_members_larger_than_the_file_are_refused(at: int, size: int):
    assert refused(GOOD[:at] + size.to_bytes(4, "little") + GOOD[at + 4 :])


@pytest.mark.parametrize("size", [2**33, 2**63 - 1, 2**63, 2**64 - 1])
def test_members_larger_than_any_file_are_refused(size: int):
    first = entry("archive/data.pkl", 1, size, 0)
    directory = first + GOOD[DIRECTORY + 46 + 16 : END]
    assert refused(GOOD[:DIRECTORY] + directory + directory_end(8, len(directory), DIRECTORY))


@pytest.mark.parametrize(("length", "start"), [(2**64 - 1, 1), (1, 2**64 - 1), (2**64 - 1, 2**64 - 1)])
def test_a_directory_larger_than_any_file_is_refused(length: int, start: int):
    claimed = length.to_bytes(8, "little") + start.to_bytes(8, "little")
    assert refused(GOOD[: END + 40] + claimed + GOOD[END + 56 :])


def test_a_checkpoint_of_many_tensors_is_written_and_read(tmp_path):
    contents = {str(i): torch.full((), i) for i in range(3000)}
    write_checkpoint(tmp_path / "a", contents)
    expect_same(read_checkpoint(tmp_path / "a"), contents)
