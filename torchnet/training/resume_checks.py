"""The checks of a checkpoint before anything is restored from it: complete, consistent, and from the same training.

torchnet/storage has verified the file by then: its contents are plain values and tensors.
"""

import copy
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torchnet.engine import Way
from torchnet.runs.environment import environment
from torchnet.runs.errors import UsageError
from torchnet.storage import CheckpointError
from torchnet.training.callbacks.checkpoints import FORMAT
from torchnet.training.compare import (
    ANOTHER,
    expect_count,
    expect_finite,
    expect_keys,
    expect_like,
    expect_same,
    kind,
    refuse,
)
from torchnet.training.lightning_internals import Position
from torchnet.training.module import Classifier
from torchnet.training.optimizer_options import trial_of
from torchnet.training.schedule import advance

_CONTENTS: dict[str, Any] = {  # an example of each type; further checks look into empty containers
    "epoch": 0,
    "global_step": 0,
    "pytorch-lightning_version": "",
    "state_dict": {},
    "loops": {},
    "callbacks": {},
    "optimizer_states": [],
    "lr_schedulers": [],
    "epoch_so_far": {"loss_sum": 0.0, "samples": 0, "metric": None},
    "torchnet": {},
}
_OURS = {
    "format": 0,
    "steps_per_epoch": 0,
    "metrics": {},
    "metrics_rows": 0,
    "options": {},
    "environment": {},
    "preprocessing": {},
}
_OLD = {1: {"preprocessing"}, 2: {"preprocessing"}}  # earlier formats, and what their checkpoints do not have
_DEFAULTS = {"trainer.overfit_batches": 0}  # of options that a checkpoint has only if they have another value
_NEW_OPTIONS = "model."  # of the network: checkpoints of earlier versions do not have them
_OLD_ENVIRONMENT = {"training step": "plain"}  # of checkpoints of format 1, from before there was another step
_LIGHTNING = r"2\.[0-9]+\.[0-9]+(\.?(a|b|rc|post|dev)[0-9]+)?"
_NEW = ("EpochLine",)  # callbacks whose state checkpoints of earlier versions lack
_STEPS = {"Checkpoints": "best_step", "GradientCheck": "steps"}  # numbers of steps in the states of callbacks
_OTHER_DATA = "the run could not continue the same training; start a new run, or set the option as it was"


def check_resume(
    path: Path,
    checkpoint: dict[str, Any],
    model: Classifier,
    trainer: Any,
    options: dict[str, Any] | None,
    preprocessing: dict[str, Any] | None,
    allow_environment_change: bool,
) -> None:
    """Check a checkpoint against the network and the Trainer that are to start from it.

    Args:
        path: the checkpoint, for error messages.
        checkpoint: its contents.
        model: the module with the network.
        trainer: the Trainer with its callbacks.
        options: to continue training, the options that must be those of the checkpoint's run, as the order of the
            samples depends on them; None to evaluate.
        preprocessing: to continue training, the preprocessing of the data, which must be that of the checkpoint's run.
        allow_environment_change: accept another processor, build of torch, number of threads or training step.

    Raises:
        CheckpointError: if the checkpoint cannot be used.
    """
    check_weights(path, checkpoint, model)
    _expect_callbacks(path, checkpoint, trainer.callbacks)
    if options is not None:
        ours = checkpoint["torchnet"]
        new = {name: it for name, it in options.items() if name.startswith(_NEW_OPTIONS)}
        expect_same(f"{path}: options", _DEFAULTS | new | ours["options"], _DEFAULTS | options, _OTHER_DATA)
        if "preprocessing" in ours:
            expect_same(f"{path}: preprocessing", ours["preprocessing"], preprocessing, _OTHER_DATA)
        most = ((checkpoint["global_step"] - 1) % ours["steps_per_epoch"] + 1) * options["data.batch_size"]
        least = most - options["data.batch_size"] + 1  # the last mini-batch may be smaller
        expect_count(f"{path}: samples", checkpoint["epoch_so_far"]["samples"], least, most)
        _expect_updates(path, checkpoint, model)
        if not allow_environment_change:
            way: Any = model.way
            here = environment(trainer.strategy.root_device, trainer.world_size, way.order_of_sums)
            known = _OLD_ENVIRONMENT if _is_before_fused_steps(ours) else {}
            expect_same(f"{path}: environment", ours["environment"] | known, here, _other_bits(way))


def check_weights(path: Path, checkpoint: dict[str, Any], model: Classifier) -> None:
    """Raise a CheckpointError unless a checkpoint has everything that a run saves, and weights of this network."""
    _expect_contents(path, checkpoint)
    _expect_weights(path, checkpoint, model)


def _is_before_fused_steps(ours: dict[str, Any]) -> bool:
    environment = ours.get("environment")
    return ours.get("format") == 1 and isinstance(environment, dict) and "training step" not in environment


def _other_bits(way: Way) -> str:
    why = f" (the step is not fused here: {way.reason})" if way.reason else ""
    return f"results would not be the same to the bit{why}; to resume anyway: --allow-environment-change"


def _expect_contents(path: Path, checkpoint: dict[str, Any]) -> None:
    """Expect everything that a run saves, with the right types, and counters that agree."""
    expect_keys(f"{path}: contents", checkpoint, _CONTENTS)
    ours, absent = checkpoint["torchnet"], set[str]()
    if isinstance(ours, dict) and "format" in ours:
        if type(ours["format"]) is int and ours["format"] in _OLD:
            absent = _OLD[ours["format"]]
        else:  # another format may have other contents
            expect_same(f"{path}: format", ours["format"], FORMAT, "another version of torchnet saved it")
    expected = {name: it for name, it in _OURS.items() if name not in absent}
    expect_like(f"{path}: contents", checkpoint, _CONTENTS | {"torchnet": expected})
    for name, value in ours["metrics"].items():
        if kind(value) != "number":
            refuse(f"{path}: metrics, {name}", "a number", value)
    version = checkpoint["pytorch-lightning_version"]
    if not re.fullmatch(_LIGHTNING, version):
        refuse(f"{path}: pytorch-lightning_version", "one like 2.6.6", version)
    expect_count(f"{path}: global_step", checkpoint["global_step"], 1)
    expect_count(f"{path}: steps_per_epoch", ours["steps_per_epoch"], 1)
    expect_count(f"{path}: metrics_rows", ours["metrics_rows"], 0)
    position = _position(checkpoint)
    expect_same(f"{path}: epoch", checkpoint["epoch"], position.epochs)
    expect_same(f"{path}: loops", checkpoint["loops"], position.loops())


def _expect_weights(path: Path, checkpoint: dict[str, Any], model: Classifier) -> None:
    """Expect finite weights with the shapes and dtypes of this network, and buffers that count its steps."""
    weights = checkpoint["state_dict"]
    saved, expected = ({key: kind(value) for key, value in it.items()} for it in (weights, model.state_dict()))
    for key in sorted(expected | saved, key=lambda key: "." not in str(key)):  # weights first, as they say the most
        if saved.get(key) != expected.get(key):
            raise CheckpointError(
                f"{path}: belongs to another network: {key if key in expected else repr(key)} is "
                f"{saved.get(key, 'missing')} there and {expected.get(key, 'missing')} here; use the configuration of "
                "its run"
            )
        expect_finite(f"{path}: {key}", weights[key])
        if not weights[key].is_floating_point():
            expect_same(f"{path}: {key}", weights[key].item(), checkpoint["global_step"])


def _expect_callbacks(path: Path, checkpoint: dict[str, Any], callbacks: Iterable[Any]) -> None:
    """Expect states that fit the callbacks of this run; the states of callbacks of others may be missing."""
    states = checkpoint["callbacks"]
    new = _NEW if checkpoint["torchnet"]["format"] in _OLD else ()
    for callback in callbacks:
        name, expected = callback.state_key, callback.state_dict()
        place, is_ours = f"{path}: {name}", callback.__module__.startswith("torchnet.")
        if not expected or (name not in states and (name in new or not is_ours)):
            continue
        if is_ours or callback.__module__.startswith("pytorch_lightning."):  # a user's may change in any way
            expect_like(place, _without_words(states.get(name), expected), expected)
        if name in _STEPS:
            expect_count(f"{place}, {_STEPS[name]}", states[name][_STEPS[name]], 0, checkpoint["global_step"])
        if is_ours:
            try:
                copy.copy(callback).load_state_dict(states[name])
            except ValueError as error:
                raise CheckpointError(f"{place}: {error}: {ANOTHER}") from error


def _without_words(state: Any, expected: dict[str, Any]) -> Any:
    """Return the state of a callback with None for words that were None at first, such as why EarlyStopping stopped."""
    if not isinstance(state, dict):
        return state
    return {key: None if isinstance(it, str) and expected.get(key, "") is None else it for key, it in state.items()}


def _expect_updates(path: Path, checkpoint: dict[str, Any], model: Classifier) -> None:
    """Expect states of optimizer and scheduler after this number of steps, from which they can continue."""
    optimizer, schedule = trial_of(model.make_optimizer, model.net), model.schedule
    made: list[Any] = [] if schedule is None else [schedule.make(optimizer)]
    step, optimizers, schedulers = (checkpoint[key] for key in ("global_step", "optimizer_states", "lr_schedulers"))
    expect_same(f"{path}: number of optimizers", len(optimizers), 1)
    expect_same(f"{path}: number of schedulers", len(schedulers), len(made))
    _expect_optimizer(f"{path}: optimizer", optimizers[0], optimizer.state_dict(), model.scheduled, step)
    for scheduler, saved in zip(made, schedulers, strict=True):
        expect_like(f"{path}: scheduler", saved, scheduler.state_dict())
        if schedule is not None and schedule.metric is None:
            turns = step if schedule.interval == "step" else checkpoint["epoch"]
            first = getattr(scheduler, "_step_count", 0)  # 1, or 0 if the scheduler does not count its steps
            for name, count in {"last_epoch": turns, "_step_count": first and turns + first}.items():
                if name in saved:
                    expect_same(f"{path}: scheduler, {name}", saved[name], count)
    try:
        optimizer.load_state_dict(copy.deepcopy(optimizers[0]))
        model.override_options(optimizer)
        optimizer.step()
        for scheduler, saved in zip(made, schedulers, strict=True):
            scheduler.load_state_dict(copy.deepcopy(saved))
            advance(scheduler, *([0.0] if schedule is not None and schedule.metric else []))
    except UsageError:  # the schedule has ended, and the run may have ended with it
        pass
    except Exception as error:
        raise CheckpointError(
            f"{path}: expected states from which {type(optimizer).__name__} and its schedule can continue, "
            f"got others ({type(error).__name__}: {error}): set their options as they were"
        ) from error


def _expect_optimizer(place: str, saved: Any, expected: dict[str, Any], scheduled: tuple[str, ...], step: int) -> None:
    """Expect the state that this optimizer has after a number of steps, apart from the values of its tensors."""
    expect_like(place, saved, expected | {"state": {}})
    (group,), (ours,) = saved["param_groups"], expected["param_groups"]
    expect_same(f"{place}, params", group["params"], ours["params"])
    constant = [name for name in ours if name not in scheduled and not name.endswith("lr")]
    # Other options may need other tensors, such as a momentum that was zero.
    has_same_options = all(group[name] == ours[name] for name in constant)
    if has_same_options:
        expect_keys(f"{place}, state", saved["state"], expected["state"])
    for number, kept in saved["state"].items():
        here, wanted = f"{place}, state, {number}", expected["state"].get(number, {})
        expect_keys(here, kept, wanted if has_same_options else kept)
        for key, value in kept.items():
            if key in wanted and kind(value) != kind(wanted[key]):
                refuse(f"{here}, {key}", kind(wanted[key]), value)
            expect_finite(f"{here}, {key}", value)
            if key in wanted and key == "step" and value != step:
                refuse(f"{here}, {key}", str(step), float(value))


def finished_epochs(checkpoint: dict[str, Any]) -> int:
    """Return the number of completed epochs of a verified checkpoint."""
    return _position(checkpoint).epochs


def _position(checkpoint: dict[str, Any]) -> Position:
    return Position(checkpoint["global_step"], checkpoint["torchnet"]["steps_per_epoch"])
