"""Matrix products, linear algebra and Fourier transforms."""

import torch
from torch import fft, linalg
from torch.nn import functional

from .case import Case, booleans, case, complex_, positive, real, well_conditioned

A = (4, 4)


def _symmetric(function):
    """Return the function of (a + aᵀ) / 2: functions of symmetric matrices read one triangle of them only."""
    return lambda a, *args, **kwargs: function((a + a.mT) / 2, *args, **kwargs)


_PRODUCTS = [
    case(torch.addbmm, real(3, 5), real(2, 3, 4), real(2, 4, 5)),
    case(torch.addmm, real(3, 5), real(3, 4), real(4, 5), beta=0.5, alpha=2.0),
    case(torch.addmv, real(3), real(3, 4), real(4)),
    case(torch.addr, real(3, 4), real(3), real(4)),
    case(torch.baddbmm, real(2, 3, 5), real(2, 3, 4), real(2, 4, 5)),
    case(torch.bmm, real(2, 3, 4), real(2, 4, 5)),
    case(torch.dot, real(5), real(5)),
    case(torch.einsum, "bij,bjk,k->bi", real(2, 3, 4), real(2, 4, 5), real(5)),
    case(torch.inner, real(3, 4), real(5, 4)),
    case(torch.kron, real(2, 3), real(3, 2)),
    case(torch.matmul, real(2, 3, 4), real(4, 5)),
    case(torch.matmul, complex_(3, 4), complex_(4, 5), name="matmul complex"),
    case(torch.mm, real(3, 4), real(4, 5)),
    case(torch.mv, real(3, 4), real(4)),
    case(torch.outer, real(3), real(4)),
    case(torch.tensordot, real(2, 3, 4), real(4, 3, 5), dims=([1, 2], [1, 0])),
    case(torch.vdot, complex_(5), complex_(5)),
    case(functional.bilinear, real(5, 3), real(5, 4), real(2, 3, 4), real(2)),
    case(functional.linear, real(5, 3), real(4, 3), real(4)),
    case(functional.cosine_similarity, real(5, 4), real(5, 4)),
    case(functional.pairwise_distance, real(5, 4), real(5, 4)),
    case(functional.scaled_dot_product_attention, real(2, 3, 5, 4), real(2, 3, 6, 4), real(2, 3, 6, 4)),
    case(functional.scaled_dot_product_attention, *[real(2, 5, 4)] * 3, is_causal=True, name="sdpa causal"),
    case(
        lambda q, k, v, mask: functional.scaled_dot_product_attention(q, k, v, mask | torch.eye(5, dtype=torch.bool)),
        *[real(2, 5, 4)] * 3,
        booleans(5, 5),
        name="sdpa mask",
    ),
    case(linalg.cross, real(5, 3), real(5, 3)),
    case(linalg.multi_dot, [real(3, 4), real(4, 2), real(2, 5)]),
    case(linalg.vecdot, complex_(3, 4), complex_(3, 4)),
    case(linalg.vander, real(4)),
]

_LINEAR_ALGEBRA = [
    case(_symmetric(linalg.cholesky), well_conditioned(*A), name="cholesky"),
    case(_symmetric(linalg.eigh), well_conditioned(*A), name="eigh"),
    case(_symmetric(linalg.eigvalsh), well_conditioned(*A), name="eigvalsh"),
    case(lambda factor: torch.cholesky_inverse(factor.tril()), well_conditioned(*A), name="cholesky_inverse"),
    case(lambda b, f: torch.cholesky_solve(b, f.tril()), real(4, 2), well_conditioned(*A), name="cholesky_solve"),
    case(torch.logdet, well_conditioned(*A)),
    case(torch.triangular_solve, real(4, 2), well_conditioned(*A)),
    case(linalg.cond, well_conditioned(*A)),
    case(linalg.det, well_conditioned(3, *A)),
    case(linalg.eigvals, well_conditioned(*A)),
    case(linalg.householder_product, real(5, 3), positive(3)),
    case(linalg.inv, well_conditioned(*A)),
    case(linalg.inv, lambda generator: well_conditioned(*A)(generator) * (1 + 0.5j), name="inv complex"),
    case(linalg.lstsq, real(6, 3), real(6, 2)),
    case(linalg.lu, well_conditioned(*A)),
    case(linalg.lu_factor, well_conditioned(*A)),
    case(linalg.matrix_exp, real(*A)),
    case(linalg.matrix_norm, real(3, 4)),
    case(linalg.matrix_norm, real(3, 4), ord="nuc", name="matrix_norm nuc"),
    case(linalg.matrix_norm, real(3, 4), ord=2, name="matrix_norm 2"),
    case(linalg.matrix_norm, real(3, 4), ord=1, name="matrix_norm 1"),
    case(linalg.matrix_power, real(*A), 3),
    case(linalg.pinv, real(5, 3)),
    case(linalg.qr, real(5, 3)),
    case(linalg.slogdet, well_conditioned(*A)),
    case(linalg.solve, well_conditioned(3, *A), real(3, 4, 2)),
    case(linalg.solve, well_conditioned(*A), real(2, 4), left=False, name="solve right"),
    case(linalg.solve_triangular, well_conditioned(*A), real(4, 2), upper=True),
    case(linalg.svd, real(4, 3), full_matrices=False),
    case(linalg.svdvals, real(4, 3)),
    case(linalg.tensorinv, lambda generator: well_conditioned(6, 6)(generator).reshape(6, 2, 3), ind=1),
    case(linalg.tensorsolve, lambda generator: well_conditioned(6, 6)(generator).reshape(2, 3, 6), real(2, 3)),
]

_FOURIER = [
    *(case(f, real(3, 6)) for f in (fft.fft, fft.rfft, fft.ihfft, fft.fft2, fft.rfft2, fft.fftn, fft.fftshift)),
    *(case(f, complex_(3, 4), name=f"{f.__name__} complex") for f in (fft.fft, fft.ifft, fft.irfft, fft.hfft)),
    *(case(f, complex_(3, 4), name=f"{f.__name__} complex") for f in (fft.ifft2, fft.irfft2, fft.ifftn)),
    case(fft.fft, real(3, 6), n=4, norm="ortho", name="fft n"),
    case(lambda x, window: torch.stft(x, 8, window=window, return_complex=True), real(20), positive(8), name="stft"),
]

CASES: list[Case] = [*_PRODUCTS, *_LINEAR_ALGEBRA, *_FOURIER]
