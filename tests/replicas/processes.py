"""Run a function in several processes that are connected by torch.distributed, and return what each returned."""

import multiprocessing
import os
import tempfile
import warnings
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

TIMEOUT = timedelta(seconds=60)


def run_in_processes(size: int, function: Callable[..., Any], *args: Any) -> list[Any]:
    """Return what the function, which must be one of a module, returns in each of so many processes.

    They meet through a file, and talk over the loopback interface: nothing listens on the network.
    """
    with tempfile.TemporaryDirectory() as folder:
        context = multiprocessing.get_context("spawn")
        with context.Pool(size) as pool:
            each = [(rank, size, folder, function, args) for rank in range(size)]
            return pool.starmap(_run, each, chunksize=1)


def _run(rank: int, size: int, folder: str, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    meeting = Path(folder, "meeting").as_uri()
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=size, timeout=TIMEOUT)
    try:
        return function(*args)
    finally:
        dist.destroy_process_group()
