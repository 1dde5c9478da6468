"""What a network is made of: its layers, each with the input that it gets, and its loss."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from torchnet.checking.forms import as_subject
from torchnet.checking.modules import copy_of
from torchnet.checking.subject import Subject


def parts_of(subject: Subject) -> Iterator[tuple[str, nn.Module, tuple[Any, ...]]]:
    """Yield the path of each layer with a backward of its own, the layer, and what it is called with."""
    calls: list[tuple[str, nn.Module, tuple[Any, ...]]] = []
    if subject.module is not None:
        _logits(subject, calls)
    yield from calls


def loss_of(subject: Subject) -> Subject:
    """Return the loss of a network as a subject, at the logits of the network."""
    assert subject.loss is not None
    return as_subject(subject.loss, [_logits(subject, []), *subject.targets])


def _logits(subject: Subject, calls: list[tuple[str, nn.Module, tuple[Any, ...]]]) -> Tensor:
    """Run the network, with a note of each call of a layer."""
    assert subject.module is not None
    module = copy_of(subject.module).to(torch.float64)

    def note(path: str, layer: nn.Module, args: tuple[Any, ...]) -> None:
        alone = copy_of(layer)
        for inner in alone.modules():
            inner._forward_pre_hooks.clear()
        calls.append((path, alone, args))

    for path, layer in module.named_modules():
        if path and callable(getattr(layer, "backward", None)):
            layer.register_forward_pre_hook(lambda layer, args, path=path: note(path, layer, args))
    return module(*[x.double() if isinstance(x, Tensor) and x.is_floating_point() else x for x in subject.args])
