"""The options of the command line, and their values for a command."""

from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning
from jsonargparse import ActionConfigFile, Namespace
from jsonargparse.typing import restricted_number_type
from pytorch_lightning import Trainer

from torchnet.cli.command_list import COMMANDS
from torchnet.cli.config_file import Select, parse_with_files
from torchnet.cli.help import TEXTS_OF_COMMANDS, HelpFormatter, give_titles
from torchnet.cli.parser import Parser, full_names, suggestion, write_network_defaults
from torchnet.runs.errors import UsageError
from torchnet.runs.folders import RUNS, FoundCheckpoint, checkpoint_needed, find_checkpoint
from torchnet.runs.sections import SECTIONS
from torchnet.training.callbacks.checkpoints import Checkpoints
from torchnet.training.callbacks.gradient_check import GradientCheck
from torchnet.training.callbacks.gradient_health import GradientHealth
from torchnet.training.callbacks.loss_line import LossLine
from torchnet.training.data_module import DataModule
from torchnet.training.distributed.replica_check import ReplicaCheck
from torchnet.training.module import Classifier

_Seed = restricted_number_type("Seed", int, [(">=", 0), ("<", 2**32)])
_CLASSES: dict[str, type] = {  # of each section: the arguments of the constructor are its options
    "model": Classifier,
    "data": DataModule,
    "checkpoints": Checkpoints,
    "loss_line": LossLine,
    "gradient_check": GradientCheck,
    "gradient_health": GradientHealth,
    "together": ReplicaCheck,
    "trainer": Trainer,
}
_TRAINER_DEFAULTS = {
    "default_root_dir": RUNS,
    "max_epochs": 40,  # as in default.yaml, for a configuration without it
    "devices": 1,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
}
_NULLABLE = ("trainer.", "checkpoints.every_n_seconds")  # options that may be null although their default is not
_GIVEN = {"model", "datamodule", "train_dataloaders", "val_dataloaders", "dataloaders"}  # not options of a command


class Options:
    """A parsed command line.

    Args:
        arguments: a command and its options.
        select: returns what counts of a configuration file and its values; None for all of them.
        found: the checkpoint that the options name, if it was looked for already.

    Attributes:
        command: fit, validate, test or predict.
        values: the value of every option, by name.
        checkpoint: the checkpoint to start from, if any.
        keeps_results: whether the command writes the folder of a run.

    Raises:
        UsageError: if an option or a configuration file is wrong.
        CheckpointError: if the checkpoint to start from does not exist or is corrupt.
    """

    def __init__(
        self, arguments: list[str], select: Select | None = None, found: FoundCheckpoint | None = None
    ) -> None:
        self.parser, self.of_command = parsers(arguments[0])
        self.checkpoint = found
        try:
            self.parsed = parse_with_files(self._parse, arguments, select)
        except (UsageError, OSError):
            raise
        except Exception as error:  # other errors of parsers, such as a number that is too large
            raise UsageError(f"{type(error).__name__}: {error}") from error
        self.command: str = self.parsed.subcommand
        self.values: Namespace = self.parsed[self.command]
        self._check()
        self.keeps_results = self.command == "fit" and not self.values.trainer.fast_dev_run

    @property
    def ckpt_path(self) -> Path | None:
        """The path of the checkpoint to start from, if any."""
        return None if self.checkpoint is None else self.checkpoint.path

    def instantiate(self) -> Namespace:
        """Return the objects of all sections; of the Trainer, its arguments."""
        return self.parser.instantiate(self.parsed)[self.command]

    def dump(self) -> str:
        """Return a configuration that repeats this run from the start."""
        values = self.values.clone()
        values.ckpt_path = None
        return self.of_command.dump(values, skip_unset=False)  # null is a value, too

    def _parse(self, arguments: list[str]) -> Namespace:
        try:
            return self.parser.parse_args(full_names(arguments))
        except UsageError as error:
            raise UsageError(f"{error}{suggestion(str(error), _defaults(arguments[0]), arguments)}") from error

    def _check(self) -> None:
        values, defaults = self.values, _defaults(self.command)
        for section in ("trainer", "model", "data"):
            if not isinstance(values[section], Namespace):
                raise UsageError(f"--{section}: expected options by name, got {values[section]!r}")
        for name, value in values.items():  # the parser accepts null for every type
            if (
                isinstance(value, str)
                and not value.isascii()
                and any("\ud800" <= letter <= "\udfff" for letter in value)
            ):
                raise UsageError(f"--{name}: expected text in UTF-8, got {value!r}")
            if value is None and defaults.get(name) is not None and not name.startswith(_NULLABLE):
                raise UsageError(f"--{name}: expected a value, got null: leave it out for {defaults.get(name)}")
        self._choose_network()
        values.trainer.default_root_dir = values.trainer.default_root_dir or RUNS
        if values.ckpt_path is not None:
            root = Path(values.trainer.default_root_dir)
            self.checkpoint = self.checkpoint or find_checkpoint(values.ckpt_path, root, values.name)
            values.ckpt_path = str(self.checkpoint.path)
        elif self.command != "fit":
            raise checkpoint_needed(self.command)
        if self.command == "validate" and values.data.validation_fraction == 0:
            raise UsageError("validate needs a validation set: set one aside with --data.validation_fraction")

    def _choose_network(self) -> None:
        """Write the defaults of the kind of network, so that the configuration of the run shows them."""
        try:
            write_network_defaults(self.values.model)
        except ValueError as error:
            raise UsageError(str(error)) from error


@cache
def parsers(command: str) -> tuple[Parser, Parser]:
    """Return the parser of a command line with this command, and that of the command."""
    parser, of_command = _parser(), _parser_of_command(command)
    parser.add_subcommands().add_subcommand(command, of_command, help=COMMANDS[command])
    return parser, of_command


@cache
def _defaults(command: str) -> Namespace:
    return parsers(command)[1].get_defaults()


def _parser(**texts: Any) -> Parser:
    header = [f"pytorch_lightning=={pytorch_lightning.__version__}"]
    parser = Parser(allow_abbrev=False, formatter_class=HelpFormatter, dump_header=header, **texts)
    parser.add_argument("-c", "--config", action=ActionConfigFile)
    return parser


def _parser_of_command(command: str) -> Parser:
    """Return a parser with an option for each constructor argument of the sections."""
    parser = _parser(**TEXTS_OF_COMMANDS[command])
    parser.add_argument("--name", type=str, default="default", help="the name of the run and of its folder.")
    parser.add_argument(
        "--seed_everything", type=_Seed, default=10, help="seed of weights, order of the data, dropout and deformation."
    )
    parser.add_argument("--report", type=bool, default=True, help="write report.html and its figures after training.")
    parser.add_argument(
        "--evaluate",
        type=Literal["best", "last"],
        default="best",
        help="the weights that the report is about: those with the smallest validation loss, or the last ones.",
    )
    parser.add_argument(
        "--allow_environment_change",
        type=bool,
        default=False,
        help="resume with another processor, build of torch or number of threads; not equal to the bit.",
    )
    for section in SECTIONS:
        is_trainer = section == "trainer"
        parser.add_class_arguments(
            _CLASSES[section], section, fail_untyped=False, instantiate=not is_trainer, sub_configs=True
        )
    parser.set_defaults({f"trainer.{name}": value for name, value in _TRAINER_DEFAULTS.items()})
    parser.link_arguments("seed_everything", "model.seed")
    parser.link_arguments("seed_everything", "data.seed")
    parser.link_arguments("model.dtype", "data.dtype")
    parser.link_arguments("data.input_shape", "model.input_shape", apply_on="instantiate")
    parser.link_arguments("data.num_classes", "model.num_classes", apply_on="instantiate")
    parser.link_arguments("data.resolved_task", "model.task", apply_on="instantiate")
    parser.add_method_arguments(Trainer, command, skip=_GIVEN)
    give_titles(parser)
    return parser
