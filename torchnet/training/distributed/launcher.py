"""The processes of one machine: how the first one starts the others, and how all of them end when one does."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import torch.distributed as dist

from torchnet.runs.errors import LostProcessError, StoppedError, UsageError
from torchnet.runs.signals import SIGNALS
from torchnet.training.lightning_internals import ScriptLauncher

_REPORTED = "torchnet has reported"  # a key in the store that the processes share
_FIRST_REPORTS_WITHIN = 0.5  # seconds
_PARENT = "TORCHNET_PARENT"  # an environment variable: the id of the process that started this one
_POLL_SECONDS = 0.5
_GRACE = 15.0  # seconds that a process has to notice a loss, to save and to report it, before it is ended
_ENDS_WITHIN = 3.0  # seconds that a process has to end if it has nothing to save


class Launcher(ScriptLauncher):
    """Start the other processes of this machine as Lightning does, and end them together.

    If a process is lost, the connection to it fails in the others: they save what they have, report it and exit. Where
    the connection does not fail (before it is made, or in a library that waits forever), they are ended after a grace
    period. Lightning would kill them immediately, even while they save.

    Attributes:
        reports: whether this process reports the error that ends it.
    """

    reports = True
    _has_launched = False

    def launch(self, function: Callable[..., Any], *args: Any, trainer: Any = None, **kwargs: Any) -> Any:
        """Call the function in all processes; return its result in this one.

        Raises:
            UsageError: if processes were launched before, as the others run the whole program again.
        """
        environment = self.cluster_environment
        environment.validate_settings(num_devices=self.num_processes, num_nodes=self.num_nodes)
        if Launcher._has_launched:
            raise UsageError("trainer.devices: a program can train in several processes only once: start another one")
        self.parent = int(os.environ.pop(_PARENT, "0"))
        Launcher._has_launched = self.parent > 0 or (
            not environment.creates_processes_externally and self.num_processes > 1
        )
        if not environment.creates_processes_externally:
            os.environ[_PARENT] = str(os.getpid())
            self.start_children()
            del os.environ[_PARENT]
        self.is_over = threading.Event()
        self._watch_processes()
        self._watch_signals()
        try:
            result = function(*args, **kwargs)
            dist.destroy_process_group()
            return result
        except BaseException as error:
            process = environment.global_rank()
            self.reports = process == 0  # in case a signal arrives before the next line ends
            self.reports = reports_error(error, process)
            for child in self.procs if self.reports else ():
                child.kill()  # it has nothing to save and nothing to report
            raise
        finally:
            self.is_over.set()

    def has_lost_process(self) -> bool:
        """Return whether a child process has failed, or the parent process has ended."""
        return any(child.poll() not in (None, 0) for child in self.procs) or self.parent not in (0, os.getppid())

    def end_others(self) -> None:
        """Wait for the child processes, one of which may report an error; kill those that do not end."""
        deadline = time.monotonic() + _ENDS_WITHIN
        for child in self.procs:
            with suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, deadline - time.monotonic()))
            child.kill()  # has no effect on a process that has ended

    def _watch_processes(self) -> None:
        """Watch for the end of another process, and end this one after a grace period unless it ends by itself."""

        def watch() -> None:
            while not self.is_over.wait(_POLL_SECONDS):
                if self.has_lost_process():
                    if not self.is_over.wait(_GRACE):
                        self._end_by_force(f"error: {LostProcessError()}", LostProcessError.exit_code)
                    return

        threading.Thread(target=watch, daemon=True, name="watch processes").start()

    def _watch_signals(self) -> None:
        """Let a signal end this process even while C++ code waits for another one and Python handles no signals."""
        if threading.current_thread() is not threading.main_thread():  # Python allows no handlers there either
            return
        reading, writing = socket.socketpair()
        writing.setblocking(False)
        signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)

        def watch(kept_open: socket.socket) -> None:
            while (number := reading.recv(1)[0]) not in SIGNALS:
                pass  # another signal, which has its own handler
            if not self.is_over.wait(_ENDS_WITHIN):
                for child in self.procs:
                    child.kill()  # the wait for them fails, and Python may handle the signal after all
                if not self.is_over.wait(_ENDS_WITHIN):
                    self._end_by_force("stopped while it waited for another process", 128 + number)

        threading.Thread(target=watch, args=(writing,), daemon=True, name="watch signals").start()

    def _end_by_force(self, why: str, exit_code: int) -> None:
        sys.stderr.write(f"{why}\n")
        sys.stderr.flush()
        for child in self.procs:
            child.kill()
        os._exit(exit_code)


def reports_error(error: BaseException, process: int) -> bool:
    """Return whether this process reports an error that other processes may have, too.

    Process 0 reports signals. Any other error is reported by the process in which it occurs first: later errors follow
    from it, as connections are lost.
    """
    if isinstance(error, StoppedError):
        return process == 0
    if not dist.is_initialized():
        return True
    if process > 0:
        time.sleep(_FIRST_REPORTS_WITHIN)  # if all have the same error, process 0 reports it
    store = dist.distributed_c10d._get_default_store()
    store.set_timeout(timedelta(seconds=_ENDS_WITHIN))
    try:
        return store.add(_REPORTED, 1) == 1
    except RuntimeError:  # the store was in the first process, which has ended
        return True
