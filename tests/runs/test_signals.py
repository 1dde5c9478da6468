"""Signals, and where they have to wait."""

import os
import signal

import pytest

from torchnet.runs.errors import StoppedError
from torchnet.runs.signals import signals_held, stopped_by_signals


def test_a_signal_waits_until_what_it_must_not_tear_is_done():
    done = []

    def work() -> None:
        with signals_held():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("within")
        done.append("after it")

    with stopped_by_signals(), pytest.raises(StoppedError, match="terminated"):
        work()
    assert done == ["within"]


def test_what_is_held_after_a_signal_does_not_raise_it_again():
    with stopped_by_signals():
        with pytest.raises(StoppedError):
            os.kill(os.getpid(), signal.SIGTERM)
        with signals_held():
            pass
