"""Kernels that run in one dtype only: `check` holds them against a plain reference."""

from itertools import groupby

import pytest
import torch

from . import DEVICE, HAS_TRITON
from .functions import Variant, variants
from .verdicts import accused, errors, report_on


def _case(variant: Variant) -> object:
    missing = pytest.mark.skipif(variant.backend == "triton" and not HAS_TRITON, reason="Triton is not installed")
    return pytest.param(
        variant, id=str(variant), marks=[missing] if _is_quick(variant) else [missing, pytest.mark.sweep]
    )


def _is_quick(variant: Variant) -> bool:
    """Triton's interpreter takes seconds per check: without a GPU, only the sweep runs it."""
    is_plain = variant.backend == "plain" and (variant.dtype == torch.bfloat16 or variant.mistake is None)
    return is_plain or DEVICE == "cuda"


def _is_in_sweep(variant: Variant) -> bool:
    """`python -m tests.checking.kernels` runs all of them in the interpreter, in minutes."""
    if variant.backend == "plain":
        return True
    is_in_sample = (variant.kernel, variant.mistake) == ("rms_norm", "tail dropped")
    return _is_quick(variant) or (variant.dtype == torch.float32 and (variant.mistake is None or is_in_sample))


ALL = [variant for variant in variants() if _is_in_sweep(variant)]
# In units of the error of the reference in the same dtype. PyTorch sums pairwise, the kernels block by block, which is
# less precise; float32 has digits to spare.
LIMIT = {torch.float32: 20, torch.bfloat16: 3}


@pytest.mark.parametrize("variant", [_case(v) for v in ALL if v.mistake is None])
def test_right_kernel_is_as_accurate_as_its_reference(variant):
    assert max(errors(variant).values()) < LIMIT[variant.dtype]


@pytest.mark.parametrize("variant", [_case(v) for v in ALL if v.mistake is not None])
def test_each_mistake_shows_in_exactly_the_tensors_that_it_makes_wrong(variant):
    found = errors(variant)
    assert {name for name, error in found.items() if error > LIMIT[variant.dtype]} == variant.wrong, found


@pytest.mark.parametrize("variant", [_case(v) for v in ALL if v.mistake is None])
def test_check_passes_right_kernel(variant):
    report = report_on(variant)
    assert report.passed, report


@pytest.mark.parametrize("variant", [_case(v) for v in ALL if v.mistake is not None])
def test_check_accuses_the_wrong_tensors_of_a_wrong_kernel(variant):
    report = report_on(variant)
    assert not report.passed
    assert accused(report) == variant.wrong, report


def test_every_kernel_has_wrong_variants_on_every_backend():
    groups = {
        key: [v.mistake for v in group] for key, group in groupby(variants(), lambda v: (v.kernel, v.backend, v.dtype))
    }
    assert len(groups) == 5 * 2 * 2
    assert all(mistakes[0] is None and len(mistakes) == 4 for mistakes in groups.values())
