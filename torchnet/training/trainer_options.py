"""Options of Lightning's Trainer that are refused, and options that work with a notice; all others simply work."""

from collections.abc import Iterator, Mapping
from typing import Any

from pytorch_lightning.plugins.environments import ClusterEnvironment

from torchnet.runs.errors import UsageError

_CLIPPING = "Lightning does not clip hand-written gradients; use --model.clip_norm or --model.clip_value instead"
REFUSED: dict[str, tuple[tuple[Any, ...], str, str]] = {  # accepted values, the one to name, and the way out
    "precision": (
        (None, 32, "32", "32-true"),
        "32-true",
        "Lightning does not scale or cast hand-written gradients; use --model.dtype and --model.matmul_dtype bfloat16 "
        "instead",
    ),
    "gradient_clip_val": ((None,), "null", _CLIPPING),
    "gradient_clip_algorithm": ((None,), "null", _CLIPPING),
    "accumulate_grad_batches": (
        (1,),
        "1",
        "the sum of the gradients of n mini-batches is the gradient of one of n times the size; use a larger "
        "--data.batch_size instead",
    ),
    "model_registry": ((None,), "null", "checkpoints are files in the folder of the run; leave it out"),
}
_KEPT = ("precision", "gradient_clip_val", "gradient_clip_algorithm", "accumulate_grad_batches")
_STRATEGIES = ("auto", "ddp")  # the latter is what Lightning chooses for several devices, with torchnet's own strategy
_KNOWN = {"accelerator": ("auto", "cpu", "gpu", "cuda", "mps"), "profiler": ("simple", "advanced", "pytorch")}
NOTICES = {  # printed if an option has another value than its default
    "barebones": "trains without logs, checkpoints and a progress bar",
    "benchmark": "has no effect, as an algorithm that is chosen by a measurement may have other bits in every run",
    "detect_anomaly": "has no effect, as there is no autograd; Inf and NaN end every run",
    "enable_autolog_hparams": "has no effect; config.yaml has the options of a run",
    "enable_model_summary": "weights count as non-trainable in the summary, as autograd does not train them",
    "limit_test_batches": "limits the loss that the command test prints; reports are of all images",
    "sync_batchnorm": "has no effect, as batch normalization always uses the whole mini-batch, over all processes",
    "use_distributed_sampler": "has no effect, as torchnet itself divides mini-batches among processes",
}


def refuse_options(options: Mapping[str, Any]) -> None:
    """Raise a UsageError for options of the Trainer that do not work with hand-written gradients."""
    for name, (accepted, expected, reason) in REFUSED.items():
        value = options.get(name, accepted[0])
        if value not in accepted:
            raise UsageError(f"trainer.{name}: expected {expected}, got {value}: {reason}")
    for name, known in _KNOWN.items():
        value = options.get(name)
        if isinstance(value, str) and value not in known:
            raise UsageError(f"trainer.{name}: expected {', '.join(known)}, got {value}: torchnet knows no other")
    for unit in ("epochs", "steps"):
        least, most = options.get(f"min_{unit}") or 0, options.get(f"max_{unit}")
        if most is not None and 0 <= most < least:
            raise UsageError(f"trainer.min_{unit}: expected at most max_{unit}, {most}, got {least}: raise max_{unit}")
    strategy, plugins = options.get("strategy", "auto"), options.get("plugins") or []
    if isinstance(strategy, str) and strategy not in _STRATEGIES:
        raise refused_strategy(strategy)
    for plugin in plugins if isinstance(plugins, list) else [plugins]:
        if not isinstance(plugin, ClusterEnvironment):
            raise UsageError(
                f"trainer.plugins: expected cluster environments, got {type(plugin).__name__}: torchnet has its own "
                "precision, batch normalization and checkpoints; leave it out"
            )


def refuse_options_of(trainer: Any) -> None:
    """Raise a UsageError for such options of a Trainer, as far as it keeps them."""
    refuse_options({name: getattr(trainer, name) for name in _KEPT})


def refused_strategy(strategy: str) -> UsageError:
    """Return the error for a strategy that is neither for one device nor torchnet's own."""
    return UsageError(
        f"trainer.strategy: expected auto, got {strategy}: torchnet itself sums hand-written gradients over devices; "
        "leave it out"
    )


def notices(options: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each option that works in another way than its name may suggest."""
    for name, text in NOTICES.items():
        if options[name] not in (None, defaults[name] or False):
            yield f"trainer.{name}: {text}"
