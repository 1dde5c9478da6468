"""The layers of images in JavaScript, compared with torchnet number by number in float64."""

import base64

import numpy as np
import pytest
import torch

from torchnet import SGD, ConvNet, Linear, Network, ReLU
from torchnet.demo import describe
from torchnet.layers import AdaptiveAvgPool2d, AvgPool2d, Conv1d, Conv2d, Flatten, MaxPool2d

from .image_networks import random_image_example
from .pages import TOLERANCE
from .test_mathematics import compare, layers_of

RESULTS = """
    const [name, images, targets, description, base64] = given;
    const net = new Network(description, decodeNumbers(base64, description.dtype));
    const logits = net.forward(images);
    const { loss, gradLogits } = net.loss(logits, targets);
    const gradInput = net.backward(gradLogits);
    const layers = [...net.everyLayer()].map(({ name, input, gradInput, grads }) => ({
        name, gradInput: [...gradInput],
        grads: Object.fromEntries(Object.entries(grads).map(([weight, grad]) => [weight, [...grad]])),
    }));
    if (name === "step") net.step(0.25);
    const weights = [...net.parameters()].map(({ layer, name, weight }) => [`${layer.name}.${name}`, [...weight]]);
    const probabilities = [...softmax(logits).probs];
    return { logits: [...logits], probabilities, loss, gradInput: [...gradInput], layers, weights };
"""


@pytest.fixture
def call(run_script):
    """Run a network from `describe`, as the page does."""
    return lambda name, images, targets=0, *, net: run_script(RESULTS, [name, images, targets, *net])


@pytest.mark.parametrize("seed", range(60))
def test_every_number_of_a_random_network_matches_torchnet(seed, call, expect_equal):
    for samples in (1, 3):
        example = random_image_example(seed, samples)
        compare(example, describe(example.net, example.loss), call, expect_equal)


@pytest.mark.parametrize("given", [(6, 8, 3), (3, 6, 8)], ids=["channels last", "channels first"])
def test_a_step_of_every_weight_matches_torchnets(given, run_script, expect_equal):
    """Images with the channels last come as rows of pixels of three numbers each; the gradient of the input, too."""
    net = ConvNet((3, 6, 8), 4, (4, 6), activation="tanh", dtype=torch.float64)
    for layer in layers_of(net).values():
        layer.eval()  # batch norm with running statistics, as on the page
    described = describe(net, "cross_entropy", given=given)
    images = torch.rand((2, *given), dtype=torch.float64)
    targets = torch.tensor([3, 1])
    got = run_script(RESULTS, ["step", images.flatten().tolist(), targets.tolist(), *described])
    net.requires_grad_(True)
    images.requires_grad_(True)
    logits = net(images)
    torch.nn.functional.cross_entropy(logits, targets).backward()
    gradient = torch.tensor(got["gradInput"], dtype=torch.float64).reshape(images.shape)
    shown = torch.tensor(got["logits"], dtype=torch.float64).reshape(logits.shape)
    expect_equal("logits", shown, logits.detach(), "torchnet", TOLERANCE)
    expect_equal("gradient of the images", gradient, images.grad, "autograd", TOLERANCE)
    net.requires_grad_(False)
    SGD(net.parameters(), lr=0.25).step()
    state = net.state_dict()
    assert len(got["weights"]) == len(list(net.parameters()))
    for name, weight in got["weights"]:
        expect_equal(name, torch.tensor(weight, dtype=torch.float64), state[name].flatten(), "torchnet", TOLERANCE)


def test_a_pool_takes_the_first_of_equal_values_and_keeps_nan(run_script):
    x = [1.0, 1.0, -2.0, -2.0, 0.0, 1.0, -2.0, -2.0]
    code = """
        const [description, base64] = given.net;
        const net = new Network(description, decodeNumbers(base64, "float32"));
        const y = [...net.forward(given.x.map((it) => it ?? NaN))].map(String);
        return [y, [...net.backward(Float64Array.of(5, 7))]];
    """
    net = describe([MaxPool2d(2)], "cross_entropy", (1, 2, 4))
    assert run_script(code, {"net": net, "x": x}) == [["1", "-2"], [5, 0, 7, 0, 0, 0, 0, 0]]
    x[5] = None
    assert run_script(code, {"net": net, "x": x})[0] == ["NaN", "-2"]


@pytest.mark.parametrize("count_include_pad", [True, False])
def test_what_lies_beyond_the_padding_never_counts_in_a_mean(count_include_pad, call, expect_equal):
    pool = AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=count_include_pad)
    x = torch.randn(1, 1, 6, 7, dtype=torch.float64)
    got = call("forward", x.flatten().tolist(), net=describe([pool], "cross_entropy", (1, 6, 7)))["logits"]
    expected = torch.nn.functional.avg_pool2d(x, 3, 2, 1, True, count_include_pad)
    shown = torch.tensor(got, dtype=torch.float64).reshape(expected.shape)
    expect_equal("means", shown, expected, "torch", TOLERANCE)


def test_layers_that_the_page_cannot_run_are_refused():
    with pytest.raises(
        ValueError, match=r"expected layers that a page can show, got Conv1d: it can show Linear, Conv2d"
    ):
        describe([Conv1d(2, 2, 1)], "cross_entropy")
    with pytest.raises(
        ValueError, match=r"expected a network with an input_shape, .* for Conv2d: pass a torchnet\.Network"
    ):
        describe([Conv2d(2, 2, 1)], "cross_entropy")

    class Twice(Network):
        def forward(self, x):
            return super().forward(2 * x)

    with pytest.raises(ValueError, match="got Twice, which has a forward of its own"):
        describe(Twice(Linear(2, 2)), "cross_entropy")


def test_to_describe_a_network_changes_nothing():
    net = ConvNet((1, 8, 8), 3, (4,)).train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    description, numbers = describe(net, "cross_entropy")
    assert net.training
    assert all(layer.training for layer in layers_of(net).values())
    assert {name: tensor.tolist() for name, tensor in net.state_dict().items()} == {
        name: tensor.tolist() for name, tensor in before.items()
    }
    assert not any(layer._forward_hooks for layer in layers_of(net).values())
    assert description["layers"][0]["options"]["in_shape"] == [1, 8, 8]
    assert description["layers"][4]["layers"][0]["options"]["out_shape"] == [4, 4, 4]
    tensors = [tensor.flatten() for tensor in net.state_dict().values() if tensor.dim() > 0]
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(numbers), "<f4"), torch.cat(tensors))


def test_the_forward_pass_is_fast_enough_for_drawing(run_script):
    """Ten million multiplications take some hundredths of a second; ten seconds mean that something is wrong."""
    net = Network(*(Conv2d(64, 64, 3, padding=1) for _ in range(5)), AdaptiveAvgPool2d(1), Flatten(), ReLU())
    net.input_shape = (64, 8, 8)
    code = """
        const [description, base64] = given;
        const net = new Network(description, decodeNumbers(base64, "float32"));
        const start = performance.now();
        net.forward(new Float64Array(64 * 64).fill(1));
        return performance.now() - start;
    """
    assert run_script(code, describe(net, "cross_entropy")) < 10_000
