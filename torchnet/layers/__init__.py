"""The layers: each file shows a forward pass and, below it, the derivation and code of the backward pass."""

from collections.abc import Callable
from functools import partial

from torchnet.layers.attention import MultiheadAttention
from torchnet.layers.avg_pool import AdaptiveAvgPool2d, AvgPool2d
from torchnet.layers.batch_norm import BatchNorm1d
from torchnet.layers.batch_norm_2d import BatchNorm2d
from torchnet.layers.celu import CELU
from torchnet.layers.convolution import Conv1d, Conv2d
from torchnet.layers.dropout import Dropout, Dropout2d, set_step
from torchnet.layers.elu import ELU
from torchnet.layers.embedding import Embedding
from torchnet.layers.flatten import Flatten
from torchnet.layers.gelu import GELU
from torchnet.layers.group_norm import GroupNorm
from torchnet.layers.hardswish import Hardswish
from torchnet.layers.hardtanh import Hardtanh
from torchnet.layers.identity import Identity
from torchnet.layers.layer import Layer
from torchnet.layers.layer_norm import LayerNorm
from torchnet.layers.leaky_relu import LeakyReLU
from torchnet.layers.linear import Linear
from torchnet.layers.log_sigmoid import LogSigmoid
from torchnet.layers.max_pool import MaxPool2d
from torchnet.layers.mish import Mish
from torchnet.layers.own import dotted_names, expect_layers_of_torchnet, import_class, own_layers, with_own_layers
from torchnet.layers.prelu import PReLU
from torchnet.layers.relu import ReLU
from torchnet.layers.relu6 import ReLU6
from torchnet.layers.residual import Residual
from torchnet.layers.rms_norm import RMSNorm
from torchnet.layers.selu import SELU
from torchnet.layers.sequential import Sequential
from torchnet.layers.sigmoid import Sigmoid
from torchnet.layers.silu import SiLU
from torchnet.layers.softmax import LogSoftmax, Softmax
from torchnet.layers.softplus import Softplus
from torchnet.layers.softsign import Softsign
from torchnet.layers.tanh import Tanh
from torchnet.layers.training_step import step_known

# Constructors by the names used in configs. CONTRIBUTING.md lists the other places where a new layer is named.
ACTIVATIONS: dict[str, Callable[[], Layer]] = {
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "gelu": GELU,
    "gelu_tanh": partial(GELU, approximate="tanh"),
    "silu": SiLU,
    "softplus": Softplus,
    "hardtanh": Hardtanh,
    "relu6": ReLU6,
    "hardswish": Hardswish,
    "mish": Mish,
    "prelu": PReLU,
    "celu": CELU,
    "selu": SELU,
    "softsign": Softsign,
    "log_sigmoid": LogSigmoid,
    "identity": Identity,
}

NORMALIZATIONS: dict[str, Callable[..., Layer]] = {
    "batch_norm": BatchNorm1d,
    "layer_norm": LayerNorm,
    "rms_norm": RMSNorm,
}

__all__ = [
    "ACTIVATIONS",
    "CELU",
    "ELU",
    "GELU",
    "NORMALIZATIONS",
    "SELU",
    "AdaptiveAvgPool2d",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv1d",
    "Conv2d",
    "Dropout",
    "Dropout2d",
    "Embedding",
    "Flatten",
    "GroupNorm",
    "Hardswish",
    "Hardtanh",
    "Identity",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "MaxPool2d",
    "Mish",
    "MultiheadAttention",
    "PReLU",
    "RMSNorm",
    "ReLU",
    "ReLU6",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
    "dotted_names",
    "expect_layers_of_torchnet",
    "import_class",
    "own_layers",
    "set_step",
    "step_known",
    "with_own_layers",
]
