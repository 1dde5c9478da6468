"""The public names and the modules that define them. Each module is imported when one of its names is first used."""

from .augmentation import Deformation
from .dataset import DataError, Dataset, stratified_split
from .loader import Batch, BatchLoader, Block, BlockLoader
from .mnist import MnistUnavailableError
from .photo.image_file import read_image
from .photo.mnist_form import to_mnist_form
from .sources import load

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
    "stratified_split",
    "to_mnist_form",
]
