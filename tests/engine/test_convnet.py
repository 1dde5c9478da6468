"""Convolutional networks in the engine: captured steps have the bits of eager ones, in channels_last memory."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from benchmarks.convnet.autograd import build_convnet
from torchnet import SGD, ConvNet, cross_entropy
from torchnet.averaging import WeightAverage
from torchnet.clipping import clip_by_norm
from torchnet.engine import Engine
from torchnet.engine.variants import same_bits
from torchnet.state import TrainingState, first_nonfinite

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randint(0, 256, (40, 1, 8, 8), generator=GENERATOR, dtype=torch.uint8)
LABELS = torch.randint(0, 4, (40,), generator=GENERATOR)
ORDERS = [torch.randperm(40, generator=GENERATOR) for _ in range(4)]
OPTIMIZERS = {
    "Nesterov": partial(SGD, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "fused AdamW": partial(torch.optim.AdamW, lr=0.01, fused=True),
    "fused SGD": partial(torch.optim.SGD, lr=0.1, momentum=0.9, fused=True),
    "Adam": partial(torch.optim.Adam, lr=0.01),
}


def network(**options: object) -> ConvNet:
    generator = torch.Generator().manual_seed(1)
    return ConvNet((1, 8, 8), 4, widths=(4, 6), generator=generator, **options)


def train(net: ConvNet, optimizer: str, way: str) -> tuple[TrainingState, Tensor]:
    """Train for 24 steps, 4 of them on a smaller mini-batch; return the state and the losses."""
    weights, average, clip = list(net.parameters()), WeightAverage(net, 0.9), partial(clip_by_norm, max_norm=0.5)
    engine = Engine(
        net, cross_entropy, OPTIMIZERS[optimizer](weights), IMAGES, LABELS, way=way, clip=clip, average=average
    )
    losses = torch.cat([engine.run(order, 7) for order in ORDERS])
    return engine.state, losses


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("matmul_dtype", [None, torch.bfloat16])
def test_captured_steps_have_the_bits_of_eager_ones(optimizer, matmul_dtype):
    (captured, losses), (eager, expected) = (
        train(network(matmul_dtype=matmul_dtype, dropout=0.2), optimizer, way) for way in ("captured", "eager")
    )
    assert same_bits(losses, expected)
    names = captured.kept().keys()
    assert any("running_var" in name for name in names)
    assert any("the average of" in name for name in names)
    for name, tensor in (captured.kept() | captured.gradients()).items():
        assert same_bits(tensor, (eager.kept() | eager.gradients())[name]), name


@pytest.mark.parametrize("optimizer", ["fused AdamW", "fused SGD"])
def test_matches_autograd_with_the_fused_optimizers_of_torch(optimizer, expect_equal):
    """They update the wrong elements of a weight whose gradient has another memory format, and say nothing."""
    net = network(dtype=torch.float64)
    twin = build_convnet(1, 4, (4, 6), blocks=1).double()
    twin.load_state_dict(net.state_dict())
    state, peer = OPTIMIZERS[optimizer](net.parameters()), OPTIMIZERS[optimizer](twin.parameters())
    engine = Engine(net, cross_entropy, state, IMAGES, LABELS, way="captured")
    for order in ORDERS:
        engine.run(order, 8)
        for chosen in order.view(-1, 8):
            peer.zero_grad()
            nn.functional.cross_entropy(twin(IMAGES[chosen].double() / 255), LABELS[chosen]).backward()
            peer.step()
    for (name, weight), expected in zip(net.state_dict().items(), twin.state_dict().values(), strict=True):
        expect_equal(name, weight.double(), expected, "autograd and torch.optim")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("layout", ["flat", "channels first", "channels last"])
def test_all_layers_work_in_channels_last(channels, layout):
    net = ConvNet((channels, 8, 8), 4, widths=(4, 6), dtype=torch.float64)
    x = torch.rand(5, channels, 8, 8, dtype=torch.float64)
    x = {"flat": x.flatten(1), "channels first": x, "channels last": x.movedim(1, -1).contiguous()}[layout]
    outputs: dict[str, Tensor] = {}
    for name, part in net.named_modules():
        part.register_forward_hook(lambda part, inputs, y, name=name: outputs.update({name: y}))
    net(x)
    images = {name: y for name, y in outputs.items() if y.dim() == 4 and y.shape[-1] > 1}
    assert len(images) > 10
    for name, y in images.items():
        assert y.stride()[1] == 1, f"the output of layer {name} has strides {y.stride()}"


def test_a_snapshot_of_the_state_is_restored_to_the_bit():
    net = network()
    optimizer = OPTIMIZERS["Nesterov"](net.parameters())
    engine = Engine(net, cross_entropy, optimizer, IMAGES, LABELS, way="captured")
    engine.run(ORDERS[0], 8)
    snapshot = engine.state.snapshot()
    losses = engine.run(ORDERS[1], 8)
    engine.state.restore(snapshot)
    assert same_bits(engine.run(ORDERS[1], 8), losses)
    assert first_nonfinite(engine.state.kept()) is None
    net[4][0].weight[1, 2, 0, 1] = torch.nan
    assert first_nonfinite(engine.state.kept()) == "4.0.weight"
