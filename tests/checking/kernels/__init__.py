"""Kernels with hand-written backward passes, right and wrong, in Triton and in plain PyTorch.

`python -m tests.checking.kernels` checks each against its reference and prints a table. On a machine without a GPU the
Triton kernels run in Triton's interpreter.
"""

import os
from importlib.util import find_spec

import torch

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
HAS_TRITON = find_spec("triton") is not None


def _interpret() -> None:
    """Make triton.jit return functions for the interpreter, and do the same for Triton's own functions.

    Triton reads TRITON_INTERPRET when a function is decorated. Its own ones, such as tl.sum, were decorated for the
    compiler if another library has imported Triton before.
    """
    os.environ["TRITON_INTERPRET"] = "1"
    import triton
    from triton import language
    from triton.language import standard

    for name, function in list(vars(standard).items()):
        if isinstance(function, triton.JITFunction):
            interpreted = triton.jit(function.fn)
            setattr(standard, name, interpreted)
            if getattr(language, name, None) is function:
                setattr(language, name, interpreted)


if HAS_TRITON and DEVICE == "cpu":
    _interpret()
