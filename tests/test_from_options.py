"""Networks from the options of a configuration, and networks of the user's own by the name of their class."""

import inspect
import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from torchnet import MLP, BatchNorm1d, ConvNet, Dropout, Flatten, Linear, Network, Residual, Tanh
from torchnet.network import NETWORKS, OPTIONS, build_network, describe_sizes, network_options

IMAGE = (2, 8, 9)


class Own(Network):
    """A network whose batch norm would notice a forward pass in training mode."""

    def __init__(self, input_shape: Sequence[int], num_classes: int) -> None:
        super().__init__(
            Flatten(), Linear(math.prod(input_shape), 4), Residual(Linear(4, 4)), BatchNorm1d(4), Linear(4, num_classes)
        )
        self.given = input_shape


class TakesRows(Own):
    def __init__(self, input_shape: Sequence[int], num_classes: int) -> None:
        super().__init__(input_shape, num_classes)
        self.input_shape = (math.prod(input_shape),)


class Wide(Own):
    def __init__(self, input_shape: Sequence[int], num_classes: int) -> None:
        super().__init__(input_shape, num_classes + 1)


class Fails(Own):
    def forward(self, x: Tensor) -> Tensor:
        raise ArithmeticError("no")


class WithArgument(Own):
    def __init__(self, input_shape: Sequence[int], num_classes: int, slope: float) -> None:
        super().__init__(input_shape, num_classes)


class OwnLayer(Tanh):
    pass


def name_of(own: type) -> str:
    return f"{__name__}.{own.__name__}"


@pytest.mark.parametrize(("kind", "made"), [("mlp", MLP), ("convnet", ConvNet)])
def test_the_defaults_are_those_of_the_options(kind, made):
    defaults = {name: it.default for name, it in inspect.signature(made).parameters.items()}
    for name, value in NETWORKS[kind].items():
        if name not in ("hidden_sizes", "depth"):
            assert defaults[name] == (tuple(value) if isinstance(value, list) else value), name
    assert defaults["seed"] == 0
    assert describe_sizes(build_network("mlp", (784,), 10, network_options("mlp", {}))) == "784-64-64-10"


def test_each_kind_of_network_has_its_options():
    assert (*NETWORKS["mlp"], "widths", "blocks", "pooling", "head") == OPTIONS
    nothing = dict.fromkeys(OPTIONS)
    assert network_options("mlp", nothing) == network_options("mlp", {})
    assert network_options("mlp", {})["activation"] == "sigmoid"
    assert network_options("convnet", nothing)["activation"] == "relu"
    left_out = {"residual": False, "depth": None, "hidden_sizes": 0, "blocks": 0}
    assert network_options("convnet", left_out) == NETWORKS["convnet"] | {"blocks": 0}
    assert network_options("mynets.Net", nothing) == {}
    for network, option, value, owner in (
        ("convnet", "hidden_sizes", [64, 64], "mlp"),
        ("convnet", "residual", True, "mlp"),
        ("convnet", "normalization", "layer_norm", "mlp"),
        ("mlp", "widths", [8], "convnet"),
        ("mynets.Net", "activation", "relu", "mlp or convnet"),
    ):
        with pytest.raises(
            ValueError, match=f"{option}: network {network} has no such option, .*: leave it out, .*, or use {owner}$"
        ):
            network_options(network, {option: value})
    with pytest.raises(ValueError, match="network: expected one of mlp, convnet, got 'covnet': did you mean convnet"):
        network_options("covnet", {})


def test_a_network_is_built_with_its_seed():
    options = network_options("convnet", {"widths": [3]})
    first, same, other = (build_network("convnet", IMAGE, 4, options, seed=seed)[0].weight for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    sizes = network_options("mlp", {"hidden_sizes": 6, "depth": 3})
    assert describe_sizes(build_network("mlp", IMAGE, 4, sizes)) == "144-6-6-4"
    generator = torch.Generator().manual_seed(0)  # the default
    expected = MLP((144, 6, 6, 4), generator=generator)[0].weight
    assert torch.equal(build_network("mlp", IMAGE, 4, sizes)[0].weight, expected)


@pytest.mark.parametrize(("kind", "sizes"), [("mlp", {"hidden_sizes": [6]}), ("convnet", {"widths": [3]})])
def test_the_arguments_reach_the_network(kind, sizes):
    options = network_options(kind, {"activation": name_of(OwnLayer), "dropout": 0.5, **sizes})
    for seed in (0, 5, None):  # None: the weights are loaded later
        net = build_network(kind, IMAGE, 4, options, seed=seed, dtype=torch.float64, matmul_dtype=torch.bfloat16)
        assert net.matmul_dtype == torch.bfloat16
        assert {weight.dtype for weight in net.parameters()} == {torch.float64}
        assert any(isinstance(part, OwnLayer) for part in net)
        assert [part.seed for part in net if isinstance(part, Dropout)] == [seed or 0]
    with torch.device("meta"):
        assert build_network(kind, IMAGE, 4, options, seed=None)[0].weight.is_meta


def test_a_network_of_ones_own_gets_shape_and_dtypes_and_is_tried_in_evaluation_mode():
    net = build_network(name_of(Own), [2, 3], 4, {}, dtype=torch.float64, matmul_dtype=torch.bfloat16)
    assert isinstance(net, Own)
    assert net.given == net.input_shape == (2, 3)
    assert {weight.dtype for weight in net.parameters()} == {torch.float64}
    rounded = [part for part in net.modules() if hasattr(part, "matmul_dtype")]
    assert [type(part) for part in rounded] == [Own, Linear, Linear, Linear]
    assert all(part.matmul_dtype == torch.bfloat16 for part in rounded)
    assert net.training
    assert net[3].num_batches_tracked == 0
    assert build_network(name_of(TakesRows), (2, 3), 4, {}).input_shape == (6,)


def test_the_weights_of_a_network_of_ones_own_follow_from_the_seed_and_no_other_generator_moves():
    before = torch.get_rng_state()
    for seed in (None, 0, 1):
        net = build_network(name_of(Own), (2, 3), 4, {}, seed=seed)
        assert torch.equal(torch.get_rng_state(), before)
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed or 0)
            assert torch.equal(net[1].weight, Own((2, 3), 4)[1].weight)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (Wide, r"expected {} to return logits of shape \(N, 4\), got \(2, 5\) for 2 samples: the last layer must have"),
        (Fails, r"{} fails with samples of shape \(2, 2, 3\): no$"),
        (
            WithArgument,
            r"expected a class that is made as {}\(input_shape, num_classes\), got an error for .* classes: .*'slope'",
        ),
        (OwnLayer, "expected a subclass of torchnet.Network, got {}: derive it from that$"),
    ],
)
def test_a_network_of_ones_own_that_does_not_fit_is_refused(own, message):
    with pytest.raises(ValueError, match="^network: " + message.format(name_of(own))):
        build_network(name_of(own), (2, 3), 4, {})
