"""torchnet.check in the repository of a kernel: only torch and NumPy are installed."""

import subprocess
import sys

ONLY_TORCH_AND_NUMPY = """
import sys, torch, numpy

x = torch.ones(2, requires_grad=True)
torch.autograd.grad(2 * x, x, torch.ones(2))  # which torch finishes its own imports for
ALLOWED = {name.partition(".")[0] for name in sys.modules} | set(sys.stdlib_module_names) | {"torchnet"}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in ALLOWED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
try:
    import pytest
except ModuleNotFoundError:
    pass
else:
    raise AssertionError("the hook does not refuse")
"""

CHECKS = """
import torch, torchnet
import numpy as np

x = torch.randn(4, 3, dtype=torch.float64)
right = torchnet.check((torch.sin, lambda grad_output, x: grad_output * x.cos()), x)
assert right.passed, right
wrong = torchnet.check((torch.sin, lambda grad_output, x: grad_output * x.sin()), x)
assert not wrong.passed
print(wrong)
assert "<svg" in wrong._repr_html_()
assert wrong.to_json()
arrays = torchnet.check((np.sin, lambda grad_output, x: grad_output * np.cos(x)), x.numpy())
assert arrays.passed, arrays

class Tanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.tanh()

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * (1 - ctx.saved_tensors[0].tanh() ** 2)

report = torchnet.check(Tanh.apply, x.float(), reference=torch.tanh, thorough=True)
assert report.passed, report
print("done", *sys.modules)
"""


def test_check_needs_torch_and_numpy_only():
    code = ONLY_TORCH_AND_NUMPY + CHECKS
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    modules = result.stdout.rpartition("done")[2].split()
    assert "torchnet" in modules
    for name in ("torch._dynamo", "torch._inductor"):  # seconds
        assert name not in modules, f"{name} was imported"
