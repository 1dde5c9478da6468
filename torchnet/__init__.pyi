"""The public names and where they are defined. torchnet/__init__.py reads this file and imports names lazily."""

from . import checking, data, estimators, initializers, layers, losses, network, optimizers, plot, reference
from .averaging import WeightAverage
from .checking import check
from .clipping import clip_by_norm, clip_by_value
from .estimators import MLPClassifier, MLPRegressor, fit
from .exercises import exercise
from .layers import (
    ELU,
    GELU,
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    Dropout,
    Flatten,
    Identity,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    MaxPool2d,
    ReLU,
    Residual,
    RMSNorm,
    Sequential,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
    set_step,
)
from .losses import cross_entropy, mean_squared_error, one_vs_rest_cross_entropy
from .network import MLP, ConvNet, Network, layer_sizes
from .optimizers import SGD
from .runs.prediction.loaded_run import load

__version__: str

__all__ = [
    "ELU",
    "GELU",
    "MLP",
    "SGD",
    "AdaptiveAvgPool2d",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv1d",
    "Conv2d",
    "ConvNet",
    "Dropout",
    "Flatten",
    "Identity",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "MLPClassifier",
    "MLPRegressor",
    "MaxPool2d",
    "Network",
    "RMSNorm",
    "ReLU",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Tanh",
    "WeightAverage",
    "check",
    "checking",
    "clip_by_norm",
    "clip_by_value",
    "cross_entropy",
    "data",
    "estimators",
    "exercise",
    "fit",
    "initializers",
    "layer_sizes",
    "layers",
    "load",
    "losses",
    "mean_squared_error",
    "network",
    "one_vs_rest_cross_entropy",
    "optimizers",
    "plot",
    "reference",
    "set_step",
]
