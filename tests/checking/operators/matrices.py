"""Factorizations and functions of matrices, and operators of complex numbers."""

import torch
from torch.autograd import Function

from .catalog import define, normal, slip


class Cholesky(Function):
    @staticmethod
    def forward(ctx, a):
        lower = torch.linalg.cholesky((a + a.T) / 2)
        ctx.save_for_backward(lower)
        return lower

    @staticmethod
    def backward(ctx, grad):
        (lower,) = ctx.saved_tensors
        phi = (lower.T @ grad).tril()
        phi.diagonal().mul_(0.5)
        inverse = torch.linalg.inv(lower)
        s = inverse.T @ phi @ inverse
        return (s + s.T) / 2


def definite(n):
    a = normal(n, n)
    return a @ a.T + n * torch.eye(n, dtype=a.dtype)


define(
    "Cholesky",
    Cholesky,
    lambda: (definite(4),),
    slip("the diagonal is not halved", "phi.diagonal().mul_(0.5)", "pass", "a", "diagonal"),
    slip("the result is not symmetric", "return (s + s.T) / 2", "return s", "a", "symm|transpos|triang"),
)


def matrix_exp(a):
    values, vectors = torch.linalg.eigh((a + a.T) / 2)
    return vectors @ torch.diag(values.exp()) @ vectors.T


def matrix_exp_backward(grad, a):
    values, vectors = torch.linalg.eigh((a + a.T) / 2)
    gap = values[:, None] - values + torch.eye(len(a), dtype=a.dtype)
    slopes = (values.exp()[:, None] - values.exp()) / gap + torch.diag(values.exp())
    inner = slopes * (vectors.T @ grad @ vectors)
    s = vectors @ inner @ vectors.T
    return (s + s.T) / 2


define(
    "matrix exponential by eigh",
    (matrix_exp, matrix_exp_backward),
    lambda: (normal(3, 3),),
    slip(
        "the eigenvectors are held constant",
        "inner = slopes *",
        "inner = torch.diag(values.exp()) *",
        "a",
        "vector|path|eigh",
    ),
    slip("the result is not symmetric", "return (s + s.T) / 2", "return s", "a", "symm|transpos|triang"),
)


class Inverse(Function):
    @staticmethod
    def forward(ctx, a):
        inverse = torch.linalg.inv(a)
        ctx.save_for_backward(inverse)
        return inverse

    @staticmethod
    def backward(ctx, grad):
        (inverse,) = ctx.saved_tensors
        return -inverse.T @ grad @ inverse.T


define(
    "inverse of a matrix",
    Inverse,
    lambda: (definite(3) + normal(3, 3),),
    slip("wrong sign", "-inverse.T", "inverse.T", "a", "sign|opposite"),
    slip("not transposed", "-inverse.T @ grad @ inverse.T", "-inverse @ grad @ inverse", "a", "transpos"),
)


def solve(a, b):
    return torch.linalg.solve(a, b)


def solve_backward(grad, a, b):
    grad_b = torch.linalg.solve(a.T, grad)
    return -grad_b @ torch.linalg.solve(a, b).T, grad_b


define(
    "solution of a linear system",
    (solve, solve_backward),
    lambda: (definite(3) + normal(3, 3), normal(3, 2)),
    slip("the matrix is not transposed", "solve(a.T, grad)", "solve(a, grad)", "a b", "transpos"),
    slip(
        "the gradient of the matrix is transposed",
        "-grad_b @ torch.linalg.solve(a, b).T",
        "-torch.linalg.solve(a, b) @ grad_b.T",
        "a",
        "transpos",
    ),
)


class LogDet(Function):
    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        return torch.linalg.slogdet(a).logabsdet

    @staticmethod
    def backward(ctx, grad):
        (a,) = ctx.saved_tensors
        return grad * torch.linalg.inv(a).T


define(
    "log-determinant",
    LogDet,
    lambda: (definite(3) + normal(3, 3),),
    slip("not transposed", "torch.linalg.inv(a).T", "torch.linalg.inv(a)", "a", "transpos"),
    slip("grad_output is forgotten", "grad * torch", "torch", "a", "grad_output|upstream"),
)


def complex_normal(*shape):
    return torch.complex(normal(*shape), normal(*shape))


class ComplexProduct(Function):
    @staticmethod
    def forward(ctx, z, w):
        ctx.save_for_backward(z, w)
        return z * w

    @staticmethod
    def backward(ctx, grad):
        z, w = ctx.saved_tensors
        return grad * w.conj(), grad * z.conj()


define(
    "complex multiplication",
    ComplexProduct,
    lambda: (complex_normal(4), complex_normal(4)),
    slip("not conjugated", "grad * w.conj()", "grad * w", "z", "conj"),
    slip("the upstream gradient is conjugated", "grad * z.conj()", "grad.conj() * z.conj()", "w", "conj"),
)


def spectral_filter(x, response):
    return torch.fft.ifft(torch.fft.fft(x) * response)


def spectral_filter_backward(grad, x, response):
    n = x.shape[-1]
    spectrum = torch.fft.fft(grad) / n
    return n * torch.fft.ifft(spectrum * response.conj()), (spectrum * torch.fft.fft(x).conj()).sum(0)


define(
    "filter by FFT",
    (spectral_filter, spectral_filter_backward),
    lambda: (complex_normal(2, 6), complex_normal(6)),
    slip("the response is not conjugated", "response.conj()", "response", "x", "conj"),
    slip("wrong normalization", "n * torch.fft.ifft(", "torch.fft.ifft(", "x", "factor|times"),
)


class Circular(Function):
    @staticmethod
    def forward(ctx, x, kernel):
        ctx.save_for_backward(x, kernel)
        return torch.fft.irfft(torch.fft.rfft(x) * torch.fft.rfft(kernel), n=x.shape[-1])

    @staticmethod
    def backward(ctx, grad):
        x, kernel = ctx.saved_tensors
        spectrum = torch.fft.rfft(grad)
        grad_x = torch.fft.irfft(spectrum * torch.fft.rfft(kernel).conj(), n=x.shape[-1])
        grad_kernel = torch.fft.irfft(spectrum * torch.fft.rfft(x).conj(), n=x.shape[-1])
        return grad_x, grad_kernel.sum(0)


define(
    "circular convolution by FFT",
    Circular,
    lambda: (normal(2, 8), normal(8)),
    slip(
        "convolution instead of correlation",
        "torch.fft.rfft(kernel).conj()",
        "torch.fft.rfft(kernel)",
        "x",
        "conj|flip|revers",
    ),
    slip("averaged over the batch", "grad_kernel.sum(0)", "grad_kernel.mean(0)", "kernel", "factor|times", r"mean\b"),
)


class Power(Function):
    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return z.real**2 + z.imag**2

    @staticmethod
    def backward(ctx, grad):
        (z,) = ctx.saved_tensors
        return 2 * grad * z


define(
    "power of a complex signal",
    Power,
    lambda: (complex_normal(3, 4),),
    slip("conjugated, as the holomorphic derivative is", "grad * z", "grad * z.conj()", "z", "conj"),
    slip("2 is forgotten", "2 * grad", "grad", "z", "factor|times"),
)
