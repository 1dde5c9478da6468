"""Random correct networks: a check must pass all of them.

`python -m tests.checking.random_networks 500` checks 500 networks and prints the number of false alarms.
"""

import random
import sys

import torch
from rich.progress import track

from torchnet import MLP, check
from torchnet.checking import Report
from torchnet.layers import ACTIVATIONS
from torchnet.losses import LOSSES

from ..layers.twins import BLOCKS


def check_random_network(seed: int) -> Report:
    """Check a network of random depth, widths, layers, loss and dtype, at moderate and at extreme values."""
    choose, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    sizes = [choose.randint(1, 9) for _ in range(choose.randint(1, 6))] + [choose.randint(2, 9)]
    dtype = choose.choice([torch.float64, torch.float64, torch.float32, torch.bfloat16])
    net = MLP(sizes, generator=generator).to(dtype)
    for i in range(1, len(net), 2):
        net[i] = choose.choice(list(ACTIVATIONS.values()))().to(dtype)
    if with_blocks := choose.random() < 0.5:
        torch.manual_seed(seed)
        for i in reversed(range(1, len(net), 2)):  # before each activation, after it, or not at all
            if choose.random() < 0.7:
                net.insert(
                    i + choose.randint(0, 1), choose.choice(list(BLOCKS.values()))(sizes[(i + 1) // 2]).to(dtype)
                )
    scale = choose.choice([1, 1, 1, 5, 30])  # with 30, activations saturate and logits reach thousands
    weights_at_zero, inputs_at_zero = choose.random() < 0.1, choose.random() < 0.2  # exactly at ReLU's kink
    for weight in net.parameters():
        if weight.dim() == 1:
            weight.data.normal_(generator=generator)
        weight.data.mul_(scale)
        if weights_at_zero:
            weight.data[torch.rand(weight.shape, generator=generator) < 0.5] = 0
    n = choose.randint(4 if with_blocks else 1, 9)  # a batch norm over two or three samples leaves only rounding
    images = torch.randn(n, sizes[0], generator=generator).to(dtype)
    if inputs_at_zero:
        images[torch.rand(images.shape, generator=generator) < 0.5] = 0
    targets = torch.randint(sizes[-1], (n,), generator=generator)
    if choose.random() < 0.3:
        targets = torch.rand(n, sizes[-1], generator=generator).to(dtype)
    return check(net, images, targets, loss=choose.choice(list(LOSSES.values())), seed=seed)


def main(count: int) -> int:
    alarms = 0
    for seed in track(range(count), "networks", transient=True):
        report = check_random_network(seed)
        if not report.passed:
            alarms += 1
            print(f"seed {seed}:\n{report}\n")
    print(f"{alarms} false alarms over {count} random networks")
    return int(alarms > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500))
