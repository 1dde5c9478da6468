"""The processes of one machine: how the first one starts the others, and how all of them end when one does."""

import os
import signal
import socket
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
from torchnet.runs.errors import EXIT_CODES, LostProcessError, StoppedError, UsageError

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
    _has_launched = False

    def launch(self, function: Callable[..., Any], *args: Any, trainer: Any = None, **kwargs: Any) -> Any:
        """Call the function in all processes, and return what it returns in this one.

        Raises:
            UsageError: if that was done before: the others start by running the whole program again.
        """
        environment = self.cluster_environment
        environment.validate_settings(num_devices=self.num_processes, num_nodes=self.num_nodes)
        if Launcher._has_launched:
            raise UsageError("trainer.devices: a program trains in several processes once: start another one")
        self.parent = int(os.environ.pop(_PARENT, "0"))
        Launcher._has_launched = self.parent > 0 or (
            not environment.creates_processes_externally and self.num_processes > 1
        )
        if not environment.creates_processes_externally:
            os.environ[_PARENT] = str(os.getpid())
            self._call_children_scripts()
            del os.environ[_PARENT]
        is_over = threading.Event()
        _watch(self.has_lost_one, is_over, self.procs)
        _watch_signals(is_over, self.procs)
        try:
            result = function(*args, **kwargs)
            dist.destroy_process_group()
            return result
        except BaseException as error:
            process = environment.global_rank()
            self.speaks = process == 0  # should a signal come before the next line is done
            self.speaks = is_to_speak(error, process)
            for child in self.procs if self.speaks else ():
                child.kill()  # it has nothing to save, and nothing to say
            raise
        finally:
            is_over.set()

    def has_lost_one(self) -> bool:
        """Return whether a process that this one has started has failed, or the one that has started it is gone."""
        return any(child.poll() not in (None, 0) for child in self.procs) or self.parent not in (0, os.getppid())

    def end_others(self) -> None:
        """Wait for the processes that this one has started, of which one may have to speak; end by force who stays."""
        deadline = time.monotonic() + _ENDS_WITHIN
        for child in self.procs:
            with suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, deadline - time.monotonic()))
            child.kill()  # to one that has ended, this does nothing


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


def _watch(is_gone: Callable[[], bool], is_over: threading.Event, children: list[subprocess.Popen[Any]]) -> None:
    """Look for the end of another process, and end this one after it unless that comes about by itself."""

    def look() -> None:
        while not is_over.wait(_LOOK_EVERY):
            if is_gone():
                if not is_over.wait(_GRACE):
                    _end_by_force(f"error: {LostProcessError()}", EXIT_CODES[LostProcessError], children)
                return

    threading.Thread(target=look, daemon=True, name="watch over processes").start()


def _watch_signals(is_over: threading.Event, children: list[subprocess.Popen[Any]]) -> None:
    """Have a signal end this process even while it waits for another one, where Python cannot answer it."""
    if threading.current_thread() is not threading.main_thread():  # where Python allows no handlers either
        return
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)

    def look(open_for_good: socket.socket) -> None:
        while (number := reading.recv(1)[0]) not in (signal.SIGINT, signal.SIGTERM):
            pass  # whoever set a handler for another one knows what it means
        if not is_over.wait(_ENDS_WITHIN):
            for child in children:
                child.kill()  # then there is nobody left to wait for, and the answer may come after all
            if not is_over.wait(_ENDS_WITHIN):
                _end_by_force("stopped while it waited for another process", 128 + number, [])

    threading.Thread(target=look, args=(writing,), daemon=True, name="watch over signals").start()


def _end_by_force(why: str, exit_code: int, children: list[subprocess.Popen[Any]]) -> None:
    sys.stderr.write(f"{why}\n")
    sys.stderr.flush()
    for child in children:
        child.kill()
    os._exit(exit_code)
