"""The LightningDataModule: the data of a run."""

import hashlib
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.nn.functional import one_hot

from torchnet.choices import expect_one_of
from torchnet.data import BatchLoader, BlockLoader, Dataset, Deformation, load, stratified_split
from torchnet.data.order import ORDERS, fixed, notebook, shuffled
from torchnet.replicas import Replicas
from torchnet.runs.errors import UsageError
from torchnet.runs.load_network import DTYPES
from torchnet.training.lightning_internals import steps_until_due

_EVALUATION_BATCH = 5000  # samples; it bounds the memory of an evaluation, and changes nothing else


class ImageData(LightningDataModule):
    """Images with labels 0..9, kept on the device as uint8 and loaded in mini-batches.

    Args:
        source: mnist (found under $TORCHNET_DATA or data/, else downloaded), digits (8 x 8, bundled with scikit-learn),
            or the path of a .mat file, an .npz file or a folder.
        batch_size: samples per mini-batch of training, over all processes.
        order: shuffled, in a new order per epoch; or notebook: shuffled once, and samples that do not fill a mini-batch
            are dropped, as in the notebook.
        one_hot: use one-hot rows as targets of training.
        validation_fraction: the fraction of the training images that is set aside for validation, below 1; the same
            images in every run, with the same fraction of each class. 0 for no validation.
        deformation: random deformation of the training images, new in every step. If its seed is 0, it uses the seed of
            the run.
        dtype: float32 or float64, the dtype of the one-hot rows.
        block_size: the number of mini-batches per call of Lightning's training step; it changes the speed and nothing
            else.
        seed: seed of the order, and of the deformation unless it has its own.

    Raises:
        ValueError: if an option has a wrong value; DataError, on first use: if the data are missing or malformed.
    """

    def __init__(
        self,
        source: str = "mnist",
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
        for name, size in (("batch_size", batch_size), ("block_size", block_size)):
            if size < 1:
                raise ValueError(f"{name}: expected a whole number from 1 up, got {size}")
        expect_one_of("order", order, ORDERS)
        expect_one_of("dtype", dtype, DTYPES)
        if not 0 <= validation_fraction < 1:
            raise ValueError(f"validation_fraction: expected a number from 0 to below 1, got {validation_fraction}")
        self.source, self.batch_size, self.order, self.seed = source, batch_size, order, seed
        self.one_hot, self.dtype, self.block_size = one_hot, DTYPES[dtype], block_size
        self.validation_fraction = validation_fraction
        self.deformation = deformation and replace(deformation, seed=deformation.seed or seed)

    @property
    def validates(self) -> bool:
        """Whether there is a validation set."""
        return self.validation_fraction > 0

    @cached_property
    def data(self) -> Dataset:
        """The data set, in an order that does not depend on its file format."""
        return load(self.source).by_label()

    @property
    def in_features(self) -> int:
        return self.data.in_features

    @property
    def num_classes(self) -> int:
        return self.data.num_classes

    @cached_property
    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """The images and labels of "train", "test" and, if there is a validation set, "val", on the device."""
        images, labels = self.data.train_images, self.data.train_labels
        parts = {"train": (images, labels)}
        if self.validates:
            try:
                train, validation = stratified_split(labels, self.validation_fraction)
            except ValueError as error:
                raise UsageError(f"validation_fraction {self.validation_fraction}: {error}") from error
            parts = {"train": (images[train], labels[train]), "val": (images[validation], labels[validation])}
        parts["test"] = (self.data.test_images, self.data.test_labels)
        return {split: self._on_device(*arrays) for split, arrays in parts.items()}

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of the training images and labels, in their order."""
        digest = hashlib.sha256()
        for tensor in self.splits["train"]:
            digest.update(f"{tuple(tensor.shape)}".encode())
            digest.update(tensor.cpu().numpy().data)
        return digest.hexdigest()

    @property
    def training_tensors(self) -> tuple[Tensor, Tensor]:
        """The images and targets that training gathers mini-batches from, on the device."""
        images, labels = self.splits["train"]
        return images, one_hot(labels, self.num_classes).to(self.dtype) if self.one_hot else labels

    def train_dataloader(self) -> BlockLoader:
        """Return the mini-batches of training, in the order of the run."""
        images, labels = self.splits["train"]
        if self.deformation is not None and images.dim() != 3:
            raise UsageError(
                f"deformation: expected images of (height, width), got {tuple(images.shape[1:])} in {self.source}: "
                "the pixels of a flat row have no neighbors; leave it out"
            )
        order, divisor = shuffled(len(labels), self.seed), None
        if self.order == "notebook":
            order, divisor = notebook(labels.cpu().numpy(), self.batch_size, self.seed), self.batch_size
        if len(order(0)) == 0:
            raise UsageError(
                f"batch_size: expected at most {len(labels)}, the number of training images, got {self.batch_size}: "
                "the notebook's order drops samples that do not fill a mini-batch"
            )
        if getattr(self.trainer, "overfit_batches", 0) > 0:  # Lightning cuts epochs to their first mini-batches
            order = fixed(order)
        batch_size = min(self.batch_size, len(order(0)))
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
        images, labels = self.splits["val"]
        rows = Replicas().share(len(labels)).rows
        return BatchLoader(images[rows], labels[rows], _EVALUATION_BATCH)

    def test_dataloader(self) -> BatchLoader:
        return self.evaluation_loader("test")

    def predict_dataloader(self) -> BatchLoader:
        """Return the test images in the order of their file."""
        data = load(self.source)
        images, labels = self._on_device(data.test_images, data.test_labels)
        return BatchLoader(images, labels, _EVALUATION_BATCH)

    def evaluation_loader(self, split: str) -> BatchLoader:
        """Return the samples of "train", "val" or "test" once, in an order that does not depend on the file format."""
        images, labels = self.splits[split]
        return BatchLoader(images, labels, _EVALUATION_BATCH)

    def _on_device(self, images: np.ndarray, labels: np.ndarray) -> tuple[Tensor, Tensor]:
        device = self.trainer.strategy.root_device if self.trainer else torch.device("cpu")
        # On the CPU this copies read-only arrays only, such as memory-mapped files, since torch would warn about them.
        images, labels = (np.require(array, requirements="W") for array in (images, labels))
        return torch.as_tensor(images, device=device), torch.as_tensor(labels, device=device)
