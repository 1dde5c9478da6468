"""Feature maps and filters in the report of a run of images."""

import copy
import json

import numpy as np
import pytest
import torch
from matplotlib import colormaps

from torchnet import MLP, AdaptiveAvgPool2d, Conv2d, ConvNet, Flatten, Linear, MaxPool2d, Network, Sequential, Tanh
from torchnet.data import BatchLoader, Classes, DataError, Pixels, Preprocessing
from torchnet.reporting import read_report, run_report, write_report
from torchnet.reporting.feature_maps import decoded, feature_maps
from torchnet.reporting.figures import layers
from torchnet.reporting.run_data import RunData

CLASSES = Classes(tuple("abcdefg"))
LABELS = torch.tensor([3, 3, 0, 6, 2, 1, 0, 4, 5])
CHOSEN = [2, 5, 4, 0, 7]  # the first sample of each of the first five classes


def loader(shape: tuple[int, ...], targets: torch.Tensor = LABELS) -> BatchLoader:
    """Return a split whose samples are stored in reverse order."""
    images = torch.randint(256, (9, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    rows = np.arange(9)[::-1].copy()
    return BatchLoader(images[rows], targets[rows], 4, rows)


def picture(shape: tuple[int, ...]):
    split = loader(shape)
    return lambda number: Pixels(shape).drawn(split.inputs[split.rows[number]].numpy())


def nested() -> Network:
    """Return a network whose stages are sequences."""
    stage = Sequential(Conv2d(3, 4, 3), Tanh())
    net = Network(
        stage, Sequential(MaxPool2d(2), Sequential(Conv2d(4, 12, 2))), AdaptiveAvgPool2d(1), Flatten(), Linear(12, 7)
    )
    net.input_shape = (3, 12, 10)
    return net


def scaled(maps: torch.Tensor) -> np.ndarray:
    """Return each channel as bytes from its smallest to its largest value."""
    channels = maps.double().transpose(0, 1).flatten(1)
    low, high = (it[None, :, None, None] for it in (channels.amin(1), channels.amax(1)))
    return (255 * (maps - low) / (high - low)).round().numpy().astype(np.uint8)


@pytest.mark.parametrize("training", [True, False])
def test_feature_maps_are_those_of_the_first_and_of_the_last_stage(training):
    net = ConvNet((1, 8, 8), 7, (4, 6)).train(training)
    before = copy.deepcopy(net.state_dict())
    found = decoded(feature_maps(net, loader((8, 8)), picture((8, 8)))["feature_maps"])
    images = loader((8, 8)).inputs.flip(0)[CHOSEN]
    np.testing.assert_array_equal(found["images"], images)
    assert net.training == training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())
    x, outputs = images[:, None].float() / 255, []
    for layer in net.eval():
        outputs.append(x := layer(x))
    first, last = found["stages"]
    assert (first["channels"], first["size"], last["channels"], last["size"]) == (4, [8, 8], 6, [2, 2])
    np.testing.assert_array_equal(first["maps"], scaled(outputs[2]))  # the activation of the first stage
    np.testing.assert_array_equal(last["maps"], scaled(outputs[-4]))  # before the pooling over all pixels


def test_of_many_channels_those_that_vary_most_are_kept():
    net = nested()
    images = loader((12, 10, 3)).inputs.flip(0)[CHOSEN]
    found = decoded(feature_maps(net, loader((12, 10, 3)), picture((12, 10, 3)))["feature_maps"])
    first, last = found["stages"]
    assert first["maps"].shape == (5, 4, 10, 8)
    assert (last["channels"], last["maps"].shape) == (12, (5, 8, 4, 3))
    maps = net.eval()[1](net[0](images.movedim(-1, 1).float() / 255))
    most = maps.transpose(0, 1).flatten(1).std(dim=1).argsort(descending=True)[:8].sort().values
    np.testing.assert_array_equal(last["maps"], scaled(maps[:, most]))


def test_large_images_are_reduced():
    found = decoded(feature_maps(ConvNet((1, 130, 70), 7, (2,)), loader((130, 70)), picture((130, 70)))["feature_maps"])
    assert found["images"].shape == (5, 64, 64)
    assert found["stages"][0]["maps"].shape == (5, 2, 64, 64)
    assert found["stages"][0]["size"] == [130, 70]


def test_other_networks_have_no_feature_maps():
    assert feature_maps(MLP((64, 7)), loader((8, 8)), picture((8, 8))) == {}
    quantities = torch.rand(9, 7)
    assert feature_maps(ConvNet((1, 8, 8), 7, (2,)), loader((8, 8), quantities), picture((8, 8))) == {}


def a_report(shape: tuple[int, ...] = (12, 10, 3)) -> dict:
    logits = torch.randn(9, 7, generator=torch.Generator().manual_seed(0))
    report = run_report("a", [], {"test": (logits, LABELS)}, Preprocessing(Pixels(shape), CLASSES), {})
    return report | feature_maps(nested(), loader(shape), picture(shape))


@pytest.fixture
def run(tmp_path) -> RunData:
    write_report(a_report(), tmp_path / "report.json")
    weight = np.random.default_rng(0).normal(size=(70, 3, 3, 2))
    preprocessing = Preprocessing(Pixels((12, 10, 3)), CLASSES)
    return RunData(tmp_path, {"name": "a"}, "name: a", "", 1, weight, preprocessing)


def test_feature_maps_are_drawn(run):
    figure = layers.feature_maps(run)
    first, last = (axes.images[0].get_array() for axes in figure.axes)
    tile, step = (58, 48), (62, 52)  # 12 × 10 pixels; 4 between two tiles
    assert first.shape == (5 * step[0] - 4, 5 * step[1] - 4, 4)
    assert last.shape == (5 * step[0] - 4, 9 * step[1] - 4, 4)
    np.testing.assert_array_equal(first[: tile[0], : tile[1]][::58, ::48, :3], run.feature_maps["images"][:1, :1, 0])
    corner = run.feature_maps["stages"][1]["maps"][2, 7, 0, 0]
    color = [round(255 * it) for it in colormaps["viridis"](int(corner))[:3]]
    np.testing.assert_allclose(last[2 * step[0], 8 * step[1], :3], color, atol=1)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "after the first convolution: 4 of 4 channels, 10 × 8 pixels",
        "after the last stage: 8 of 12 channels, 4 × 3 pixels",
    ]


@pytest.mark.parametrize(
    ("channels", "tiles", "kind"), [(1, 6, "filters"), (3, 6, "color filters"), (2, 12, "filters")]
)
def test_each_filter_is_a_tile(channels, tiles, kind, run):
    weight = np.random.default_rng(0).normal(size=(6, channels, 3, 2))
    vars(run)["first_layer"] = weight
    picture = layers.first_layer(run).axes[0].images[0].get_array()
    assert layers.kind_of_weights(run) == kind
    columns = min(8, tiles)
    assert picture.shape == (-(-tiles // columns) * 4 - 1, columns * 3 - 1, 4)
    tile = picture[4:7, 0:2, :3] if tiles > 8 else picture[:3, 6:8, :3]
    place = (4, 0) if channels == 2 else (2, slice(None) if channels == 3 else 0)
    expected = weight[place] / np.abs(weight[place]).max() / 2 + 0.5
    if channels == 3:
        np.testing.assert_array_equal(tile, np.rint(255 * expected.transpose(1, 2, 0)))
    else:
        np.testing.assert_array_equal(tile, colormaps["RdBu_r"](expected, bytes=True)[..., :3])


def test_a_picture_of_other_weights_is_left_out(run):
    for shape in ((4, 3, 5), (4, 7)):
        vars(run)["first_layer"] = np.zeros(shape)
        assert layers.first_layer(run) is None


HOSTILE = {
    "no images": lambda it: it.pop("images"),
    "no stages": lambda it: it["stages"].clear(),
    "three stages": lambda it: it["stages"].append(it["stages"][0]),
    "too many images": lambda it: it["images"].update(shape=[6, 12, 10, 3]),
    "two channels of color": lambda it: it["images"].update(shape=[5, 12, 15, 2]),
    "flat images": lambda it: it["images"].update(shape=[5, 360]),
    "no such size": lambda it: it["images"].update(shape=[5, 12, 10, 4]),
    "huge images": lambda it: it["images"].update(shape=[1, 900, 2, 1]),
    "no base64": lambda it: it["images"].update(pixels="ä"),
    "other images": lambda it: it["stages"][0]["maps"].update(shape=[4, 5, 10, 8]),
    "maps without channels": lambda it: it["stages"][0]["maps"].update(shape=[5, 40, 8]),
    "too many channels": lambda it: it["stages"][1]["maps"].update(shape=[5, 12, 4, 2]),
    "more channels than there are": lambda it: it["stages"][1].update(channels=7),
    "no channels": lambda it: it["stages"][1].update(channels=0),
    "a size of text": lambda it: it["stages"][1].update(size=["x", 1]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_feature_maps_are_refused(name, tmp_path):
    report = a_report()
    write_report(report, tmp_path / "report.json")
    assert read_report(tmp_path / "report.json") == json.loads(json.dumps(report))
    HOSTILE[name](report["feature_maps"])
    write_report(report, tmp_path / "report.json")
    with pytest.raises(DataError, match="feature_maps"):
        read_report(tmp_path / "report.json")
