"""What a checkpoint must be before anything of it is restored: the state of this very training, whole and consistent.

The file itself has been found sound by then (torchnet/storage): its contents are plain values and tensors.
"""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from torchnet.storage import CheckpointError
from torchnet.training.checkpoints import FORMAT
from torchnet.training.module import Classifier
from torchnet.training.position import Position
from torchnet.training.update import trial_of

_CONTENTS: dict[str, Any] = {  # what stands for the type of each
    "epoch": 0,
    "global_step": 0,
    "pytorch-lightning_version": "",
    "state_dict": {},
    "loops": {},
    "callbacks": {},
    "optimizer_states": [],
    "lr_schedulers": [],
    "epoch_so_far": {},
    "torchnet": {},
}
_OURS = {"format": 0, "steps_per_epoch": 0, "metrics": {}, "metrics_rows": 0, "options": {}, "environment": {}}
_SO_FAR = {"loss_sum": 0.0, "samples": 0, "metric": None}


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
        self._expect_like("contents", self.checkpoint, _CONTENTS, deep=False)
        ours, so_far = self.checkpoint["torchnet"], self.checkpoint["epoch_so_far"]
        self._expect("format", ours.get("format"), FORMAT, ": it was saved by another version of torchnet")
        self._expect_like("torchnet", ours, _OURS, deep=False)
        self._expect_like("epoch_so_far", so_far, _SO_FAR)
        self._expect_like("metrics", ours["metrics"], dict.fromkeys(ours["metrics"], 0.0))
        step, steps_per_epoch = self.checkpoint["global_step"], ours["steps_per_epoch"]
        for name, count, least in (
            ("global_step", step, 1),
            ("steps_per_epoch", steps_per_epoch, 1),
            ("metrics_rows", ours["metrics_rows"], 0),
            ("samples", so_far["samples"], 1),
        ):
            if type(count) is not int or count < least:
                raise CheckpointError(f"{self.path}: {name}: expected a whole number from {least} up, got {count}")
        position = Position(step, steps_per_epoch)
        self._expect("epoch", self.checkpoint["epoch"], position.epochs)
        self._expect("loops", self.checkpoint["loops"], position.loops())

    def expect_weights_of(self, model: Classifier) -> None:
        """Expect weights of the shapes and types that this network has, all of them finite."""
        weights = self.checkpoint.get("state_dict")
        if not isinstance(weights, dict) or not all(isinstance(tensor, Tensor) for tensor in weights.values()):
            raise CheckpointError(f"{self.path}: expected a checkpoint of a run, with a state_dict of tensors")
        states = (weights, model.state_dict())
        saved, expected = ({key: _kind(tensor) for key, tensor in state.items()} for state in states)
        for key in sorted(expected | saved, key=lambda key: "." not in str(key)):  # weights first: they say it best
            if saved.get(key) != expected.get(key):
                raise CheckpointError(
                    f"{self.path}: belongs to another network: {key} is {saved.get(key, 'missing')} there "
                    f"and {expected.get(key, 'missing')} here; run it with the configuration it was trained with"
                )
            self._expect_finite(key, weights[key])

    def expect_same_run(self, options: dict[str, Any]) -> None:
        """Expect the options on which the order of the samples depends to be these."""
        saved = self.checkpoint["torchnet"]["options"]
        self._expect_keys("options", saved, options)
        for name, value in options.items():
            hint = ": what follows would be no continuation; train anew, or leave the option as it was"
            self._expect(name, value, saved[name], hint)

    def expect_same_environment(self, environment: dict[str, str]) -> None:
        """Expect all that the bits of a result may depend on to be as it is here."""
        saved = self.checkpoint["torchnet"]["environment"]
        self._expect_keys("environment", saved, environment)
        for name, value in environment.items():
            if saved[name] != value:
                raise CheckpointError(
                    f"{self.path}: was saved with another {name} ({saved[name]}; here it is {value}): "
                    "results would not be the same to the bit; to go on nevertheless: --allow-environment-change"
                )

    def expect_state_of(self, model: Classifier, callbacks: Iterable[Any]) -> None:
        """Expect states that the optimizer, the scheduler and the callbacks here could have after so many steps."""
        trial = trial_of(model.make_optimizer, model.net)
        scheduler = None if model.schedule is None else model.schedule.make(trial)
        optimizers, schedulers = self.checkpoint["optimizer_states"], self.checkpoint["lr_schedulers"]
        self._expect("number of optimizers", len(optimizers), 1)
        self._expect("number of schedulers", len(schedulers), 0 if scheduler is None else 1)
        self._expect_optimizer(optimizers[0], trial.state_dict())
        if scheduler is not None:
            self._expect_like("scheduler", schedulers[0], scheduler.state_dict())
            if model.schedule is not None and model.schedule.metric is None:
                turns = self.checkpoint["global_step" if model.schedule.interval == "step" else "epoch"]
                self._expect("scheduler, last_epoch", schedulers[0]["last_epoch"], turns)
        for callback in callbacks:
            expected, saved = callback.state_dict(), self.checkpoint["callbacks"].get(callback.state_key)
            if expected and (saved is not None or callback.__module__.startswith("torchnet.")):
                self._expect_like(callback.state_key, saved, expected)

    def _expect_optimizer(self, saved: Any, expected: dict[str, Any]) -> None:
        self._expect_like("optimizer", saved, expected, deep=False)
        self._expect_like("groups of weights", saved["param_groups"], expected["param_groups"])
        options, asked = (
            [{key: value for key, value in group.items() if not key.endswith("lr")} for group in groups]
            for groups in (saved["param_groups"], expected["param_groups"])
        )
        for group, wanted in zip(options, asked, strict=True):
            self._expect("weights of the optimizer", group["params"], wanted["params"])
        state = expected["state"]
        if options == asked:  # else it may keep other tensors than these here, as with a momentum where there was none
            self._expect_like("states of the optimizer", saved["state"], state)
        for number, kept in saved["state"].items():
            for key, value in kept.items() if isinstance(kept, dict) else [("state", kept)]:
                name = f"{key} of weight {number} in the optimizer"
                if key in state.get(number, {}):
                    self._expect(name, _kind(value), _kind(state[number][key]))
                self._expect_finite(name, value)
                if key == "step":
                    self._expect(name, int(value), self.checkpoint["global_step"])

    def _expect(self, what: str, got: object, expected: object, hint: str = "") -> None:
        if type(got) is not type(expected) or got != expected:
            raise CheckpointError(f"{self.path}: {what}: expected {expected}, got {got}{hint}")

    def _expect_finite(self, what: str, value: Any) -> None:
        if isinstance(value, Tensor) and not value.isfinite().all():
            raise CheckpointError(f"{self.path}: {what} is not finite")

    def _expect_keys(self, what: str, got: Any, expected: Iterable[Any]) -> None:
        if not isinstance(got, dict):
            raise CheckpointError(f"{self.path}: {what}: expected a dictionary, got {type(got).__name__}")
        for key in sorted(map(str, {*got} ^ {*expected})):
            found = "there is no" if key in map(str, expected) else "there is an unknown"
            raise CheckpointError(f"{self.path}: expected a checkpoint of a run: in its {what} {found} {key}")

    def _expect_like(self, what: str, got: Any, expected: Any, deep: bool = True) -> None:
        """Expect the same keys, lengths, types, shapes; where None is expected, None or a finite number."""
        if isinstance(expected, dict):
            self._expect_keys(what, got, expected)
            for key, value in expected.items():
                if deep or not isinstance(value, (dict, list)):
                    self._expect_like(f"{what}, {key}", got[key], value)
                else:
                    self._expect(f"{what}, {key}", type(got[key]).__name__, type(value).__name__)
        elif isinstance(expected, (list, tuple)) and isinstance(got, (list, tuple)):
            if expected:  # what is empty yet may have any length
                self._expect(f"{what}, length", len(got), len(expected))
            for k, (item, value) in enumerate(zip(got, expected, strict=False)):
                self._expect_like(f"{what}, {k}", item, value)
        elif expected is None or got is None:  # a number that is not known yet
            if not all(value is None or _kind(value) == "number" for value in (got, expected)):
                raise CheckpointError(f"{self.path}: {what}: expected {_kind(expected)}, got {_kind(got)}")
            self._expect_finite(what, torch.tensor(got or 0.0))
        else:
            self._expect(what, _kind(got), _kind(expected))
            if isinstance(expected, float) and math.isfinite(expected):
                self._expect_finite(what, torch.tensor(got))


def finished_epochs(checkpoint: dict[str, Any]) -> int:
    """Return how many epochs a checkpoint that was found sound has behind it."""
    return Position(checkpoint["global_step"], checkpoint["torchnet"]["steps_per_epoch"]).epochs


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "number"
    return type(value).__name__
