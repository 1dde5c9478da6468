"""Compare BatchNorm1d, LayerNorm and RMSNorm with autograd of the torch.nn layers of the same names."""

import pytest
import torch
from torch import Tensor, nn

from torchnet import BatchNorm1d, Layer, LayerNorm, RMSNorm
from torchnet.engine.tape import Tape
from torchnet.engine.variants import same_bits

from .test_layers import random
from .twins import norm_twin, randomized

NORMS = {
    "BatchNorm1d": lambda width: BatchNorm1d(width, eps=0.02, momentum=0.3),
    "BatchNorm1d, mean over all": lambda width: BatchNorm1d(width, momentum=None),
    "LayerNorm": lambda width: LayerNorm(width, eps=0.02),
    "RMSNorm": lambda width: RMSNorm(width),
    "RMSNorm, eps": lambda width: RMSNorm((width,), eps=0.02),
}
EPS = torch.finfo(torch.float64).eps
INPUTS = {
    "random": lambda x: x,
    "far from zero": lambda x: x + 100,
    "large": lambda x: 1e4 * x,
    "small": lambda x: 1e-4 * x,
    "constant features": lambda x: x[:1].expand_as(x),
    "constant samples": lambda x: x[:, :1].expand_as(x),
    "zeros": torch.zeros_like,
}


def both(layer: Layer, twin: nn.Module, x: Tensor, grad_output: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return outputs, gradients and buffers: those of the layer, and those of its twin by autograd."""
    leaf = x.clone().requires_grad_()
    expected = twin(leaf)
    expected.backward(grad_output)
    theirs = {name: weight.grad for name, weight in twin.named_parameters()} | kept(twin)
    got = layer(x)
    grad_input = layer.backward(grad_output)
    ours = {name: weight.grad for name, weight in layer.named_parameters()} | kept(layer)
    return ours | {"output": got, "input": grad_input}, theirs | {"output": expected.detach(), "input": leaf.grad}


def kept(layer: nn.Module) -> dict[str, Tensor]:
    return {name: buffer.double() for name, buffer in layer.named_buffers()}


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("numbers", INPUTS)
@pytest.mark.parametrize(("n", "width"), [(7, 5), (2, 5), (5, 5), (3, 1), (64, 6)])
def test_matches_torch(name, numbers, n, width, expect_equal):
    layer = randomized(NORMS[name](width))
    x, grad_output = INPUTS[numbers](random(n, width, seed=2)), random(n, width, seed=3)
    ours, theirs = both(layer, norm_twin(layer), x, grad_output)
    assert ours.keys() == theirs.keys()
    allowed = rounding(layer, x, grad_output)
    for what, expected in theirs.items():
        if numbers == "random" and n > 2 and width > 1:
            expect_equal(f"{name} N={n}: {what}", ours[what], expected, "torch.nn")
        assert (ours[what] - expected).abs().max() <= allowed[what], what


def rounding(layer: Layer, x: Tensor, grad_output: Tensor) -> dict[str, float]:
    """Return a tolerance per result: 1e-13 times the size of the terms that cancel in it."""
    dim = 0 if isinstance(layer, BatchNorm1d) else 1
    var = x.square().mean(dim) if isinstance(layer, RMSNorm) else x.var(dim, correction=0)
    rstd = float((var + (layer.eps or EPS)).rsqrt().max())
    x_size, grad_size, weight_size = (float(tensor.abs().max()) for tensor in (x, grad_output, layer.weight))
    normalized = 1 + x_size * rstd  # x̂ is a difference of numbers of this size
    sizes = {
        "output": weight_size * normalized + 1,
        "weight": len(x) * grad_size * normalized,
        "bias": len(x) * grad_size,
        "input": weight_size * rstd * grad_size * normalized,
        "running_mean": x_size,
        "running_var": 1 + x_size**2,
        "num_batches_tracked": 0,
    }
    return {name: 1e-13 * size for name, size in sizes.items()}


@pytest.mark.parametrize("momentum", [0.1, 0.0, 1.0, None])
def test_running_statistics_are_those_of_torch_step_by_step(momentum, expect_equal):
    layer = randomized(BatchNorm1d(5, momentum=momentum))
    twin = norm_twin(layer)
    buffers = list(layer.buffers())
    for step in range(6):
        x, grad_output = random(3 + step, 5, seed=step) + step, random(3 + step, 5, seed=9)
        ours, theirs = both(layer, twin, x, grad_output)
        for name in ("running_mean", "running_var", "output", "input", "weight", "bias"):
            expect_equal(f"step {step}: {name}", ours[name], theirs[name], "torch.nn")
        assert ours["num_batches_tracked"] == theirs["num_batches_tracked"] == step + 1
        twin.zero_grad()
    assert all(a is b for a, b in zip(buffers, layer.buffers(), strict=True))  # in place
    layer.eval(), twin.eval()
    x = random(1, 5, seed=20)
    expect_equal("evaluation", layer(x), twin(x).detach(), "torch.nn")
    assert layer.num_batches_tracked == 6
    layer.train()
    with pytest.raises(RuntimeError, match="forward pass"):
        layer.backward(x)


@pytest.mark.parametrize("name", NORMS)
def test_evaluation_matches_torch_and_changes_nothing(name, expect_equal):
    layer = randomized(NORMS[name](5))
    layer(random(7, 5)), layer.eval()
    twin, x = norm_twin(layer).eval(), random(4, 5, seed=1)
    before = {key: tensor.clone() for key, tensor in layer.state_dict().items()}
    expect_equal(name, layer(x), twin(x).detach(), "torch.nn")
    assert all(torch.equal(before[key], tensor) for key, tensor in layer.state_dict().items())


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_state_dicts_are_interchangeable_with_torch(name, dtype):
    layer = NORMS[name](5).to(dtype)
    twin = norm_twin(layer)
    fresh = type(twin)(5, dtype=dtype).state_dict()
    assert list(layer.state_dict()) == list(fresh)
    assert all(torch.equal(a, fresh[key]) and a.dtype == fresh[key].dtype for key, a in layer.state_dict().items())
    twin(random(7, 5).to(dtype))
    layer.load_state_dict(twin.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(layer.state_dict().values(), twin.state_dict().values(), strict=True))


def test_defaults_are_those_of_torch():
    for ours, theirs in ((BatchNorm1d(5), nn.BatchNorm1d(5)), (LayerNorm(5), nn.LayerNorm(5))):
        assert (ours.eps, ours.weight.dtype) == (theirs.eps, theirs.weight.dtype)
    assert BatchNorm1d(5).momentum == nn.BatchNorm1d(5).momentum
    assert RMSNorm(5).eps is nn.RMSNorm(5).eps is None
    for kind in (LayerNorm, RMSNorm, BatchNorm1d):
        layer = kind(5, dtype=torch.float64)
        assert all(tensor.dtype == torch.float64 for tensor in layer.state_dict().values() if tensor.dim() == 1)
        assert not any(weight.requires_grad for weight in layer.parameters())
    assert LayerNorm(5).normalized_shape == LayerNorm([5]).normalized_shape == nn.LayerNorm(5).normalized_shape


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_low_precision_dtypes_are_kept(name, dtype):
    layer = randomized(NORMS[name](5)).to(dtype)
    results = [layer(random(7, 5).to(dtype)), layer.backward(random(7, 5, seed=3).to(dtype))]
    assert all(result.dtype == dtype for result in (*results, *(weight.grad for weight in layer.parameters())))


@pytest.mark.filterwarnings("ignore:Complex modules are a new feature")
@pytest.mark.parametrize("name", NORMS)
def test_complex_numbers_pass_through_and_are_tracked(name):
    layer, x = (
        randomized(NORMS[name](5)).to(torch.complex128),
        torch.complex(random(7, 5), 1e-30 * random(7, 5, seed=1)),
    )
    assert layer(x).is_complex()
    for buffer in layer.buffers():
        assert not buffer.is_complex() or (buffer.imag != 0).all()


@pytest.mark.parametrize("name", NORMS)
def test_a_replayed_step_is_the_step(name):
    def step_of(layer: Layer, x: Tensor):
        out = [torch.zeros_like(x), torch.zeros_like(x)]

        def step() -> None:
            out[0].copy_(layer(x))
            out[1].copy_(layer.backward(out[0] * 2))

        return step, out

    layers = [randomized(NORMS[name](5)) for _ in range(2)]
    x = random(7, 5)
    (step, out), (plain, expected) = (step_of(layer, x) for layer in layers)
    tape = Tape(step)
    plain()
    for seed in range(1, 4):
        x.copy_(random(7, 5, seed=seed))
        tape.replay()
        plain()
        pairs = zip(
            [*out, *layers[0].state_dict().values()], [*expected, *layers[1].state_dict().values()], strict=True
        )
        assert all(same_bits(a, b) for a, b in pairs)
    assert not tape.allocating


@pytest.mark.parametrize("kind", [BatchNorm1d, LayerNorm, RMSNorm])
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.ones(2, 4), r"expected input of shape \(.*3.*\), got \(2, 4\)"),
        (torch.ones(4), r"expected input of shape \(.*3.*\), got \(4,\)"),
        (torch.ones(0, 3), "expected at least one sample, got an empty batch"),
        (torch.ones(2, 3).double(), r"expected input of dtype torch.float32, got torch.float64: convert it with x.to"),
    ],
)
def test_what_does_not_fit_is_refused(kind, x, message):
    with pytest.raises(ValueError, match=message):
        kind(3)(x)


def test_a_single_sample_has_no_variance():
    layer = BatchNorm1d(3)
    with pytest.raises(
        ValueError, match=r"expected at least two values per channel in training mode, got 1: .* call eval"
    ):
        layer(torch.ones(1, 3))
    assert layer.num_batches_tracked == 0
    assert layer.eval()(torch.ones(1, 3)).shape == (1, 3)


@pytest.mark.parametrize("kind", [LayerNorm, RMSNorm])
@pytest.mark.parametrize("shape", [(), []])
def test_a_sample_has_a_dimension(kind, shape):
    with pytest.raises(ValueError, match=r"normalized_shape: expected at least one dimension, got \(\)"):
        kind(shape)


def test_repr():
    assert repr(BatchNorm1d(5)) == "BatchNorm1d(5, eps=1e-05, momentum=0.1)"
    assert repr(LayerNorm(5)) == "LayerNorm((5,), eps=1e-05)"
    assert repr(RMSNorm(5)) == "RMSNorm((5,), eps=None)"


def test_running_statistics_are_unknown_to_autograd():
    layer = randomized(BatchNorm1d(5))
    layer(random(7, 5).requires_grad_())
    assert not any(buffer.requires_grad for buffer in layer.buffers())


@pytest.mark.parametrize("name", ["BatchNorm1d", "LayerNorm"])
def test_the_gradient_of_the_input_has_no_mean_however_far_from_zero_the_input_is(name):
    layer, dim = NORMS[name](40).float(), 0 if name == "BatchNorm1d" else 1  # all weights are 1
    x = random(40, 40)
    layer((1000 + 1e-2 * x).float())
    grad_input = layer.backward(x.float())
    # Rounding leaves a mean of 1e-3 in x̂; uncorrected, it would add a mean to the gradient of the input.
    assert (grad_input.mean(dim).abs() <= 1e-6 * grad_input.abs().amax(dim)).all()
