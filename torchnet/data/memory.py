"""Whether data fit into memory, asked before any is allocated."""

import os
from pathlib import Path

from torchnet.data.dataset import DataError

_MEMINFO = Path("/proc/meminfo")


def available_memory() -> int:
    """Return the number of bytes that can be allocated without swapping; if the system does not say, half of all."""
    try:
        lines = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def expect_fits(source: object, size: float) -> None:
    """Raise a DataError unless this number of bytes is available."""
    if size > (available := available_memory()):
        raise DataError(
            f"{source}: needs about {size / 2**30:.1f} GiB of memory, and {available / 2**30:.1f} GiB are available: "
            "use fewer samples, or smaller ones"
        )
