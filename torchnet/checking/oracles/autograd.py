"""Autograd as an oracle: it differentiates the forward pass. Only this package calls autograd."""

import torch

from torchnet.checking.subjects.subject import Outputs, Subject, Tensors, copies


class NoOracleError(Exception):
    """The oracle does not apply to this subject; the message says why."""


def autograd(subject: Subject, grad_outputs: Outputs) -> Tensors:
    """Return the gradient of Σ outputs · grad_outputs with respect to every tensor, by torch's autograd."""
    if not subject.traceable:
        raise NoOracleError("autograd calls the backward that is checked")
    with torch.enable_grad():
        leaves = {name: tensor.clone().requires_grad_() for name, tensor in subject.tensors.items()}
        outputs = subject.forward(copies(leaves))  # copies, as it may work in place
        pairs = [(o, g) for o, g in zip(outputs, grad_outputs, strict=True) if o.requires_grad]
        if not pairs:
            raise NoOracleError("the forward pass is not made of operations that autograd can follow")
        kept, grads = zip(*pairs, strict=True)
        gradients = torch.autograd.grad(kept, list(leaves.values()), grads, allow_unused=True)
    if not all(gradient is None or gradient.isfinite().all() for gradient in gradients):
        raise NoOracleError("its gradient of this forward pass has Inf or NaN here")
    return {
        name: torch.zeros_like(leaf) if gradient is None else gradient.detach()
        for (name, leaf), gradient in zip(leaves.items(), gradients, strict=True)
    }
