"""The C++ step against the plain step in float64."""

import dataclasses
from functools import partial

import pytest
import torch

import torchnet.engine.fused.cpu
from torchnet.engine.fused.cpu import CpuSteps
from torchnet.engine.fused.description import ACTIVATION_NAMES, NotFusedError, describe
from torchnet.engine.variants import same_bits

from .fused_cases import OPTIMIZERS, Case, expect_parity, plain, random_case, results, run_case


def fused(recipe, order, options, divisor):
    has_momentum = bool((options[:, 1] != 0).any())
    return CpuSteps(describe(recipe), recipe).run(order, options, divisor, has_momentum)


@pytest.fixture(params=(1, 2, 3))
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("seed", range(40))
def test_random_recipes_are_as_exact_as_the_plain_step(seed):
    expect_parity(random_case(seed), fused)


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(100, 1000))
def test_many_random_recipes_are_as_exact_as_the_plain_step(seed):
    expect_parity(random_case(seed), fused)


@pytest.mark.parametrize("loss", ["cross_entropy", "mean_squared_error"])
@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
def test_every_activation_is_as_exact_as_in_the_plain_step(activation, loss):
    expect_parity(Case((30, 40, 40, 12), 50, activation, loss), fused)


@pytest.mark.parametrize("is_rows", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_update_is_as_exact_as_in_the_plain_step(optimizer, is_rows):
    case = Case((20, 33, 9), 70, optimizer=optimizer, is_rows=is_rows, divisor=71, steps=5)
    expect_parity(case, fused)
    varying = tuple((0.05 / (k + 1), 0.9 - k / 10 if optimizer != "plain" else 0.0) for k in range(5))
    expect_parity(dataclasses.replace(case, options=varying), fused)


@pytest.mark.parametrize("batch", [1, 2, 31, 32, 33, 64, 95, 97])
def test_every_number_of_threads_and_rows_is_as_exact(batch, threads):
    expect_parity(Case((17, 18, 19, 5), batch, "tanh", optimizer="Nesterov"), fused)


def test_a_network_without_biases_and_hidden_layers_is_trained():
    recipe = Case((9, 4), 8).recipe()
    (linear,) = recipe.net
    linear.bias = None
    recipe.optimizer.param_groups[0]["params"] = [linear.weight]
    before = linear.weight.clone()
    order, options = Case((9, 4), 8).order(), Case((9, 4), 8).numbers()
    fused(recipe, order, options, None)
    expected = linear.weight.clone()
    linear.weight.copy_(before)
    plain(recipe, order, options, None)
    assert not torch.equal(before, expected)
    torch.testing.assert_close(linear.weight.data, expected)


bfloat16_only = pytest.mark.skipif(
    not torch.cpu._is_avx512_bf16_supported(), reason="this processor does not multiply bfloat16"
)


@bfloat16_only
@pytest.mark.parametrize("batch", [1, 40, 333])
@pytest.mark.parametrize("sizes", [(784, 64, 64, 10), (33, 17, 5), (20, 130, 3), (7, 2)])
def test_products_of_bfloat16_err_as_little_as_in_the_plain_step(sizes, batch):
    case = Case(sizes, batch, optimizer="Nesterov", steps=2, matmul_dtype=torch.bfloat16)
    exact, plainly, found = run_case(case, plain, torch.float64), run_case(case, plain), run_case(case, fused)
    for name, tensor in exact.items():
        error, allowed = ((it[name].double() - tensor).norm().item() for it in (found, plainly))
        assert error <= 2 * allowed + 2**-9 * tensor.norm().item(), name


@bfloat16_only
def test_operands_are_rounded_to_the_nearest_bfloat16():
    case = Case((3, 2), 4, loss="mean_squared_error", steps=1, matmul_dtype=torch.bfloat16)
    recipe = case.recipe()
    (linear,) = recipe.net
    linear.weight.copy_(torch.tensor([[1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-9], [1.0, 2.0**-20, 3.14159]]))
    (indices,) = case.order()
    rows = torch.nn.functional.one_hot(recipe.targets[indices], 2)
    weight = linear.weight.bfloat16().double()  # ties go to the even neighbor
    expected = recipe.images[indices].double() / 255 @ weight.T + linear.bias.double() - rows
    loss = fused(recipe, case.order(), case.numbers(), None)
    torch.testing.assert_close(loss.double(), expected.square().mean()[None], rtol=1e-6, atol=0)


@pytest.mark.parametrize("optimizer", ["plain", "Nesterov"])
def test_the_same_bits_every_time_and_in_blocks_of_any_size(optimizer, threads, monkeypatch):
    case = Case((40, 30, 20, 6), 90, optimizer=optimizer, steps=12)
    first, again = run_case(case, fused), run_case(case, fused)
    monkeypatch.setattr(torchnet.engine.fused.cpu, "_OPERATIONS", 1)  # a call a step
    single = run_case(case, fused)

    def in_blocks(recipe, order, options, divisor):
        blocks = zip(order.split(5), options.split(5), strict=True)
        return torch.cat([fused(recipe, *block, divisor) for block in blocks])

    for other in (again, single, run_case(case, in_blocks)):
        assert all(same_bits(first[name], other[name]) for name in first)


def test_velocities_exist_only_with_momentum_and_rest_without_it():
    recipe, case = Case().recipe(), Case()
    fused(recipe, case.order(), case.numbers(), None)
    assert not recipe.optimizer.state
    velocities = [torch.ones_like(weight) for weight in recipe.net.parameters()]
    for weight, velocity in zip(recipe.net.parameters(), velocities, strict=True):
        recipe.optimizer.state[weight]["momentum_buffer"] = velocity
    other = Case().recipe()
    fused(other, case.order(), case.numbers(), None)
    fused(other, case.order(), case.numbers(), None)
    fused(recipe, case.order(), case.numbers(), None)
    assert all(bool((velocity == 1).all()) for velocity in velocities)
    assert all(map(same_bits, recipe.net.parameters(), other.net.parameters()))


def test_inf_and_nan_are_passed_on():
    for number in (torch.inf, torch.nan):
        for activation in ACTIVATION_NAMES:
            case = Case((6, 5, 4), 7, activation)
            recipe = case.recipe()
            recipe.net[0].weight[0, 0] = number
            recipe.images.fill_(1)
            found = results(recipe, fused(recipe, case.order(), case.numbers(), None))
            assert not found["losses"].isfinite().all() or (number == torch.inf and found["losses"].isfinite().all())
            if number is torch.nan:
                assert found["losses"].isnan().all(), activation


def test_an_infinite_bias_stays_infinite():
    for optimizer in ("plain", "momentum"):
        case = Case((6, 5, 4), 7, optimizer=optimizer)
        recipe = case.recipe()
        recipe.net[0].bias[2] = torch.inf
        fused(recipe, case.order(), case.numbers(), None)
        assert recipe.net[0].bias[2] == torch.inf  # 0 times infinity, as of no weight decay, would make it NaN


def test_logits_of_any_size_are_as_exact():
    for factor in (100, 1e4):
        case = Case((6, 5, 4), 40, "tanh", steps=1)

        def scaled(recipe, *arguments, run, factor=factor):
            recipe.net[2].weight *= factor
            return run(recipe, *arguments)

        exact = run_case(case, partial(scaled, run=plain), torch.float64)
        found = run_case(case, partial(scaled, run=fused))
        for name, tensor in exact.items():
            torch.testing.assert_close(found[name].double(), tensor, rtol=1e-4, atol=1e-5 * tensor.abs().max().item())


def test_samples_and_classes_out_of_range_are_refused():
    case = Case()
    recipe = case.recipe()
    before = [weight.clone() for weight in recipe.net.parameters()]
    for wrong in (-1, len(recipe.images)):
        order = case.order()
        order[1, 2] = wrong
        with pytest.raises(ValueError, match=r"expected indices within 0\.\.14"):
            fused(recipe, order, case.numbers(), None)
    for wrong in (-1, 3):
        recipe.targets[4] = wrong
        with pytest.raises(ValueError, match=r"expected classes within 0\.\.2"):
            fused(recipe, case.order(), case.numbers(), None)
    assert all(map(same_bits, recipe.net.parameters(), before))


def test_too_little_memory_is_reported(monkeypatch):
    case = Case()
    steps = CpuSteps(describe(case.recipe()), case.recipe())

    class Full:
        rounds_to_bfloat16 = staticmethod(lambda: 1)
        run_steps = staticmethod(lambda job: 1)

    monkeypatch.setattr(steps, "library", Full())
    with pytest.raises(MemoryError, match="out of memory, or of threads, for steps of 6 samples"):
        steps.run(case.order(), case.numbers(), None, False)


def test_a_processor_without_bfloat16_has_no_rounded_step(monkeypatch):
    recipe = Case(matmul_dtype=torch.bfloat16).recipe()
    steps = CpuSteps(describe(Case().recipe()), Case().recipe())

    class Without:
        rounds_to_bfloat16 = staticmethod(lambda: 0)
        run_steps = steps.library.run_steps

    monkeypatch.setattr(torchnet.engine.fused.cpu, "load", lambda notice: Without())
    with pytest.raises(NotFusedError, match="no AVX512-BF16"):
        CpuSteps(describe(recipe), recipe)
