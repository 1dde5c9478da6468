"""How long a gradient check takes, and how much memory: `python -m benchmarks.checking`.

Each case runs in a process of its own. The time of the first check is that beyond `import torch`; the memory is the
most that the process held at once.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

_ROOT = Path(__file__).parent.parent
_ELEMENTS = 10_000_000
_WIDTH = 4096
_CASES = ("first check", "10^7 elements, right", "10^7 elements, wrong", "4096 x 4096, right", "4096 x 4096, wrong")


def run_case(name: str) -> dict[str, object]:
    """Run one case in this process; return seconds, gigabytes and the outcome."""
    import torch

    start = time.perf_counter()
    import torchnet

    passed = _CHECKS[name.split(",")[0]](torch, torchnet, "wrong" in name)
    seconds = time.perf_counter() - start
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "gigabytes": kilobytes / 1e6, "outcome": "right" if passed else "WRONG"}


def _first(torch, torchnet, wrong):
    return torchnet.check(torchnet.SiLU(), torch.randn(7, 5)).passed


def _elementwise(torch, torchnet, wrong):
    """Check a GELU; the wrong one is that of the other approximation."""
    x = torch.randn(_ELEMENTS)

    def backward(grad_output, x):
        density = torch.exp(-x * x / 2) / (2 * torch.pi) ** 0.5
        cumulative = torch.sigmoid(1.702 * x) if wrong else (1 + torch.erf(x / 2**0.5)) / 2
        return grad_output * (cumulative + x * density)

    return torchnet.check((torch.nn.functional.gelu, backward), x).passed


def _linear(torch, torchnet, wrong):
    """Check a linear layer; in the wrong one the last row of the gradient of the weight is lost."""

    class Lost(torchnet.Linear):
        def backward(self, grad_output, input_grad=True):
            grad_input = super().backward(grad_output, input_grad)
            if wrong:
                self.weight.grad[-1] = 0
            return grad_input

    return torchnet.check(Lost(_WIDTH, _WIDTH), torch.randn(16, _WIDTH)).passed


_CHECKS = {"first check": _first, "10^7 elements": _elementwise, "4096 x 4096": _linear}


def main() -> None:
    """Run all cases, each in a new process, and print a table."""
    table = Table("check", "seconds", "GB", "outcome", box=None)
    for name in _CASES:
        command = [sys.executable, "-m", "benchmarks.checking", name]
        done = subprocess.run(command, capture_output=True, text=True, cwd=_ROOT, check=True)
        found = json.loads(done.stdout)
        table.add_row(name, f"{found['seconds']:.2f}", f"{found['gigabytes']:.2f}", str(found["outcome"]))
    Console().print(table)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(run_case(sys.argv[1])))
    else:
        main()
