"""The cases with which PyTorch tests its own modules: torchnet's layers compute the same, or refuse in a sentence."""

import collections
import warnings
from unittest import mock

import pytest
import torch
from torch import nn

import torchnet
from torchnet.layers import Layer

# Importing PyTorch's tests warns about what this machine lacks, and would forbid the process to set flags of backends.
with warnings.catch_warnings(), mock.patch("torch.backends.disable_global_flags"):
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_modules import module_db

LAYERS = {
    name: thing for name in dir(torchnet) if isinstance(thing := getattr(torchnet, name), type) and hasattr(nn, name)
}
# PyTorch's cases of MultiheadAttention have three inputs; ours is self-attention, with one.
OURS = {name: kind for name, kind in LAYERS.items() if issubclass(kind, Layer) and name != "MultiheadAttention"}


def cases_of(info):
    options = {"device": "cpu", "dtype": torch.float64, "requires_grad": False, "training": True}
    return info.module_inputs_func(info, **options)


CASES = [
    pytest.param(info.module_cls.__name__, case, id=f"{info.module_cls.__name__}-{number}")
    for info in module_db
    if info.module_cls.__name__ in OURS
    for number, case in enumerate(cases_of(info))
    if case.forward_input is not None
]
# The number of cases that each layer refuses: docs/layers.md says what.
REFUSED = {"AdaptiveAvgPool2d": 4, "MaxPool2d": 1, "BatchNorm1d": 1, "BatchNorm2d": 1, "LayerNorm": 1, "RMSNorm": 1}


def outcome_of(name, case):
    """Return "right" or "refused"; fail if the layer computes something else than torch.nn's module."""
    args, kwargs = case.constructor_input.args, case.constructor_input.kwargs
    inputs = (*case.forward_input.args, *case.forward_input.kwargs.values())
    torch.manual_seed(0)
    theirs = getattr(nn, name)(*args, **{"dtype": torch.float64, **kwargs} if takes_dtype(name) else kwargs)
    theirs.train()
    for parameter in theirs.parameters():
        parameter.data.normal_()
    try:
        ours = OURS[name](*args, **{"dtype": torch.float64, **kwargs} if takes_dtype(name) else kwargs)
        ours.load_state_dict(theirs.state_dict())
        y = ours(*inputs)
    except ValueError:
        return "refused"
    x = inputs[0].detach().clone().requires_grad_(inputs[0].is_floating_point())
    expected = theirs(x, *inputs[1:])
    grad_output = torch.randn_like(expected)
    (expected * grad_output).sum().backward()
    torch.testing.assert_close(y, expected.detach(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours.backward(grad_output), x.grad, rtol=1e-11, atol=1e-12)
    for key, parameter in theirs.named_parameters():
        torch.testing.assert_close(ours.get_parameter(key).grad, parameter.grad, rtol=1e-11, atol=1e-12, msg=key)
    assert {*ours.state_dict()} == {*theirs.state_dict()}
    for key, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[key], value, rtol=1e-13, atol=1e-13)
    return "right"


def takes_dtype(name):
    return any(True for _ in getattr(nn, name).__init__.__code__.co_varnames if _ == "dtype")


@pytest.mark.parametrize(("name", "case"), CASES)
def test_a_case_of_pytorch_gives_the_same_or_is_refused(name, case):
    outcome_of(name, case)


def test_as_many_cases_are_refused_as_the_documentation_says():
    refused = collections.Counter(it.values[0] for it in CASES if outcome_of(*it.values) == "refused")
    assert refused == REFUSED
    assert len(CASES) > 120  # the list of PyTorch has not gone
