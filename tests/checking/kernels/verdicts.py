"""Check a variant of a kernel against its reference, and read from the report which tensors are accused."""

import torch

from torchnet import check
from torchnet.checking import Report

from .functions import Variant
from .references import REFERENCES, inputs


def report_on(variant: Variant) -> Report:
    args = inputs(variant.kernel, variant.dtype)
    return check(variant.function(), *args, reference=REFERENCES[variant.kernel])


def accused(report: Report) -> set[str]:
    """Return the names of the tensors whose gradient is wrong, and "output" if the output is."""
    return {verdict.name.strip("()") for verdict in report.tensors if not verdict.passed}


def errors(variant: Variant) -> dict[str, float]:
    """Compare outputs and gradients with autograd of the reference in float64, without `check`.

    Returns:
        For the output and each input, the norm of the error in units of that of the reference in the variant's own
        dtype, or of one rounding where the reference is more precise by chance.
    """
    args, reference = inputs(variant.kernel, variant.dtype), REFERENCES[variant.kernel]
    true = _gradients(reference, args, torch.float64)
    fair = _gradients(reference, args, variant.dtype)
    own = _gradients(variant.function().apply, args, variant.dtype)
    one_rounding = torch.finfo(variant.dtype).eps / 4
    return {
        name: float((own[name] - x).norm() / max((fair[name] - x).norm(), one_rounding * x.norm()))
        for name, x in true.items()
    }


def _gradients(function, args, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    leaves = [x.to(dtype, copy=True).requires_grad_() if isinstance(x, torch.Tensor) else x for x in args]
    tensors = [x for x in leaves if isinstance(x, torch.Tensor)]
    names = ("q", "k", "v") if len(leaves) == 4 else ("x", "weight", "bias")
    y = function(*leaves)
    grad_output = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y)
    gradients = torch.autograd.grad(y, tensors, grad_output)
    return {"output": y.detach().double()} | {n: g.double() for n, g in zip(names, gradients, strict=False)}
