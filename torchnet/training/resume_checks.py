"""The checks of a checkpoint before anything is restored from it: complete, consistent, and from the same training.

torchnet/storage has verified the file by then: its contents are plain values and tensors.
"""

import copy
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torchnet.runs.environment import environment
from torchnet.runs.errors import UsageError
from torchnet.storage import CheckpointError, read_checkpoint
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
from torchnet.training.schedule import Schedule, advance

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
_OURS = {"format": 0, "steps_per_epoch": 0, "metrics": {}, "metrics_rows": 0, "options": {}, "environment": {}}
_LIGHTNING = r"2\.[0-9]+\.[0-9]+(\.?(a|b|rc|post|dev)[0-9]+)?"
_STEPS = {"Checkpoints": "best_step", "GradientCheck": "steps"}  # numbers of steps in the states of callbacks
_LEAVE = "the run could not continue the same training; start a new run, or set the option as it was"


def check_resume(
    path: Path, model: Classifier, trainer: Any, options: dict[str, Any] | None, allow_environment_change: bool
) -> dict[str, Any]:
    """Check a checkpoint against the network and the Trainer that are to start from it; return its contents.

    Args:
        path: the checkpoint.
        model: the module with the network.
        trainer: the Trainer with its callbacks.
        options: to continue training, the options that must be those of the checkpoint's run; None to evaluate.
        allow_environment_change: accept another processor, build of torch or number of threads.

    Raises:
        CheckpointError: if the checkpoint cannot be used.
    """
    checkpoint = read_checkpoint(path)
    checks = ResumeChecks(path, checkpoint)
    checks.expect_contents()
    checks.expect_weights_of(model)
    checks.expect_states_of(trainer.callbacks)
    if options is not None:
        checks.expect_same_run(options)
        checks.expect_updates_of(model)
        if not allow_environment_change:
            checks.expect_same_environment(environment(trainer.strategy.root_device, trainer.world_size))
    return checkpoint


class ResumeChecks:
    """The checks of a checkpoint; each raises a CheckpointError at the first difference.

    Args:
        path: the file, for error messages.
        checkpoint: its contents.
    """

    def __init__(self, path: Path, checkpoint: dict[str, Any]) -> None:
        self.path, self.checkpoint = path, checkpoint

    def expect_contents(self) -> None:
        """Expect everything that a run saves, with the right types, and counters that agree."""
        expect_keys(f"{self.path}: contents", self.checkpoint, _CONTENTS)
        ours = self.checkpoint["torchnet"]
        if isinstance(ours, dict) and "format" in ours:
            hint = "another version of torchnet saved it"
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
        """Expect finite weights with the shapes and dtypes of this network, and buffers that count its steps."""
        weights = self.checkpoint["state_dict"]
        expected = {key: kind(tensor) for key, tensor in model.state_dict().items()}
        # Weights first: they give the clearest message.
        for key in sorted(expected | weights, key=lambda key: "." not in str(key)):
            saved = kind(weights[key]) if key in weights else "missing"
            if saved != expected.get(key):
                raise CheckpointError(
                    f"{self.path}: belongs to another network: {key if key in expected else repr(key)} is {saved} "
                    f"there and {expected.get(key, 'missing')} here; use the configuration of its run"
                )
            expect_finite(f"{self.path}: {key}", weights[key])
            if not weights[key].is_floating_point():
                expect_same(f"{self.path}: {key}", weights[key].item(), self.checkpoint["global_step"])

    def expect_states_of(self, callbacks: Iterable[Any]) -> None:
        """Expect states that fit the callbacks of this run; the states of callbacks of others may be missing."""
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
        """Expect these options, which the order of the samples depends on, and a count of samples that fits them."""
        expect_same(f"{self.path}: options", self.checkpoint["torchnet"]["options"], options, _LEAVE)
        step, steps_per_epoch = self.checkpoint["global_step"], self.checkpoint["torchnet"]["steps_per_epoch"]
        most = ((step - 1) % steps_per_epoch + 1) * options["data.batch_size"]
        least = most - options["data.batch_size"] + 1  # the last mini-batch may be smaller
        expect_count(f"{self.path}: samples", self.checkpoint["epoch_so_far"]["samples"], least, most)

    def expect_same_environment(self, here: dict[str, str]) -> None:
        """Expect the environment of this run, which the bits of a result depend on."""
        saved = self.checkpoint["torchnet"]["environment"]
        expect_keys(f"{self.path}: environment", saved, here)
        for name, value in here.items():
            if saved[name] != value:
                raise CheckpointError(
                    f"{self.path}: was saved with another {name} ({saved[name]!s:.200}; here it is {value}): "
                    "results would not be the same to the bit; to resume anyway: --allow-environment-change"
                )

    def expect_updates_of(self, model: Classifier) -> None:
        """Expect states of optimizer and scheduler after this number of steps, from which they can continue."""
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
        except UsageError:  # the schedule has ended, and the run may have ended with it
            pass
        except Exception as error:
            raise CheckpointError(
                f"{self.path}: expected states from which {type(optimizer).__name__} and its schedule can continue, "
                f"got others ({type(error).__name__}: {error}): set their options as they were"
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
        if settled == asked:  # other options may need other tensors, such as a momentum that was zero
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
    """Return the number of completed epochs of a verified checkpoint."""
    return Position(checkpoint["global_step"], checkpoint["torchnet"]["steps_per_epoch"]).epochs
