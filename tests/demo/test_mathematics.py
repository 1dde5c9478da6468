"""The mathematics of the page, compared with torchnet number by number in float64."""

import base64

import numpy as np
import pytest
import scipy.special
import torch
from torch import Tensor

import torchnet.layers
from torchnet import GELU, BatchNorm1d, Dropout, Linear, Network, RMSNorm
from torchnet.data import load
from torchnet.demo import describe
from torchnet.demo.description import is_shown
from torchnet.layers import Layer
from torchnet.losses import LOSSES
from torchnet.runs.folders import find_checkpoint
from torchnet.runs.load_network import load_network

from .image_networks import random_image_example
from .networks import Example, random_example

TOLERANCE = 1e-12  # relative to the norm of a tensor: a few units of float64 rounding


@pytest.mark.parametrize("seed", range(100))
def test_every_number_of_a_random_network_matches_torchnet(seed, call, expect_equal):
    for samples in (1, 5):
        example = random_example(seed, samples)
        compare(example, describe(example.net, example.loss), call, expect_equal)


def test_every_layer_and_loss_is_among_the_random_networks():
    examples = [random_example(seed) for seed in range(100)]
    images = [random_image_example(seed) for seed in range(60)]
    kinds = [type(layer) for example in (*examples, *images) for layer in layers_of(example.net).values()]
    layers = [thing for thing in map(torchnet.layers.__dict__.get, torchnet.layers.__all__) if isinstance(thing, type)]
    for layer in layers:
        if is_shown(layer.__name__):
            assert kinds.count(layer) >= 5, layer
    assert {example.loss for example in examples if example.by_hand} == set(LOSSES)


def test_every_number_of_a_run_matches_torchnet(call, digits_run, expect_equal):
    net = load_network(*find_checkpoint(str(digits_run), digits_run)).net.double()
    data = load("digits")
    for image, label in zip(data.test_inputs[:5], data.test_targets, strict=False):
        row = torch.from_numpy(image).flatten()[None].double() / 255
        example = Example(net, "cross_entropy", row, [(int(label) + 1) % 10], by_hand=False)
        compare(example, None, call, expect_equal)


def test_gelu_is_accurate_far_from_zero(call):
    x = np.concatenate([np.linspace(-37, 37, 3001), [0.0, 1e-300, -1e-9]])
    got = call("forward", x.tolist(), net=describe([GELU()], "cross_entropy"))["logits"]
    expected = x * scipy.special.ndtr(x)
    np.testing.assert_allclose(got, expected, rtol=2e-13, atol=1e-300)
    near = abs(x) < 5
    np.testing.assert_allclose(np.array(got)[near], expected[near], rtol=2e-15, atol=1e-300)


def test_losses_are_accurate_where_a_probability_rounds_to_one(call, expect_equal):
    logits = [[800.0, -3.0, 2.0], [0.1, 41.0, -700.0], [1e-9, 0.0, 0.0]]
    for loss in LOSSES:
        for row in logits:
            for label in range(3):
                got = call("backward", row, label, net=describe([Dropout()], loss))
                value, gradient = LOSSES[loss](torch.tensor([row], dtype=torch.float64), torch.tensor([label]))
                what = f"{loss} of {row} for {label}"
                expect_equal(what, float(got["loss"]), value, "torchnet", TOLERANCE)
                expect_equal(what, np.array([got["gradLogits"]], float), gradient, "torchnet", TOLERANCE)


def test_describe_keeps_the_dtype_and_leaves_out_counters():
    layers = [Linear(4, 3), BatchNorm1d(3), RMSNorm(3)]
    description, numbers = describe(layers, "mean_squared_error")
    assert description["dtype"] == "float32"
    assert description["layers"][2]["options"]["eps"] == torch.finfo(torch.float32).eps
    row = np.frombuffer(base64.b64decode(numbers), "<f4")
    tensors = [tensor for layer in layers for tensor in layer.state_dict().values() if tensor.dim() > 0]
    np.testing.assert_array_equal(row, torch.cat([tensor.flatten() for tensor in tensors]))
    assert describe([Linear(4, 3, dtype=torch.float64)], "cross_entropy")[0]["dtype"] == "float64"


def compare(example: Example, net: tuple[dict, str] | None, call, expect_equal) -> None:
    """Compare all numbers of the page for an example with torchnet's backward, or with autograd in evaluation mode."""
    images, is_batch = example.images.flatten().tolist(), len(example.labels) > 1
    targets = example.labels if is_batch else example.labels[0]
    forward, backward = call("forward", images, net=net), call("backward", images, targets, net=net)
    oracle = "torchnet" if example.by_hand else "autograd"
    logits, loss, gradients = (by_hand if example.by_hand else by_autograd)(example)

    kinds = [type(layer).__name__ for layer in layers_of(example.net).values()]

    def expect(what: str, got: object, expected: Tensor) -> None:
        got = torch.tensor(got, dtype=torch.float64).reshape(expected.shape)
        expect_equal(f"{what} of {', '.join(kinds)}, {example.loss}", got, expected, oracle, TOLERANCE)

    expect("logits", forward["logits"], logits)
    if not is_batch:
        expect("probabilities", forward["probabilities"], logits.softmax(dim=1))
    expect("loss", backward["loss"], loss)
    expect("gradient of the image", backward["gradInput"], gradients.pop("image"))
    for layer in backward["layers"]:
        expect(f"gradient of the input of {layer['name']}", layer["gradInput"], gradients.pop(layer["name"]))
        for weight, grad in layer["grads"].items():
            name = f"{layer['name']}.{weight}"
            expect(f"gradient of {name}", grad, gradients.pop(name))
    assert not gradients, f"the page does not show {list(gradients)}"


def layers_of(net: Network) -> dict[str, Layer]:
    """Return all layers in a network, without itself."""
    return {name: part for name, part in net.named_modules() if isinstance(part, Layer) and part is not net}


def by_hand(example: Example) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Return logits, loss and the gradients of image, weights and layer inputs, computed by torchnet's backward."""
    net, gradients = example.net.train(), {}
    for name, layer in layers_of(net).items():
        record_result(layer, name, gradients)
    logits = net(example.images)
    loss, grad_logits = LOSSES[example.loss](logits, torch.tensor(example.labels))
    gradients["image"] = net.backward(grad_logits, input_grad=True)
    return logits, loss, gradients | {name: weight.grad for name, weight in net.named_parameters()}


def record_result(layer: Layer, name: str, gradients: dict[str, Tensor]) -> None:
    backward = layer.backward

    def noted(grad: Tensor, input_grad: bool = True) -> Tensor | None:
        gradients[name] = backward(grad, input_grad)
        return gradients[name]

    layer.backward = noted


def by_autograd(example: Example) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Return the same, computed by autograd in evaluation mode."""
    net, inputs = example.net.eval().requires_grad_(True), {}
    for name, layer in layers_of(net).items():
        # A copy, so that its gradient is only that through this layer.
        layer.register_forward_pre_hook(lambda _, args, name=name: keep(inputs, name, args[0].clone()))
    image = keep(inputs, "image", example.images.clone().requires_grad_())
    logits = net(image)
    loss, _ = LOSSES[example.loss](logits, torch.tensor(example.labels))
    net.zero_grad()
    loss.backward()
    gradients = {name: tensor.grad for name, tensor in inputs.items()}
    return logits.detach(), loss.detach(), gradients | {name: weight.grad for name, weight in net.named_parameters()}


def keep(inputs: dict[str, Tensor], name: str, tensor: Tensor) -> Tensor:
    tensor.retain_grad()
    inputs[name] = tensor
    return tensor
