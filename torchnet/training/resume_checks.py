"""What a checkpoint must be before anything of it is restored: the state of this very training, whole and consistent.

The file itself has been found sound by then (torchnet/storage): its contents are plain values and tensors.
"""

import copy
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

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
from torchnet.training.module import Classifier
from torchnet.training.optimizer_options import trial_of
from torchnet.training.position import Position
from torchnet.training.schedule import Schedule, advance

_CONTENTS: dict[str, Any] = {  # what stands for the type of each; what is empty is looked into later
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
_OURS = {"format": 0, "steps_per_epoch": 0, "metrics": {}, "metrics_rows": 0, "options": {}, "environment": {}}
_LIGHTNING = r"2\.[0-9]+\.[0-9]+(\.?(a|b|rc|post|dev)[0-9]+)?"
_STEPS = {"Checkpoints": "best_step", "GradientCheck": "steps"}  # what callbacks of ours count or name
_LEAVE = "what follows would be no continuation; train anew, or leave the option as it was"


class Verification:
    """The questions that a checkpoint is asked; the first wrong answer is a CheckpointError.

    Args:
        path: of the checkpoint, for the message.
        checkpoint: its contents.
    """

    def __init__(self, path: Path, checkpoint: dict[str, Any]) -> None:
        self.path, self.checkpoint = path, checkpoint

    def expect_contents(self) -> None:
        """Expect everything that a run saves, each of its type, and counters that fit each other."""
        expect_keys(f"{self.path}: contents", self.checkpoint, _CONTENTS)
        ours = self.checkpoint["torchnet"]
        if isinstance(ours, dict) and "format" in ours:
            hint = "it was saved by another version of torchnet"
            expect_same(f"{self.path}: format", ours["format"], FORMAT, hint)
        expect_like(f"{self.path}: contents", self.checkpoint, _CONTENTS)
        expect_like(f"{self.path}: torchnet", ours, _OURS)
        expect_keys(f"{self.path}: torchnet", ours, _OURS)
        for name, value in ours["metrics"].items():
            if kind(value) != "number":
                refuse(f"{self.path}: metrics, {name}", "a number", value)
        version = self.checkpoint["pytorch-lightning_version"]
        if not re.fullmatch(_LIGHTNING, version):
            refuse(f"{self.path}: pytorch-lightning_version", "one like 2.6.6", version)
        step, steps_per_epoch = self.checkpoint["global_step"], ours["steps_per_epoch"]
        expect_count(f"{self.path}: global_step", step, 1)
        expect_count(f"{self.path}: steps_per_epoch", steps_per_epoch, 1)
        expect_count(f"{self.path}: metrics_rows", ours["metrics_rows"], 0)
        position = Position(step, steps_per_epoch)
        expect_same(f"{self.path}: epoch", self.checkpoint["epoch"], position.epochs)
        expect_same(f"{self.path}: loops", self.checkpoint["loops"], position.loops())

    def expect_weights_of(self, model: Classifier) -> None:
        """Expect weights of the shapes and types that this network has, all of them finite; and counts of its steps."""
        weights = self.checkpoint["state_dict"]
        expected = {key: kind(tensor) for key, tensor in model.state_dict().items()}
        for key in sorted(expected | weights, key=lambda key: "." not in str(key)):  # weights first: they say it best
            saved = kind(weights[key]) if key in weights else "missing"
            if saved != expected.get(key):
                raise CheckpointError(
                    f"{self.path}: belongs to another network: {key if key in expected else repr(key)} is {saved} "
                    f"there and {expected.get(key, 'missing')} here; run it with the configuration it was trained with"
                )
            expect_finite(f"{self.path}: {key}", weights[key])
            if not weights[key].is_floating_point():
                expect_same(f"{self.path}: {key}", weights[key].item(), self.checkpoint["global_step"])

    def expect_states_of(self, callbacks: Iterable[Any]) -> None:
        """Expect states that the callbacks here could have; those of others may be missing, as they may be new."""
        for callback in callbacks:
            expected, states = callback.state_dict(), self.checkpoint["callbacks"]
            place, is_ours = f"{self.path}: {callback.state_key}", callback.__module__.startswith("torchnet.")
            if not expected or (callback.state_key not in states and not is_ours):
                continue
            expect_like(place, states.get(callback.state_key), expected)
            if callback.state_key in _STEPS:
                name = _STEPS[callback.state_key]
                step = states[callback.state_key][name]
                expect_count(f"{place}, {name}", step, 0, self.checkpoint["global_step"])
            if is_ours:
                try:
                    copy.copy(callback).load_state_dict(states[callback.state_key])
                except ValueError as error:
                    raise CheckpointError(f"{place}: {error}: {ANOTHER}") from error

    def expect_same_run(self, options: dict[str, Any]) -> None:
        """Expect the options on which the order of the samples depends to be these, and a count that follows of it."""
        expect_same(f"{self.path}: options", self.checkpoint["torchnet"]["options"], options, _LEAVE)
        step, steps_per_epoch = self.checkpoint["global_step"], self.checkpoint["torchnet"]["steps_per_epoch"]
        most = ((step - 1) % steps_per_epoch + 1) * options["data.batch_size"]
        least = most - options["data.batch_size"] + 1  # the last mini-batch may not be full
        expect_count(f"{self.path}: samples", self.checkpoint["epoch_so_far"]["samples"], least, most)

    def expect_same_environment(self, environment: dict[str, str]) -> None:
        """Expect all that the bits of a result may depend on to be as it is here."""
        saved = self.checkpoint["torchnet"]["environment"]
        expect_keys(f"{self.path}: environment", saved, environment)
        for name, value in environment.items():
            if saved[name] != value:
                raise CheckpointError(
                    f"{self.path}: was saved with another {name} ({saved[name]!s:.200}; here it is {value}): "
                    "results would not be the same to the bit; to go on nevertheless: --allow-environment-change"
                )

    def expect_updates_of(self, model: Classifier) -> None:
        """Expect states that optimizer and scheduler could have here after so many steps, and that they go on from."""
        optimizer = trial_of(model.make_optimizer, model.net)
        schedule = model.schedule
        scheduler = None if schedule is None else schedule.make(optimizer)
        optimizers, schedulers = self.checkpoint["optimizer_states"], self.checkpoint["lr_schedulers"]
        expect_same(f"{self.path}: number of optimizers", len(optimizers), 1)
        expect_same(f"{self.path}: number of schedulers", len(schedulers), 0 if scheduler is None else 1)
        scheduled = () if schedule is None else schedule.options
        self._expect_optimizer(optimizers[0], optimizer.state_dict(), scheduled)
        if schedule is not None and scheduler is not None:
            self._expect_scheduler(schedulers[0], scheduler.state_dict(), schedule)
        asked = optimizer.state_dict()["param_groups"]
        try:
            optimizer.load_state_dict(copy.deepcopy(optimizers[0]))
            for group, options in zip(optimizer.param_groups, asked, strict=True):
                group.update({key: value for key, value in options.items() if key not in ("params", *scheduled)})
            optimizer.step()
            if schedule is not None and scheduler is not None:
                scheduler.load_state_dict(copy.deepcopy(schedulers[0]))
                advance(scheduler, *([0.0] if schedule.metric else []))
        except UsageError:  # the schedule is at its end, and the run may be so, too
            pass
        except Exception as error:
            raise CheckpointError(
                f"{self.path}: expected states from which {type(optimizer).__name__} and its schedule can go on, got "
                f"some from which they cannot ({type(error).__name__}: {error}): leave their options as they were"
            ) from error

    def _expect_optimizer(self, saved: Any, expected: dict[str, Any], scheduled: Iterable[str]) -> None:
        place = f"{self.path}: optimizer"
        expect_keys(place, saved, expected)
        groups = saved["param_groups"]
        expect_like(f"{place}, param_groups", groups, expected["param_groups"])
        weights = [group["params"] for group in expected["param_groups"]]
        expect_same(f"{place}, params", [group["params"] for group in groups], weights)
        settled, asked = (
            [
                {key: value for key, value in it.items() if key not in scheduled and not key.endswith("lr")}
                for it in them
            ]
            for them in (groups, expected["param_groups"])
        )
        expect_like(f"{place}, state", saved["state"], {})
        if settled == asked:  # else it may keep other tensors than these here, as with a momentum where there was none
            expect_keys(f"{place}, state", saved["state"], expected["state"])
        for number, kept in saved["state"].items():
            here = f"{place}, state, {number}"
            wanted = expected["state"].get(number, {})
            expect_keys(here, kept, wanted if settled == asked else kept)
            for key, value in kept.items():
                if key in wanted and kind(value) != kind(wanted[key]):
                    refuse(f"{here}, {key}", kind(wanted[key]), value)
                if key in wanted and key == "step" and value != self.checkpoint["global_step"]:
                    refuse(f"{here}, {key}", str(self.checkpoint["global_step"]), float(value))
                expect_finite(f"{here}, {key}", value)

    def _expect_scheduler(self, saved: Any, expected: dict[str, Any], schedule: Schedule) -> None:
        place = f"{self.path}: scheduler"
        expect_keys(place, saved, expected)
        expect_like(place, saved, expected)
        if schedule.metric is None:
            turns = self.checkpoint["global_step" if schedule.interval == "step" else "epoch"]
            for name, count in (("last_epoch", turns), ("_step_count", turns + 1)):
                if name in expected:
                    expect_same(f"{place}, {name}", saved[name], count)


def finished_epochs(checkpoint: dict[str, Any]) -> int:
    """Return how many epochs a checkpoint that was found sound has behind it."""
    return Position(checkpoint["global_step"], checkpoint["torchnet"]["steps_per_epoch"]).epochs
