"""Exported networks of images give the same logits in torch.nn and in ONNX Runtime, from images in any arrangement."""

import onnxruntime
import pytest
import torch

from torchnet import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    ConvNet,
    Dropout2d,
    Flatten,
    GroupNorm,
    Layer,
    LayerNorm,
    Linear,
    LogSoftmax,
    MaxPool2d,
    Network,
    PReLU,
    ReLU,
    Residual,
    RMSNorm,
    Sequential,
    Softmax,
    Tanh,
)
from torchnet.data import Classes, Pixels, Preprocessing
from torchnet.exporting.onnx_model import onnx_model
from torchnet.exporting.torch_source import torch_source

SHAPE = (3, 9, 8)  # channels, height, width
LAYERS: dict[str, list[Layer]] = {
    "convolution": [Conv2d(3, 4, 3)],
    "1 x 1": [Conv2d(3, 4, 1, bias=False)],
    "stride": [Conv2d(3, 4, 3, stride=2, padding=1)],
    "pairs": [Conv2d(3, 4, (2, 3), stride=(3, 1), padding=(1, 2), dilation=(2, 1))],
    "groups": [Conv2d(3, 6, 3, groups=3, padding=1), Conv2d(6, 4, 3, groups=2, bias=False)],
    "same": [Conv2d(3, 4, (3, 2), padding="same", dilation=(1, 3)), Conv2d(4, 2, 3, padding="valid")],
    "one dimension": [
        Flatten(2),
        Conv1d(3, 4, 5, stride=3, padding=2, dilation=2),
        Conv1d(4, 6, 3, padding="same", groups=2),
    ],
    "max pooling": [MaxPool2d(2)],
    "overlapping": [MaxPool2d(3, stride=1, padding=1)],
    "dilated": [MaxPool2d(2, dilation=3, stride=2)],
    "ceil": [MaxPool2d(2, ceil_mode=True)],
    "ceil, padded": [MaxPool2d(3, stride=3, padding=1, dilation=2, ceil_mode=True)],
    "pairs of a pooling": [MaxPool2d((3, 2), (1, 3), padding=(1, 0))],
    "average pooling": [AvgPool2d(2)],
    "average with padding": [AvgPool2d((3, 2), stride=(2, 3), padding=1)],
    "average without padding": [AvgPool2d(3, stride=2, padding=1, count_include_pad=False)],
    "average, ceil": [AvgPool2d(3, stride=2, padding=1, ceil_mode=True)],
    "average, ceil, without padding": [AvgPool2d(4, 3, 2, True, False)],
    "average, divisor": [AvgPool2d(2, divisor_override=7)],
    "batch norm": [BatchNorm2d(3), Conv2d(3, 4, 2), BatchNorm2d(4, eps=0.3, momentum=None)],
    "batch norm without weights": [BatchNorm2d(3, affine=False), BatchNorm2d(3, track_running_stats=False)],
    "batch norm of lengths": [Flatten(2), BatchNorm1d(3), Conv1d(3, 2, 3)],
    "group norm": [GroupNorm(3, 3), Conv2d(3, 4, 2), GroupNorm(2, 4, eps=0.2, affine=False)],
    "layer norm of images": [LayerNorm((9, 8)), RMSNorm((3, 9, 8)), LayerNorm(8, bias=False)],
    "dropout": [Conv2d(3, 4, 3), Dropout2d(0.3)],
    "slopes": [Conv2d(3, 4, 3), PReLU(4), Conv2d(4, 2, 2), PReLU()],
    "softmax of images": [Softmax(1), LogSoftmax(-1), Softmax(2)],
    "residual": [Residual(Conv2d(3, 5, 3, padding=1), ReLU(), Sequential(Conv2d(5, 3, 1), BatchNorm2d(3))), Tanh()],
    "global": [Conv2d(3, 4, 3), AdaptiveAvgPool2d(1)],
    "rows of images": [Flatten(2), Linear(72, 5), Tanh()],
    "columns": [Flatten(1, 2)],
}
TOLERANCE = {torch.float32: 2e-6, torch.float64: 1e-14}
DIGITS = Classes(("0", "1", "2", "3"))


class Named(Network):
    """A network of the user's own, with the forward pass of Network and names of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.input_shape = SHAPE
        self.first = Conv2d(3, 4, 3)
        self.rest = Sequential(ReLU(), AdaptiveAvgPool2d(1), Flatten(), Linear(4, 4))


class Doubled(Named):
    """A network with a forward pass of its own."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


def with_logits(*layers: Layer, shape: tuple[int, ...] = SHAPE) -> Network:
    """Return a network that ends with four logits."""
    body = Sequential(*layers, Flatten()).eval()
    net = Network(*body, Linear(body(torch.zeros(2, *shape)).shape[1], 4))
    net.input_shape = shape
    return net


NETS = {name: with_logits(*layers) for name, layers in LAYERS.items()}
NETS |= {"ConvNet": ConvNet(SHAPE, 4, (4, 6)), "names": Named()}


def randomized(net: Network, dtype: torch.dtype) -> Network:
    """Return a network with random weights and running statistics."""
    generator = torch.Generator().manual_seed(5)
    for key, tensor in net.to(dtype).eval().state_dict().items():
        if key.endswith("running_var"):
            tensor.uniform_(0.5, 2, generator=generator)
        elif tensor.is_floating_point():
            tensor.copy_(torch.randn(tensor.shape, generator=generator, dtype=dtype))
    return net


def stored(shape: tuple[int, ...], n: int = 5) -> torch.Tensor:
    """Return images as a data set stores them."""
    return torch.randint(256, (n, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(n))


def expect_exported(name: str, net: Network, images: torch.Tensor, dtype: torch.dtype, expect_equal) -> None:
    """Expect the same logits of torch.nn and of ONNX Runtime."""
    raw = Preprocessing(Pixels(tuple(images.shape[1:])), DIGITS)
    expected = net(images.to(dtype) / 255)
    names: dict = {"images": images, "state": net.state_dict()}
    exec(torch_source(net, raw, "state"), names)
    assert not any(type(module).__module__.startswith("torchnet") for module in names["net"].modules())
    expect_equal(name, names["logits"].detach(), expected, f"torch.nn, exported, {dtype}", TOLERANCE[dtype])
    session = onnxruntime.InferenceSession(onnx_model(net, raw, {}).SerializeToString())
    (logits,) = session.run(["logits"], {"images": images.numpy()})
    expect_equal(name, logits, expected, f"ONNX Runtime, {dtype}", TOLERANCE[dtype])


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")  # a warning of torch.nn
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("name", NETS)
def test_exported_networks_of_images_give_the_same_logits(name, dtype, expect_equal):
    expect_exported(name, randomized(NETS[name], dtype), stored(SHAPE), dtype, expect_equal)


@pytest.mark.parametrize(
    ("shape", "images", "line"),
    [
        ((3, 9, 8), (3, 9, 8), "net(images.float() / 255)"),
        ((3, 9, 8), (9, 8, 3), "net(images.movedim(-1, 1).float() / 255)"),
        ((3, 9, 8), (216,), "net(images.reshape(-1, 3, 9, 8).float() / 255)"),
        ((1, 9, 8), (9, 8), "net(images.reshape(-1, 1, 9, 8).float() / 255)"),
        ((1, 9, 8), (9, 8, 1), "net(images.reshape(-1, 1, 9, 8).float() / 255)"),
        ((3, 3, 3), (3, 3, 3), "net(images.float() / 255)"),
        ((72,), (9, 8), "net(images.flatten(1).float() / 255)"),
    ],
)
def test_images_are_taken_as_they_are_stored(shape, images, line, expect_equal):
    layers = [] if len(shape) == 1 else [Conv2d(shape[0], 4, 2)]
    net = randomized(with_logits(*layers, shape=shape), torch.float64)
    assert line.replace("float", "double") in torch_source(net, Preprocessing(Pixels(images), DIGITS), "state")
    expect_exported(f"{images}", net, stored(images), torch.float64, expect_equal)


def test_a_network_for_other_images_is_refused():
    with pytest.raises(ValueError, match=r"for samples of shape \(9, 8\), got one for \(3, 9, 8\)"):
        onnx_model(NETS["convolution"], Preprocessing(Pixels((9, 8)), DIGITS), {})


@pytest.mark.parametrize("export", [lambda *it: torch_source(*it, "state"), lambda *it: onnx_model(*it, {})])
def test_a_forward_pass_of_the_users_own_is_refused(export):
    sentence = r"expected layers of torchnet, got .*test_images\.Doubled, a network with a forward pass of your own"
    with pytest.raises(ValueError, match=sentence):
        export(Doubled(), Preprocessing(Pixels(SHAPE), DIGITS))


def test_the_source_leaves_defaults_out():
    net = with_logits(Conv2d(3, 4, 3, padding=1, bias=False), BatchNorm2d(4), MaxPool2d(2), MaxPool2d((2, 1), 1))
    source = torch_source(net, Preprocessing(Pixels(SHAPE), DIGITS), "state")
    lines = [line.strip() for line in source.partition("net = ")[2].partition("\n)")[0].splitlines()]
    assert lines == [
        "nn.Sequential(",
        "nn.Conv2d(3, 4, 3, padding=1, bias=False),",
        "nn.BatchNorm2d(4),",
        "nn.MaxPool2d(2),",
        "nn.MaxPool2d((2, 1), stride=1),",
        "nn.Flatten(),",
        "nn.Linear(48, 4),",
    ]


def test_the_graph_has_the_name_of_the_network():
    raw = Preprocessing(Pixels(SHAPE), DIGITS)
    assert onnx_model(NETS["ConvNet"], raw, {}).graph.name == "ConvNet"
    assert onnx_model(NETS["names"], raw, {}).graph.name == "Named"
