"""Mistakes in backward passes of convolutions, poolings and batch norm, and what a check says of each."""

import torch
from torch.nn import functional

from torchnet import AvgPool2d, BatchNorm2d, Conv2d, MaxPool2d, check

from .planted import DOUBLE, Planted, random


def conv(kind: type[Conv2d]) -> Conv2d:
    layer = kind(3, 3, 3, padding=1, dtype=DOUBLE)
    layer.weight.copy_(random(3, 3, 3, 3, seed=1))
    layer.bias.copy_(random(3, seed=2))
    return layer


def images() -> torch.Tensor:
    return random(5, 3, 6, 6)


class KernelTransposed(Conv2d):
    def backward(self, grad_output, input_grad=True):
        grad_input = super().backward(grad_output, input_grad)
        self.weight.grad = self.weight.grad.mT.contiguous()
        return grad_input


class KernelFlipped(Conv2d):
    def backward(self, grad_output, input_grad=True):
        grad_input = super().backward(grad_output, input_grad)
        self.weight.grad = self.weight.grad.flip(2, 3)
        return grad_input


class ChannelsTransposed(Conv2d):
    def backward(self, grad_output, input_grad=True):
        grad_input = super().backward(grad_output, input_grad)
        self.weight.grad = self.weight.grad.transpose(0, 1).contiguous()
        return grad_input


class InputWithTheSameKernel(Conv2d):
    """The gradient of the input is a convolution with the flipped kernel, in torch's words; here it is not flipped."""

    def backward(self, grad_output, input_grad=True):
        super().backward(grad_output, input_grad)
        return functional.conv2d(grad_output, self.weight.transpose(0, 1), padding=1)


class BiasMeanOfPositions(Conv2d):
    def backward(self, grad_output, input_grad=True):
        grad_input = super().backward(grad_output, input_grad)
        self.bias.grad = grad_output.mean(dim=(0, 2, 3))
        return grad_input


class LastRowLost(Conv2d):
    def backward(self, grad_output, input_grad=True):
        grad_input = super().backward(grad_output, input_grad)
        return grad_input * (torch.arange(6) < 5)[:, None] if input_grad else None


class MaxLikeAverage(MaxPool2d):
    def backward(self, grad_output, input_grad=True):
        super().backward(grad_output, input_grad)
        return grad_output.repeat_interleave(2, -1).repeat_interleave(2, -2) / 4


class AverageLikeSum(AvgPool2d):
    def backward(self, grad_output, input_grad=True):
        grad_input = super().backward(grad_output, input_grad)
        return 4 * grad_input if input_grad else None


class NormWithoutTheMean(BatchNorm2d):
    """The gradient of the input is not centered: the path through the mean is missing."""

    def backward(self, grad_output, input_grad=True):
        grad_input = super().backward(grad_output, input_grad)
        return grad_input + grad_output.mean(dim=(0, 2, 3), keepdim=True) if input_grad else None


PLANTED_IMAGES = [
    Planted("kernel transposed", lambda: check(conv(KernelTransposed), images()), "weight", "transposed"),
    Planted("kernel flipped", lambda: check(conv(KernelFlipped), images()), "weight", "permuted"),
    Planted("channels transposed", lambda: check(conv(ChannelsTransposed), images()), "weight", "transposed"),
    Planted("input with the same kernel", lambda: check(conv(InputWithTheSameKernel), images()), "input", "unknown"),
    Planted("mean for sum in the bias", lambda: check(conv(BiasMeanOfPositions), images()), "bias", "constant factor"),
    Planted("last row lost", lambda: check(conv(LastRowLost), images()), "input", "one slice"),
    Planted("max like average", lambda: check(MaxLikeAverage(2), images()), "input", "unknown"),
    Planted("average without 1/4", lambda: check(AverageLikeSum(2), images()), "input", "constant factor"),
    Planted("path through the mean", lambda: check(NormWithoutTheMean(3).double(), images()), "input", "term"),
]
