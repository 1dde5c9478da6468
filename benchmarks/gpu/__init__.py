"""The same steps on a GPU: every implementation in its own process, a few epochs at a time, in turns."""

from typing import Any

BASELINE = "torchnet, fused"  # the implementation that ratios refer to

_TORCH, _JAX = "benchmarks.gpu.torch_runs", "benchmarks.gpu.jax_runs"

# The label in the table: the function that builds the implementation, and its options.
IMPLEMENTATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    BASELINE: (f"{_TORCH}:build_torchnet", {"way": "fused"}),
    "torchnet, fused, TF32": (f"{_TORCH}:build_torchnet", {"way": "fused", "matmul_dtype": "tf32"}),
    "torchnet, fused, bfloat16": (f"{_TORCH}:build_torchnet", {"way": "fused", "matmul_dtype": "bfloat16"}),
    "torchnet, captured (CUDA graph)": (f"{_TORCH}:build_torchnet", {"way": "captured"}),
    "torchnet, captured, TF32": (f"{_TORCH}:build_torchnet", {"way": "captured", "matmul_dtype": "tf32"}),
    "torchnet, eager": (f"{_TORCH}:build_torchnet", {"way": "eager"}),
    "autograd, CUDA graph of the step": (f"{_TORCH}:build_autograd", {"how": "graph"}),
    "autograd, torch.compile": (f"{_TORCH}:build_autograd", {"how": "compiled"}),
    "autograd, eager": (f"{_TORCH}:build_autograd", {"how": "eager"}),
    "JAX, jit and scan, TF32 allowed": (f"{_JAX}:build_jax", {"precision": None}),  # what JAX does by default
    "JAX, jit and scan, float32": (f"{_JAX}:build_jax", {"precision": "highest"}),
}
