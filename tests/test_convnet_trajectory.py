"""200 training steps of a residual convolutional network against torch.nn, autograd and torch.optim, in float64."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from torchnet import SGD, ConvNet, cross_entropy

STEPS, SAMPLES, BATCH, CLASSES = 200, 40, 7, 4
OPTIONS = {"lr": 0.02, "momentum": 0.9, "weight_decay": 1e-3}


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*conv(width, width), nn.ReLU(), *conv(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def conv(inputs: int, outputs: int, stride: int = 1, size: int = 3) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs)


def twin_of(net: ConvNet, pooling: str) -> nn.Module:
    """Return the same network of torch.nn, with widths 4 and 6 and one block in each stage."""
    pool = {"max": [nn.MaxPool2d(2)], "avg": [nn.AvgPool2d(2)], "stride": []}[pooling]
    stride = 1 if pool else 2
    first = [*conv(2, 4, stride, 5), nn.ReLU(), *pool, Block(4), nn.ReLU()]
    second = [*conv(4, 6, stride), nn.ReLU(), *pool, Block(6), nn.ReLU()]
    last = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, CLASSES)]
    twin = nn.Sequential(*first, *second, *last).double()
    for theirs, ours in zip(twin.state_dict().values(), net.state_dict().values(), strict=True):
        theirs.copy_(ours)
    return twin


@pytest.mark.parametrize("pooling", ["max", "avg", "stride"])
def test_weights_and_running_statistics_stay_those_of_torch(pooling):
    generator = torch.Generator().manual_seed(0)
    images = torch.rand((SAMPLES, 2, 8, 8), generator=generator, dtype=torch.float64)
    labels = torch.randint(0, CLASSES, (SAMPLES,), generator=generator)
    net = ConvNet((2, 8, 8), CLASSES, (4, 6), pooling=pooling, generator=generator, dtype=torch.float64)
    twin = twin_of(net, pooling)
    start = [weight.clone() for weight in net.parameters()]
    ours, theirs = SGD(net.parameters(), **OPTIONS), torch.optim.SGD(twin.parameters(), **OPTIONS)
    for _ in range(STEPS):
        chosen = torch.randint(0, SAMPLES, (BATCH,), generator=generator)
        _, grad = cross_entropy(net(images[chosen]), labels[chosen])
        net.backward(grad)
        ours.step()
        theirs.zero_grad()
        functional.cross_entropy(twin(images[chosen]), labels[chosen]).backward()
        theirs.step()
    for (name, tensor), peer in zip(net.state_dict().items(), twin.state_dict().values(), strict=True):
        assert (tensor - peer).double().norm() <= 1e-10 * peer.double().norm(), name
    assert all((weight - old).norm() > 0.01 for weight, old in zip(net.parameters(), start, strict=True))
