"""Child processes: each has its own memory and libraries, and works only on requests of the parent."""

import multiprocessing
import os
import pty
import signal
import sys
import termios
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from pkgutil import resolve_name
from typing import Any

_SPAWN = multiprocessing.get_context("spawn")


class ChildError(Exception):
    """A request to a child process failed; the message gives the reason in one line."""


class Terminal:
    """A hidden pseudo-terminal for the output of all children, so that progress bars are really drawn."""

    def __init__(self) -> None:
        self._master, self._slave = pty.openpty()
        termios.tcsetwinsize(self._slave, (40, 120))
        self.path = os.ttyname(self._slave)
        threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self) -> None:
        while os.read(self._master, 65536):  # a full buffer would block the children
            pass


class Child:
    """A process that runs `target(connection, *arguments)`, and the parent's end of the connection.

    Args:
        terminal: where the process writes its output.
        target: "module:function", a name so that only the child imports the module.
        arguments: the arguments of the function after the connection.
    """

    def __init__(self, terminal: Terminal, target: str, *arguments: object) -> None:
        self.connection, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_run, args=(terminal.path, theirs, target, arguments), daemon=True)
        # Ctrl-C also reaches child processes. They ignore it, and the parent kills them.
        ctrl_c = signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.process.start()
        signal.signal(signal.SIGINT, ctrl_c)
        theirs.close()  # so that receive() raises EOFError when the child ends

    def ask(self, request: object, limit: float | None = None) -> Any:
        """Send a request and return the answer.

        Raises:
            ChildError: as for `receive`.
        """
        with suppress(ConnectionError):  # if the child has ended, its last message tells why
            self.connection.send(request)
        return self.receive(limit)

    def receive(self, limit: float | None = None) -> Any:
        """Return the next message of the child.

        Raises:
            ChildError: if the child has failed; or sends nothing within `limit` seconds, and is killed.
        """
        if not self.connection.poll(limit):
            self.kill()  # it would disturb what is measured next
            raise ChildError(f"its process did not answer within {limit:.0f} s")
        try:
            answer = self.connection.recv()
        except (EOFError, ConnectionError) as error:
            self.process.join()
            raise ChildError(f"its process ended with exit code {self.process.exitcode}") from error
        if isinstance(answer, ChildError):
            raise answer
        return answer

    def kill(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.process.join()


def call(terminal: Terminal, function: str, *arguments: object, limit: float | None = None) -> Any:
    """Call a function, "module:function", in its own process and return the result.

    Raises:
        ChildError: if it fails, or does not return within `limit` seconds.
    """
    child = Child(terminal, f"{__name__}:answer", function, arguments)
    try:
        return child.receive(limit)
    finally:
        child.kill()


def answer(connection: Connection, function: str, arguments: tuple[object, ...]) -> None:
    """Call a function and send the result."""
    connection.send(resolve_name(function)(*arguments))


def _run(terminal: str, connection: Connection, target: str, arguments: tuple[object, ...]) -> None:
    screen = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(screen, stream.fileno())
    os.environ["TERM"] = "xterm-256color"  # progress bars need a terminal with cursor movement
    try:
        resolve_name(target)(connection, *arguments)
    except ModuleNotFoundError as error:
        connection.send(ChildError(f"no {error.name} here: pip install -e '.[bench]'"))
    except ChildError as error:
        connection.send(error)
    except Exception as error:  # any exception of a library becomes a line in the table
        connection.send(ChildError(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"))
