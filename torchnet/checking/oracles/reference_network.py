"""The NumPy reference as an oracle, for networks that it can compute."""

import numpy as np
import torch
from torch import Tensor

from torchnet import reference
from torchnet.checking.oracles.autograd import NoOracleError
from torchnet.checking.subjects.subject import Outputs, Subject, Tensors
from torchnet.layers import ACTIVATIONS, Linear
from torchnet.losses import LOSSES

_CLOSE_TO_ONE = 0.999


def numpy_reference(subject: Subject, grad_outputs: Outputs) -> Tensors:
    """Return the gradients by `torchnet.reference`, for a network of linear layers with one kind of activation."""
    activation = _activation_of(subject)
    called = getattr(subject.loss, "func", subject.loss)  # unwrap functools.partial, which may set the divisor
    options = getattr(subject.loss, "keywords", {})
    loss = next((name for name, function in LOSSES.items() if function is called), None)
    if activation is None or loss is None or options.keys() - {"divisor"}:
        raise NoOracleError(
            "the NumPy reference supports linear layers with one kind of activation, and losses without options"
        )
    *weights, images = (tensor.cpu().numpy() for tensor in subject.tensors.values())
    params = [(weight, bias[:, None]) for weight, bias in zip(weights[::2], weights[1::2], strict=True)]
    X = images.reshape(len(images), -1).T
    targets = subject.targets[0].cpu()
    Y = targets.double().numpy().T if targets.dim() == 2 else np.eye(len(params[-1][1]))[targets.numpy()].T
    if loss == "cross_entropy" and not np.allclose(Y.sum(axis=0), 1, rtol=1e-15):
        raise NoOracleError("the NumPy reference expects targets that sum to one")
    divisor = options.get("divisor") or X.shape[1]
    z, h = reference.forward(params, X, activation)
    if loss == "one_vs_rest_cross_entropy" and h[-1].max() > _CLOSE_TO_ONE:
        raise NoOracleError("the NumPy reference loses digits of this loss where a probability is close to one")
    with np.errstate(over="ignore"):  # where cosh overflows, 1 / cosh² is correctly 0
        gradients, images_gradient = reference.backward(params, z, h, Y, divisor, activation, loss)
    arrays = [array for weight, bias in gradients for array in (weight, bias[:, 0])]
    arrays.append(images_gradient.T.reshape(images.shape))
    return {
        name: torch.from_numpy(np.ascontiguousarray(array)).to(tensor.device)
        for (name, tensor), array in zip(subject.tensors.items(), arrays, strict=True)
    }


def _activation_of(subject: Subject) -> str | None:
    """Return the name of the activation between the linear layers; None if the network has another structure."""
    if subject.module is None or len(subject.targets) != 1 or not isinstance(subject.targets[0], Tensor):
        return None
    layers = list(subject.module.children())
    linears, activations = layers[::2], layers[1::2]
    if len(layers) % 2 == 0 or not all(isinstance(layer, Linear) and layer.bias is not None for layer in linears):
        return None
    if not activations:
        return "sigmoid"  # a single linear layer has no activation, so any name works
    kinds = {(type(layer), str(layer)) for layer in activations}  # str(layer) includes its arguments
    known = {name: make() for name, make in ACTIVATIONS.items() if name in reference.ACTIVATIONS}
    return next((name for name, layer in known.items() if kinds == {(type(layer), str(layer))}), None)
