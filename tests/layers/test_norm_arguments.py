"""Every argument and layout of the norms, against autograd of torch.nn."""

import inspect

import pytest
import torch
from torch import Tensor, nn

from torchnet import BatchNorm1d, BatchNorm2d, GroupNorm, Layer, LayerNorm, RMSNorm

from .test_layers import random
from .test_norms import both
from .twins import norm_twin, randomized

OF_BATCH = {"eps": 0.02}, {"momentum": 0.3}, {"momentum": None}, {"momentum": 1.0}, {"affine": False}, {"bias": False}
OF_BATCH += ({"track_running_stats": False}, {"track_running_stats": False, "affine": False})
OF_GROUPS = {"eps": 0.02}, {"affine": False}, {"bias": False}
OF_SAMPLES = {}, {"eps": 0.02}, {"elementwise_affine": False}
SHAPES_OF_SAMPLES = [
    (5, (7, 5)),
    (5, (5,)),
    (5, (2, 3, 5)),
    ((3, 5), (4, 3, 5)),
    ((6, 3, 5), (4, 6, 3, 5)),
    ([5], (4, 6, 3, 5)),
]
CASES = [
    *((BatchNorm1d, (6,), options, shape) for options in OF_BATCH for shape in ((7, 6), (4, 6, 3), (1, 6, 3))),
    *((BatchNorm2d, (6,), options, shape) for options in OF_BATCH for shape in ((4, 6, 3, 5), (1, 6, 2, 1))),
    *(
        (GroupNorm, (groups, 6), options, shape)
        for options in OF_GROUPS
        for groups, shape in [
            (2, (4, 6)),
            (2, (4, 6, 5)),
            (3, (4, 6, 3, 5)),
            (1, (4, 6, 3, 5)),
            (6, (4, 6, 3, 5)),
            (2, (1, 6, 2, 3, 2)),
        ]
    ),
    *(
        (LayerNorm, (shape,), options, x)
        for options in (*OF_SAMPLES, {"bias": False})
        for shape, x in SHAPES_OF_SAMPLES
    ),
    *((RMSNorm, (shape,), options, x) for options in OF_SAMPLES for shape, x in SHAPES_OF_SAMPLES),
]
IDS = [f"{kind.__name__}{args}-{options}-{shape}" for kind, args, options, shape in CASES]


def images(
    seed: int, shape: tuple[int, ...] = (4, 6, 3, 5), order: torch.memory_format = torch.channels_last
) -> Tensor:
    return random(*shape, seed=seed).contiguous(memory_format=order)


def made(kind: type[Layer], args: tuple[object, ...], options: dict[str, object]) -> Layer:
    if "bias" in options and "bias" not in inspect.signature(getattr(nn, kind.__name__)).parameters:
        pytest.skip("this version of torch.nn has no bias here")
    return randomized(kind(*args, **options, dtype=torch.float64))


@pytest.mark.parametrize(("kind", "args", "options", "shape"), CASES, ids=IDS)
def test_matches_torch_step_by_step(kind, args, options, shape, expect_equal):
    layer = made(kind, args, options)
    twin = norm_twin(layer)
    for step in range(3):
        ours, theirs = both(layer, twin, random(*shape, seed=step) + step, random(*shape, seed=9))
        assert ours.keys() == theirs.keys()
        for name, expected in theirs.items():
            expect_equal(f"step {step}: {name}", ours[name], expected, "torch.nn")
        twin.zero_grad()
    assert list(layer.state_dict()) == list(twin.state_dict())
    layer.eval(), twin.eval()
    x = random(*shape, seed=20)
    expect_equal("evaluation", layer(x), twin(x).detach(), "torch.nn")


@pytest.mark.parametrize(("kind", "args", "options", "shape"), CASES, ids=IDS)
def test_the_memory_format_changes_nothing_and_is_kept(kind, args, options, shape):
    if len(shape) != 4:
        return
    results = []
    for order in (torch.contiguous_format, torch.channels_last):
        layer = made(kind, args, options)
        x, grad_output = images(1, shape, order), images(2, shape, order)
        results.append([layer(x), layer.backward(grad_output), *(weight.grad for weight in layer.parameters())])
        assert results[-1][0].stride() == results[-1][1].stride() == x.stride()
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-13)


def test_without_running_statistics_evaluation_uses_those_of_the_mini_batch_and_remembers_nothing():
    for layer, x in (
        (BatchNorm1d(6, track_running_stats=False), images(0)[:, :, 0]),
        (BatchNorm2d(6, track_running_stats=False), images(0)),
    ):
        y = layer.double()(x)
        layer._remembered = None
        assert torch.equal(layer.eval()(x), y)
        with pytest.raises(RuntimeError, match="forward pass in training mode"):
            layer.backward(x)
        assert layer.running_mean is layer.running_var is layer.num_batches_tracked is None


def test_what_is_switched_off_is_none_and_printed():
    assert BatchNorm2d(3, affine=False).weight is BatchNorm2d(3, affine=False).bias is None
    assert BatchNorm2d(3, bias=False).bias is None
    assert LayerNorm(3, elementwise_affine=False, bias=True).bias is None
    assert repr(BatchNorm2d(3, affine=False)) == "BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=False)"
    off = "BatchNorm1d(3, eps=1e-05, momentum=0.1, bias=False, track_running_stats=False)"
    assert repr(BatchNorm1d(3, bias=False, track_running_stats=False)) == off
    assert repr(LayerNorm((2, 3), elementwise_affine=False)) == "LayerNorm((2, 3), eps=1e-05, elementwise_affine=False)"
    assert repr(RMSNorm(3, elementwise_affine=False)) == "RMSNorm((3,), eps=None, elementwise_affine=False)"
    assert repr(GroupNorm(2, 6, bias=False)) == "GroupNorm(2, 6, eps=1e-05, bias=False)"


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (
            BatchNorm1d(3),
            (2, 4),
            r"expected input of shape \(N, 3\) or \(N, 3, L\), got \(2, 4\): the channels are dimension 1",
        ),
        (BatchNorm1d(3), (3,), r"shape \(N, 3\) or \(N, 3, L\), got \(3,\)"),
        (BatchNorm1d(3), (2, 3, 4, 5), r"shape \(N, 3\) or \(N, 3, L\), got \(2, 3, 4, 5\)"),
        (BatchNorm2d(3), (2, 3, 4), r"shape \(N, 3, H, W\), got \(2, 3, 4\)"),
        (BatchNorm2d(3), (2, 4, 5, 3), r"shape \(N, 3, H, W\), got \(2, 4, 5, 3\)"),
        (BatchNorm2d(3), (0, 3, 4, 5), "at least one sample"),
        (BatchNorm2d(3), (1, 3, 1, 1), r"at least two values per channel in training mode, got 1: .* call eval\(\)"),
        (BatchNorm2d(3, track_running_stats=False).eval(), (1, 3, 1, 1), "at least two values per channel"),
        (BatchNorm1d(3), (1, 3, 1), "at least two values per channel"),
        (GroupNorm(3, 6), (6,), r"shape \(N, 6, \*\), got \(6,\)"),
        (GroupNorm(3, 6), (2, 5, 6), r"shape \(N, 6, \*\), got \(2, 5, 6\)"),
        (LayerNorm((2, 3)), (3, 2), r"shape \(\*, 2, 3\), got \(3, 2\): make the layer with the sizes of its input"),
        (RMSNorm((2, 3)), (3,), r"shape \(\*, 2, 3\), got \(3,\)"),
        (LayerNorm(6), (4, 2, 3), r"shape \(\*, 6\), got \(4, 2, 3\): flatten each sample to one row"),
    ],
)
def test_what_does_not_fit_is_refused(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        layer(torch.ones(shape))
    assert getattr(layer, "num_batches_tracked", None) in (None, 0)


@pytest.mark.parametrize(
    "layer", [BatchNorm2d(3), BatchNorm2d(3, affine=False), GroupNorm(1, 3), LayerNorm(5), RMSNorm(5)]
)
def test_another_dtype_is_refused(layer):
    with pytest.raises(
        ValueError, match=r"expected input of dtype torch.float32, got torch.float64: convert it with x.to"
    ):
        layer(random(2, 3, 4, 5))


@pytest.mark.parametrize(("groups", "channels"), [(4, 6), (12, 6)])
def test_groups_of_different_sizes_are_refused(groups, channels):
    with pytest.raises(
        ValueError, match=rf"num_groups: expected a divisor of num_channels, {channels}, got {groups}: all"
    ):
        GroupNorm(groups, channels)
