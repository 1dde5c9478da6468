"""The points at which a run is disturbed: planted from outside, by wrapping what the run calls there.

A site is a function that plants something in this process: from then on `hit` is called whenever the run comes by.
"""

import builtins
from collections.abc import Callable
from typing import Any

import torch

from torchnet.engine import Engine
from torchnet.engine.fused.cpu import CpuSteps
from torchnet.engine.tape import Tape
from torchnet.layers import Linear
from torchnet.network import MLP
from torchnet.optimizers import SGD
from torchnet.training.callbacks import epoch_line, loss_line
from torchnet.training.callbacks.metrics_log import METRICS
from torchnet.training.module import Classifier

from .disk import Hit, on_disk

When = Callable[..., bool]


def before(owner: Any, name: str, when: When = lambda *args, **kwargs: True) -> Callable[[Hit], None]:
    """Return a site that is come by before each call of a function whose arguments are the ones that are waited for."""
    return lambda hit: _wrap(owner, name, when, before=hit)


def after(owner: Any, name: str, when: When = lambda *args, **kwargs: True) -> Callable[[Hit], None]:
    """Return a site that is come by after each such call."""
    return lambda hit: _wrap(owner, name, when, after=hit)


def _wrap(owner: Any, name: str, when: When, before: Hit | None = None, after: Hit | None = None) -> None:
    function = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        meant = when(*args, **kwargs)
        if meant and before is not None:
            before()
        result = function(*args, **kwargs)
        if meant and after is not None:
            after()
        return result

    setattr(owner, name, wrapped)


def _within_a_line(module: Any) -> Callable[[Hit], None]:
    """Return a site in the middle of each line that a module prints."""

    def plant(hit: Hit) -> None:
        def print_halves(*words: str, **kwargs: Any) -> None:
            line = " ".join(words)
            builtins.print(line[:10], end="", flush=True)
            hit()
            builtins.print(line[10:], **kwargs)

        module.print = print_halves  # found before the builtin

    return plant


def _within_a_replay(hit: Hit) -> None:
    record = Tape.__init__

    def record_with_hit(self: Tape, step: Callable[[], Any]) -> None:
        record(self, step)
        self.calls.insert(len(self.calls) // 2, hit)

    Tape.__init__ = record_with_hit


def _trains(net: MLP, *args: Any) -> bool:
    return net.training


def _is_first_layer(layer: Linear, grad_output: Any, input_grad: bool = True) -> bool:
    return not input_grad


# In the order in which a save comes by them.
SAVE = {
    "before the temporary file of a checkpoint": on_disk("open", ".ckpt"),
    "at 0 % of a checkpoint": on_disk("at 0 %", ".ckpt"),
    "at 50 % of a checkpoint": on_disk("at 50 %", ".ckpt"),
    "at 99 % of a checkpoint": on_disk("at 99 %", ".ckpt"),
    "before the fsync of a checkpoint": on_disk("before fsync of file", ".ckpt"),
    "after the fsync of a checkpoint": on_disk("after fsync of file", ".ckpt"),
    "before a checkpoint takes its place": on_disk("before replace", ".ckpt"),
    "after a checkpoint has taken its place": on_disk("after replace", ".ckpt"),
    "before the fsync of the folder": on_disk("before fsync of folder", ".ckpt"),
}
SITES: dict[str, Callable[[Hit], None]] = {
    "while a checkpoint is restored": before(torch.optim.Optimizer, "load_state_dict"),
    "between restoring and the first step": before(Engine, "__init__"),
    "before a forward": before(MLP, "forward", _trains),
    "after a forward": after(MLP, "forward", _trains),
    "between two layers of a backward": before(Linear, "backward", _is_first_layer),
    "half-way through an update": after(SGD, "_velocities"),
    "between an update and its being counted": after(Engine, "run"),
    "in a validation": before(Classifier, "validation_step"),
    "at the end of an epoch": before(Classifier, "on_train_epoch_end"),
    "within the line of an epoch": _within_a_line(epoch_line),
    "within a loss line": _within_a_line(loss_line),
    "within a replayed step": _within_a_replay,
    "before the steps of a fused block": before(CpuSteps, "_call"),
    "before a row of metrics": on_disk("at 0 %", METRICS),
    "within a row of metrics": on_disk("at 50 %", METRICS),
    "after a row of metrics": on_disk("after write", METRICS),
    "after the fsync of the metrics": on_disk("after fsync of file", METRICS),
    **SAVE,
    "while old checkpoints are removed": on_disk("before unlink", ".ckpt"),
    "within the writing of the report": on_disk("at 50 %", "report.json"),
}
