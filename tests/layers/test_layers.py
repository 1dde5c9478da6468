"""Compare each layer with autograd of the torch.nn layer of the same name."""

import copy
import inspect
import math
from decimal import Decimal, localcontext

import pytest
import torch
from torch import nn

from torchnet import (
    CELU,
    ELU,
    GELU,
    SELU,
    BatchNorm1d,
    Hardswish,
    Hardtanh,
    Identity,
    LeakyReLU,
    Linear,
    LogSigmoid,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softplus,
    Softsign,
    Tanh,
    set_step,
)
from torchnet.layers import ACTIVATIONS, Layer
from torchnet.layers.layer import expect_shape

from .twins import BLOCKS

TWINS = {
    Sigmoid: nn.Sigmoid,
    Tanh: nn.Tanh,
    ReLU: nn.ReLU,
    LeakyReLU: nn.LeakyReLU,
    ELU: nn.ELU,
    GELU: nn.GELU,
    SiLU: nn.SiLU,
    Softplus: nn.Softplus,
    Hardtanh: nn.Hardtanh,
    ReLU6: nn.ReLU6,
    Hardswish: nn.Hardswish,
    Mish: nn.Mish,
    PReLU: nn.PReLU,
    CELU: nn.CELU,
    SELU: nn.SELU,
    Softsign: nn.Softsign,
    LogSigmoid: nn.LogSigmoid,
    Identity: nn.Identity,
}
ARGUMENTS = [
    *((kind, ()) for kind in TWINS),
    (LeakyReLU, (0.3,)),
    (LeakyReLU, (0.0,)),
    (LeakyReLU, (-0.5,)),
    (ELU, (0.6,)),
    (GELU, ("tanh",)),
    (Softplus, (2.0,)),
    (Softplus, (0.5, 1.5)),
    (Hardtanh, (-0.3, 0.1)),
    (PReLU, (1, -0.5)),
    (CELU, (0.5,)),  # torch's own derivative rounds 1 / α to float32
    (Identity, (54,)),
]
PIECES = [
    x
    for kink in (0.0, 0.1, 0.3, 1.0, 3.0, 6.0, 10.0, 20.0, 40.0)
    for x in (kink, -kink, math.nextafter(kink, 99), kink - 1e-9)
]
EXTREMES = [sign * x for x in (1e-300, 1e-30, 36.0, 100.0, 720.0, 1e4, 1e19, 1e30) for sign in (1, -1)]


def twin_of(activation: Layer) -> nn.Module:
    names = [name for name in inspect.signature(type(activation)).parameters if hasattr(activation, name)]
    twin = TWINS[type(activation)](**{name: getattr(activation, name) for name in names})
    return twin.to(next(activation.parameters(), torch.empty(0)).dtype)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("layer_class", "arguments"), ARGUMENTS)
@pytest.mark.parametrize("scale", [1.0, 5.0, 80.0], ids=["moderate", "wide", "saturated"])
def test_activation_matches_torch(layer_class, arguments, scale, expect_equal):
    x = (scale * random(7, 5)).requires_grad_()
    grad_output = random(7, 5, seed=1)
    expected = TWINS[layer_class](*arguments).double()(x)
    (expected_grad,) = torch.autograd.grad(expected, x, grad_output)
    layer = layer_class(*arguments).double()
    name = f"{layer} x{scale:g}"
    expect_equal(f"{name} output", layer(x.detach()), expected.detach(), "torch.nn")
    expect_equal(f"{name} grad_input", layer.backward(grad_output), expected_grad, "autograd")


@pytest.mark.parametrize(("layer_class", "arguments"), ARGUMENTS)
def test_activation_matches_torch_at_kinks_and_extreme_inputs(layer_class, arguments):
    x = torch.tensor(PIECES + EXTREMES, dtype=torch.float64, requires_grad=True)
    grad_output = random(len(x), seed=1)
    expected = TWINS[layer_class](*arguments).double()(x)
    (expected_grad,) = torch.autograd.grad(expected, x, grad_output)
    layer = layer_class(*arguments).double()
    # Compared per element, not by norm. Far below zero, torch's GELU loses digits in 1 + erf.
    torch.testing.assert_close(layer(x.detach()), expected.detach(), rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(layer.backward(grad_output), expected_grad, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(("layer_class", "arguments"), ARGUMENTS)
def test_arguments_are_those_of_torch(layer_class, arguments):
    layer, twin = layer_class(*arguments), TWINS[layer_class](*arguments)
    assert repr(layer) == repr(twin) == repr(twin_of(layer))


def test_activations_by_name():
    twins = {"gelu_tanh": "gelu", "log_sigmoid": "logsigmoid", "identity": "identity"}
    arguments = {"gelu_tanh": {"approximate": "tanh"}, "prelu": {"weight": torch.tensor([0.25]).double()}}
    for name, make in ACTIVATIONS.items():
        function = getattr(torch.nn.functional, twins.get(name, name), lambda x: x)
        expected = function(random(7, 5), **arguments.get(name, {}))
        torch.testing.assert_close(make().double()(random(7, 5)), expected, rtol=1e-14, atol=1e-15)
    assert {type(make()) for make in ACTIVATIONS.values()} == TWINS.keys()


def test_gelu_refuses_another_approximation():
    with pytest.raises(ValueError, match="approximate: expected none or tanh, got 'erf'"):
        GELU("erf")


@pytest.mark.parametrize(("layer_class", "arguments"), ARGUMENTS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_activation_is_finite_for_every_finite_number(layer_class, arguments, dtype):
    x = torch.tensor([*PIECES, *EXTREMES, 3e38, -3e38], dtype=dtype)
    layer, exact = layer_class(*arguments).to(dtype), layer_class(*arguments).double()
    got = [layer(x), layer.backward(torch.full_like(x, -3))]
    expected = [exact(x.double()), exact.backward(torch.full_like(x, -3).double())]
    for a, b in zip(got, expected, strict=True):
        assert a.dtype == dtype
        assert a.isfinite().all()
        torch.testing.assert_close(a.double(), b, rtol=3 * torch.finfo(dtype).eps, atol=10 * torch.finfo(dtype).eps)


@pytest.mark.parametrize(("layer_class", "arguments"), ARGUMENTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_activation_in_low_precision_differs_by_rounding_only(layer_class, arguments, dtype):
    x, grad_output = (3 * random(70, 50)).to(dtype), random(70, 50, seed=1).to(dtype)
    layer, exact = layer_class(*arguments).to(dtype), layer_class(*arguments).double()
    got = [layer(x), layer.backward(grad_output)]
    expected = [exact(x.double()), exact.backward(grad_output.double())]
    for a, b in zip(got, expected, strict=True):
        assert a.dtype == dtype
        assert (a.double() - b).norm() <= 4 * torch.finfo(dtype).eps * b.norm()


SELU_ALPHA, SELU_SCALE = Decimal("1.6732632423543772848170429916717"), Decimal("1.0507009873554804934193349852946")
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803")


def sigmoid(x: Decimal) -> Decimal:
    return 1 / (1 + (-x).exp())


def normal_cdf(x: Decimal) -> Decimal:
    """½ + φ(x) (x + x³/3 + x⁵/15 + ...)"""
    term = total = x
    for k in range(1, 800):
        term *= x * x / (2 * k + 1)
        total += term
    return Decimal("0.5") + (-x * x / 2).exp() / (2 * PI).sqrt() * total


EXACT = {
    ELU(): lambda x: x if x > 0 else x.exp() - 1,
    GELU(): lambda x: x * normal_cdf(x),
    GELU("tanh"): lambda x: x * sigmoid((8 / PI).sqrt() * (x + Decimal("0.044715") * x**3)),
    SiLU(): lambda x: x * sigmoid(x),
    Softplus(): lambda x: (1 + x.exp()).ln(),
    Softplus(2.0, 50.0): lambda x: (1 + (2 * x).exp()).ln() / 2,
    Mish(): lambda x: x * (1 - 2 / ((1 + x.exp()) ** 2 + 1)),
    CELU(0.6): lambda x: x if x > 0 else Decimal("0.6") * ((x / Decimal("0.6")).exp() - 1),
    SELU(): lambda x: SELU_SCALE * (x if x > 0 else SELU_ALPHA * (x.exp() - 1)),
    Softsign(): lambda x: x / (1 + abs(x)),
    LogSigmoid(): lambda x: sigmoid(x).ln(),
}


@pytest.mark.parametrize("layer", EXACT, ids=str)
@pytest.mark.parametrize("x", [-12.0, -8.25, -5.5, -1.0, -0.125, 0.125, 1.0, 5.5, 8.25, 12.0])
def test_no_digit_is_lost_far_below_zero(layer, x):
    with localcontext() as context:
        context.prec = 300
        function, h = EXACT[layer], Decimal("1e-40")
        y, slope = function(Decimal(x)), (function(Decimal(x) + h) - function(Decimal(x) - h)) / (2 * h)
    assert layer(torch.tensor([x], dtype=torch.float64)).item() == pytest.approx(float(y), rel=1e-13, abs=0)
    grad = layer.backward(torch.ones(1, dtype=torch.float64))
    assert grad.item() == pytest.approx(float(slope), rel=1e-13, abs=0)


def test_log_sigmoid_is_that_of_torch_where_it_is_nearly_linear():
    x = torch.linspace(-45, 45, 181, dtype=torch.float64)
    torch.testing.assert_close(LogSigmoid()(x), nn.functional.logsigmoid(x), rtol=1e-14, atol=0)


def test_relu_has_slope_zero_at_the_kink():
    layer = ReLU()
    layer(torch.tensor([[-1.0, -0.0, 0.0, 2.0]]))
    assert layer.backward(torch.full((1, 4), 3.0)).tolist() == [[0, 0, 0, 3]]


def test_leaky_relu_and_elu_take_the_left_slope_at_the_kink():
    for layer in (LeakyReLU(0.5), ELU(0.5)):
        layer(torch.tensor([[-0.0, 0.0, 2.0]]))
        assert layer.backward(torch.full((1, 3), 3.0)).tolist() == [[1.5, 1.5, 3]]


def test_sigmoid_is_finite_where_exp_overflows():
    layer = Sigmoid()
    assert layer(torch.tensor([-1e4, 1e4])).tolist() == [0, 1]
    assert layer.backward(torch.ones(2)).tolist() == [0, 0]


def test_softsign_has_a_slope_where_the_square_of_its_divisor_overflows():
    layer = Softsign()
    layer(torch.tensor([1e20]))
    assert layer.backward(torch.tensor([1e38])).item() == pytest.approx(0.01)


def test_the_slopes_at_kinks():
    kinks = {
        Hardtanh(-1.0, 2.0): {-1.0: 0, 2.0: 0, 1.0: 1},
        ReLU6(): {0.0: 0, 6.0: 0, 5.0: 1},
        Hardswish(): {-3.0: 0, 3.0: 1, 0.0: 0.5},
        PReLU(1, 0.5): {0.0: 0.5, 1.0: 1},
        CELU(0.5): {0.0: 1},
        Softsign(): {0.0: 1},
    }
    for layer, slopes in kinks.items():
        layer(torch.tensor(list(slopes)))
        assert layer.backward(torch.full((len(slopes),), 4.0)).tolist() == [4 * it for it in slopes.values()], layer


SHAPES = {1: [(), (7,), (7, 5), (2, 5, 3, 4)], 5: [(7, 5), (2, 5, 3), (2, 5, 3, 4), (2, 5, 2, 2, 2)]}


@pytest.mark.parametrize(("num_parameters", "shape"), [(n, shape) for n, shapes in SHAPES.items() for shape in shapes])
def test_prelu_learns_its_slopes(num_parameters, shape, expect_equal):
    layer, twin = PReLU(num_parameters, dtype=torch.float64), nn.PReLU(num_parameters, dtype=torch.float64)
    assert torch.equal(layer.weight, twin.weight)
    layer.weight.copy_(random(num_parameters, seed=2))
    twin.load_state_dict(layer.state_dict())
    x, grad_output = random(*shape).requires_grad_(), random(*shape, seed=1)
    expected = twin(x)
    expected.backward(grad_output)
    for _ in range(2):  # the gradient is overwritten, not accumulated
        expect_equal("output", layer(x.detach()), expected.detach(), "torch.nn")
        expect_equal("grad_input", layer.backward(grad_output), x.grad, "autograd")
        expect_equal("weight.grad", layer.weight.grad, twin.weight.grad, "autograd")


def test_prelu_keeps_the_memory_format_of_images():
    layer, images = PReLU(5), random(2, 5, 3, 4).float().to(memory_format=torch.channels_last)
    for tensor in (layer(images), layer.backward(images)):
        assert tensor.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("x", [torch.ones(5), torch.ones(5, 4), torch.ones(2, 4, 5)])
def test_prelu_refuses_another_number_of_channels(x):
    with pytest.raises(ValueError, match=r"expected input of shape \(N, 5, ...\), got "):
        PReLU(5)(x)


def test_prelu_starts_where_asked():
    assert PReLU(1, 1, "meta").weight.device.type == "meta"
    assert PReLU(2, 1).weight.tolist() == [1.0, 1.0]
    assert PReLU(2, 1).weight.dtype == torch.float32


def test_prelu_refuses_another_dtype():
    with pytest.raises(ValueError, match=r"expected input of dtype torch.float32, got torch.float64"):
        PReLU()(random(7, 5))


@pytest.mark.parametrize("kind", [ReLU, LeakyReLU, ELU, SiLU, Hardtanh, ReLU6, Hardswish, Mish, CELU, SELU])
def test_inplace_is_refused(kind):
    assert inspect.signature(kind).parameters["inplace"].default is False
    with pytest.raises(ValueError, match="inplace: expected it to be left out, got True: it would overwrite"):
        kind(inplace=True)


@pytest.mark.parametrize("kind", TWINS)
def test_the_arguments_have_the_positions_and_defaults_of_torch(kind):
    def arguments(it):
        return [(p.name, p.default) for p in inspect.signature(it).parameters.values() if p.kind != p.VAR_KEYWORD]

    assert arguments(kind) == arguments(TWINS[kind]) or TWINS[kind] in (nn.Sigmoid, nn.Tanh, nn.Softsign, nn.LogSigmoid)


def test_hardtanh_refuses_old_names_and_wrong_ends():
    with pytest.raises(ValueError, match="min_value: expected it to be left out, got 0: its name is min_val now"):
        Hardtanh(min_value=0)
    with pytest.raises(ValueError, match="max_value: expected it to be left out, got 2: its name is max_val now"):
        Hardtanh(max_value=2)
    for ends in ((1.0, 1.0), (2.0, 1.0)):
        with pytest.raises(ValueError, match=f"expected min_val < max_val, got {ends[0]} and {ends[1]}"):
            Hardtanh(*ends)


def test_celu_refuses_an_alpha_of_zero():
    with pytest.raises(ValueError, match="alpha: expected a number other than 0"):
        CELU(0.0)


@pytest.mark.parametrize(("in_features", "out_features"), [(5, 3), (4, 4), (1, 2), (3, 1)])
@pytest.mark.parametrize("batch", [1, 2, 7])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_matches_torch(in_features, out_features, batch, bias, expect_equal):
    generator = torch.Generator().manual_seed(0)
    layer = Linear(in_features, out_features, generator=generator, dtype=torch.float64, bias=bias)
    if bias:
        layer.bias.copy_(random(out_features, seed=1))
    twin = nn.Linear(in_features, out_features, bias=bias, dtype=torch.float64)
    twin.load_state_dict(layer.state_dict())
    x, grad_output = random(batch, in_features, seed=2).requires_grad_(), random(batch, out_features, seed=3)
    expected = twin(x)
    expected.backward(grad_output)
    name = f"{layer}, N={batch}"
    expect_equal(f"{name} output", layer(x.detach()), expected.detach(), "torch.nn")
    expect_equal(f"{name} grad_input", layer.backward(grad_output), x.grad, "autograd")
    assert [weight for weight, _ in layer.named_parameters()] == ["weight", "bias"][: 1 + bias]
    for weight, tensor in layer.named_parameters():
        expect_equal(f"{name} {weight}.grad", tensor.grad, twin.get_parameter(weight).grad, "autograd")


@pytest.mark.parametrize("leading", [(), (1,), (6,), (2, 3), (2, 1, 3)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("matmul_dtype", [None, torch.bfloat16])
def test_leading_dimensions_are_one_long_batch(leading, bias, matmul_dtype, expect_equal):
    layer = Linear(5, 4, bias, None, torch.float64, matmul_dtype=matmul_dtype)  # the positions of torch.nn
    for weight in layer.parameters():
        weight.copy_(random(*weight.shape, seed=1))
    twin = nn.Linear(5, 4, bias, None, torch.float64)
    twin.load_state_dict(layer.state_dict())
    x, grad_output = random(*leading, 5, seed=2).requires_grad_(), random(*leading, 4, seed=3)
    twin(x).backward(grad_output)
    expect_equal("output", layer(x.detach()), twin(x).detach(), "torch.nn")
    expect_equal("grad_input", layer.backward(grad_output), x.grad, "autograd")
    for weight, tensor in layer.named_parameters():
        expect_equal(f"{weight}.grad", tensor.grad, twin.get_parameter(weight).grad, "autograd")
    layer(x.detach().flatten(0, -2) if len(leading) > 1 else x.detach())
    with pytest.raises(ValueError, match="expected grad_output of shape"):
        layer.backward(random(*leading, 5))


def test_identity_ignores_its_arguments():
    layer = Identity(54, unused_argument1=0.1, unused_argument2=False)
    assert repr(layer) == "Identity()"


def test_linear_without_a_bias():
    layer = Linear(5, 3, bias=False)
    assert layer.bias is None
    assert list(layer.state_dict()) == ["weight"]
    assert repr(layer) == "Linear(in_features=5, out_features=3, bias=False)"


def whole_numbers(*shape: int, seed: int) -> torch.Tensor:
    """Integers that bfloat16 mostly rounds, and whose products float32 sums exactly."""
    return torch.randint(-1000, 1001, shape, generator=torch.Generator().manual_seed(seed)).float()


def bfloat16(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.bfloat16().double()


@pytest.mark.parametrize("input_dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("batch", "in_features", "out_features"), [(1, 1, 1), (7, 5, 3), (4, 4, 4), (8, 8, 8)])
@pytest.mark.parametrize("with_bias", [True, False])
def test_bfloat16_rounds_the_operands_and_the_products_and_nothing_else(
    batch, in_features, out_features, input_dtype, with_bias
):
    layer = Linear(in_features, out_features, matmul_dtype=torch.bfloat16, bias=with_bias)
    weight, bias = whole_numbers(out_features, in_features, seed=0), whole_numbers(out_features, seed=1)
    layer.load_state_dict({"weight": weight} | ({"bias": bias} if with_bias else {}))
    x, grad_output = whole_numbers(batch, in_features, seed=2), whole_numbers(batch, out_features, seed=3)
    output = layer(x.to(input_dtype))
    grad_input = layer.backward(grad_output)
    expected = {
        "output": bfloat16(bfloat16(x) @ bfloat16(weight).T) + (bias if with_bias else 0),
        "weight.grad": bfloat16(bfloat16(grad_output).T @ bfloat16(x)),
        "grad_input": bfloat16(bfloat16(grad_output) @ bfloat16(weight)),
    }
    got = {"output": output, "weight.grad": layer.weight.grad, "grad_input": grad_input}
    if with_bias:
        got["bias.grad"], expected["bias.grad"] = layer.bias.grad, grad_output.double().sum(dim=0)
    for name, tensor in got.items():
        assert tensor.dtype == (input_dtype if name == "grad_input" else torch.float32), name
        assert torch.equal(tensor.double(), expected[name]), name
    assert torch.equal(layer.weight, weight)
    assert torch.equal(grad_output, whole_numbers(batch, out_features, seed=3))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_weights_that_are_not_float32_are_not_rounded(dtype):
    results = []
    for matmul_dtype in (None, torch.bfloat16):
        layer = Linear(5, 3, generator=torch.Generator().manual_seed(0), dtype=dtype, matmul_dtype=matmul_dtype)
        output = layer(random(7, 5).to(dtype))
        results.append([output, layer.backward(random(7, 3, seed=1).to(dtype)), *gradients(layer)])
    assert all(a.dtype == dtype and torch.equal(a, b) for a, b in zip(*results, strict=True))


def gradients(layer: Layer) -> list[torch.Tensor]:
    return [weight.grad for weight in layer.parameters()]


def all_layers():
    return [
        Linear(4, 4),
        Linear(4, 4, matmul_dtype=torch.bfloat16),
        Linear(4, 4, bias=False),
        *(activation() for activation in ACTIVATIONS.values()),
        *(block(4) for block in BLOCKS.values()),
    ]


@pytest.fixture
def layer(request: pytest.FixtureRequest) -> Layer:
    """Return a copy of the parameter, in which no other test has left anything."""
    return copy.deepcopy(request.param)


@pytest.mark.parametrize("layer", all_layers(), indirect=True, ids=lambda layer: type(layer).__name__)
class TestContract:
    def test_backward_before_forward_says_what_to_do(self, layer):
        with pytest.raises(RuntimeError, match=r"make a forward pass in training mode first"):
            layer.backward(torch.ones(3, 4))

    def test_backward_consumes_what_was_remembered(self, layer):
        layer(torch.ones(3, 4))
        layer.backward(torch.ones(3, 4))
        with pytest.raises(RuntimeError, match="forward pass"):
            layer.backward(torch.ones(3, 4))

    def test_evaluation_remembers_nothing(self, layer):
        layer.eval()
        layer(torch.ones(3, 4))
        layer.train()
        with pytest.raises(RuntimeError, match="forward pass"):
            layer.backward(torch.ones(3, 4))

    def test_input_grad_is_left_out_when_not_asked_for(self, layer):
        layer(torch.ones(3, 4))
        assert layer.backward(torch.ones(3, 4), input_grad=False) is None

    def test_a_gradient_that_would_broadcast_is_refused(self, layer):
        layer(torch.ones(3, 4))
        with pytest.raises(ValueError, match=r"expected grad_output of shape \(3, 4\), got \(3, 1\)"):
            layer.backward(torch.ones(3, 1))

    def test_the_last_forward_pass_counts(self, layer):
        x, grad_output = random(3, 4).float(), random(3, 4, seed=1).float()
        set_step(layer, 0)
        layer(x)
        expected = [layer.backward(grad_output), *gradients(layer)]
        set_step(layer, 0)
        layer(random(3, 4, seed=2).float())
        layer(x)
        got = [layer.backward(grad_output), *gradients(layer)]
        assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))

    @pytest.mark.parametrize("batch", [1, 3])
    def test_what_comes_in_and_goes_out_is_left_as_it_was(self, layer, batch):
        batch += any(isinstance(part, BatchNorm1d) for part in layer.modules())  # one sample has no variance
        x, grad_output = random(batch, 4).float(), random(batch, 4, seed=1).float()
        copies = [x.clone(), grad_output.clone()]
        y = layer(x)
        copies.append(y.clone())
        results = [layer.backward(grad_output), *gradients(layer)]
        assert all(torch.equal(a, b) for a, b in zip((x, grad_output, y), copies, strict=True))
        copies = [result.clone() for result in results]
        grad_output.zero_()  # the gradients must be new tensors, not views of grad_output
        assert all(torch.equal(a, b) for a, b in zip(results, copies, strict=True))

    def test_no_graph_hangs_on_what_backward_returns_or_forward_remembers(self, layer):
        x, grad_output = torch.ones(3, 4, requires_grad=True), torch.ones(3, 4, requires_grad=True)
        layer(x)
        assert not any(grad.requires_grad for grad in (layer.backward(grad_output), *gradients(layer)))
        layer(2 * x)
        values = [value for part in layer.modules() for value in getattr(part, "_remembered", None) or ()]
        remembered = [value for value in values if isinstance(value, torch.Tensor)]
        assert remembered
        assert not any(tensor.requires_grad for tensor in remembered)


def test_weights_are_unknown_to_autograd():
    layer = Linear(3, 2)
    assert not any(weight.requires_grad for weight in layer.parameters())
    assert layer(torch.ones(1, 3)).grad_fn is None


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            torch.ones(2, 4),
            r"expected input of shape \(\*, 3\), got \(2, 4\): make the layer with the sizes of its input",
        ),
        (torch.ones(4), r"expected input of shape \(\*, 3\), got \(4,\): make the layer"),
        (torch.tensor(1.0), r"expected input of shape \(\*, 3\), got \(\): make the layer"),
        (torch.ones(2, 3, 1), r"expected input of shape \(\*, 3\), got \(2, 3, 1\): flatten each sample to one row"),
        (torch.ones(0, 3), r"expected at least one sample, got an empty batch of shape \(0, 3\)"),
        (torch.ones(2, 3, dtype=torch.float64), r"expected input of dtype torch.float32, got torch.float64"),
        (torch.ones(2, 3, dtype=torch.uint8), r"expected input of dtype torch.float32, got torch.uint8"),
    ],
)
def test_linear_refuses_what_does_not_fit(x, message):
    with pytest.raises(ValueError, match=message):
        Linear(3, 2)(x)


def test_a_shape_may_be_any_sequence():
    expect_shape("x", torch.ones(2, 3), [2, 3], "")
    with pytest.raises(ValueError, match=r"expected x of shape \(2, 4\), got \(2, 3\): widen it"):
        expect_shape("x", torch.ones(2, 3), [2, 4], "widen it")


@pytest.mark.parametrize(
    ("dtype", "matmul_dtype", "x_dtype"),
    [
        (torch.float64, torch.bfloat16, torch.bfloat16),
        (torch.float64, torch.bfloat16, torch.float32),
        (torch.float32, torch.bfloat16, torch.float64),
        (torch.float32, None, torch.bfloat16),
    ],
)
def test_input_of_another_dtype_is_refused_with_and_without_rounding(dtype, matmul_dtype, x_dtype):
    layer = Linear(3, 2, dtype=dtype, matmul_dtype=matmul_dtype)
    with pytest.raises(ValueError, match=f"expected input of dtype {dtype}, got {x_dtype}: convert it with x.to"):
        layer(torch.ones(4, 3, dtype=x_dtype))


def test_products_are_rounded_to_bfloat16_or_not_at_all():
    with pytest.raises(ValueError, match=r"matmul_dtype: expected torch.bfloat16 or None, got torch.float16"):
        Linear(3, 2, matmul_dtype=torch.float16)
    assert repr(Linear(3, 2)) == "Linear(in_features=3, out_features=2)"
    rounded = "Linear(in_features=3, out_features=2, matmul_dtype=torch.bfloat16)"
    assert repr(Linear(3, 2, matmul_dtype=torch.bfloat16)) == rounded
