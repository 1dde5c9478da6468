"""The sources: files -> verified arrays -> mini-batches in a reproducible order."""

from torchnet.data.augmentation import Deformation
from torchnet.data.dataset import DataError, Dataset, stratified_split
from torchnet.data.loader import Batch, BatchLoader, Block, BlockLoader, scale_pixels
from torchnet.data.mnist import MnistUnavailableError
from torchnet.data.photo.handwriting import to_mnist_form
from torchnet.data.photo.photo import read_image
from torchnet.data.sources import load

__all__ = [
    "Batch",
    "BatchLoader",
    "Block",
    "BlockLoader",
    "DataError",
    "Dataset",
    "Deformation",
    "MnistUnavailableError",
    "load",
    "read_image",
    "scale_pixels",
    "stratified_split",
    "to_mnist_form",
]
