"""Compare gradient health with autograd, torch.optim and NumPy."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from torchnet import MLP, ConvNet, Linear, ReLU, Sequential, cross_entropy
from torchnet.health import activities, gradient_health

# The torch function of each activation, and the largest slope of those that saturate on both sides.
ACTIVATIONS = {
    "sigmoid": (torch.sigmoid, 0.25),
    "tanh": (torch.tanh, 1.0),
    "relu": (torch.relu, None),
    "leaky_relu": (nn.functional.leaky_relu, None),
    "elu": (nn.functional.elu, None),
    "gelu": (nn.functional.gelu, None),
    "gelu_tanh": (lambda x: nn.functional.gelu(x, approximate="tanh"), None),
    "silu": (nn.functional.silu, None),
    "softplus": (nn.functional.softplus, None),
    "hardtanh": (nn.functional.hardtanh, 1.0),
    "relu6": (nn.functional.relu6, None),
    "hardswish": (nn.functional.hardswish, None),
    "mish": (nn.functional.mish, None),
    "prelu": (lambda x: nn.functional.leaky_relu(x, 0.25), None),
    "celu": (nn.functional.celu, None),
    "selu": (nn.functional.selu, None),
    "softsign": (nn.functional.softsign, 1.0),
    "log_sigmoid": (nn.functional.logsigmoid, None),
}
N, SIZES = 7, (5, 6, 6, 4)


def network(activation: str, **options: object) -> MLP:
    generator = torch.Generator().manual_seed(3)
    net = MLP(SIZES, activation, generator=generator, dtype=torch.float64, **options)
    for part in net.modules():
        if isinstance(part, Linear):
            part.weight.mul_(3)  # large enough to saturate some
            if part.bias is not None:
                part.bias.copy_(torch.randn(part.bias.shape, generator=generator, dtype=torch.float64) - 2)
    return net


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    return (
        torch.randn((N, SIZES[0]), generator=generator, dtype=torch.float64),
        torch.randint(SIZES[-1], (N,), generator=generator),
    )


def taken_step(net: MLP) -> tuple[MLP, dict[str, torch.Tensor]]:
    """Take a step; return a copy of the network before it, and the gradients."""
    x, targets = batch()
    before = copy.deepcopy(net)
    _, grad_logits = cross_entropy(net(x), targets)
    net.backward(grad_logits)
    gradients = {name: weight.grad.clone() for name, weight in net.named_parameters()}
    torch.optim.SGD(net.parameters(), lr=0.3).step()
    return before, gradients


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_matches_autograd_and_numpy(activation, expect_equal):
    net = network(activation)
    before, gradients = taken_step(net)
    got = gradient_health(before, batch()[0], gradients, net)

    function, steepest = ACTIVATIONS[activation]
    weights = [(before[i].weight.clone(), before[i].bias.clone()) for i in (0, 2, 4)]
    for tensor in (tensor for pair in weights for tensor in pair):
        tensor.requires_grad_()
    x, targets = batch()
    slopes, y = [], x
    for number, (weight, bias) in enumerate(weights):
        z = nn.functional.linear(y, weight, bias)
        if number < 2:
            y = function(z)
            slopes.append(torch.autograd.grad(y.sum(), z, retain_graph=True)[0].numpy())
    nn.functional.cross_entropy(z, targets).backward()

    expected = {}
    for number, (weight, _) in enumerate(weights, 1):
        old, gradient = weight.detach().numpy(), weight.grad.numpy()
        expected[f"gradient_norm/layer_{number}"] = np.sqrt((gradient**2).sum())
        expected[f"update_ratio/layer_{number}"] = np.sqrt(((0.3 * gradient) ** 2).sum() / (old**2).sum())
    for number, slope in enumerate(slopes, 1):
        if steepest is not None:
            expected[f"saturated/layer_{number}"] = np.mean(np.abs(slope) < steepest / 10)
        else:
            expected[f"dead/layer_{number}"] = np.mean(np.abs(slope).max(axis=0) < 0.01)
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        expect_equal(f"{name}, {activation}", got[name], value, "autograd and NumPy")
    if steepest is not None:
        assert 0 < got["saturated/layer_1"] < 1, "the example needs saturated and unsaturated outputs"


def test_dead_units_are_those_that_no_sample_reaches():
    net = network("relu")
    net[0].weight.zero_()
    net[0].bias.copy_(torch.tensor([1.0, -1, -1, 1, -1, 0]))
    found = gradient_health(copy.deepcopy(net), batch()[0], dict(net.named_parameters()), net)
    assert found["dead/layer_1"] == 4 / 6  # the slope is also 0 at 0


def test_leaky_relu_has_no_dead_units():
    net = network("leaky_relu")
    net[0].bias.fill_(-100)
    found = gradient_health(copy.deepcopy(net), batch()[0], dict(net.named_parameters()), net)
    assert found["dead/layer_1"] == 0


def test_it_handles_residual_blocks_and_the_dropout_masks_of_the_step():
    options = {"normalization": "batch_norm", "dropout": 0.4, "residual": True, "seed": 5}
    net = network("sigmoid", **options)
    before, gradients = taken_step(net)
    seen = []
    for part in before.modules():
        if type(part).__name__ == "Sigmoid":
            part.register_forward_hook(lambda part, inputs, y: seen.append(y.numpy()))
    found = gradient_health(before, batch()[0], gradients, net)
    assert [name for name in found if name.startswith("gradient_norm")] == [
        f"gradient_norm/layer_{k}" for k in (1, 2, 3)
    ]
    for number, y in enumerate(seen, 1):
        assert found[f"saturated/layer_{number}"] == pytest.approx(np.mean(y * (1 - y) < 0.025), abs=1e-15)
    assert (seen[1] != 0.5).all()


def test_names_sort_in_the_order_of_layers():
    net = MLP((3, *[4] * 10, 2), dtype=torch.float64)
    found = gradient_health(copy.deepcopy(net), torch.zeros((2, 3)).double(), dict(net.named_parameters()), net)
    names = [name for name in found if name.startswith("gradient_norm")]
    assert names == sorted(names)
    assert names[0] == "gradient_norm/layer_01"
    assert names[-1] == "gradient_norm/layer_11"


def test_an_activation_that_nothing_is_known_of_does_not_shift_the_numbers_of_the_layers():
    net = MLP((4, 3, 3, 2), activation=["identity", "tanh"])
    found = gradient_health(net, torch.ones(5, 4), dict(net.named_parameters()), net)
    assert [name for name in found if "saturated" in name or "dead" in name] == ["saturated/layer_2"]


def test_convolutions_are_layers_and_their_channels_are_units(expect_equal):
    """Numbers run through residual blocks; a channel is dead if no position of any image has a slope."""
    generator = torch.Generator().manual_seed(6)
    net = ConvNet((2, 8, 8), 3, widths=(4, 6), activation="relu", generator=generator, dtype=torch.float64)
    net[1].bias[:3] = -100.0
    x, targets = torch.randn((5, 2, 8, 8), generator=generator).double(), torch.tensor([0, 1, 2, 0, 1])
    before = copy.deepcopy(net)
    net.backward(cross_entropy(net(x), targets)[1])
    gradients = {name: weight.grad.clone() for name, weight in net.named_parameters()}
    torch.optim.SGD(net.parameters(), lr=0.3).step()

    found = gradient_health(copy.deepcopy(before), x, gradients, net)
    names = [name for name, weight in before.named_parameters() if name.endswith("weight") and weight.dim() > 1]
    assert len(names) == 7  # three convolutions in each stage, and the last layer
    for number, name in enumerate(names, 1):
        expect_equal(name, found[f"gradient_norm/layer_{number}"], gradients[name].norm(), "its own norm")
        ratio = 0.3 * gradients[name].norm() / before.get_parameter(name).norm()
        expect_equal(name, found[f"update_ratio/layer_{number}"], ratio, "plain SGD")
    assert found["dead/layer_1"] == 3 / 4
    outputs = [activity.output for activity in activities(before, x)]
    dead = [(y == 0).all(dim=0).all(dim=-1).all(dim=-1).double().mean().item() for y in outputs]
    assert [found[f"dead/layer_{number}"].item() for number in range(1, 7)] == dead


def test_units_of_a_linear_layer_are_the_last_dimension():
    net = Sequential(Linear(3, 4, dtype=torch.float64), ReLU())
    net[0].bias[:3] = -100.0
    x = torch.randn((2, 5, 3), generator=torch.Generator().manual_seed(7)).double()
    found = gradient_health(copy.deepcopy(net), x, dict(net.named_parameters()), net)
    assert found["dead/layer_1"] == 3 / 4
