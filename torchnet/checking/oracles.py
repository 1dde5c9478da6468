"""Where the true gradient comes from, all of it at once: autograd, and the NumPy reference.

The package itself never calls autograd; here it is a witness.
"""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from torchnet import reference
from torchnet.checking.subject import Outputs, Subject, Tensors
from torchnet.layers import ACTIVATIONS, Linear
from torchnet.losses import LOSSES

_CLOSE_TO_ONE = 0.999


class NoOracleError(Exception):
    """The oracle cannot say anything about this subject; the message says why."""


def autograd(subject: Subject, grad_outputs: Outputs) -> Tensors:
    """Return the gradient of Σ outputs · grad_outputs with respect to every tensor, by torch's autograd.

    Raises:
        NoOracleError: if the forward pass leaves no graph behind, or the gradient is not finite.
    """
    with torch.enable_grad():
        leaves = {name: tensor.clone().requires_grad_() for name, tensor in subject.tensors.items()}
        outputs = subject.forward({name: leaf.clone() for name, leaf in leaves.items()})  # it may work in place
        pairs = [(o, g) for o, g in zip(outputs, grad_outputs, strict=True) if o.requires_grad]
        if not pairs:
            raise NoOracleError("the forward pass is not made of operations that autograd can follow")
        kept, grads = zip(*pairs, strict=True)
        gradients = torch.autograd.grad(kept, list(leaves.values()), grads, allow_unused=True)
    if not all(gradient is None or gradient.isfinite().all() for gradient in gradients):
        raise NoOracleError("its gradient of this forward pass is infinite or not a number here")
    return {
        name: torch.zeros_like(leaf) if gradient is None else gradient.detach()
        for (name, leaf), gradient in zip(leaves.items(), gradients, strict=True)
    }


def numpy_reference(subject: Subject, grad_outputs: Outputs) -> Tensors:
    """Return the gradients by `torchnet.reference`, for a network of linear layers with one activation between them.

    Raises:
        NoOracleError: if the subject is another.
    """
    activation = _activation_of(subject)
    called = getattr(subject.loss, "func", subject.loss)  # below functools.partial, which may set the divisor
    options = getattr(subject.loss, "keywords", {})
    loss = next((name for name, function in LOSSES.items() if function is called), None)
    if activation is None or loss is None or options.keys() - {"divisor"}:
        raise NoOracleError(
            "the NumPy reference knows networks of linear layers with one activation, and the plain losses"
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
    with np.errstate(over="ignore"):  # where cosh overflows, 1 / cosh² is 0, as it should be
        gradients, images_gradient = reference.backward(params, z, h, Y, divisor, activation, loss)
    arrays = [array for weight, bias in gradients for array in (weight, bias[:, 0])]
    arrays.append(images_gradient.T.reshape(images.shape))
    return {
        name: torch.from_numpy(np.ascontiguousarray(array)).to(tensor.device)
        for (name, tensor), array in zip(subject.tensors.items(), arrays, strict=True)
    }


def _activation_of(subject: Subject) -> str | None:
    """Return the name of the activation between the linear layers; None if the network is not that simple."""
    if subject.module is None or len(subject.targets) != 1 or not isinstance(subject.targets[0], Tensor):
        return None
    layers = list(subject.module.children())
    is_linear = [isinstance(layer, Linear) for layer in layers]
    if not layers or not is_linear[0] or not is_linear[-1] or any(a == b for a, b in pairwise(is_linear)):
        return None
    if any(linear.bias is None for linear in layers[::2]):
        return None
    if len(layers) == 1:
        return "sigmoid"  # there is none, and it does not matter which
    kinds = {(type(layer), str(layer)) for layer in layers[1::2]}  # the text has the arguments
    plain = {name: make() for name, make in ACTIVATIONS.items()}
    return next((name for name, layer in plain.items() if kinds == {(type(layer), str(layer))}), None)
