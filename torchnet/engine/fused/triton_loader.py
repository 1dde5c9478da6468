"""Import the Triton kernels, or say why they cannot run here."""

from types import ModuleType

import torch

from torchnet.engine.fused.description import NotFusedError
from torchnet.step import Recipe


def load_kernels(recipe: Recipe) -> ModuleType:
    """Return the module of kernels. Triton is imported here and nowhere else.

    Raises:
        NotFusedError: if Triton cannot compile kernels here, or they cannot read the tensors of the recipe.
    """
    device, targets = recipe.images.device, recipe.targets
    try:
        import triton

        from torchnet.engine.fused import kernels
    except ImportError:
        raise NotFusedError("Triton is not installed") from None
    if device.type != "cuda" and isinstance(kernels.update, triton.JITFunction):  # not for Triton's interpreter
        raise NotFusedError(f"the device is {device}, and Triton needs a GPU")
    if device.type == "cuda" and torch.version.hip is None and torch.cuda.get_device_capability(device) < (8, 0):
        raise NotFusedError("the GPU is older than NVIDIA's Ampere (2020)")
    if not all(tensor.is_contiguous() for tensor in (recipe.images, targets, *recipe.net.parameters())):
        raise NotFusedError("not all tensors are contiguous in memory")
    classes = list(recipe.net.parameters())[-1].shape[0]  # of W or b
    if targets.dim() == 1 and (targets.min() < 0 or targets.max() >= classes):
        raise NotFusedError(f"not all targets are within 0..{classes - 1}")
    try:
        with torch.cuda.device(device if device.type == "cuda" else -1):
            part = torch.zeros(1, device=device)
            kernels.sum_losses[(1,)](part, part, 1, BP=16)
    except Exception:  # whatever a compiler or its absence raises
        raise NotFusedError("Triton cannot compile here: it needs a C compiler and Python's headers") from None
    return kernels
