"""Reductions, scans, sorting, shapes and indices."""

import torch
from torch.nn import functional

from .case import Case, booleans, case, complex_, integers, permutation, positive, real

X = (5, 4)

_WHOLE = [
    *(torch.amax, torch.amin, torch.logsumexp, torch.max, torch.mean, torch.median, torch.min, torch.nanmean),
    *(torch.nansum, torch.prod, torch.std, torch.std_mean, torch.sum, torch.var, torch.var_mean, torch.cov),
    *(torch.corrcoef, torch.msort, torch.flatten, torch.ravel, torch.clone, torch.fliplr, torch.flipud, torch.t),
    *(torch.tril, torch.triu, torch.diagonal, torch.trace, torch.aminmax, torch.norm, torch.diff, torch.trapezoid),
    *(torch.gradient, torch.squeeze, torch.atleast_3d, torch.adjoint),
]
_LAST_AXIS = [
    *(torch.amax, torch.cummax, torch.cummin, torch.cumprod, torch.cumsum, torch.logcumsumexp, torch.max, torch.mean),
    *(torch.median, torch.min, torch.mode, torch.nanmedian, torch.prod, torch.sort, torch.std, torch.sum, torch.var),
    *(torch.softmax, torch.log_softmax, functional.softmin, functional.gumbel_softmax, torch.cumulative_trapezoid),
    *(torch.unbind, torch.unsqueeze),
]
_LISTS = [torch.block_diag, torch.cat, torch.column_stack, torch.dstack, torch.hstack, torch.stack, torch.vstack]

_REDUCTIONS = [
    *(case(f, real(*X)) for f in _WHOLE if f is not torch.logsumexp),
    *(case(f, real(*X), dim=-1, name=f"{f.__name__} dim") for f in _LAST_AXIS),
    case(torch.logsumexp, real(*X), dim=(0, 1)),
    case(torch.sum, real(*X), dim=0, keepdim=True, name="sum keepdim"),
    case(torch.sum, complex_(*X), name="sum complex"),
    case(torch.prod, complex_(5), name="prod complex"),
    case(torch.var, real(*X), dim=0, correction=0, name="var correction"),
    case(torch.kthvalue, real(*X), 2, dim=1),
    case(torch.topk, real(*X), 2),
    case(torch.quantile, real(*X), 0.3, dim=0),
    case(torch.dist, real(*X), real(*X), p=3),
    case(torch.cdist, real(5, 3), real(4, 3)),
    case(torch.cdist, real(5, 3), real(4, 3), p=1.0, name="cdist p=1"),
    case(torch.pdist, real(5, 3)),
    case(torch.renorm, real(*X), 2, 0, 1.0),
    case(torch.norm, real(*X), p=1, name="norm p=1"),
    case(torch.norm, real(*X), p=3, dim=1, name="norm p=3"),
    case(torch.norm, real(*X), p=float("inf"), name="norm p=inf"),
    case(torch.linalg.vector_norm, complex_(*X), name="vector_norm complex"),
]

_SHAPES = [
    *(case(lambda xs, f=f: f(xs), [real(2, 3), real(2, 3)], name=f.__name__) for f in _LISTS if f is torch.cat),
    *(case(f, [real(2, 3), real(2, 3)]) for f in _LISTS if f not in (torch.cat, torch.block_diag)),
    case(torch.block_diag, real(2, 3), real(3, 2)),
    case(torch.cat, (real(2, 3), real(2, 5)), dim=1, name="cat dim"),
    case(torch.broadcast_to, real(4), (3, 4)),
    case(torch.cartesian_prod, real(3), real(2)),
    case(torch.chunk, real(6, 3), 3),
    case(torch.combinations, real(4)),
    case(torch.constant_pad_nd, real(*X), (1, 2)),
    case(torch.diag, real(4)),
    case(torch.diag_embed, real(*X), offset=1),
    case(torch.diagonal_scatter, real(4, 4), real(4)),
    case(torch.flip, real(*X), (0, 1)),
    case(torch.meshgrid, real(3), real(4), indexing="ij"),
    case(torch.movedim, real(2, 3, 4), 0, 2),
    case(torch.narrow, real(*X), 0, 1, 3),
    case(torch.permute, real(2, 3, 4), (2, 0, 1)),
    case(torch.repeat_interleave, real(*X), 2, dim=0),
    case(torch.reshape, real(*X), (2, 10)),
    case(torch.roll, real(*X), 2, 0),
    case(torch.rot90, real(*X)),
    case(torch.select_scatter, real(*X), real(4), 0, 2),
    case(torch.slice_scatter, real(*X), real(2, 4), start=1, end=3),
    case(torch.split, real(*X), [2, 3]),
    case(torch.swapaxes, real(2, 3, 4), 0, 1),
    case(torch.tile, real(*X), (2, 1)),
    case(torch.unflatten, real(6, 3), 0, (2, 3)),
    case(torch.as_strided, real(12), (3, 4), (2, 1)),
    case(torch.Tensor.expand, real(4), 3, 4),
    case(torch.Tensor.unfold, real(9), 0, 4, 2, name="Tensor.unfold"),
    case(functional.pad, real(2, 3, 5), (2, 1), mode="reflect", name="pad reflect"),
    case(functional.pad, real(2, 3, 5), (2, 1), mode="replicate", name="pad replicate"),
    case(functional.pad, real(2, 3, 5), (2, 1), mode="circular", name="pad circular"),
    case(functional.pixel_shuffle, real(2, 8, 3, 2), 2),
    case(functional.pixel_unshuffle, real(2, 2, 4, 6), 2),
]

_INDICES = [
    case(torch.gather, real(*X), 0, integers(5, 3, 4)),
    case(torch.index_add, real(*X), 0, integers(5, 3), real(3, 4), alpha=0.5),
    case(torch.index_copy, real(*X), 0, permutation(5), real(5, 4)),
    case(torch.index_fill, real(*X), 0, integers(5, 2), 1.5),
    case(torch.index_put, real(*X), (integers(5, 3),), real(3, 4), accumulate=True),
    case(torch.index_select, real(*X), 0, integers(5, 7)),
    case(lambda x, rows: x[rows, 1:], real(*X), integers(5, 4), name="indexing"),
    case(lambda x, mask: x[mask], real(*X), booleans(*X), name="boolean indexing"),
    case(torch.masked_scatter, real(*X), booleans(*X), real(20)),
    case(torch.masked_select, real(*X), booleans(*X)),
    case(torch.scatter, real(*X), 1, integers(1, 5, 1), real(5, 1)),
    case(torch.scatter_add, real(*X), 0, integers(5, 6, 4), real(6, 4)),
    case(torch.scatter_reduce, real(*X), 0, integers(5, 6, 4), real(6, 4), "amax", name="scatter_reduce amax"),
    case(torch.scatter_reduce, real(*X), 0, integers(5, 6, 4), positive(6, 4), "prod", name="scatter_reduce prod"),
    case(torch.scatter_reduce, real(*X), 0, integers(5, 6, 4), real(6, 4), "mean", name="scatter_reduce mean"),
    case(torch.take, real(*X), integers(20, 6)),
    case(torch.take_along_dim, real(*X), integers(4, 5, 2), dim=1),
]

CASES: list[Case] = [*_REDUCTIONS, *_SHAPES, *_INDICES]
