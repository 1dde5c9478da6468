"""The processes of a sweep, with small programs in the place of train.py."""

import signal
import time
from pathlib import Path

import pytest

from torchnet.runs import trials
from torchnet.runs.trials import Ended, Trial, Workers

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open("started", "w").close()
time.sleep(100)
"""
SAVES = STUBBORN.replace("signal.SIG_IGN", "lambda *_: exit(open('saved', 'w').close())")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def trial(*arguments: str) -> Trial:
    return Trial("", [*arguments], {"model": {}}, Path("runs"), "a")


def program(text: str) -> Path:
    Path("program.py").write_text(text.strip())
    return Path("program.py")


def test_each_trial_ends_with_a_code_and_its_last_line():
    text = "import os, sys; print('first'); print(sys.argv[1], os.environ['ADDED'], '\\n', file=sys.stderr); exit(3)"
    wanted = [trial("one"), trial("two"), trial("three")]
    with Workers(program(text), 2, {"ADDED": "x"}) as workers:
        found = list(workers.train(wanted))
    expected = [Ended(one, 3, f"{one.arguments[0]} x ") for one in wanted]
    assert sorted(found, key=lambda ended: wanted.index(ended.trial)) == expected


def test_a_process_that_is_killed_has_the_code_of_the_signal():
    with Workers(program("import os; os.kill(os.getpid(), 9)"), 1, {}) as workers:
        assert list(workers.train([trial()])) == [Ended(trial(), 128 + signal.SIGKILL, "no output")]


@pytest.mark.parametrize(("text", "has_saved"), [(SAVES, True), (STUBBORN, False)])
def test_an_error_stops_the_processes_that_run(text, has_saved, monkeypatch):
    wait, raised = time.sleep, []

    def sleep(seconds: float) -> None:
        if Path("started").exists() and not raised:
            raised.append(True)
            raise InterruptedError
        wait(seconds)

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(trials, "_PATIENCE", 2)
    with pytest.raises(InterruptedError), Workers(program(text), 1, {}) as workers:
        list(workers.train([trial()]))
    (process,) = workers._running
    assert process.wait(timeout=10) == (0 if has_saved else -signal.SIGKILL)
    assert Path("saved").exists() == has_saved
