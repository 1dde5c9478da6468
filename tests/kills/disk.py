"""The disk as a run sees it: who wants to be told is, before and after whatever it does to a file of a certain name."""

import builtins
import io
import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

Hit = Callable[[], None]
SHARES = (0, 50, 99)  # percent of what is written at once


class _Disk:
    """Stands before the functions of this process that write, sync, rename and remove files; there is one."""

    def __init__(self) -> None:
        self.hits: dict[tuple[str, str], list[Hit]] = defaultdict(list)  # (event, ending of the file) -> who is told
        self.opened: dict[Path, None] = {}  # to be written, in this order
        self._open, self._fsync, self._replace, self._unlink = io.open, os.fsync, os.replace, os.unlink

    def stand_between(self) -> None:
        io.open = builtins.open = self.open
        os.fsync, os.replace, os.unlink = self.fsync, self.replace, self.unlink

    def tell(self, event: str, path: Path) -> None:
        name = final_name(path)
        for (of, ending), hits in self.hits.items():
            if of == event and name.endswith(ending):
                for hit in hits:
                    hit()

    def open(self, path: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if isinstance(path, int) or not set("wxa+") & set(mode):
            return self._open(path, mode, *args, **kwargs)
        path = Path(os.fsdecode(path))
        if not any(final_name(path).endswith(ending) for _, ending in self.hits):
            return self._open(path, mode, *args, **kwargs)
        self.opened.pop(path, None)
        self.opened[path] = None
        self.tell("open", path)
        return _File(self, path, self._open(path, mode, *args, **kwargs))

    def fsync(self, descriptor: int) -> None:
        kind, path = self._synced(descriptor)
        self.tell(f"before fsync of {kind}", path)
        self._fsync(descriptor)
        self.tell(f"after fsync of {kind}", path)

    def _synced(self, descriptor: int) -> tuple[str, Path]:
        """Return what is forced to the disk: a file that was written, or the folder of the one written last."""
        status = os.fstat(descriptor)
        for path in reversed(self.opened):
            for kind, it in (("file", path), ("folder", path.parent)):
                if it.exists() and os.path.samestat(status, it.stat()):
                    return kind, path
        return "unknown", Path()

    def replace(self, source: Any, target: Any, **kwargs: Any) -> None:
        self.tell("before replace", Path(target))
        self._replace(source, target, **kwargs)
        self.tell("after replace", Path(target))

    def unlink(self, path: Any, **kwargs: Any) -> None:
        self.tell("before unlink", Path(path))
        self._unlink(path, **kwargs)


class _File:
    """A file that is written in parts, so that a run can be killed between two of them."""

    def __init__(self, disk: _Disk, path: Path, file: Any) -> None:
        self.disk, self.path, self.file = disk, path, file

    def write(self, content: Any) -> int:
        done = 0
        for share in SHARES:
            end = len(content) * share // 100
            self.file.write(content[done:end])
            self.file.flush()
            self.disk.tell(f"at {share} %", self.path)
            done = end
        self.file.write(content[done:])
        self.disk.tell("after write", self.path)
        return len(content)

    def __enter__(self) -> "_File":
        self.file.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.__exit__(kind, error, trace)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


_disk = _Disk()


def on_disk(event: str, ending: str) -> Callable[[Hit], None]:
    """Return a site: a run comes by when this happens to a file, temporary or not, with this ending of its name.

    Args:
        event: open (to be written), at 0 %, at 50 %, at 99 % (of what is written at once), after write, before or
            after fsync of file, of folder, before or after replace, before unlink.
        ending: of the name that the file will have.
    """

    def plant(hit: Hit) -> None:
        if not _disk.hits:
            _disk.stand_between()
        _disk.hits[event, ending].append(hit)

    return plant


def final_name(path: Path) -> str:
    """Return the name that a file will have, without the dot before and what comes after it while it is temporary."""
    return path.name.lstrip(".").rsplit(".", 2)[0] if path.suffix == ".part" else path.name
