"""The convolutional network, and stored ones."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch

from torchnet import MLP, Conv2d, ConvNet, Dropout, Linear, MaxPool2d, Network, Residual, check
from torchnet.data import Classes, DataError, Pixels, Preprocessing, Table
from torchnet.layers import BatchNorm2d, Layer, Tanh
from torchnet.network import describe_sizes
from torchnet.network.network import in_shape
from torchnet.runs.load_network import load_network
from torchnet.storage import CheckpointError

from .runs.test_load_network import contents_of, write_run

IMAGE = (2, 8, 9)


def random_net(**options: Any) -> ConvNet:
    generator = torch.Generator().manual_seed(0)
    net = ConvNet(IMAGE, 4, (3, 5), generator=generator, dtype=torch.float64, **{"activation": "tanh"} | options)
    for weight in net.parameters():
        if weight.dim() == 1:
            weight.normal_(0.5, 0.3, generator=generator)
    return net


def test_each_stage_halves_the_images_and_has_its_blocks():
    images, sizes = torch.rand((3, *IMAGE), dtype=torch.float64), list[tuple[int, ...]]()
    for pooling in ("max", "avg", "stride"):
        net = random_net(blocks=2, pooling=pooling)
        x, shapes = images, []
        for layer in net:
            x = layer(x)
            shapes += [tuple(x.shape[1:])] if isinstance(layer, Residual) else []
        sizes += shapes
        assert sum(isinstance(layer, MaxPool2d) for layer in net) == 2 * (pooling == "max")
    assert sizes == 2 * [*2 * [(3, 4, 4)], *2 * [(5, 2, 2)]] + [*2 * [(3, 4, 5)], *2 * [(5, 2, 3)]]


def kinds_of(layers: Iterable[Layer]) -> list[str]:
    return [type(layer).__name__ for layer in layers]


def test_the_layers_of_a_stage_and_of_a_block():
    net, stage = random_net(), ["Conv2d", "BatchNorm2d", "Tanh", "MaxPool2d", "Residual", "Tanh"]
    assert kinds_of(net) == [*2 * stage, "AdaptiveAvgPool2d", "Flatten", "Linear"]
    assert kinds_of(net[4]) == ["Conv2d", "BatchNorm2d", "Tanh", "Conv2d", "BatchNorm2d"]


def test_convolutions_have_no_bias_and_the_last_layer_has_one():
    net = random_net()
    assert all(part.bias is None for part in net.modules() if isinstance(part, Conv2d))
    sizes = [part.kernel_size for part in net.modules() if isinstance(part, Conv2d)]
    assert sizes == [(5, 5), *5 * [(3, 3)]]
    assert isinstance(net[-1], Linear)
    assert net[-1].weight.shape == (4, 5)
    assert net[-1].bias.shape == (4,)
    assert not any(weight.requires_grad for weight in net.parameters())


def test_options_reach_the_layers():
    net = ConvNet([*IMAGE], 4, (3,), blocks=0, activation=Tanh, dropout=0.3, seed=7, matmul_dtype=torch.bfloat16)
    kinds = ["Conv2d", "BatchNorm2d", "Tanh", "MaxPool2d", "AdaptiveAvgPool2d", "Flatten", "Dropout", "Linear"]
    assert kinds_of(net) == kinds
    assert [(part.p, part.seed) for part in net if isinstance(part, Dropout)] == [(0.3, 7)]
    assert all(part.matmul_dtype == torch.bfloat16 for part in (net, net[0], net[-1]))
    assert net.input_shape == IMAGE
    zeros = ConvNet(IMAGE, 4, (3,), initializer="zeros", dtype=torch.float64)
    assert all(not part.weight.any() for part in zeros.modules() if isinstance(part, (Conv2d, Linear)))
    assert {tensor.dtype for tensor in zeros.state_dict().values()} == {torch.float64, torch.int64}
    assert len([part for part in random_net().modules() if isinstance(part, BatchNorm2d)]) == 6


def test_equal_generators_make_equal_networks():
    first, same = random_net(), random_net()
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), same.parameters(), strict=True))


@pytest.mark.parametrize(
    "options",
    [
        {"activation": "prelu"},
        {"pooling": "avg", "head": "flatten"},
        {"pooling": "stride"},
        {"pooling": "stride", "head": "flatten"},
    ],
    ids=str,
)
def test_gradients_are_those_of_autograd(options):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn((5, *IMAGE), generator=generator, dtype=torch.float64)
    labels = torch.tensor([0, 3, 1, 1, 2])
    check(random_net(**options), images, labels, oracles=["autograd"], other_inputs=False).raise_if_failed()


@pytest.mark.parametrize("layout", ["channels first", "channels last", "flat rows"])
def test_samples_of_any_layout_give_the_same_and_get_gradients_of_their_shape(layout):
    net, grad = random_net(), torch.randn((5, 4), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    images = torch.randn((5, *IMAGE), dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    turn = {
        "channels first": lambda x: x,
        "channels last": lambda x: x.movedim(1, -1),
        "flat rows": lambda x: x.flatten(1),
    }[layout]
    expected = net(images)
    expected_grad = net.backward(grad, input_grad=True)
    torch.testing.assert_close(net(turn(images)), expected, rtol=1e-12, atol=0)
    found = net.backward(grad, input_grad=True)
    assert found is not None
    torch.testing.assert_close(found, turn(expected_grad), rtol=1e-12, atol=1e-15)


def test_gray_images_need_no_axis_of_channels_and_others_are_refused():
    net = ConvNet((1, 6, 6), 3, (2,)).eval()
    images = torch.rand((4, 6, 6))
    assert torch.equal(net(images), net(images[:, None]))
    with pytest.raises(ValueError, match=r"expected samples of shape \(N, 1, 6, 6\), .*, got \(4, 6, 5\)"):
        net(images[:, :, 1:])
    with pytest.raises(
        ValueError, match=r"expected samples of shape \(N, 2, 8, 9\), or rows \(N, 144\), got \(4, 8, 9\)"
    ):
        random_net()(torch.rand((4, 8, 9)))


def test_images_of_two_layouts_have_the_channels_first():
    net, images = ConvNet((4, 4, 4), 3, (2,)), torch.rand((5, 4, 4, 4))
    y = net(images)
    assert torch.equal(y, net(images.flatten(1)))
    expected = net.backward(y, input_grad=True)
    assert torch.equal(net(images), y)
    assert torch.equal(net.backward(y, input_grad=True), expected.reshape(images.shape))


def test_images_reach_the_first_layer_in_channels_last_memory():
    images = torch.rand((4, *IMAGE))
    for x in (images, images.flatten(1), images.movedim(1, -1), images.movedim(1, -1).contiguous()):
        found = in_shape(x, IMAGE)
        assert torch.equal(found, images)
        assert found.stride() == (144, 1, 18, 2)
    assert in_shape(torch.rand((4, 6, 6)), (1, 6, 6)).stride() == (36, 1, 6, 1)
    assert in_shape(torch.rand((4, 6, 6, 1)), (1, 6, 6)).stride() == (36, 1, 6, 1)
    assert in_shape(torch.rand((4, 15)), (3, 5)).shape == (4, 3, 5)


def test_a_network_without_an_input_shape_takes_what_its_first_layer_takes():
    net, x = Network(Linear(3, 2)), torch.rand((4, 5, 3))
    assert net.matmul_dtype is None
    y = net(x)
    assert torch.equal(y, net[0](x))
    net(x)
    assert net.backward(y, input_grad=True).shape == x.shape


def test_a_network_for_colors_refuses_gray_images():
    with pytest.raises(ValueError, match=r"shape \(N, 3, 6, 6\), or rows \(N, 108\), got \(4, 6, 6\): convert them"):
        ConvNet((3, 6, 6), 3, (2,))(torch.rand((4, 6, 6)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_shape": (64,)}, r"network: expected images \(channels, height, width\) for a convnet, got .* \(64,\)"),
        ({"input_shape": 64}, r"network: expected images \(channels, height, width\) for a convnet, got .* 64"),
        ({"input_shape": (0, 8, 9)}, r"network: expected images .*, got samples of shape \(0, 8, 9\)"),
        ({"input_shape": (1, 8.0, 9)}, r"network: expected images .*, got samples of shape \(1, 8.0, 9\)"),
        ({"num_classes": 0}, "num_classes: expected a whole number from 1 up, got 0"),
        ({"widths": []}, r"widths: expected one whole number from 1 up for each stage, got \[\]"),
        ({"widths": 32}, "widths: expected one whole number from 1 up for each stage, got 32"),
        ({"widths": [4, 0]}, r"widths: expected .*, got \[4, 0\]"),
        ({"widths": [4, 1.5]}, r"widths: expected .*, got \[4, 1.5\]"),
        ({"widths": [4] * 4}, "widths: expected at most 3 stages for images of 8 x 9 pixels, .* got 4"),
        ({"input_shape": (2, 4, 9), "widths": [4] * 3}, "widths: expected at most 2 stages for images of 4 x 9 pixels"),
        ({"input_shape": (2, 9, 4), "widths": [4] * 3}, "widths: expected at most 2 stages for images of 9 x 4 pixels"),
        ({"blocks": -1}, "blocks: expected a whole number from 0 up, .*, got -1 in each of 2"),
        ({"blocks": -1, "widths": [4]}, "blocks: expected a whole number from 0 up, .*, got -1 in each of 1"),
        ({"blocks": 501}, "at most 1,000 blocks in all stages, got 501 in each of 2"),
        ({"blocks": 1.5}, "blocks: expected a whole number from 0 up, .* got 1.5"),
        ({"head": "max"}, "head: expected one of average, flatten, got 'max'"),
        ({"pooling": "min"}, "pooling: expected one of max, avg, stride, got 'min'"),
        ({"initializer": "ones"}, "initializer: expected one of"),
        ({"activation": "sigmoids"}, "activation: expected one of .* did you mean sigmoid"),
        ({"dropout": [0.1]}, r"dropout: expected one probability for a convnet, got \[0.1\]"),
        ({"dropout": 2}, "p: expected a probability from 0 to 1, got 2"),
    ],
    ids=str,
)
def test_invalid_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ConvNet(**{"input_shape": IMAGE, "num_classes": 4} | options)


def test_the_most_stages_and_blocks():
    assert describe_sizes(ConvNet((1, 8, 8), 2, (1, 1, 2), blocks=0)) == "1x8x8-1-2"
    with torch.device("meta"):
        assert len(ConvNet((1, 8, 8), 2, (1, 2), blocks=500)) > 2000


def test_the_sizes_of_a_network_in_a_few_letters():
    assert describe_sizes(MLP((4, 5, 5, 3))) == "4-5-5-3"
    assert describe_sizes(random_net(blocks=3)) == "2x8x9-3-5-4"
    net = MLP((4, 5, 5, 3), residual=True)
    assert describe_sizes(net) == "4-5-5-3"
    net.input_shape = (2, 2)
    assert describe_sizes(net) == "2x2-5-3"
    assert describe_sizes(Residual(Linear(3, 3))) == "3"


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((28, 28), (1, 28, 28)),
        ((28, 20, 3), (3, 28, 20)),
        ((3, 28, 20), (3, 28, 20)),
        ((28, 28, 1), (1, 28, 28)),
        ((1, 28, 28), (1, 28, 28)),
        ((784,), (784,)),
    ],
)
def test_the_input_shape_of_images_has_the_channels_first(shape, expected):
    assert Pixels(shape).input_shape == expected
    assert Table(()).input_shape == (0,)


MODEL = {"network": "convnet", "widths": [3, 5], "blocks": 1, "activation": "tanh"}


def stored_run(folder: Path, model: dict[str, Any]) -> Path:
    contents = contents_of(random_net())
    images = Preprocessing(Pixels(IMAGE), Classes(("0", "1", "2", "3")))
    return write_run(folder, model, contents | {"torchnet": {"preprocessing": images.as_dict()}})


def test_a_stored_network_is_loaded_with_its_weights(tmp_path):
    net = load_network(stored_run(tmp_path / "run", MODEL | {"dtype": "float64"})).net
    images = torch.rand((3, *IMAGE), dtype=torch.float64)
    assert torch.equal(net(images), random_net().eval()(images))


@pytest.mark.parametrize(
    "model",
    [
        {"widths": [3, 6]},
        {"widths": [3]},
        {"blocks": 2},
        {"blocks": 500},
        {"widths": [10**6, 10**6]},
        {"pooling": "stride"},
    ],
    ids=str,
)
def test_another_network_is_refused_before_anything_is_allocated(model, tmp_path):
    with pytest.raises(DataError, match="belongs to another network than the configuration describes"):
        load_network(stored_run(tmp_path / "run", MODEL | model))


@pytest.mark.parametrize(
    "model",
    [
        {"blocks": 10**9},
        {"widths": [10**12, 10**12]},
        {"widths": [10**30]},
        {"widths": [1] * 900},
        {"widths": "many"},
        {"hidden_sizes": [64, 64]},
        {"network": "covnet"},
        {"network": ["convnet"]},
        {"network": None},
        {"dtype": []},
    ],
    ids=lambda model: f"{model}"[:40],
)
def test_a_configuration_of_no_network_is_refused_at_once(model, tmp_path):
    with pytest.raises((DataError, CheckpointError), match=r"config\.yaml: ") as error:
        load_network(stored_run(tmp_path / "run", MODEL | model))
    assert len(str(error.value)) < 700
