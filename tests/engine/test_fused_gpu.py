"""The Triton step against the plain step in float64: on a GPU, or in Triton's interpreter where there is none."""

import math
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from torchnet import ELU, GELU, SGD, Identity, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus, Tanh
from torchnet.engine.fused import gpu
from torchnet.engine.fused.description import ACTIVATION_NAMES, NotFusedError, describe
from torchnet.engine.fused.gpu import GpuSteps
from torchnet.engine.variants import same_bits

from ..checking.kernels import DEVICE, HAS_TRITON
from .fused_cases import OPTIMIZERS, Case, expect_parity, plain, random_case, results, run_case

if not HAS_TRITON:
    pytest.skip("Triton is not installed", allow_module_level=True)

from . import fused_kernels  # after tests.checking.kernels, which starts the interpreter

INTERPRETED = DEVICE == "cpu"
SMALL = Case(sizes=(5, 4, 3), batch=6, optimizer="dampening", steps=4)


def fused(recipe, order, options, divisor, tf32=False):
    """Run the fused step of a recipe; its tensors are on the device meanwhile."""
    _move(recipe, DEVICE)
    steps = GpuSteps(describe(recipe), recipe, tf32)
    losses = steps.run(order.to(DEVICE), options.to(DEVICE), divisor, bool(options[:, 1].any())).cpu()
    _move(recipe, "cpu")
    return losses


def _move(recipe, device):
    recipe.net.to(device)
    recipe.images, recipe.targets = recipe.images.to(device), recipe.targets.to(device)
    for state in recipe.optimizer.state.values():
        state.update({name: value.to(device) for name, value in state.items()})


@pytest.fixture
def large_blocks(monkeypatch):
    """The interpreter takes as long for a small block as for a large one: make wide networks a few blocks."""

    def blocks(self, layer, rows, columns, summed):
        height, width, depth = (min(128, gpu._power(size)) for size in (rows, columns, summed))
        return (math.ceil(rows / height), math.ceil(columns / width)), (height, width, depth)

    if INTERPRETED:
        monkeypatch.setattr(gpu._Step, "_blocks", blocks)


@pytest.mark.parametrize("seed", range(1, 7))
def test_random_recipes_are_as_exact_as_the_plain_step(seed):
    expect_parity(replace(random_case(seed, largest=40, most=70), steps=2), fused)


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(100, 115))
def test_more_random_recipes_are_as_exact_as_the_plain_step(seed):
    expect_parity(replace(random_case(seed, largest=70, most=100), steps=2), fused)


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(200, 212))
@pytest.mark.usefixtures("large_blocks")
def test_random_recipes_of_any_size_are_as_exact_as_the_plain_step(seed):
    expect_parity(replace(random_case(seed), steps=1), fused)


@pytest.mark.parametrize("enough", [1, 128])  # blocks of 64, and of 32
def test_results_of_several_blocks_are_as_exact_as_the_plain_step(enough, monkeypatch):
    monkeypatch.setattr(gpu, "_ENOUGH_BLOCKS", enough)
    expect_parity(Case((67, 66, 70), batch=65, activations="tanh", optimizer="momentum", steps=1), fused)


WIDE = [
    Case((200, 130, 10), batch=140, activations="tanh", optimizer="Nesterov", steps=1),
    Case((11, 7, 6, 3), batch=600, activations="gelu", steps=1),
]
WIDEST = [
    Case((300, 290, 270, 5), batch=180, activations="relu", optimizer="dampening", steps=1),
    Case((300, 150), batch=600, loss="mean_squared_error", is_rows=True, optimizer="weight decay", steps=1),
]


@pytest.mark.parametrize("case", [*WIDE, *(pytest.param(case, marks=pytest.mark.sweep) for case in WIDEST)], ids=str)
@pytest.mark.usefixtures("large_blocks")
def test_wide_networks_and_large_batches_are_as_exact_as_the_plain_step(case):
    expect_parity(case, fused)


@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_every_activation_is_as_exact_as_the_plain_step(name):
    expect_parity(Case((9, 12, 10), batch=20, activations=name, steps=1), fused)


@pytest.mark.parametrize("is_rows", [False, True])
@pytest.mark.parametrize("loss", ["cross_entropy", "mean_squared_error"])
@pytest.mark.parametrize("classes", [1, 7, 65])  # 65: the loss has a kernel of its own
def test_every_loss_is_as_exact_as_the_plain_step(loss, is_rows, classes):
    case = Case((9, 8, classes), batch=70, loss=loss, is_rows=is_rows, divisor=75, optimizer="momentum", steps=1)
    expect_parity(case, fused)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_is_as_exact_as_the_plain_step(optimizer):
    expect_parity(Case((9, 8, 5), batch=20, optimizer=optimizer, steps=3), fused)


def test_operands_of_bfloat16_are_as_exact_as_those_of_the_plain_step():
    expect_parity(Case((33, 20, 10), batch=40, steps=2, matmul_dtype=torch.bfloat16), fused)


def test_operands_of_tf32_have_11_bits():
    found, exact = (run_case(Case((33, 20, 10), batch=40), run) for run in (_with_tf32, plain))
    for name, tensor in exact.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-2, atol=1e-3 * tensor.abs().max().item(), msg=name)


def _with_tf32(recipe, order, options, divisor):
    return fused(recipe, order, options, divisor, tf32=True)


def test_layers_without_bias():
    recipes = [Case((9, 8, 7, 5), batch=20).recipe(dtype) for dtype in (torch.float32, torch.float64)]
    for recipe in recipes:
        recipe.net[0].bias = recipe.net[4].bias = None
        recipe.optimizer = SGD(recipe.net.parameters(), lr=0.1, momentum=0.9)
    case = Case((9, 8, 7, 5), batch=20, optimizer="momentum")
    found, exact = (
        results(recipe, run(recipe, case.order(), case.numbers(), None))
        for recipe, run in zip(recipes, (fused, plain), strict=True)
    )
    _expect_close(found, exact)


def test_images_of_several_dimensions_are_flattened():
    flat, square = SMALL.recipe(), SMALL.recipe()
    square.images = square.images.view(-1, 5, 1)
    _expect_same_bits(*(results(r, fused(r, SMALL.order(), SMALL.numbers(), None)) for r in (flat, square)))


def _expect_close(found, exact):
    assert found.keys() == exact.keys()
    for name, tensor in exact.items():
        torch.testing.assert_close(found[name].double(), tensor, rtol=1e-4, atol=1e-6, msg=name)


def _expect_same_bits(a, b):
    assert a.keys() == b.keys()
    assert [name for name in a if not same_bits(a[name], b[name])] == []


# ---- blocks of steps -------------------------------------------------------------------------------------------------


def _in_blocks(*lengths):
    """Run the steps in blocks of these lengths with one GpuSteps."""

    def run(recipe, order, options, divisor):
        _move(recipe, DEVICE)
        steps = GpuSteps(describe(recipe), recipe, tf32=False)
        arguments = zip(order.to(DEVICE).split(lengths), options.to(DEVICE).split(lengths), strict=True)
        losses = torch.cat(
            [steps.run(*block, divisor, bool(block[1][:, 1].any())).clone() for block in arguments]
        ).cpu()
        _move(recipe, "cpu")
        return losses

    return run


@pytest.mark.parametrize("optimizer", ["plain", "dampening"])
def test_steps_have_the_same_bits_every_time_and_in_blocks_of_any_length(optimizer):
    case = Case(
        (5, 4, 3), batch=33, optimizer=optimizer, steps=4, options=((0.1, 0.9), (0.2, 0.8), (0.3, 0.7), (0.4, 0.6))
    )
    one = run_case(case, _in_blocks(4))
    for lengths in ((4,), (1, 3)):
        _expect_same_bits(one, run_case(case, _in_blocks(*lengths)))


@pytest.mark.parametrize("sizes", [(5, 4, 3), (5, 3), (5, 4, 65)])
def test_samples_learning_rate_and_momentum_are_those_of_each_step(sizes):
    case = replace(SMALL, sizes=sizes, options=((0.1, 0.9), (0.2, 0.8), (0.3, 0.7), (0.4, 0.6)))
    _expect_close(run_case(case, fused), run_case(case, plain, torch.float64))


def test_a_velocity_that_is_missing_starts_as_the_gradient():
    recipes = [SMALL.recipe(dtype) for dtype in (torch.float32, torch.float64)]
    for recipe in recipes:
        plain(recipe, SMALL.order(), SMALL.numbers(), None)
        del recipe.optimizer.state[recipe.net[2].bias]
    found, exact = (
        results(recipe, run(recipe, SMALL.order(), SMALL.numbers(), None))
        for recipe, run in zip(recipes, (fused, plain), strict=True)
    )
    _expect_close(found, exact)


def test_a_last_short_batch_follows_and_the_next_block_is_long_again():
    case = replace(SMALL, batch=40)

    def short_between(run):
        def run_all(recipe, order, options, divisor):
            blocks = (order[:2], options[:2]), (order[2:3, :7], options[2:3]), (order[3:], options[3:])
            return torch.cat([run(recipe, *block, divisor).clone() for block in blocks])

        return run_all

    kept = {}

    def fused_once(recipe, order, options, divisor):
        steps = kept.setdefault("steps", GpuSteps(describe(recipe), recipe, tf32=False))
        return steps.run(order, options, divisor, bool(options[:, 1].any()))

    found = run_case(case, short_between(fused_once if INTERPRETED else fused))
    _expect_close(found, run_case(case, short_between(plain), torch.float64))


class _Graph:
    """Repeats launches with the same arguments, as a CUDA graph does."""

    recorded = 0

    def __init__(self, step):
        _Graph.recorded += 1
        launch, self.launches = gpu._launch, []
        gpu._launch = lambda *arguments: self.launches.append(arguments)
        step()
        gpu._launch = launch
        self.replay()

    def replay(self):
        for arguments in self.launches:
            gpu._launch(*arguments)


@pytest.fixture
def pretended_graphs(monkeypatch):
    monkeypatch.setattr(gpu, "Graph", _Graph)
    monkeypatch.setattr(_Graph, "recorded", 0)


def _with_graphs(recipe, order, options, divisor):
    steps = GpuSteps(describe(recipe), recipe, tf32=False)
    steps.uses_graphs = True
    for part in (slice(0, 4), slice(4, 8)):
        losses = steps.run(order[part], options[part], divisor, bool(options[:, 1].any()))
    return losses


@pytest.mark.skipif(not INTERPRETED, reason="the other tests record real graphs")
@pytest.mark.usefixtures("pretended_graphs")
@pytest.mark.parametrize("optimizer", ["plain", "dampening"])
def test_a_recorded_step_is_repeated_with_the_same_bits(optimizer):
    case = replace(SMALL, optimizer=optimizer, steps=8)
    found = run_case(case, _with_graphs)
    assert _Graph.recorded == 1
    expected = run_case(case, _in_blocks(8))
    expected["losses"] = expected["losses"][4:]
    _expect_same_bits(found, expected)


@pytest.mark.skipif(not INTERPRETED, reason="the other tests record real graphs")
@pytest.mark.usefixtures("pretended_graphs")
def test_a_step_is_recorded_again_if_something_has_changed():
    case = replace(SMALL, steps=3)
    recipe, order, options = case.recipe(), case.order(), case.numbers()
    steps = GpuSteps(describe(recipe), recipe, tf32=False)
    steps.uses_graphs = True
    (group,), velocity = recipe.optimizer.param_groups, recipe.net[0].weight

    def recorded(divisor=None):
        before = _Graph.recorded
        steps.run(order, options, divisor, bool(options[:, 1].any()))
        return _Graph.recorded - before

    assert recorded() == 1
    assert recorded() == 0
    assert recorded(divisor=9) == 1
    group["weight_decay"] = 0.5
    assert recorded(divisor=9) == 1
    recipe.optimizer.load_state_dict(recipe.optimizer.state_dict())
    recipe.optimizer.state[velocity]["momentum_buffer"] = recipe.optimizer.state[velocity]["momentum_buffer"].clone()
    assert recorded(divisor=9) == 1
    steps.run(
        torch.cat((order, order)), torch.cat((options, options)), 9, bool(options[:, 1].any())
    )  # needs more memory
    assert _Graph.recorded == 5


# ---- functions and products ------------------------------------------------------------------------------------------

LAYERS = {
    "identity": (Identity(), 0.0),
    "sigmoid": (Sigmoid(), 0.0),
    "tanh": (Tanh(), 0.0),
    "relu": (ReLU(), 0.0),
    "leaky_relu": (LeakyReLU(-0.3), -0.3),
    "elu": (ELU(0.7), 0.7),
    "silu": (SiLU(), 0.0),
    "softplus": (Softplus(3.0), 3.0),
    "gelu": (GELU(), 0.0),
    "gelu_tanh": (GELU("tanh"), 0.0),
}
SMALLEST = 2.0 ** torch.arange(-30, 8)
NUMBERS = torch.cat((SMALLEST, -SMALLEST, torch.linspace(-9, 9, 400), torch.tensor((0.0, 87.0, -87.0, 120.0, -120.0))))


@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_activations_and_slopes_keep_their_digits_in_the_tails(name):
    layer, parameter = LAYERS[name]
    y, slope = fused_kernels.activation_and_slope(NUMBERS, name, parameter, name in gpu._SLOPE_FROM_OUTPUT)
    exact = layer(NUMBERS.double())
    exact_slope = layer.backward(torch.ones_like(exact))
    # Far below zero they are exponentials; rounding an exponent of 70 is a relative error of 4e-6. Below 1e-36 a factor
    # of the result may be subnormal.
    torch.testing.assert_close(y.double(), exact, rtol=1e-5, atol=1e-36)
    torch.testing.assert_close(slope.double(), exact_slope, rtol=1e-5, atol=3e-7)
    near = NUMBERS.abs() <= 2
    torch.testing.assert_close(y[near].double(), exact[near], rtol=5e-7, atol=0)


@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_activations_pass_a_nan_on(name):
    y, _ = fused_kernels.activation_and_slope(torch.full((3,), torch.nan), name, LAYERS[name][1], True)
    assert y.isnan().all()


@pytest.mark.parametrize(("a_bytes", "b_bytes"), [(False, False), (True, False), (False, True)])
def test_products_are_those_of_float32(a_bytes, b_bytes):
    generator = torch.Generator().manual_seed(0)

    def matrix(is_bytes):
        if is_bytes:
            return torch.randint(0, 256, (32, 32), dtype=torch.uint8, generator=generator)
        exponents = torch.randint(-20, 20, (32, 32), generator=generator)
        return torch.randn((32, 32), generator=generator) * 2.0**exponents

    a, b = matrix(a_bytes), matrix(b_bytes)
    for terms in (32, 1):
        if terms == 1:  # no error but that of the product itself
            b = b * torch.eye(32, dtype=b.dtype)
        exact = a.double() @ b.double()
        bound = (a.double().abs() @ b.double().abs()) * (1 + terms) * 2**-24
        assert ((fused_kernels.product(a, b).double() - exact).abs() <= bound).all()


# ---- what it refuses -------------------------------------------------------------------------------------------------


def _refusal(recipe):
    with pytest.raises(NotFusedError) as refused:
        GpuSteps(describe(recipe), recipe, tf32=False)
    return str(refused.value)


def test_without_triton_there_is_no_fused_step(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", None)
    assert _refusal(SMALL.recipe()) == "Triton is not installed"


def test_without_a_compiler_there_is_no_fused_step(monkeypatch):
    monkeypatch.setattr(fused_kernels.kernels, "sum_losses", None)
    assert _refusal(SMALL.recipe()) == "Triton cannot compile here: it needs a C compiler and Python's headers"


def test_without_a_gpu_and_outside_of_the_interpreter_there_is_no_fused_step(monkeypatch):
    monkeypatch.setattr("triton.JITFunction", type(fused_kernels.kernels.update))
    assert _refusal(SMALL.recipe()) == "the device is cpu, and Triton needs a GPU"


@pytest.mark.parametrize("wrong", [-1, 3])
def test_targets_that_are_no_classes_are_refused(wrong):
    recipe = SMALL.recipe()
    recipe.targets[2] = wrong
    assert _refusal(recipe) == "not all targets are within 0..2"


def test_tensors_that_are_not_contiguous_are_refused():
    recipe = SMALL.recipe()
    recipe.images = recipe.images.T.contiguous().T
    assert _refusal(recipe) == "not all tensors are contiguous in memory"


@pytest.mark.skipif(not INTERPRETED, reason="an assertion on a GPU ends the process")
@pytest.mark.parametrize("wrong", [-1, 15])
def test_samples_that_do_not_exist_are_refused(wrong):
    recipe, order = SMALL.recipe(), SMALL.order()
    order[1, 2] = wrong
    with pytest.raises(RuntimeError, match="expected samples that exist"):
        fused(recipe, order, SMALL.numbers(), None)


def test_the_engine_does_not_import_triton():
    code = "import sys, torchnet.engine.fused.gpu; sys.exit('triton' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120, check=False).returncode == 0
