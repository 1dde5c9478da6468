"""What a checkpoint must be before anything of it is restored: the state of this very training, whole and consistent.

The file itself has been found sound by then (torchnet/storage): its contents are plain values and tensors.
"""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import Tensor

from torchnet.storage import CheckpointError
from torchnet.training.checkpoints import FORMAT
from torchnet.training.module import Classifier
from torchnet.training.position import Position
from torchnet.training.update import trial_of

_OURS = {
    "format": int,
    "steps_per_epoch": int,
    "metrics": dict,
    "metrics_rows": int,
    "options": dict,
    "environment": dict,
}
_SO_FAR = {"loss_sum": float, "samples": int, "metric": float | None}
_CONTENTS = {
    "epoch": int,
    "global_step": int,
    "pytorch-lightning_version": str,
    "state_dict": dict,
    "loops": dict,
    "callbacks": dict,
    "optimizer_states": list,
    "lr_schedulers": list,
    "epoch_so_far": dict,
    "torchnet": dict,
}


class Verification:
    """The questions that a checkpoint is asked; the first wrong answer is a CheckpointError.

    Args:
        path: of the checkpoint, for the message.
        checkpoint: its contents.
    """

    def __init__(self, path: Path, checkpoint: dict[str, Any]) -> None:
        self.path, self.checkpoint = path, checkpoint

    def expect(self, what: str, got: object, expected: object, hint: str = "") -> None:
        """Raise a CheckpointError if these are not the same."""
        if type(got) is not type(expected) or got != expected:
            raise CheckpointError(f"{self.path}: {what}: expected {expected}, got {got}{hint}")

    def expect_keys(self, what: str, got: dict[Any, Any], expected: Iterable[str]) -> None:
        """Raise a CheckpointError if a key is missing, or one is there that should not be."""
        for key in sorted(map(str, {*got} ^ {*expected})):
            found = "there is an unknown" if key in map(str, got) else "there is no"
            raise CheckpointError(f"{self.path}: expected a checkpoint of a run: in its {what} {found} {key}")

    def expect_types(self, what: str, got: dict[str, Any], types: dict[str, Any]) -> None:
        """Raise a CheckpointError if these are not the keys, or a value is of another type or not a finite number."""
        self.expect_keys(what, got, types)
        for key, expected in types.items():
            value = got[key]
            if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
                name = getattr(expected, "__name__", str(expected))
                raise CheckpointError(f"{self.path}: {what}, {key}: expected {name}, got {type(value).__name__}")
            if isinstance(value, (int, float)) and not (math.isfinite(value) and (value >= 0 or expected is not int)):
                raise CheckpointError(f"{self.path}: {what}, {key}: expected a number that can be, got {value}")

    def expect_weights_of(self, model: Classifier) -> None:
        """Raise a CheckpointError if the weights are not those of this network, or not finite."""
        weights = self.checkpoint.get("state_dict")
        if not isinstance(weights, dict) or not all(isinstance(tensor, Tensor) for tensor in weights.values()):
            raise CheckpointError(f"{self.path}: expected a checkpoint of a run, with a state_dict of tensors")
        saved, expected = _layout(weights), _layout(model.state_dict())
        for key in sorted(expected | saved, key=lambda key: "." not in str(key)):  # weights first: they say it best
            if saved.get(key) != expected.get(key):
                raise CheckpointError(
                    f"{self.path}: belongs to another network: {key} is {saved.get(key, 'missing')} there "
                    f"and {expected.get(key, 'missing')} here; run it with the configuration it was trained with"
                )
        self.expect_finite("", weights)

    def expect_finite(self, what: str, tensors: dict[str, Any]) -> None:
        for key, tensor in tensors.items():
            if isinstance(tensor, Tensor) and not tensor.isfinite().all():
                raise CheckpointError(f"{self.path}: {key}{what} is not finite")

    def expect_contents(self) -> None:
        """Raise a CheckpointError if something is missing, or is not of the type that it should be."""
        self.expect_types("contents", self.checkpoint, _CONTENTS)
        ours = self.checkpoint["torchnet"]
        self.expect("format", ours.get("format"), FORMAT, ": it was saved by another version of torchnet")
        self.expect_types("torchnet", ours, _OURS)
        self.expect_types("epoch_so_far", self.checkpoint["epoch_so_far"], _SO_FAR)

    def expect_position(self) -> None:
        """Raise a CheckpointError if the counters do not fit each other."""
        ours = self.checkpoint["torchnet"]
        position = Position(self.checkpoint["global_step"], ours["steps_per_epoch"])
        if position.step < 1 or position.steps_per_epoch < 1:
            raise CheckpointError(f"{self.path}: expected steps from 1 up, got {position}")
        self.expect("epoch", self.checkpoint["epoch"], position.epochs)
        self.expect("loops", self.checkpoint["loops"], position.loops())

    def expect_same_run(self, options: dict[str, Any]) -> None:
        """Raise a CheckpointError if an option on which the order of the samples depends is another one."""
        saved = self.checkpoint["torchnet"]["options"]
        self.expect_keys("options", saved, options)
        for name, value in options.items():
            hint = ": what follows would be no continuation; train anew, or leave the option as it was"
            self.expect(name, value, saved[name], hint)

    def expect_same_environment(self, environment: dict[str, str]) -> None:
        """Raise a CheckpointError if the bits of the result may depend on what has changed."""
        saved = self.checkpoint["torchnet"]["environment"]
        for name in sorted(environment | saved):
            if saved.get(name) != environment.get(name):
                raise CheckpointError(
                    f"{self.path}: was saved with another {name} ({saved.get(name)}, here {environment.get(name)}): "
                    "results would not be the same to the bit; to go on nevertheless: --allow_environment_change true"
                )

    def expect_state_of(self, model: Classifier) -> None:
        """Raise a CheckpointError if the state of optimizer and scheduler is not one that those here could have."""
        trial = trial_of(model.make_optimizer, model.net)
        scheduler = None if model.schedule is None else model.schedule.make(trial)
        optimizers, schedulers = self.checkpoint["optimizer_states"], self.checkpoint["lr_schedulers"]
        self.expect("number of optimizers", len(optimizers), 1)
        self.expect("number of schedulers", len(schedulers), 0 if scheduler is None else 1)
        self._expect_optimizer(optimizers[0], trial.state_dict())
        if scheduler is not None:
            self._expect_plain("scheduler", schedulers[0], scheduler.state_dict())

    def _expect_optimizer(self, saved: Any, expected: dict[str, Any]) -> None:
        self._expect_plain("optimizer", saved, {"state": {}, "param_groups": []}, deep=False)
        self.expect("groups of weights", len(saved["param_groups"]), len(expected["param_groups"]))
        for group, wanted in zip(saved["param_groups"], expected["param_groups"], strict=True):
            self._expect_plain("optimizer's options", group, wanted)
            self.expect("weights of the optimizer", group["params"], wanted["params"])
        # With other options than those asked for now (momentum where there was none), it may keep other tensors.
        options = [
            {key: value for key, value in group.items() if not key.endswith("lr")} for group in saved["param_groups"]
        ]
        asked = [
            {key: group.get(key) for key in mine} for group, mine in zip(expected["param_groups"], options, strict=True)
        ]
        if options == asked:
            self.expect("weights with a state", sorted(saved["state"]), sorted(expected["state"]))
        for number, kept in saved["state"].items():
            name = f" of weight {number} in the optimizer"
            wanted = expected["state"].get(number, {})
            if options == asked:
                self._expect_plain(f"state{name}", kept, wanted)
            for key, value in kept.items():
                self.expect(f"{key}{name}", *(_layout({key: v})[key] for v in (value, wanted.get(key, value))))
            self.expect_finite(name, kept)
            if isinstance(kept.get("step"), (int, float, Tensor)):
                self.expect(f"step{name}", int(kept["step"]), self.checkpoint["global_step"])

    def _expect_plain(self, what: str, saved: Any, expected: dict[str, Any], deep: bool = True) -> None:
        """Expect a dictionary with these keys, and values of these types; numbers may be of either type, or None."""
        if not isinstance(saved, dict):
            raise CheckpointError(f"{self.path}: {what}: expected a dictionary, got {type(saved).__name__}")
        self.expect_keys(what, saved, expected)
        for key, wanted in expected.items():
            kind, got = _kind(wanted), _kind(saved[key])
            if deep and kind != got and "None" not in (kind, got):
                raise CheckpointError(f"{self.path}: {what}, {key}: expected {kind}, got {got}")


def finished_epochs(checkpoint: dict[str, Any]) -> int:
    """Return how many epochs a checkpoint that was found sound has behind it."""
    return Position(checkpoint["global_step"], checkpoint["torchnet"]["steps_per_epoch"]).epochs


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    return "number" if isinstance(value, (bool, int, float)) else type(value).__name__


def _layout(state: dict[str, Any]) -> dict[str, str]:
    return {
        key: f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
        if isinstance(value, Tensor)
        else _kind(value)
        for key, value in state.items()
    }
