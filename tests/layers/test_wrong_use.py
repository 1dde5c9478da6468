"""Inputs and arguments that no layer can work with are refused in a sentence."""

from collections import OrderedDict
from functools import partial

import pytest
import torch
from torch import nn

import torchnet
from torchnet import (
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Embedding,
    Flatten,
    GroupNorm,
    LayerNorm,
    Linear,
    MultiheadAttention,
    PReLU,
    ReLU,
    Residual,
    RMSNorm,
    Sequential,
    Tanh,
)
from torchnet.checking.catalog import LAYERS
from torchnet.checking.named import parsed_call
from torchnet.layers import ACTIVATIONS, Identity

from .test_layers import random


def layer_of(call: str) -> torchnet.Layer:
    name, args, kwargs = parsed_call(call.partition(": ")[0])
    return getattr(torchnet, name)(*args, **kwargs)


EVERY_LAYER = [
    *((layer_of(call), shape) for call, shape in LAYERS.items()),
    *((it(), (7, 5)) for it in ACTIVATIONS.values()),
]
TAKES_WHOLE_NUMBERS = (Embedding, Flatten, Dropout, Identity)


@pytest.mark.parametrize(("layer", "shape"), EVERY_LAYER, ids=str)
def test_what_is_no_tensor_is_refused(layer, shape):
    values = torch.zeros(shape)
    for given, name in ((values.numpy(), "ndarray"), (values.tolist(), "list")):
        with pytest.raises(TypeError, match=f"expected a tensor as input, got {name}: convert it with torch.as_tensor"):
            layer(given)


@pytest.mark.parametrize("net", [torchnet.MLP((4, 3)), torchnet.ConvNet((1, 4, 4), 3, (2,))], ids=["mlp", "convnet"])
def test_a_network_refuses_what_is_no_tensor(net):
    with pytest.raises(TypeError, match="expected a tensor as input, got ndarray"):
        net(torch.zeros(2, 1, 4, 4).numpy())


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        *(case for case in EVERY_LAYER if not isinstance(case[0], TAKES_WHOLE_NUMBERS)),
        (LayerNorm(5, elementwise_affine=False), (7, 5)),
        (BatchNorm2d(2, affine=False, track_running_stats=False), (3, 2, 4, 4)),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool])
def test_whole_numbers_are_refused(layer, shape, dtype):
    with pytest.raises(ValueError, match=f"expected input of .*, got {dtype}: convert it with x.to"):
        layer(torch.ones(shape, dtype=dtype))


@pytest.mark.parametrize("layer", [AvgPool2d(2), Tanh(), LayerNorm(4, elementwise_affine=False)], ids=str)
def test_complex_numbers_are_taken(layer):
    assert layer(torch.complex(random(1, 2, 4, 4), random(1, 2, 4, 4, seed=1))).is_complex()


@pytest.mark.parametrize("size", [0, -1, 2.0, "2", None])
@pytest.mark.parametrize(
    ("argument", "make"),
    [
        ("in_features", lambda size: Linear(size, 2)),
        ("out_features", lambda size: Linear(2, size)),
        ("in_channels", lambda size: Conv2d(size, 2, 1)),
        ("out_channels", lambda size: Conv2d(2, size, 1)),
        ("groups", lambda size: Conv2d(2, 2, 1, groups=size)),
        ("num_features", BatchNorm1d),
        ("num_features", BatchNorm2d),
        ("num_groups", lambda size: GroupNorm(size, 2)),
        ("num_channels", lambda size: GroupNorm(1, size)),
        ("normalized_shape", lambda size: LayerNorm((2, size))),
        ("normalized_shape", lambda size: RMSNorm((2, size))),
        ("num_embeddings", lambda size: Embedding(size, 2)),
        ("embedding_dim", lambda size: Embedding(2, size)),
        ("embed_dim", lambda size: MultiheadAttention(size, 1)),
        ("num_heads", lambda size: MultiheadAttention(2, size)),
        ("num_parameters", PReLU),
    ],
)
def test_a_size_is_a_whole_number_from_one_up(argument, make, size):
    with pytest.raises(ValueError, match=f"{argument}: expected a whole number from 1 up, got {size!r}"):
        make(size)


def test_a_size_may_be_a_number_of_numpy():
    pixels = torch.zeros(3, 4).numpy().shape
    assert Linear(int(pixels[0]), 2).weight.shape == Linear(torch.tensor(3).numpy()[()], 2).weight.shape == (2, 3)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan"), "0.5", None])
def test_dropout_takes_a_probability(p):
    with pytest.raises(ValueError, match="p: expected a probability from 0 to 1, got"):
        Dropout(p)
    with pytest.raises(ValueError, match="p: expected a probability from 0 to 1, got"):
        torchnet.MLP((2, 3, 2), dropout=p)


@pytest.mark.parametrize(
    ("layer", "name"), [(nn.ReLU(), "ReLU"), (ReLU, "ReLU"), ([ReLU()], "list"), (None, "NoneType")], ids=str
)
@pytest.mark.parametrize("kind", [Sequential, Residual])
def test_a_sequence_refuses_what_is_no_layer_of_torchnet(kind, layer, name):
    net = kind(Tanh())
    for add in (kind, net.append, lambda it: net.extend([it]), partial(net.insert, 0), partial(net.__setitem__, 0)):
        with pytest.raises(ValueError, match=f"expected layers of torchnet, got {name}: pass instances"):
            add(layer)
    assert len(net) == 1


def test_a_named_layer_of_torch_is_refused():
    with pytest.raises(ValueError, match="expected layers of torchnet, got ReLU"):
        Sequential(OrderedDict(one=nn.ReLU()))


def test_a_sequence_of_named_layers_has_their_names():
    net = Sequential(OrderedDict(a=Linear(2, 3), b=Tanh()))
    assert (
        [*net.state_dict()] == [*nn.Sequential(OrderedDict(a=nn.Linear(2, 3))).state_dict()] == ["a.weight", "a.bias"]
    )
    net(random(4, 2).float())
    assert net.backward(random(4, 3).float()).shape == (4, 2)


def test_layers_can_be_added_one_after_the_other():
    first, second, third = ReLU(), Tanh(), Linear(2, 2)
    net = Sequential().append(third).extend([Tanh()]).insert(0, first)
    net[2] = second
    assert [*net] == [first, third, second]


def test_sequences_can_be_joined():
    first, second = Sequential(Linear(2, 3)), Residual(Tanh())
    joined = first + second
    assert type(joined) is Sequential
    assert [*joined] == [*first, *second]


def test_a_layer_that_runs_twice_is_refused_in_backward():
    act = Tanh()
    net = Sequential(Linear(2, 2), act, Linear(2, 2), act)
    y = net(torch.ones(1, 2))
    with pytest.raises(RuntimeError, match="a layer that a network runs twice must be two layers"):
        net.backward(y)


def test_an_activation_is_one_name_or_class():
    for activation in (["relu", "tanh"], ReLU()):
        with pytest.raises(
            ValueError, match=r"activation: expected one name, such as 'relu', or one class of torchnet"
        ):
            torchnet.ConvNet((1, 4, 4), 3, (2,), activation=activation)
    with pytest.raises(ValueError, match=r"expected one, or one for each of 1 hidden layers, got \['relu', 'tanh'\]"):
        torchnet.MLP((2, 3, 2), ["relu", "tanh"])
