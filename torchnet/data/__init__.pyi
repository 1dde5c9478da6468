"""The public names and the modules that define them. Each module is imported when one of its names is first used."""

from .augmentation import Deformation
from .dataset import DataError, Dataset, stratified_split
from .formats.npz import read_samples
from .formats.tables import is_table, read_rows
from .inputs import Pixels, Table
from .loader import Batch, BatchLoader, Block, BlockLoader
from .mnist import MnistUnavailableError
from .photo.image_file import read_image
from .photo.mnist_form import to_mnist_form
from .photo.resize import read_pixels
from .preparation import Preparation, PreparedData, SplitError, prepare
from .preprocessing import Preprocessing
from .sources import load
from .table_columns import CategoricalColumn, NumericColumn
from .targets import Classes, Quantities

__all__ = [
    "Batch",
    "BatchLoader",
    "Block",
    "BlockLoader",
    "CategoricalColumn",
    "Classes",
    "DataError",
    "Dataset",
    "Deformation",
    "MnistUnavailableError",
    "NumericColumn",
    "Pixels",
    "Preparation",
    "PreparedData",
    "Preprocessing",
    "Quantities",
    "SplitError",
    "Table",
    "is_table",
    "load",
    "prepare",
    "read_image",
    "read_pixels",
    "read_rows",
    "read_samples",
    "stratified_split",
    "to_mnist_form",
]
