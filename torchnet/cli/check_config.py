"""What a configuration would train, for the check of its gradients."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from torchnet.checking.catalog import randomize_biases
from torchnet.cli.console import silence_libraries
from torchnet.cli.options import ArgumentsCLI
from torchnet.data import scale_pixels
from torchnet.training.module import Classifier

_SAMPLES = 64  # of a mini-batch: enough to tell, and a wide network is checked in seconds


class _Parts(ArgumentsCLI):
    """Build network, data and Trainer, and leave it at that."""

    def fit(self, model: Classifier, **kwargs: Any) -> None:
        pass


def subjects_of_config(config: Path, seed: int) -> Iterator[tuple[str, nn.Module, Tensor, Tensor, Callable[..., Any]]]:
    """Yield what is checked, a network, images, targets and the loss: on the first mini-batch, then on random numbers.

    A deformation of the images is left out: it stands before what has a gradient.

    Raises:
        UsageError: if the configuration is not one that works; DataError: if its data are not there.
    """
    silence_libraries()
    parts = _Parts(["fit", f"--config={config}", "--trainer.logger=false", "--trainer.enable_checkpointing=false"])
    model: Classifier = parts.model
    block = next(iter(parts.datamodule.train_dataloader()))
    all_images, all_targets = parts.datamodule.training_tensors
    chosen = block.indices[: block.batch_size]
    images = scale_pixels(all_images[chosen[:_SAMPLES]], model.weight_dtype)
    targets = all_targets[chosen[:_SAMPLES]]
    divisor = block.divisor or (len(chosen) if model.class_weights is None else None)  # else it is that of the mean
    loss = partial(model.loss, divisor=divisor)
    yield "a batch of its data", model.net, images, targets, loss
    generator = torch.Generator().manual_seed(seed)
    randomize_biases(model.net, generator)
    random = torch.randn(images.shape, generator=generator, dtype=images.dtype)
    yield "random numbers, with random biases", model.net, random, targets, loss
