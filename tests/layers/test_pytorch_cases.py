"""The cases with which PyTorch tests its own modules: torchnet's layers compute the same, or refuse in a sentence."""

import collections
import warnings
from unittest import mock

import pytest
import torch
from torch import nn

import torchnet
from torchnet.layers import Layer

LAYERS = {
    name: thing for name in dir(torchnet) if isinstance(thing := getattr(torchnet, name), type) and hasattr(nn, name)
}
# PyTorch's cases of MultiheadAttention have three inputs; ours is self-attention, with one.
OURS = {name: kind for name, kind in LAYERS.items() if issubclass(kind, Layer) and name != "MultiheadAttention"}


@pytest.fixture(scope="module")
def cases():
    """Return the cases of each layer, imported here: it takes seconds, which a worker without these tests saves."""
    # It warns about what this machine lacks, and would forbid the process to set flags of backends.
    with warnings.catch_warnings(), mock.patch("torch.backends.disable_global_flags"):
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_modules import module_db
    options = {"device": "cpu", "dtype": torch.float64, "requires_grad": False, "training": True}
    found = collections.defaultdict(list)
    for info in module_db:
        made = info.module_inputs_func(info, **options)
        found[info.module_cls.__name__] += [case for case in made if case.forward_input is not None]
    return found


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


@pytest.mark.parametrize("name", OURS)
def test_cases_of_pytorch_give_the_same_or_are_refused(name, cases):
    refused = 0
    for number, case in enumerate(cases[name]):
        try:
            refused += outcome_of(name, case) == "refused"
        except Exception as error:
            error.add_note(f"case {number}: {vars(case.constructor_input)}")
            raise
    assert refused == REFUSED.get(name, 0)


def test_the_list_of_pytorch_has_not_gone(cases):
    assert sum(len(cases[name]) for name in OURS) > 120
