"""A file holds its old or its complete new content, also if the disk is full or fails."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from torchnet.storage import read_checkpoint, remove_temporary_files, write_checkpoint, write_durably

from .disk_faults import faults
from .examples import CONTENTS, expect_same

pytestmark = pytest.mark.usefixtures("real_fsync")
FAULTS = {name: (bring, number) for name, bring, number in faults()}


def test_enough_faults_are_tried():
    assert len(FAULTS) >= 12


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_leaves_the_old_content_and_no_other_file(tmp_path, name):
    path, (bring, number) = tmp_path / "last.ckpt", FAULTS[name]
    write_checkpoint(path, {"epoch": 1})
    before = path.read_bytes()
    with bring(), pytest.raises(OSError) as raised:  # noqa: PT011  errno is compared below
        write_checkpoint(path, CONTENTS)
    assert raised.value.errno == number
    assert raised.value.filename == str(path)
    assert str(path) in str(raised.value)
    assert raised.value.strerror in str(raised.value)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["last.ckpt"]
    write_checkpoint(path, CONTENTS)  # after the fault is gone
    expect_same(read_checkpoint(path), CONTENTS)


def test_if_fsync_of_the_folder_fails_the_new_file_is_complete(tmp_path):
    path, fsync = tmp_path / "last.ckpt", os.fsync
    write_checkpoint(path, {"epoch": 1})

    def fail_for_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(descriptor)

    with mock.patch("os.fsync", fail_for_folders), pytest.raises(OSError, match=r"last\.ckpt") as raised:
        write_checkpoint(path, {"epoch": 2})
    assert raised.value.errno == errno.EIO
    assert read_checkpoint(path) == {"epoch": 2}
    assert os.listdir(tmp_path) == ["last.ckpt"]


@pytest.mark.parametrize(
    ("place", "number"),
    [("missing/a", errno.ENOENT), ("file/a", errno.ENOTDIR), ("folder", errno.EISDIR), ("n" * 300, errno.ENAMETOOLONG)],
)
def test_the_error_names_a_path_that_cannot_be_written(tmp_path, place, number):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=place[-20:]) as raised:
        write_durably(tmp_path / place, b"content")
    assert (raised.value.errno, raised.value.filename) == (number, str(tmp_path / place))
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_an_interrupt_leaves_the_old_content(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"before")
    with mock.patch("os.fsync", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        write_durably(path, b"content")
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a"]


def test_the_order_of_system_calls(tmp_path):
    path, content, calls = tmp_path / "a.ckpt", b"x" * 3_000_000, []
    fsync, replace, open_path = os.fsync, os.replace, Path.open

    def record_fsync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            calls.append(
                "fsync of the folder" if os.path.samestat(status, tmp_path.stat()) else "fsync of another folder"
            )
        else:
            calls.append("fsync of the whole file" if status.st_size == len(content) else "fsync of a part")
        fsync(descriptor)

    def record_replace(old: Path, new: Path) -> None:
        assert (old.parent, old.name[0], old.suffix, new) == (tmp_path, ".", ".part", path)
        calls.append("replace")
        replace(old, new)

    def record_open(opened: Path, mode: str):
        calls.append({"xb": "write", "rb": "verify"}[mode])
        return open_path(opened, mode)

    with (
        mock.patch("os.fsync", record_fsync),
        mock.patch("os.replace", record_replace),
        mock.patch.object(Path, "open", record_open),
    ):
        write_durably(path, content)
    assert calls == ["write", "fsync of the whole file", "verify", "replace", "fsync of the folder"]


def test_a_new_file_has_default_permissions(tmp_path):
    (tmp_path / "any").write_bytes(b"")
    write_durably(tmp_path / "new", b"content")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_nothing_is_written_outside_of_the_folder(tmp_path):
    """A rename is atomic only within one file system, and TMPDIR may be on another one."""
    code = (
        "import sys, pathlib, torch; from torchnet.storage import write_checkpoint\n"
        "opened = []\n"
        "def hook(event, arguments):\n"
        "    if event == 'open' and isinstance(arguments[2], int) and arguments[2] & 3: opened.append(arguments[0])\n"
        "    if event == 'os.rename': opened.extend(arguments[:2])\n"
        "sys.addaudithook(hook)\n"
        "write_checkpoint(pathlib.Path(sys.argv[1]), {'a': torch.ones(100_000)})\n"
        "print(*opened, sep='\\n')"
    )
    elsewhere = Path("/dev/shm" if os.path.isdir("/dev/shm") else tmp_path)
    before = set(elsewhere.iterdir())
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.ckpt")],
        env=os.environ | {"TMPDIR": str(elsewhere), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    opened = done.stdout.split()
    assert len(opened) == 3, "the temporary file, and both names of the move"
    assert {Path(path).parent for path in opened} == {tmp_path}
    assert set(elsewhere.iterdir()) == before


def test_only_temporary_files_of_its_own_are_removed(tmp_path, monkeypatch):
    def die(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", die)
    monkeypatch.setattr(Path, "unlink", lambda path, missing_ok=False: None)  # as if the process were killed
    with pytest.raises(KeyboardInterrupt):
        write_durably(tmp_path / "a.json", b"new")
    monkeypatch.undo()
    others = {".a.part", "a.1234abcd.part", ".a.1234ABCD.part", ".b.12345678.part"}
    for name in others - {".b.12345678.part"}:
        (tmp_path / name).touch()
    (tmp_path / ".b.12345678.part").mkdir()
    assert len(list(tmp_path.iterdir())) == 5
    remove_temporary_files(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == others
