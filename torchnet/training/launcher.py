"""The processes of one machine: how the first one starts the others, and how all of them end when one does."""

import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch.distributed as dist
from pytorch_lightning.strategies.launchers import _SubprocessScriptLauncher

from torchnet import replicas
from torchnet.training.errors import EXIT_CODES, LostProcessError, StoppedError

_SPOKEN = "torchnet has spoken"  # a key that the processes share
_FIRST_SPEAKS_WITHIN = 0.5  # seconds
_PARENT = "TORCHNET_PARENT"  # the number of the process that started this one
_LOOK_EVERY = 0.5  # seconds
_GRACE = 15.0  # seconds that a process has to notice by itself, and to say more, before it is ended
_ENDS_WITHIN = 3.0  # seconds; it has nothing to save


class Launcher(_SubprocessScriptLauncher):
    """Start the other processes of this machine as Lightning does, and end with them.

    A process that waits for one that is gone is told so by the connection between them, and ends by itself: it saves
    what it has and says what happened. Where that does not happen (before they are connected, or in a library that
    waits for ever) it is ended. Lightning would kill it at once, whatever it is about to save.

    Attributes:
        speaks: whether this process is the one to report the error that it ends with.
    """

    speaks = True

    def launch(self, function: Callable[..., Any], *args: Any, trainer: Any = None, **kwargs: Any) -> Any:
        """Call the function in all processes, and return what it returns in this one."""
        environment = self.cluster_environment
        environment.validate_settings(num_devices=self.num_processes, num_nodes=self.num_nodes)
        is_over = threading.Event()
        if not environment.creates_processes_externally:
            os.environ[_PARENT] = str(os.getpid())
            self._call_children_scripts()
            _watch(self.has_lost_one, is_over, self.procs)
        elif os.environ.get(_PARENT) == str(os.getppid()):
            _watch(lambda: os.environ[_PARENT] != str(os.getppid()), is_over)
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            process = environment.global_rank()
            self.speaks = process == 0  # should a signal come before the next line is done
            self.speaks = is_to_speak(error, process)
            end(self.procs)
            raise
        finally:
            is_over.set()

    def has_lost_one(self) -> bool:
        """Return whether a process that this one has started has failed."""
        return any(child.poll() not in (None, 0) for child in self.procs)


def is_to_speak(error: BaseException, process: int) -> bool:
    """Return whether this process is the one to report an error, which others may have, too.

    Of a signal process 0 speaks. Of anything else the first one to come here does: what comes later, that another
    process is lost, follows from it.
    """
    if isinstance(error, StoppedError):
        return process == 0
    if not dist.is_initialized():
        return True
    if process > 0:
        time.sleep(_FIRST_SPEAKS_WITHIN)  # where all have the same to say, one would rather hear it from process 0
    store = dist.distributed_c10d._get_default_store()
    store.set_timeout(timedelta(seconds=_ENDS_WITHIN))
    try:
        return store.add(_SPOKEN, 1) == 1
    except RuntimeError:  # it was with the first process, which is gone
        return True


def lost(error: BaseException) -> bool:
    """Return whether an error comes of the connection to another process.

    Torch has no type of its own for most of these. So it is asked where the error was raised: by a function of
    torch.distributed, or where GradientSum waits for one.
    """
    if isinstance(error, (LostProcessError, dist.DistError)):
        return True
    places = [Path(frame.f_code.co_filename) for frame, _ in traceback.walk_tb(error.__traceback__)]
    by = Path(dist.__file__).parent
    return isinstance(error, RuntimeError) and (by in places[-1].parents or places[-1] == Path(replicas.__file__))


def end(children: list[subprocess.Popen[Any]]) -> None:
    """End processes: by SIGTERM, which lets them stop in order, and by force if they have not by then."""
    for child in children:
        child.terminate()
    deadline = time.monotonic() + _ENDS_WITHIN
    for child in children:
        with suppress(subprocess.TimeoutExpired):
            child.wait(max(0.0, deadline - time.monotonic()))
        child.kill()  # to one that has ended, this does nothing


def _watch(
    is_gone: Callable[[], bool], is_over: threading.Event, children: list[subprocess.Popen[Any]] | None = None
) -> None:
    """Look for the end of another process, and end this one after it unless that comes about by itself."""

    def look() -> None:
        while not is_over.wait(_LOOK_EVERY):
            if is_gone():
                if is_over.wait(_GRACE):
                    return
                print(f"error: {LostProcessError()}", file=sys.stderr, flush=True)
                for child in children or []:
                    child.kill()
                os._exit(EXIT_CODES[LostProcessError])

    threading.Thread(target=look, daemon=True, name="watch over processes").start()
