"""One forward and one backward, written in each of the forms that torchnet.check takes.

A function is written once, as `forward(xp, *inputs)` and `backward(xp, *grad_outputs, *inputs)`; xp is torch or numpy.
"""

import inspect
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn


def _names(forward) -> list[str]:
    return list(inspect.signature(forward).parameters)[1:]


def _signed(function, *names: str):
    """Give a function that takes any number of arguments the signature that a person would have written."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    function.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names])
    return function


def as_pair(forward, backward, xp=torch):
    grads = list(inspect.signature(backward).parameters)[1 : -len(_names(forward))]
    return (
        _signed(lambda *inputs: forward(xp, *inputs), *_names(forward)),
        _signed(lambda *args: backward(xp, *args), *grads, *_names(forward)),
    )


def as_function(forward, backward):
    def run(ctx, *inputs):
        ctx.save_for_backward(*inputs)
        return forward(torch, *inputs)

    def run_backward(ctx, *grads):
        return backward(torch, *grads, *ctx.saved_tensors)

    methods = {"forward": _signed(run, "ctx", *_names(forward)), "backward": run_backward}
    return type("Written", (torch.autograd.Function,), {name: staticmethod(f) for name, f in methods.items()})


def as_setup_context(forward, backward):
    methods = {
        "forward": _signed(lambda *inputs: forward(torch, *inputs), *_names(forward)),
        "setup_context": lambda ctx, inputs, output: ctx.save_for_backward(*inputs),
        "backward": lambda ctx, *grads: backward(torch, *grads, *ctx.saved_tensors),
    }
    return type("Written", (torch.autograd.Function,), {name: staticmethod(f) for name, f in methods.items()})


def as_lambda(forward, backward):
    function = as_function(forward, backward)
    return _signed(lambda *inputs: function.apply(*inputs), *_names(forward))


def _stateful(base, forward, backward, xp):
    def run(self, *inputs):
        self.inputs = inputs
        return forward(xp, *inputs)

    def run_backward(self, *grads):
        return backward(xp, *grads, *self.inputs)

    return type("Written", (base,), {"forward": _signed(run, "self", *_names(forward)), "backward": run_backward})()


FORMS: dict[str, Callable] = {
    "pair": as_pair,
    "NumPy pair": partial(as_pair, xp=np),
    "Function": as_function,
    "Function.apply": lambda *functions: as_function(*functions).apply,
    "setup_context": as_setup_context,
    "lambda around apply": as_lambda,
    "module": partial(_stateful, nn.Module, xp=torch),
    "object": partial(_stateful, object, xp=torch),
    "NumPy object": partial(_stateful, object, xp=np),
}
FEW = ("pair", "NumPy pair", "Function", "lambda around apply", "module")
EVERY = [form if form in FEW else pytest.param(form, marks=pytest.mark.sweep) for form in FORMS]


def draw(*shapes: tuple[int, ...], seed: int = 0, dtype=torch.float64) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes]


def given_to(form: str, inputs):
    """Return the inputs as the form takes them."""
    return [x.numpy() if "NumPy" in form and isinstance(x, torch.Tensor) else x for x in inputs]


def accused(report) -> list[int]:
    """Return which gradients are called wrong, by their place."""
    return [i for i, verdict in enumerate(report.tensors) if not verdict.passed]


def accused_names(report) -> list[str]:
    return [verdict.name for verdict in report.tensors if not verdict.passed]


def kinds(report) -> list[str]:
    return [finding.kind for finding in report.findings]
