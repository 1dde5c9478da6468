"""Child processes: each has its own memory and libraries, and works only when the parent asks it to."""

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
    """A child could not do what it was asked for; the message says why, in one line."""


class Terminal:
    """A pseudo-terminal that all children write to and nobody looks at, so that progress bars are really drawn."""

    def __init__(self) -> None:
        self._master, self._slave = pty.openpty()
        termios.tcsetwinsize(self._slave, (40, 120))
        self.path = os.ttyname(self._slave)
        threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self) -> None:
        while os.read(self._master, 65536):  # unread, a full terminal would stop who writes to it
            pass


class Child:
    """A process that runs `target(connection, *arguments)`, with the parent's end of the connection.

    Args:
        terminal: what it writes to.
        target: "module:function"; by name, as what it imports is the child's to load and not the parent's.
        arguments: of the function, behind its end of the connection.
    """

    def __init__(self, terminal: Terminal, target: str, *arguments: object) -> None:
        self.connection, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_run, args=(terminal.path, theirs, target, arguments), daemon=True)
        # Ctrl-C reaches the children of a terminal, too: they are born deaf to it, and the parent ends them.
        ctrl_c = signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.process.start()
        signal.signal(signal.SIGINT, ctrl_c)
        theirs.close()  # so that the end of the child is the end of the connection

    def ask(self, question: object) -> Any:
        """Send a question and return the answer.

        Raises:
            ChildError: if the child has failed.
        """
        with suppress(ConnectionError):  # if it has ended, what it said last says why
            self.connection.send(question)
        return self.receive()

    def receive(self) -> Any:
        """Return what the child sends next.

        Raises:
            ChildError: if the child has failed.
        """
        try:
            answer = self.connection.recv()
        except (EOFError, ConnectionError) as error:
            self.process.join()
            raise ChildError(f"its process ended with exit code {self.process.exitcode}") from error
        if isinstance(answer, ChildError):
            raise answer
        return answer

    def kill(self) -> None:
        """End the process, wherever it is."""
        self.process.kill()
        self.process.join()


def call(terminal: Terminal, function: str, *arguments: object) -> Any:
    """Return what a function, "module:function", returns in a process of its own.

    Raises:
        ChildError: if it fails.
    """
    child = Child(terminal, f"{__name__}:answer", function, arguments)
    try:
        return child.receive()
    finally:
        child.kill()


def answer(connection: Connection, function: str, arguments: tuple[object, ...]) -> None:
    """Send what a function returns."""
    connection.send(resolve_name(function)(*arguments))


def _run(terminal: str, connection: Connection, target: str, arguments: tuple[object, ...]) -> None:
    screen = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(screen, stream.fileno())
    os.environ["TERM"] = "xterm-256color"  # a bar wants a terminal that can move its cursor
    try:
        resolve_name(target)(connection, *arguments)
    except ModuleNotFoundError as error:
        connection.send(ChildError(f"no {error.name} here: pip install -e '.[bench]'"))
    except ChildError as error:
        connection.send(error)
    except Exception as error:  # whatever a library may raise is a line in the table
        connection.send(ChildError(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"))
