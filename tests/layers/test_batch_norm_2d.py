"""BatchNorm2d calls torch's kernels, which compute what the formulas do."""

import copy

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from torchnet import BatchNorm1d, BatchNorm2d, Layer
from torchnet.engine.tape import Tape
from torchnet.engine.variants import same_bits

from .test_norm_arguments import OF_BATCH, images, made


class Operations(TorchDispatchMode):
    """Note the names of all operations of torch."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.add(func._schema.name)
        return func(*args, **(kwargs or {}))


def kernels(layer: Layer, x: Tensor) -> list[str]:
    """Return the kernels of batch norm that a step of the layer calls."""
    with torch.no_grad(), Operations() as operations:
        y = layer(x)
        if layer.training:
            layer.backward(y)
    return sorted(name for name in operations.names if "batch_norm" in name)


@pytest.mark.parametrize("options", OF_BATCH, ids=str)
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_the_kernel_computes_what_the_formula_does(options, order, expect_equal):
    fast = made(BatchNorm2d, (6,), options)
    plain = copy.deepcopy(fast)
    plain.fast = False
    for step in range(3):
        x, grad_output = images(step, order=order) + step, images(9, order=order)
        results = []
        for layer in (fast, plain):
            out = {"output": layer(x), "input": layer.backward(grad_output)}
            grads = {name: weight.grad for name, weight in layer.named_parameters()}
            results.append(out | grads | {name: buffer.double() for name, buffer in layer.named_buffers()})
        for name, expected in results[1].items():
            expect_equal(f"step {step}: {name}", results[0][name], expected, "the formula")
    fast.eval(), plain.eval()
    expect_equal("evaluation", fast(x), plain(x), "the formula")


def test_the_kernel_is_called_by_default_and_only_where_it_can_be():
    x, names = images(0), ["aten::native_batch_norm", "aten::native_batch_norm_backward"]
    layer = made(BatchNorm2d, (6,), {})
    assert BatchNorm2d.fast
    assert kernels(layer, x) == names
    assert kernels(copy.deepcopy(layer).eval(), x) == names[:1]
    layer.fast = False
    assert kernels(layer, x) == []
    assert kernels(made(BatchNorm1d, (6,), {}), x[:, :, :, 0]) == []  # the bits of older checkpoints


@pytest.mark.parametrize("fast", [True, False])
def test_evaluation_changes_nothing_and_a_wrong_gradient_is_refused(fast):
    layer, x = made(BatchNorm2d, (6,), {}), images(0)
    layer.fast = fast
    layer(x)
    with pytest.raises(ValueError, match=r"expected grad_output of shape \(4, 6, 3, 5\), got \(4, 6, 1, 5\)"):
        layer.backward(x[:, :, :1])
    before = {key: tensor.clone() for key, tensor in layer.eval().state_dict().items()}
    layer(x)
    assert all(torch.equal(before[key], tensor) for key, tensor in layer.state_dict().items())


@pytest.mark.filterwarnings("ignore:Complex modules are a new feature")
def test_complex_images_give_the_derivative(expect_equal):
    x, v, grad_output = images(0), images(1), images(2)
    layer = made(BatchNorm2d, (6,), {"eps": 0.02})
    layer(x)
    slope = (layer.backward(grad_output) * v).sum()
    y = layer.to(torch.complex128)(torch.complex(x, 1e-30 * v))
    expect_equal("slope", (y.imag * grad_output).sum() / 1e-30, slope, "the complex step")


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("options", [{}, {"momentum": None}, {"track_running_stats": False, "affine": False}], ids=str)
def test_a_replayed_step_is_the_step(fast, options):
    layers = [made(BatchNorm2d, (6,), options) for _ in range(2)]
    x, outs = images(0), [[torch.zeros_like(images(0)) for _ in range(2)] for _ in range(2)]

    def step(which: int) -> None:
        layer, out = layers[which], outs[which]
        layer.fast = fast
        out[0].copy_(layer(x))
        out[1].copy_(layer.backward(out[0] * 2))

    tape = Tape(lambda: step(0))
    step(1)
    for seed in range(1, 4):
        x.copy_(images(seed))
        tape.replay()
        step(1)
        ours, eager = ([*out, *layer.state_dict().values()] for layer, out in zip(layers, outs, strict=True))
        assert all(same_bits(a, b) for a, b in zip(ours, eager, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("fast", [True, False])
def test_low_precision_is_kept_and_differs_by_rounding_only(dtype, fast):
    exact = made(BatchNorm2d, (6,), {"eps": 0.02})
    layer = copy.deepcopy(exact).to(dtype)
    layer.fast = fast
    x, grad_output = images(0).to(dtype), images(1).to(dtype)
    got = [layer(x), layer.backward(grad_output), *(weight.grad for weight in layer.parameters()), *layer.buffers()]
    exact.load_state_dict({name: it.double() for name, it in copy.deepcopy(exact).to(dtype).state_dict().items()})
    true = [exact(x.double()), exact.backward(grad_output.double())]
    true += [*(weight.grad for weight in exact.parameters()), *exact.buffers()]
    for a, b in zip(got, true, strict=True):
        assert a.dtype == (dtype if b.is_floating_point() else torch.int64)
        assert (a.double() - b).norm() <= 16 * torch.finfo(dtype).eps * b.double().norm()


def test_an_evaluation_between_forward_and_backward_changes_nothing():
    x, grad_output = images(0), images(1)
    layer, other = (made(BatchNorm2d, (6,), {}) for _ in range(2))
    layer(x), other(x)
    other.eval()
    other(images(2).requires_grad_())  # takes the formulas, not the kernel
    assert torch.equal(other.backward(grad_output), layer.backward(grad_output))
