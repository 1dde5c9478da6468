"""The arguments of the command line: what they are, and what they become."""

from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from jsonargparse.typing import restricted_number_type
from pytorch_lightning import Trainer
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI

from torchnet.cli.config_file import parse_with_files
from torchnet.cli.help import TEXTS_OF_COMMANDS, HelpFormatter, give_titles
from torchnet.cli.parser import Parser, suggestion
from torchnet.runs.errors import UsageError
from torchnet.runs.folders import RUNS, checkpoint_needed, find_checkpoint
from torchnet.training.callbacks.checkpoints import Checkpoints
from torchnet.training.callbacks.gradient_check import GradientCheck
from torchnet.training.callbacks.gradient_health import GradientHealth
from torchnet.training.callbacks.loss_line import LossLine
from torchnet.training.data_module import ImageData
from torchnet.training.distributed.replica_check import Together
from torchnet.training.module import Classifier

_Seed = restricted_number_type("Seed", int, [(">=", 0), ("<", 2**32)])
_SECTIONS: dict[str, type] = {
    "model": Classifier,
    "data": ImageData,
    "checkpoints": Checkpoints,
    "loss_line": LossLine,
    "gradient_check": GradientCheck,
    "gradient_health": GradientHealth,
    "together": Together,
    "trainer": Trainer,
}
_NULLABLE = ("trainer.", "checkpoints.every_n_seconds")  # what may be null even where there is a default


class ArgumentsCLI(LightningCLI):
    """Parse the arguments: every constructor argument of the Classifier, its data and the Trainer is an option.

    Args:
        arguments: a command and its options.

    Raises:
        UsageError: if an option or a configuration file is not one that works.
        CheckpointError: if the checkpoint to start from is not there.
    """

    def __init__(self, arguments: list[str]) -> None:
        super().__init__(
            Classifier,
            ImageData,
            args=arguments,
            parser_class=Parser,
            parser_kwargs={"allow_abbrev": False, "formatter_class": HelpFormatter, **TEXTS_OF_COMMANDS},
            seed_everything_default=10,
            save_config_callback=None,  # before_fit saves it, whatever the logger
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
            trainer_defaults={
                "default_root_dir": RUNS,
                "max_epochs": 40,  # as in default.yaml, for a configuration that does not say
                "devices": 1,
                "enable_model_summary": False,
                "num_sanity_val_steps": 0,
            },
        )

    def add_default_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument("--name", type=str, default="default", help="of the run, and of the folder of its results.")
        parser.add_argument(
            "--seed_everything",
            type=_Seed,
            default=self.seed_everything_default,
            help="seed of the weights, of the order of the data, of dropout and of deformations.",
        )
        parser.add_argument("--report", type=bool, default=True, help="draw report.html, with its figures, at the end.")
        parser.add_argument(
            "--allow_environment_change",
            type=bool,
            default=False,
            help="go on from a checkpoint of another processor, torch or number of threads: not to the same bit.",
        )

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        for section, kind in _SECTIONS.items():  # Lightning would have those of the Trainer first
            parser.add_lightning_class_args(kind, section)
        parser.set_defaults({f"trainer.{name}": value for name, value in self.trainer_defaults.items()})

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.link_arguments("seed_everything", "model.seed")
        parser.link_arguments("seed_everything", "data.seed")
        parser.link_arguments("model.dtype", "data.dtype")
        parser.link_arguments("data.in_features", "model.in_features", apply_on="instantiate")
        parser.link_arguments("data.num_classes", "model.num_classes", apply_on="instantiate")

    def _prepare_subcommand_parser(self, klass: type, subcommand: str, **kwargs: Any) -> LightningArgumentParser:
        parser = super()._prepare_subcommand_parser(klass, subcommand, **kwargs)
        give_titles(parser)
        return parser

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        try:
            self.config = parse_with_files(self._parse, args)
        except (UsageError, OSError):
            raise
        except Exception as error:  # what else a parser may meet: a configuration that is no text, a number too large
            raise UsageError(f"{type(error).__name__}: {error}") from error
        command = self.config.subcommand
        options = self.config[command]
        for section in ("trainer", "model", "data"):
            if not isinstance(options[section], Namespace):
                raise UsageError(f"--{section}: expected options by name, got {options[section]!r}")
        self._refuse_nulls(options, self._parser(command).get_defaults())
        options.trainer.default_root_dir = options.trainer.default_root_dir or RUNS
        if options.ckpt_path is not None:
            root = Path(options.trainer.default_root_dir)
            options.ckpt_path = str(find_checkpoint(options.ckpt_path, root, options.name))
        elif command != "fit":
            raise checkpoint_needed(command)
        if command == "validate" and options.data.validation_fraction == 0:
            raise UsageError("validate needs a validation set: set one aside with --data.validation_fraction")

    def _parse(self, arguments: list[str]) -> Namespace:
        try:
            return self.parser.parse_args(arguments)
        except UsageError as error:
            options = self._parser(arguments[0]).get_defaults()
            raise UsageError(f"{error}{suggestion(str(error), options)}") from error

    def _refuse_nulls(self, options: Namespace, defaults: Namespace) -> None:
        """Raise a UsageError for a null where a value belongs, which the parser lets pass for every type."""
        for name, value in options.items():
            if value is None and defaults.get(name) is not None and not name.startswith(_NULLABLE):
                raise UsageError(f"--{name}: expected a value, got null: leave it out to have {defaults.get(name)}")

    def _parse_ckpt_path(self) -> None:
        """Take no hyperparameters from the checkpoint: the configuration of its run has them."""

    @property
    def ckpt_path(self) -> Path | None:
        """The checkpoint that the command starts from."""
        path = self._get(self.config, "ckpt_path")
        return None if path is None else Path(path)
