"""Which arithmetic and which library compute matrix products and convolutions, where most of the time goes."""

import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch

MATMUL_DTYPES = ("tf32", "bfloat16")
_cudnn: Any = torch.backends.cudnn  # torch does not declare all of their attributes
_onednn: Any = torch.backends.mkldnn


def float32_products(device: torch.device, tf32: bool = False) -> AbstractContextManager[None]:
    """Return a context in which float32 products and convolutions on a device are computed in the fastest allowed way.

    On a GPU: with operands rounded to TF32 (10 bits of mantissa) if `tf32` is set; torch's default rounds those of
    convolutions. cuDNN must use convolutions that give the same bits in every run, and not choose them by a
    measurement. On an AMD processor: products by
    oneDNN instead of MKL, which leaves half of the width of AVX-512 unused there; the arithmetic is the same, and on a
    Zen 5 it takes half the time.
    """
    if device.type == "cuda":
        precision = "tf32" if tf32 else "ieee"
        libraries = torch.backends.cuda.matmul, _cudnn.conv
        same_bits = ((_cudnn, "deterministic", True), (_cudnn, "benchmark", False))
        return _set(*same_bits, *((library, "fp32_precision", precision) for library in libraries))
    products = "bf16" if _prefers_onednn() else "ieee"
    return _set((_onednn.matmul, "fp32_precision", products), (_onednn.conv, "fp32_precision", "ieee"))


def unsupported(matmul_dtype: str | None, device: torch.device) -> str | None:
    """Return why operands cannot be rounded to this type on this device, None if they can be."""
    if matmul_dtype is None:
        return None
    if device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0):
        return None
    if matmul_dtype == "tf32":
        return f"tf32 needs an NVIDIA GPU from Ampere (2020) on, and the device is {device}"
    if device.type == "cpu" and torch.cpu._is_avx512_bf16_supported():
        return None
    return (
        f"bfloat16 needs a processor with AVX512-BF16 or an NVIDIA GPU from Ampere (2020) on; this {device} has neither"
    )


def fastest_matmul_dtype() -> str | None:
    """Return "bfloat16" if the hardware multiplies it at least twice as fast as float32, else None.

    The instructions decide, not a measurement, so that every run on a machine gets the same answer: tensor cores of
    NVIDIA from Ampere on, AMX, and AVX512-BF16 on AMD, which has two units for it (Intel has one: no faster).
    """
    if torch.cuda.is_available():
        return "bfloat16" if unsupported("bfloat16", torch.device("cuda")) is None else None
    is_fast = torch.cpu._is_amx_tile_supported() or (torch.cpu._is_avx512_bf16_supported() and _is_amd())
    return "bfloat16" if is_fast else None


@cache
def _prefers_onednn() -> bool:
    return _is_amd() and _onednn_keeps_float32()


def _is_amd() -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    return "AuthenticAMD" in (cpuinfo.read_text() if cpuinfo.is_file() else platform.processor())


def _onednn_keeps_float32() -> bool:
    """Return whether oneDNN, allowed to round the operands of a float32 product to bfloat16, leaves them unrounded.

    oneDNN chooses a kernel by size and layout: on a processor with AMX it rounds large matrices and not small ones. So
    a small and a large product are tried, each in the three layouts that a linear layer multiplies.
    """
    with _onednn_may_round(True):
        for rows, columns in ((64, 64), (256, 512)):
            numbers = 1 + torch.arange(rows * columns).view(rows, columns) / 2**20  # bfloat16 has 8 bits of mantissa
            identity, by_column = torch.eye(columns), numbers.T.contiguous().T
            products = (numbers @ identity, numbers @ identity.T, by_column @ identity)
            if not all(torch.equal(product, numbers) for product in products):
                return False
    return True


def _onednn_may_round(may: bool) -> AbstractContextManager[None]:
    """Allow oneDNN to round operands if that is faster. If it never rounds, this only selects it instead of MKL."""
    return _set((_onednn.matmul, "fp32_precision", "bf16" if may else "ieee"))


@contextmanager
def _set(*settings: tuple[Any, str, Any]) -> Iterator[None]:
    """Within this context, give attributes of libraries these values."""
    before = [(library, name, getattr(library, name)) for library, name, _ in settings]
    try:
        for library, name, value in settings:
            setattr(library, name, value)
        yield
    finally:
        for library, name, value in before:
            setattr(library, name, value)
