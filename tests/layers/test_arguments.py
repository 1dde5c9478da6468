"""Layers take the constructor arguments of torch.nn's layers, or refuse them, as docs/layers.md says."""

import inspect
import re

import pytest
import torch
from torch import nn

import torchnet
from torchnet.layers import Layer

from ..conftest import ROOT
from .arguments import LAYERS, calls, outcome, parameters_of_torch, table

# torch.nn warns of Hardtanh's old names, and of batches that its Dropout2d may take for images.
pytestmark = [pytest.mark.filterwarnings("ignore:keyword argument `m.._value`:FutureWarning")]
TRIES = [(name, argument, options) for name in LAYERS for argument, options in calls(name)]


def test_every_layer_with_the_name_of_one_of_torch_is_tried():
    ours = {name for name in dir(torchnet) if isinstance(getattr(torchnet, name), type)}
    assert {name for name in ours if issubclass(getattr(torchnet, name), Layer) and hasattr(nn, name)} == {
        *LAYERS,
        "Sequential",
    }


@pytest.mark.parametrize("name", LAYERS)
def test_positions_names_and_defaults_are_those_of_torch(name):
    theirs, ours = parameters_of_torch(name), inspect.signature(getattr(torchnet, name)).parameters
    positional = [it for it in ours.values() if it.kind is it.POSITIONAL_OR_KEYWORD]
    assert [it.name for it in theirs if it.kind is it.POSITIONAL_OR_KEYWORD] == [it.name for it in positional]
    for it in theirs:
        default = ours[it.name].default
        assert default == it.default or (default is it.default), it.name
    tried = {*LAYERS[name].others, "device", "dtype"}
    assert {it.name for it in theirs[len(LAYERS[name].args) :]} <= tried, "every argument is tried"


@pytest.mark.parametrize(("name", "argument", "options"), TRIES, ids=[f"{it[0]}-{it[1]}" for it in TRIES])
def test_a_layer_computes_what_torch_does_or_refuses_it(name, argument, options):
    for shape in LAYERS[name].shapes:
        if name == "PReLU" and options.get("num_parameters", 1) > 1 and len(shape) < 2:
            continue  # torch.nn refuses it, too
        outcome(name, options, shape)


@pytest.mark.parametrize("name", LAYERS)
def test_with_its_needed_arguments_a_layer_takes_every_shape_that_torch_takes(name):
    (_, options), *_ = calls(name)
    assert [outcome(name, options, shape) for shape in LAYERS[name].shapes] == ["right"] * len(LAYERS[name].shapes)


@pytest.mark.parametrize("name", [it for it in LAYERS if "dtype" in [p.name for p in parameters_of_torch(it)]])
def test_weights_have_the_dtype_and_device_that_are_asked_for(name):
    layer = getattr(torchnet, name)(*LAYERS[name].args, device="cpu", dtype=torch.float64)
    assert {it.dtype for it in layer.parameters()} <= {torch.float64}
    on_meta = getattr(torchnet, name)(*LAYERS[name].args, device="meta")
    assert {it.device.type for it in (*on_meta.parameters(), *on_meta.buffers())} <= {"meta"}


def test_a_refusal_names_the_argument():
    for name, argument, options in TRIES:
        if argument and outcome(name, options, LAYERS[name].shapes[-1]) == "refused":
            with pytest.raises(ValueError, match=rf"^{argument}: expected "):
                getattr(torchnet, name)(**options)


def test_the_table_in_the_documentation_is_what_is_measured():
    page = (ROOT / "docs/layers.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"(?<=<!-- layers -->\n)(.*?)(?=<!-- end of layers -->)", page, re.DOTALL)
    assert found == table()
