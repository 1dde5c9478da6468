"""The twins of layers: torch.nn modules with the same weights, differentiated by autograd."""

import inspect

import torch
from torch import nn

from torchnet import BatchNorm1d, Dropout, Layer, LayerNorm, Linear, ReLU, Residual, RMSNorm, Tanh

# Layers that may follow a Linear layer, besides activations.
BLOCKS = {
    "batch norm": lambda width: BatchNorm1d(width),
    "layer norm": lambda width: LayerNorm(width),
    "RMS norm": lambda width: RMSNorm(width),
    "dropout": lambda width: Dropout(0.4, seed=width),
    "residual": lambda width: Residual(Linear(width, width), Tanh(), LayerNorm(width)),
    "nested residual": lambda width: Residual(Residual(Linear(width, width), BatchNorm1d(width)), ReLU()),
}
OF_THE_WHOLE_BATCH = ("batch norm", "nested residual")  # the output of a sample depends on the other samples


class ResidualTwin(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


class DropoutTwin(nn.Module):
    """Multiply by the mask of a Dropout for its next step, in training mode."""

    def __init__(self, dropout: Dropout) -> None:
        super().__init__()
        self.dropout = [dropout]  # in a list, so that it is not registered as a submodule

    def forward(self, x):
        if not self.training:
            return x
        (dropout,) = self.dropout
        mask = type(dropout)(dropout.p, seed=dropout.seed, stream=dropout.stream)
        mask.step.copy_(dropout.step)
        return x * mask(torch.ones_like(x)).detach()


def norm_twin(layer: Layer) -> nn.Module:
    """Return the layer of torch.nn with the same arguments, weights and statistics."""
    kind = getattr(nn, type(layer).__name__)
    arguments = {name: getattr(layer, name) for name in inspect.signature(kind).parameters if hasattr(layer, name)}
    dtype = next((tensor.dtype for tensor in layer.state_dict().values()), torch.float64)
    twin = kind(**arguments | {"bias": layer.bias is not None} if "bias" in arguments else arguments, dtype=dtype)
    twin.load_state_dict(layer.state_dict())
    return twin


def randomized(layer: Layer, seed: int = 0, shift: float = 0.0) -> Layer:
    """Return the layer in float64 with random weights: ones and zeros would hide mistakes."""
    generator = torch.Generator().manual_seed(seed)
    for weight in layer.double().parameters():
        weight.copy_(torch.randn(weight.shape, generator=generator, dtype=torch.float64) + shift)
    return layer
