"""Checkpoints that are sound as files and wrong as states, and a command that has the command line refuse all of them.

    python -m tests.training.wrong_checkpoints [--cases N]

A case is an edit of the contents of a real checkpoint, and words that the refusal must have. Those made by rule come
from a walk through the contents: each key of each dictionary left out, each dictionary with a key too many, each leaf
of another type, each tensor of another shape or precision or not finite.
"""

import argparse
import collections
import contextlib
import io
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchnet.cli.main import main
from torchnet.data import load
from torchnet.storage import read_checkpoint, write_checkpoint

ROOT = Path(__file__).parent.parent.parent
_SMALL = (
    f"--config={ROOT / 'configs' / 'digits.yaml'}",
    "--data.batch_size=100",
    "--model.hidden_sizes=[12,12]",
    "--trainer.max_steps=40",
)
_SCHEDULER = "torch.optim.lr_scheduler.OneCycleLR"
RUNS = {  # the options of the runs whose checkpoints are edited, each after 40 steps
    "plain": (*_SMALL, "--name=plain", "--gradient_check.every_n_steps=20", "--loss_line.every_n_epochs=5"),
    "rich": (
        *_SMALL,
        "--name=rich",
        "--data.validation_fraction=0.2",
        *("--model.lr=1.0", "--model.momentum=0", "--model.optimizer=torch.optim.AdamW"),
        *(f"--model.scheduler={_SCHEDULER}", "--model.scheduler.max_lr=0.01", "--model.scheduler.total_steps=100"),
        *("--model.ema_decay=0.9", "--model.normalization=batch_norm"),
        *("--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor=val/loss"),
    ),
}
_PLACES = {  # what the refusal calls a part of the contents, where that is not its key
    "optimizer_states": "optimizer",
    "lr_schedulers": "scheduler",
}
Edit = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True)
class Wrong:
    """A case: `edit` makes the checkpoint of a run wrong, and the refusal must have one of the words."""

    run: str
    name: str
    edit: Edit
    words: tuple[str, ...]
    options: tuple[str, ...] = ()  # for the resume

    def __str__(self) -> str:
        return f"{self.run}: {self.name}"


def at(*path: Any, put: Any) -> Edit:
    """Return the edit that puts a value at a place; one that is a function is given what is there."""

    def edit(contents: dict[str, Any]) -> None:
        parent: Any = contents
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = put(parent[path[-1]]) if callable(put) else put

    return edit


def without(*path: Any) -> Edit:
    return at(*path[:-1], put=lambda there: {key: it for key, it in there.items() if key != path[-1]})


def by_rule(run: str, contents: dict[str, Any]) -> Iterator[Wrong]:
    """Yield a case for each key and each leaf of the contents, but for those that may be otherwise."""
    for path, value in _walk(contents):
        place, words = ".".join(map(str, path)), _words(path)
        if isinstance(path[-1], str) and not _may_be_missing(path):
            edit = without(*path) if len(path) > 1 else (lambda contents, key=path[-1]: contents.pop(key))
            yield Wrong(run, f"{place} is missing", edit, words)
        if isinstance(value, dict) and not _may_have_more(path):
            edit = at(*path, put=lambda it: it | {"surplus": 0})
            yield Wrong(run, f"{place} has a key too many", edit, ("surplus", "LossLine"))
        for what, wrong in _others(path, value):
            yield Wrong(run, f"{place} {what}", at(*path, put=wrong), words)


def _walk(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if path:
        yield path, value
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _walk(item, (*path, key))


def _words(path: tuple[Any, ...]) -> tuple[str, ...]:
    names = [_PLACES.get(part, part) for part in path if isinstance(part, str)]
    return (names[-1], *(["LossLine"] if "LossLine" in path else []))


def _may_be_missing(path: tuple[Any, ...]) -> bool:
    # A callback that is not the project's may have been added; which metrics there are depends on what was measured.
    # The kind of network is not in checkpoints from before there were several.
    return (
        (path[0] == "callbacks" and path[1:2] and path[1].startswith("EarlyStopping") and len(path) == 2)
        or (path[:2] == ("torchnet", "metrics") and len(path) == 3)
        or path == ("torchnet", "options", "model.network")
        or path[-1] == "val_loss"
    )


def _may_have_more(path: tuple[Any, ...]) -> bool:
    return path in [("callbacks",), ("torchnet", "metrics")]  # of a callback that was removed


def _others(path: tuple[Any, ...], value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what must not be there in place of a value, with words for it."""
    is_option = "param_groups" in path or "lr_schedulers" in path  # of which 1 and 1.0 are both good ...
    is_switch = is_option and isinstance(value, bool | None)  # ... and None for a truth
    is_foreign = any(str(part).startswith("EarlyStopping") for part in path)
    if isinstance(value, Tensor):
        yield "of another shape", lambda it: it.unsqueeze(0)
        yield "a list", lambda it: it.tolist()
        if value.is_floating_point():
            yield "of whole numbers", lambda it: it.long()
            yield "not a number", lambda it: torch.full_like(it, torch.nan)
        else:
            yield "below 0", lambda it: torch.full_like(it, -1)
            yield "of floats", lambda it: it.float()
        if not is_foreign:
            yield "of another precision", lambda it: it.to(torch.float16)
        if value.is_floating_point() and not is_foreign:
            yield "infinite", lambda it: torch.full_like(it, torch.inf)
    elif isinstance(value, str):
        yield "a number", 5
        yield "None", None
    elif isinstance(value, bool):
        yield "as text", str(value)
        if not is_option:
            yield "as a number", int(value)
    elif isinstance(value, (int, float)):
        yield "as text", str(value)
        yield "a list", [value]
        if "best_score" not in path:
            yield "None", None
        if isinstance(value, int):
            yield "as a truth", bool(value)
        if isinstance(value, int) and not is_option and not is_foreign:
            yield "as a float", float(value)
            yield "below 0", -1
        if isinstance(value, float) and "metrics" not in path:
            yield "not a number", torch.nan
            if "best_score" not in path:
                yield "infinite", torch.inf
    elif value is None and not is_switch:
        yield "text", "none"
        yield "a list", []
    elif isinstance(value, dict):
        yield "None", None
        yield "a list", lambda it: [*it]
    elif isinstance(value, (list, tuple)):
        yield "None", None
        yield "a number", 0


def _step(change: Callable[[int], int]) -> Edit:
    return at("global_step", put=change)


_STEPS = ("--model.scheduler=torch.optim.lr_scheduler.StepLR", "--model.scheduler.step_size=9")
_GROUP = ("optimizer_states", 0, "param_groups", 0)
_BUFFER = ("optimizer_states", 0, "state", 0, "momentum_buffer")
BY_HAND = [
    Wrong("plain", "step 0", _step(lambda step: 0), ("global_step: expected a whole number from 1 up, got 0",)),
    Wrong("plain", "step -1", _step(lambda step: -1), ("global_step: expected a whole number from 1 up, got -1",)),
    Wrong("plain", "a step too many", _step(lambda step: step + 1), ("position: expected 11, got 10",)),
    Wrong("plain", "an epoch of steps too many", _step(lambda step: step + 15), ("epoch: expected 3, got 2",)),
    Wrong("plain", "a step of 30 digits", _step(lambda step: 10**30), ("epoch",)),
    Wrong("plain", "an epoch too many", at("epoch", put=3), ("epoch: expected 2, got 3",)),
    Wrong("plain", "an epoch of another length", at("torchnet", "steps_per_epoch", put=14), ("expected 12, got 10",)),
    Wrong("plain", "too many samples", at("epoch_so_far", "samples", put=1001), ("from 901 to 1000, got 1001",)),
    Wrong("plain", "too few samples", at("epoch_so_far", "samples", put=900), ("from 901 to 1000, got 900",)),
    Wrong("plain", "an older format", at("torchnet", "format", put=0), ("expected 3, got 0: another version",)),
    Wrong("plain", "a newer format", at("torchnet", "format", put=4), ("another version of torchnet",)),
    Wrong("plain", "no preprocessing", at("torchnet", "preprocessing", put={}), ("preprocessing", "inputs")),
    Wrong("plain", "pixels of 0..256", at("torchnet", "preprocessing", "inputs", "high", put=256.0), ("high",)),
    Wrong("plain", "another class", at("torchnet", "preprocessing", "targets", "names", put=["a"] * 10), ("names",)),
    Wrong("plain", "Lightning 1", at("pytorch-lightning_version", put="1.9.5"), ("pytorch-lightning_version",)),
    Wrong("plain", "Lightning x", at("pytorch-lightning_version", put="2.6.6x"), ("pytorch-lightning_version",)),
    Wrong("plain", "no momentum", at(*_BUFFER, put=None), ("momentum_buffer: expected float32 (12, 64), got None",)),
    Wrong("plain", "momentum of nothing", at("optimizer_states", 0, "state", put={}), ("state: ", "without 0")),
    Wrong("plain", "two optimizers", at("optimizer_states", put=lambda it: it * 2), ("number of optimizers",)),
    Wrong(
        "plain",
        "weights in another order",
        at(*_GROUP, "params", put=[5, 4, 3, 2, 1, 0]),
        ("0: expected 0, got 5",),
    ),
    Wrong("plain", "one weight fewer", at(*_GROUP, "params", put=[0, 1, 2, 3, 4]), ("length: expected 6, got 5",)),
    Wrong(
        "rich",
        "the optimizer a step behind",
        at("optimizer_states", 0, "state", 3, "step", put=torch.tensor(39.0)),
        ("state, 3, step: expected 40, got 39.0",),
    ),
    Wrong(
        "rich",
        "half a step ahead",
        at("optimizer_states", 0, "state", 3, "step", put=torch.tensor(40.5)),
        ("state, 3, step: expected 40, got 40.5",),
    ),
    Wrong("rich", "a scheduler ahead", at("lr_schedulers", 0, "last_epoch", put=41), ("last_epoch: expected 40",)),
    Wrong(
        "rich",
        "its other counter",
        at("lr_schedulers", 0, "_step_count", put=4),
        ("_step_count: expected 41",),
    ),
    Wrong(
        "rich",
        "the average an update behind",
        at("state_dict", "average.updates", put=torch.tensor(39)),
        ("average.updates: expected 40, got 39",),
    ),
    Wrong(
        "rich",
        "a phase of the schedule",
        at("lr_schedulers", 0, "_schedule_phases", 1, "start_lr", put="lower"),
        ("from which AdamW and its schedule can go on", "KeyError"),
    ),
    Wrong("rich", "the best step in the future", at("callbacks", "Checkpoints", "best_step", put=41), ("best_step",)),
    Wrong("plain", "checks in the future", at("callbacks", "GradientCheck", "steps", put=41), ("steps: expected",)),
    Wrong("plain", "a line twice", at("callbacks", "LossLine", "losses", put=lambda it: it * 2), ("ordered by epoch",)),
    *(
        Wrong("plain", f"another {name}", at("torchnet", "options", name, put=value), (f"options, {name}: expected",))
        for name, value in (
            ("seed_everything", 11),
            ("data.batch_size", 50),
            ("data.order", "notebook"),
            ("data.one_hot", True),
            ("data.validation_fraction", 0.2),
            ("data, SHA-256", "0" * 64),
            ("trainer.limit_train_batches", 0.5),
        )
    ),
    *(
        Wrong(
            "plain",
            f"another {name}",
            at("torchnet", "environment", name, put="Z80"),
            (f"environment, {name}: expected ",),
        )
        for name in ("processor", "torch", "number of threads", "device")
    ),
    *(
        Wrong(run, f"resumed with {' '.join(options)}", lambda contents: None, (words,), options)
        for run, options, words in (
            ("plain", ("--seed_everything=11",), "options, seed_everything: expected 11, got 10"),
            ("plain", ("--data.batch_size=99",), "options, data.batch_size: expected 99, got 100"),
            ("plain", ("--data.order=notebook",), "options, data.order: expected notebook, got 'shuffled'"),
            ("plain", ("--data.validation_fraction=0.1",), "data.validation_fraction: expected 0.1, got 0.0"),
            ("plain", ("--trainer.limit_train_batches=7",), "trainer.limit_train_batches: expected 7, got 1.0"),
            ("plain", ("--data.source={folder}/other.npz",), "options, data, SHA-256: expected"),
            (
                "plain",
                ("--model.hidden_sizes=[12,13]",),
                "its widths are 64-12-12-10, but hidden_sizes [12, 13] are configured",
            ),
            ("plain", ("--model.hidden_sizes=[12,12,12]",), "belongs to another network"),
            ("plain", ("--model.dtype=float64",), "and float64"),
            ("plain", ("--model.normalization=layer_norm",), "belongs to another network"),
            ("plain", ("--model.ema_decay=0.5",), "average.updates is missing there"),
            ("plain", ("--model.lr=1", "--model.momentum=0", "--model.optimizer=torch.optim.Adam"), "param_groups, 0"),
            (
                "plain",
                _STEPS,
                "schedulers",
            ),
            ("rich", ("--model.optimizer=torch.optim.RMSprop",), "param_groups, 0"),
            ("rich", ("--model.optimizer.amsgrad=true",), "max_exp_avg_sq"),
            (
                "rich",
                _STEPS,
                "param_groups",
            ),
            ("rich", ("--model.normalization=null",), "belongs to another network"),
            ("rich", ("--model.ema_decay=null",), "belongs to another network"),
        )
    ),
]


def make_runs(folder: Path) -> dict[str, Path]:
    """Train what is to be edited; return the checkpoint of each run."""
    made = {}
    for name, options in RUNS.items():
        with contextlib.redirect_stdout(io.StringIO()):
            assert main(ROOT / "configs", [*options, f"--trainer.default_root_dir={folder}", "--report=false"]) == 0
        (made[name],) = folder.glob(f"{name}/*/checkpoints/step=40.ckpt")
    data = load("digits")
    relabeled = {"y_train": data.train_targets[::-1], "y_test": data.test_targets}
    np.savez(folder / "other.npz", x_train=data.train_inputs, x_test=data.test_inputs, **relabeled)
    return made


def all_cases(made: dict[str, Path]) -> list[Wrong]:
    return [*BY_HAND, *(case for run, path in made.items() for case in by_rule(run, read_checkpoint(path)))]


def write_wrong(case: Wrong, made: dict[str, Path]) -> Path:
    """Write the checkpoint of a case beside the one that it was made of; return its path."""
    contents = read_checkpoint(made[case.run])
    case.edit(contents)
    path = made[case.run].with_name("wrong.ckpt")
    write_checkpoint(path, contents)
    return path


def misses(case: Wrong, made: dict[str, Path]) -> list[str]:
    """Have the command line resume from a wrong checkpoint; return what is amiss in how it refuses to."""
    path = write_wrong(case, made)
    folder = path.parents[3]
    before = _files(folder)
    options = [option.replace("{folder}", str(folder)) for option in case.options]
    config = path.parent.parent / "config.yaml"
    err = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
        try:
            code: object = main(
                ROOT / "configs", [f"--config={config}", "--trainer.max_steps=45", *options, f"--ckpt_path={path}"]
            )
        except Exception as error:
            code = repr(error)
    message = err.getvalue()
    found = {
        f"exit code {code}": code == 66,
        f"said {message}": message.startswith(f"error: {path}: ") and message.count("\n") == 1,
        f"of {case.words} there is none in {message}": any(word in message for word in case.words),
        "files were changed": _files(folder) == before,
    }
    path.unlink()
    return [fault for fault, is_right in found.items() if not is_right]


def _files(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def run(cases: int | None) -> int:
    """Refuse so many cases, evenly spread, or all; print a table of counts and return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        made = make_runs(Path(folder))
        every = all_cases(made)
        chosen = every if cases is None else every[:: max(1, len(every) // cases)]
        counts: collections.Counter[tuple[str, str]] = collections.Counter()
        for case in chosen:
            faults = misses(case, made)
            kind = "by hand" if case in BY_HAND else "by rule"
            counts[case.run, kind] += 1
            counts[case.run, "missed"] += bool(faults)
            if faults:
                print(f"MISSED {case}: {'; '.join(faults)}", flush=True)
    print(f"{'run':8} {'by hand':>8} {'by rule':>8} {'missed':>8}")
    for name in RUNS:
        print(f"{name:8} {counts[name, 'by hand']:8} {counts[name, 'by rule']:8} {counts[name, 'missed']:8}")
    tried = sum(count for (_, kind), count in counts.items() if kind != "missed")
    print(f"{tried} cases tried")
    assert tried == len(chosen)
    return int(any(counts[name, "missed"] for name in RUNS))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Have the command line refuse wrong checkpoints.")
    parser.add_argument("--cases", type=int, help="how many, evenly spread; all if left out")
    sys.exit(run(parser.parse_args().cases))
