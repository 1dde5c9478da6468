"""Exported networks with every layer give the same logits in torch.nn and in ONNX Runtime."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

import torchnet
import torchnet.layers
from torchnet import (
    CELU,
    ELU,
    GELU,
    MLP,
    BatchNorm1d,
    Dropout,
    GroupNorm,
    Hardtanh,
    Identity,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSoftmax,
    Network,
    PReLU,
    ReLU,
    Residual,
    RMSNorm,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from torchnet.data import Classes, Pixels, Preprocessing
from torchnet.exporting.exportable import NOT_EXPORTED
from torchnet.exporting.onnx_model import onnx_model
from torchnet.exporting.torch_source import torch_source
from torchnet.layers import ACTIVATIONS, NORMALIZATIONS

from .test_images import NETS as IMAGE_NETS

LAYERS = [
    Sigmoid(),
    Tanh(),
    ReLU(),
    LeakyReLU(),
    LeakyReLU(0.3),
    ELU(),
    ELU(1.7),
    GELU(),
    GELU("tanh"),
    SiLU(),
    Softplus(),
    Softplus(2.0, 1.5),  # the output jumps at the threshold
    *(ACTIVATIONS[name]() for name in ("relu6", "hardswish", "mish", "selu", "softsign", "log_sigmoid")),
    Hardtanh(-0.3, 0.1),
    PReLU(),
    CELU(0.6),
    CELU(-0.7),
    PReLU(6),
    Softmax(1),
    Softmax(-1),
    LogSoftmax(1),
    Identity(),
    Dropout(0.4),
    BatchNorm1d(6),
    BatchNorm1d(6, eps=0.3, momentum=None),
    BatchNorm1d(6, affine=False),
    BatchNorm1d(6, bias=False),
    GroupNorm(3, 6),
    LayerNorm(6),
    LayerNorm(6, elementwise_affine=False),
    LayerNorm(6, bias=False),
    RMSNorm(6, elementwise_affine=False),
    LayerNorm(6, eps=0.3),
    RMSNorm(6),
    RMSNorm(6, eps=0.3),
    Linear(6, 6),
    Linear(6, 6, bias=False),
    Residual(Linear(6, 6), Tanh()),
    Residual(Residual(BatchNorm1d(6), GELU()), Dropout(0.2), Linear(6, 6, bias=False)),
]


def network(*layers: torchnet.Layer, shape: tuple[int, ...] = (5,)) -> Network:
    net = Network(*layers)
    net.input_shape = shape
    return net


NETS = {" ".join(str(layer).split()): network(Linear(5, 6), layer, Linear(6, 4)) for layer in LAYERS} | {
    "every activation": MLP([5, *[6] * len(ACTIVATIONS), 4], [*ACTIVATIONS], dropout=0.1, residual=True),
    **{
        f"{name}, residual": MLP([5, 7, 6, 6, 4], ["relu", "gelu", "elu"], normalization=name, residual=True)
        for name in NORMALIZATIONS
    },
}
BYTES = Preprocessing(Pixels((1, 5)), Classes(("0", "1", "2", "3")))
TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-14}


@pytest.fixture(params=NETS)
def name(request) -> str:
    return request.param


@pytest.fixture
def net(name: str) -> nn.Sequential:
    """A network with random weights and running statistics and outputs on both sides of every kink."""
    net, generator = NETS[name].float().eval(), torch.Generator().manual_seed(5)
    for key, tensor in net.state_dict().items():
        if key.endswith("running_var"):
            tensor.uniform_(0.5, 2, generator=generator)
        elif tensor.is_floating_point():
            tensor.copy_(torch.randn(tensor.shape, generator=generator))
    return net


def images(n: int) -> torch.Tensor:
    return torch.randint(256, (n, 1, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(n))


def logits_of(net: nn.Sequential, images: torch.Tensor) -> torch.Tensor:
    return net(images.flatten(1).to(net[0].weight.dtype) / 255)


def run_source(source: str, **names: object) -> tuple[nn.Sequential, torch.Tensor]:
    exec(source, names)
    return names["net"], names["logits"]


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("n", [1, 7])
def test_the_source_builds_the_network_from_torch_nn(name, net, dtype, n, expect_equal):
    net = net.to(dtype)
    twin, logits = run_source(torch_source(net, BYTES, "state"), images=images(n), state=net.state_dict())
    assert not any(type(module).__module__.startswith("torchnet") for module in twin.modules())
    assert twin.state_dict().keys() == net.state_dict().keys()
    assert logits.dtype == dtype
    expect_equal(name, logits.detach(), logits_of(net, images(n)), f"torch.nn, exported, {dtype}", TOLERANCE[dtype])


def test_the_source_has_the_arguments_that_only_training_uses():
    net = network(Linear(5, 4), Dropout(0.4), BatchNorm1d(4, momentum=None), BatchNorm1d(4, momentum=0.3))
    twin, _ = run_source(torch_source(net, BYTES, "state"), images=images(1), state=net.state_dict())
    assert (twin[1].p, twin[2].momentum, twin[3].momentum) == (0.4, None, 0.3)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("n", [1, 7])
def test_onnx_runtime_gives_the_same_logits(name, net, dtype, n, expect_equal):
    net = net.to(dtype)
    if dtype == torch.float64 and any(
        isinstance(layer, GELU) and layer.approximate == "none" for layer in net.modules()
    ):
        with pytest.raises(
            ValueError, match="expected no exact GELU in a float64 network: ONNX Runtime has no float64"
        ):
            onnx_model(net, BYTES, {})
        return
    session = onnxruntime.InferenceSession(onnx_model(net, BYTES, {}).SerializeToString())
    logits, probabilities = session.run(None, {"images": images(n).numpy()})
    expect_equal(name, logits, logits_of(net, images(n)), f"ONNX Runtime, {dtype}", TOLERANCE[dtype])
    softmax = logits_of(net, images(n)).softmax(dim=1)
    expect_equal(f"{name}, probabilities", probabilities, softmax, f"ONNX Runtime, {dtype}", 10 * TOLERANCE[dtype])


def test_every_layer_is_tested():
    here = {type(module) for net in [*NETS.values(), *IMAGE_NETS.values()] for module in net.modules()}
    layers = [getattr(torchnet.layers, name) for name in torchnet.layers.__all__]
    assert {it for it in layers if isinstance(it, type)} - here == {torchnet.layers.Layer, *NOT_EXPORTED}


@pytest.mark.parametrize("layer", [torchnet.Embedding(5, 6), torchnet.MultiheadAttention(6, 2)])
@pytest.mark.parametrize("export", [lambda *it: torch_source(*it, "state"), lambda *it: onnx_model(*it, {})])
def test_layers_without_a_counterpart_are_refused(export, layer):
    sentence = f"expected layers that a program can be written for, got {type(layer).__name__}"
    with pytest.raises(ValueError, match=sentence):
        export(network(Linear(5, 6), Residual(layer), Linear(6, 4)), BYTES)


def test_a_model_declares_its_inputs_outputs_and_metadata():
    net = MLP([5, 6, 6, 4], normalization="batch_norm")
    model = onnx_model(net, BYTES, {"name": "mine", "global_step": "3"})
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (taken,), given = session.get_inputs(), session.get_outputs()
    assert (taken.name, taken.type, taken.shape) == ("images", "tensor(uint8)", ["N", 1, 5])
    assert [(it.name, it.type, it.shape) for it in given] == [
        ("logits", "tensor(float)", ["N", 4]),
        ("probabilities", "tensor(float)", ["N", 4]),
    ]
    assert session.get_modelmeta().custom_metadata_map == {"name": "mine", "global_step": "3"}
    names = {it.name for it in model.graph.initializer}
    assert names >= {name for name in net.state_dict() if not name.endswith("num_batches_tracked")}


def test_extreme_inputs_stay_finite():
    unscaled = Preprocessing(Pixels((5,), 0.0, 1.0), BYTES.targets)
    for layer in LAYERS:
        if str(layer) == "CELU(alpha=-0.7)":  # it grows exponentially below zero
            continue
        net = network(Linear(5, 6), layer, Linear(6, 4)).float().eval()
        session = onnxruntime.InferenceSession(onnx_model(net, unscaled, {}).SerializeToString())
        for scale in (0.0, 1e-30, 1e4):
            x = torch.randn(3, 5, generator=torch.Generator().manual_seed(1)) * scale
            logits, _ = session.run(None, {"images": x.numpy()})
            expected = net(x).numpy()
            assert np.isfinite(expected).all(), layer
            atol = 1e-5 + 1e-6 * np.abs(expected).max()  # a sum of large terms may be small
            np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=atol, err_msg=f"{layer}")


def test_weights_that_are_too_large_are_refused(monkeypatch):
    monkeypatch.setattr("torchnet.exporting.onnx_model._MOST_BYTES", 200)
    with pytest.raises(ValueError, match="expected weights of less than 2 GiB"):
        onnx_model(MLP([5, 6, 4]), BYTES, {})
