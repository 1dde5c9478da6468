"""The C++ step against the plain step in float64."""

import pytest
import torch

from torchnet.engine.fused.cpu import CpuSteps
from torchnet.engine.fused.description import ACTIVATION_NAMES, describe
from torchnet.engine.variants import same_bits

from .fused_cases import OPTIMIZERS, Case, expect_parity, random_case, run_case


def fused(recipe, order, options, divisor):
    return CpuSteps(describe(recipe), recipe).run(order, options, divisor)


@pytest.mark.parametrize("seed", range(40))
def test_random_recipes_are_as_exact_as_the_plain_step(seed):
    expect_parity(random_case(seed), fused)


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(100, 500))
def test_many_random_recipes_are_as_exact_as_the_plain_step(seed):
    expect_parity(random_case(seed), fused)
