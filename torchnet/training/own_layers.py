"""The gradients of the user's own layers and networks, checked before training."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from torchnet.layers import Conv2d, Linear, own_layers
from torchnet.network import Network
from torchnet.runs.errors import UsageError
from torchnet.training.network_options import Loss

_SAMPLES = 5
_TIME_LIMIT = 10.0  # seconds, after which no other inputs are tried
_IMAGE = (3, 4)  # height and width of the small images on which a layer between convolutions is checked


def check_own_layers(net: Network, loss: Loss, targets: Tensor, num_classes: int) -> None:
    """Check the gradients of the layers that are not torchnet's, each on small random inputs of its width.

    A network that is not torchnet's is checked as a whole, with the loss and the first targets of the run.

    Raises:
        GradientError: if one is wrong; UsageError: if one fails.
    """
    names: dict[nn.Module, str] = {layer: name for name, layer in own_layers(net).items()}
    generator, shape = torch.Generator().manual_seed(0), tuple[int, ...]()
    if net in names:
        shape, targets = net.input_shape or (), targets[:_SAMPLES].cpu()
        dtype = next(net.parameters()).dtype
        samples = torch.rand((len(targets), *shape), generator=generator, dtype=dtype)
        how = f"'{_place(names[net])}({shape}, {num_classes})' --input {_sizes(samples)} --targets {num_classes}"
        _expect_right(f"network {names[net]}", how, copy.deepcopy(net), samples, targets, loss=loss)
        return
    for part in net.modules():
        if isinstance(part, Linear):
            shape = (part.out_features,)
        elif isinstance(part, Conv2d):
            shape = (part.out_channels, *_IMAGE)
        elif part in names:
            x = torch.randn((_SAMPLES, *shape), generator=generator)
            how = f"{_place(names[part])} --input {_sizes(x)}"
            _expect_right(f"activation {names[part]}", how, type(part)(), x)


def _expect_right(what: str, how: str, subject: nn.Module, *inputs: Tensor, **options: Any) -> None:
    from torchnet.checking import GradientError, check

    hint = f"to see more: python -m torchnet check {how}"
    try:
        check(subject, *inputs, time_limit=_TIME_LIMIT, **options).raise_if_failed()
    except GradientError as error:
        mistake = str(error).partition("\n")[0].partition(": ")[2]
        raise GradientError(f"{what}: {mistake}; {hint}") from error
    except Exception as error:
        raise UsageError(f"{what.replace(' ', ': ', 1)} fails ({error}); {hint}") from error


def _place(name: str) -> str:
    """Return the name of a class as the command `check` takes it."""
    return ":".join(name.rsplit(".", 1))


def _sizes(x: Tensor) -> str:
    return ",".join(map(str, x.shape))
