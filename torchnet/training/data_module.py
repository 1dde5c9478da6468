"""The LightningDataModule: the data of a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.nn.functional import one_hot

from torchnet.choices import expect_one_of
from torchnet.data import (
    BatchLoader,
    BlockLoader,
    Classes,
    Deformation,
    Pixels,
    Preparation,
    PreparedData,
    Preprocessing,
    SplitError,
    load,
    prepare,
)
from torchnet.data.order import ORDERS, fixed, notebook, shuffled
from torchnet.printable import printable
from torchnet.replicas import Replicas
from torchnet.runs.described_network import DTYPES
from torchnet.runs.errors import UsageError
from torchnet.training.lightning_internals import steps_until_due

_EVALUATION_BATCH = 500  # samples; it bounds the memory of an evaluation, and changes nothing else
_known: ContextVar[Preprocessing | None] = ContextVar("known", default=None)


@contextmanager
def preprocessing_known(preprocessing: Preprocessing | None) -> Iterator[None]:
    """Let data modules that are made meanwhile use the preprocessing of a trained network."""
    token = _known.set(preprocessing)
    try:
        yield
    finally:
        _known.reset(token)


class DataModule(LightningDataModule):
    """The data of a run, kept on the device and loaded in mini-batches.

    Args:
        source: mnist (found under $TORCHNET_DATA or data/, else downloaded), digits (8 x 8, bundled with scikit-learn),
            or a path: a table (.csv, .tsv, .parquet), an .npz or .mat file, a folder of images by class, or one of IDX
            files.
        target: of a table, the column to predict, or several of numbers.
        ignore: of a table, the column to leave out, or several.
        task: classification, regression, or auto: regression if the targets are floating-point numbers.
        missing: what becomes of missing values in columns: refuse, mean, or indicator (the mean, and an input that says
            that the value is missing).
        image_size: resize image files to this height and width in pixels.
        test_fraction: the fraction of the samples that is split off for testing, if the source has no test set; the
            same samples in every run, with the same fraction of each class.
        batch_size: samples per mini-batch of training, over all processes.
        order: shuffled, in a new order per epoch; or notebook: shuffled once, and samples that do not fill a mini-batch
            are dropped, as in the notebook.
        one_hot: use one-hot rows as targets of training.
        validation_fraction: the fraction of the training set that is set aside for validation, below 1; the same
            samples in every run, with the same fraction of each class. 0 for no validation.
        deformation: random deformation of the training images, new in every step. If its seed is 0, it uses the seed of
            the run.
        dtype: float32 or float64, the dtype of inputs that are not bytes, and of targets that are not classes.
        block_size: the number of mini-batches per call of Lightning's training step; it changes the speed and nothing
            else.
        seed: seed of the order, and of the deformation unless it has its own.

    Raises:
        ValueError: if an option has a wrong value; DataError, on first use: if the data are missing or malformed.
    """

    def __init__(
        self,
        source: str = "mnist",
        target: str | list[str] | None = None,
        ignore: str | list[str] = [],  # noqa: B006 - never changed; the command line needs a list
        task: str = "auto",
        missing: str = "refuse",
        image_size: int | None = None,
        test_fraction: float = 0.2,
        batch_size: int = 500,
        order: str = "shuffled",
        one_hot: bool = False,
        validation_fraction: float = 0.0,
        deformation: Deformation | None = None,
        dtype: str = "float32",
        block_size: int = 100,
        seed: int = 10,
    ) -> None:
        super().__init__()
        for name, size in (("batch_size", batch_size), ("block_size", block_size), ("image_size", image_size)):
            if size is not None and size < 1:
                raise ValueError(f"{name}: expected a whole number from 1 up, got {size}")
        expect_one_of("order", order, ORDERS)
        expect_one_of("dtype", dtype, DTYPES)
        self.source, self.target, self.image_size = source, target, image_size
        self.ignore = [ignore] if isinstance(ignore, str) else ignore
        self.preparation = Preparation(task, missing, test_fraction, validation_fraction, dtype)
        self.batch_size, self.order, self.seed = batch_size, order, seed
        self.one_hot, self.dtype, self.block_size = one_hot, DTYPES[dtype], block_size
        self.validates = validation_fraction > 0
        self.deformation = deformation and replace(deformation, seed=deformation.seed or seed)
        self.known = _known.get()

    @cached_property
    def data(self) -> PreparedData:
        """The data set, split and encoded."""
        raw = load(self.source, self.target, self.ignore, self.image_size)
        try:
            prepared = prepare(raw, self.preparation, self.known)
        except SplitError as error:
            raise UsageError(str(error)) from error
        for notice in prepared.notices:
            print(f"{self.source}: {printable(notice)}")
        if self.one_hot and prepared.preprocessing.task != "classification":
            raise UsageError("one_hot: expected classes as targets, got quantities: leave it out")
        return prepared

    @property
    def preprocessing(self) -> Preprocessing:
        """What turns raw samples into inputs, and outputs into answers."""
        return self.data.preprocessing

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of a sample for a network: (channels, height, width) of an image, else (features,)."""
        return self.preprocessing.inputs.input_shape

    @property
    def num_classes(self) -> int:
        """The number of classes; of a regression, the number of quantities."""
        return self.preprocessing.targets.width

    @property
    def resolved_task(self) -> str:
        """The task: classification or regression."""
        return self.preprocessing.task

    @property
    def splits(self) -> list[str]:
        """The names of the parts: "train", "val" if there is a validation set, and "test"."""
        return [*self.data.parts]

    @cached_property
    def tensors(self) -> dict[str, tuple[Tensor, Tensor]]:
        """For each part, the inputs and targets that its rows belong to, on the device."""
        device = self.trainer.strategy.root_device if self.trainer else torch.device("cpu")
        made: dict[int, tuple[Tensor, Tensor]] = {}  # parts share arrays
        for part in self.data.parts.values():
            if id(part.inputs) not in made:
                made[id(part.inputs)] = self._on_device(part.inputs, part.targets, device)
        return {split: made[id(part.inputs)] for split, part in self.data.parts.items()}

    def samples(self, split: str, rows: slice = slice(None)) -> tuple[Tensor, Tensor]:
        """Return inputs and targets of a part, in an order that does not depend on the file format, as a copy."""
        chosen = torch.from_numpy(self.data.parts[split].rows[rows])
        inputs, targets = self.tensors[split]
        return inputs[chosen.to(inputs.device)], targets[chosen.to(inputs.device)]

    @property
    def has_images(self) -> bool:
        """Whether samples are images that can be drawn."""
        return isinstance(self.preprocessing.inputs, Pixels) and self.preprocessing.inputs.is_image

    def picture(self, split: str, number: int) -> np.ndarray:
        """Return an image of a part as it is drawn, (H, W) or (H, W, 3) uint8."""
        part, pixels = self.data.parts[split], self.preprocessing.inputs
        assert isinstance(pixels, Pixels)
        return pixels.drawn(part.inputs[part.rows[number]])

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of the training set, in its order."""
        return self.data.parts["train"].sha256()

    @cached_property
    def training_tensors(self) -> tuple[Tensor, Tensor]:
        """The inputs and targets that training gathers mini-batches from, on the device."""
        inputs, targets = self.tensors["train"]
        return inputs, one_hot(targets, self.num_classes).to(self.dtype) if self.one_hot else targets

    def train_dataloader(self) -> BlockLoader:
        """Return the mini-batches of training, in the order of the run."""
        part, shape = self.data.parts["train"], self.preprocessing.inputs.shape
        rows = part.rows
        if self.deformation is not None and len(shape) != 2:
            raise UsageError(
                f"deformation: expected gray images of (height, width), got {shape} in {self.source}: the numbers of a "
                "flat row have no neighbors, and color images are not supported; leave it out"
            )
        within, divisor = shuffled(len(rows), self.seed), None
        if self.order == "notebook":
            if not isinstance(self.preprocessing.targets, Classes) or self.num_classes != 10:
                raise UsageError("order: expected ten classes for the order of the notebook: choose shuffled")
            within, divisor = notebook(part.targets[rows], self.batch_size, self.seed), self.batch_size
        if len(within(0)) == 0:
            raise UsageError(
                f"batch_size: expected at most {len(rows)}, the number of training samples, got {self.batch_size}: "
                "the notebook's order drops samples that do not fill a mini-batch"
            )

        def order(epoch: int) -> np.ndarray:
            return rows[within(epoch)]

        if getattr(self.trainer, "overfit_batches", 0) > 0:  # Lightning cuts epochs to their first mini-batches
            within = fixed(within)
        batch_size = min(self.batch_size, len(within(0)))
        trainer: Any = self.trainer
        if trainer is None:
            return BlockLoader(order, batch_size, lambda: self.block_size, divisor)
        size = partial(steps_until_due, trainer, self.block_size)
        return BlockLoader(order, batch_size, size, divisor, limit=lambda: trainer.num_training_batches)

    def val_dataloader(self) -> BatchLoader | list[BatchLoader]:
        """Return the validation set, or this process's share of it; an empty list if there is none."""
        if not self.validates:
            return []
        if self.trainer is None or self.trainer.world_size == 1 or self.trainer.limit_val_batches != 1.0:
            return self.evaluation_loader("val")  # the first batches of a share are not the first batches of the whole
        share = Replicas().share(len(self.data.parts["val"].rows))
        return self.evaluation_loader("val", share.rows)

    def test_dataloader(self) -> BatchLoader:
        return self.evaluation_loader("test")

    def predict_dataloader(self) -> BatchLoader:
        """Return the test samples in the order of their file."""
        return BatchLoader(*self.tensors["test"], _EVALUATION_BATCH, np.sort(self.data.parts["test"].rows))

    def evaluation_loader(self, split: str, rows: slice = slice(None)) -> BatchLoader:
        """Return the samples of a part once, in an order that does not depend on the file format."""
        return BatchLoader(*self.tensors[split], _EVALUATION_BATCH, self.data.parts[split].rows[rows])

    def _on_device(self, inputs: np.ndarray, targets: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
        # On the CPU this copies read-only arrays only, such as memory-mapped files, since torch would warn about them.
        inputs, targets = (np.require(array, requirements="W") for array in (inputs, targets))
        tensor = torch.as_tensor(targets, device=device)
        return torch.as_tensor(inputs, device=device), tensor.to(self.dtype) if tensor.is_floating_point() else tensor
