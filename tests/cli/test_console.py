"""The console: a bar and colors on a terminal, no color if NO_COLOR asks for none, plain text anywhere else."""

import os
import pty
import re
import subprocess
import sys

import pytest

from ..conftest import ROOT
from ..run_folders import DIGITS

COLOR = re.compile(rb"\x1b\[[\d;]*?(?:3\d|4\d|9\d|10\d)[\d;]*m")


def on_a_terminal(command: list[str], **environment: str) -> bytes:
    """Run a command in a terminal of its own; return what it shows there."""
    terminal, end = pty.openpty()
    with subprocess.Popen(command, stdout=end, stderr=end, stdin=end, env=os.environ | environment) as process:
        os.close(end)
        shown = bytearray()
        try:
            while part := os.read(terminal, 2**16):
                shown += part
        except OSError:  # so ends a terminal whose other end is closed
            pass
    os.close(terminal)
    assert process.returncode == 0, shown.decode()
    return bytes(shown)


@pytest.mark.sweep
def test_no_color_is_respected_on_a_terminal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    command = [sys.executable, str(ROOT / "train.py"), DIGITS, "--trainer.max_epochs=6"]
    shown = on_a_terminal(command, NO_COLOR="1", TERM="xterm-256color")
    assert b"/6 \xe2\x94\x81" in shown  # the bar
    assert b" left" in shown
    assert COLOR.search(shown) is None
    other = [sys.executable, "-c", "from rich.progress import track; list(track(range(9)))"]
    assert COLOR.search(on_a_terminal(other, TERM="xterm-256color")) is not None, "no color is seen that is there"


def test_what_is_no_terminal_gets_plain_text_and_no_bar(cli, capfd):
    assert cli(DIGITS, "--trainer.max_epochs=1") == 0
    out, err = capfd.readouterr()
    assert "test accuracy = " in out
    assert "\x1b" not in out
    assert "\r" not in out
    assert "━" not in out
    assert err == ""
