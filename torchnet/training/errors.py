"""Errors that the command line reports in one sentence, each with its exit code."""

from torchnet.storage import CheckpointError as CheckpointError


class UsageError(ValueError):
    """An option, a configuration file or a combination of them is not one that works."""


class NonFiniteError(ArithmeticError):
    """A number that training depends on is infinite or not a number."""


class StoppedError(Exception):
    """A signal stopped the training."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code
