"""The kernels as autograd Functions that accept one dtype only."""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from . import plain
from .mistakes import Mistake
from .references import REFERENCES

BACKENDS = ("plain", "triton")
# The gradients that are wrong by each mistake. A mistake in the forward pass makes the output wrong, too.
WRONG: dict[str, dict[str, set[str]]] = {
    "rms_norm": {"missing term": {"x"}, "tail dropped": {"weight"}, "bfloat16 sum": {"output", "x", "weight"}},
    "softmax": {"missing term": {"x"}, "tail dropped": {"x"}, "bfloat16 sum": {"output", "x"}},
    "layer_norm": {
        "missing term": {"x"},
        "tail dropped": {"output", "x", "weight"},
        "bfloat16 sum": {"output", "x", "weight"},
    },
    "attention": {"missing term": {"q", "k"}, "tail dropped": {"k", "v"}, "bfloat16 sum": {"output", "q", "k", "v"}},
}
WRONG["causal attention"] = WRONG["attention"]


@dataclass(frozen=True)
class Variant:
    """A kernel on one backend and in one dtype, right or with a mistake."""

    kernel: str
    backend: str
    dtype: torch.dtype
    mistake: Mistake

    @property
    def wrong(self) -> set[str]:
        return WRONG[self.kernel][self.mistake] if self.mistake else set()

    def function(self) -> type[Function]:
        return _FUNCTIONS[self.kernel](_backend(self.backend, self.kernel), self.dtype, self.mistake)

    def __str__(self) -> str:
        return f"{self.kernel}-{self.backend}-{str(self.dtype).removeprefix('torch.')}-{self.mistake or 'right'}"


def variants() -> Iterator[Variant]:
    """Yield every kernel on every backend and in both dtypes: the right one, then the wrong ones."""
    for kernel in REFERENCES:
        for backend in BACKENDS:
            for dtype in (torch.float32, torch.bfloat16):
                for mistake in (None, *WRONG[kernel]):
                    yield Variant(kernel, backend, dtype, mistake)


def _backend(backend: str, kernel: str) -> Any:
    """Return the module with the forward and backward passes; Triton is imported only where it is used."""
    if backend == "plain":
        return plain
    module = "triton_norms" if "norm" in kernel else "triton_softmax"
    return importlib.import_module(f".{module}", __package__)


def _expect(dtype: torch.dtype, *tensors: Tensor) -> list[Tensor]:
    """Return the tensors contiguous in memory, as the kernels read them."""
    for tensor in tensors:
        assert tensor.dtype == dtype, f"this kernel takes {dtype}, got {tensor.dtype}"
    return [tensor.contiguous() for tensor in tensors]


def _rms_norm(run: SimpleNamespace, dtype: torch.dtype, mistake: Mistake) -> type[Function]:
    class RMSNorm(Function):
        @staticmethod
        def forward(ctx, x, weight):
            x, weight = _expect(dtype, x, weight)
            y, rstd = run.rms_norm(x, weight, mistake)
            ctx.save_for_backward(x, weight, rstd)
            return y

        @staticmethod
        def backward(ctx, grad_output):
            return run.rms_norm_backward(*_expect(dtype, grad_output), *ctx.saved_tensors, mistake)

    return RMSNorm


def _softmax(run: SimpleNamespace, dtype: torch.dtype, mistake: Mistake) -> type[Function]:
    class Softmax(Function):
        @staticmethod
        def forward(ctx, x):
            y = run.softmax(*_expect(dtype, x), mistake)
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, grad_output):
            return run.softmax_backward(*_expect(dtype, grad_output), *ctx.saved_tensors, mistake)

    return Softmax


def _layer_norm(run: SimpleNamespace, dtype: torch.dtype, mistake: Mistake) -> type[Function]:
    class LayerNorm(Function):
        @staticmethod
        def forward(ctx, x, weight, bias):
            x, weight, bias = _expect(dtype, x, weight, bias)
            y, mean, rstd = run.layer_norm(x, weight, bias, mistake)
            ctx.save_for_backward(x, weight, mean, rstd)
            return y

        @staticmethod
        def backward(ctx, grad_output):
            return run.layer_norm_backward(*_expect(dtype, grad_output), *ctx.saved_tensors, mistake)

    return LayerNorm


def _attention(run: SimpleNamespace, dtype: torch.dtype, mistake: Mistake) -> type[Function]:
    class Attention(Function):
        @staticmethod
        def forward(ctx, q, k, v, causal):
            q, k, v = _expect(dtype, q, k, v)
            y, largest, total = run.attention(q, k, v, causal, mistake)
            ctx.save_for_backward(q, k, v, y, largest, total)  # y in float32: see the sum of grad_output * y
            ctx.causal = causal
            return y.to(dtype)

        @staticmethod
        def backward(ctx, grad_output):
            (g,) = _expect(dtype, grad_output)
            return *run.attention_backward(g, *ctx.saved_tensors, ctx.causal, mistake), None

    return Attention


_FUNCTIONS: dict[str, Callable[..., type[Function]]] = {
    "rms_norm": _rms_norm,
    "softmax": _softmax,
    "layer_norm": _layer_norm,
    "attention": _attention,
    "causal attention": _attention,
}
