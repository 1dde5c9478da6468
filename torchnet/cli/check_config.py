"""The gradients of a configuration: its network, its data and its loss, for `python -m torchnet check --config`."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from torchnet.checking.catalog import randomize_biases
from torchnet.cli.build import build
from torchnet.cli.console import silence_libraries
from torchnet.cli.foreign_config import OWN_CLASSES, known_part
from torchnet.cli.options import Options
from torchnet.layers import Conv1d, Conv2d, dotted_names
from torchnet.runs.config import read_yaml
from torchnet.runs.described_network import UntrustedLayerError
from torchnet.step import scale_pixels
from torchnet.training.data_module import DataModule
from torchnet.training.module import Classifier

_SAMPLES = 64  # of a mini-batch: enough for a check, and a wide network is checked in seconds
_IMAGES = 5  # the same for convolutions, whose written-out products take long


def parts_of_config(config: Path, trust: bool = False) -> tuple[Classifier, DataModule]:
    """Return the network and the data of a configuration. Nothing that could run code is obeyed, or needed for it.

    With `trust`, classes that are not torchnet's are imported; without it the network has others in their place.
    """
    silence_libraries()

    def select(_: Path, values: dict[str, Any]) -> dict[str, Any]:
        known, foreign = known_part(values)
        for option in OWN_CLASSES if trust else ():
            if dotted_names(value := foreign.get(option)):
                known["model"][option.removeprefix("model.")] = value
        return known

    options = ["--trainer.logger=false", "--trainer.enable_checkpointing=false", "--trainer.enable_progress_bar=false"]
    parts = build(Options(["fit", f"--config={config}", *options], select))
    return parts.model, parts.data


def subjects_of_config(
    config: Path, seed: int, trust: bool = False
) -> Iterator[tuple[str, nn.Module, Tensor, Tensor, Callable[..., Any]]]:
    """Yield a description, a network, images, targets and the loss: first a mini-batch, then random numbers.

    A deformation of the images is left out, as it comes before everything that has a gradient.

    Raises:
        UntrustedLayerError: if the network has a layer that is not torchnet's, and `trust` is False.
    """
    foreign = known_part(read_yaml(config))[1]
    for option in OWN_CLASSES if not trust else ():
        for name in dotted_names(foreign.get(option)):
            place = ":".join(name.rsplit(".", 1))
            alone = (
                f"{place} --input 5,7" if option == "model.activation" else f"'{place}((1, 28, 28), 10)' --input ..."
            )
            raise UntrustedLayerError(
                f"{config}: {option}: {name} is not torchnet's, and to import it runs its code: if you trust it, add "
                f"--trust-run; to check it alone: python -m torchnet check {alone}"
            )
    model, data = parts_of_config(config, trust)
    block = next(iter(data.train_dataloader()))
    all_images, all_targets = data.training_tensors
    chosen = block.indices[: block.batch_size]
    has_convolutions = any(isinstance(part, Conv1d | Conv2d) for part in model.net.modules())
    samples = chosen[: _IMAGES if has_convolutions else _SAMPLES]
    images, targets = scale_pixels(all_images[samples], model.weight_dtype), all_targets[samples]
    # Of a weighted mean, the divisor follows from the samples.
    divisor = block.divisor or (len(chosen) if model.class_weights is None else None)
    loss = partial(model.loss, divisor=divisor)
    yield "a batch of its data", model.net, images, targets, loss
    generator = torch.Generator().manual_seed(seed)
    randomize_biases(model.net, generator)
    random = torch.randn(images.shape, generator=generator, dtype=images.dtype)
    yield "random numbers, with random biases", model.net, random, targets, loss
