"""The feature maps of a few test images, small enough for the report of a run."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from torchnet.data import BatchLoader
from torchnet.layers import Conv2d, Residual
from torchnet.reporting.evaluation import encoded, pixels_of
from torchnet.step import scale_pixels

MAX_EXAMPLES, MAX_CHANNELS, MAX_SIDE = 5, 8, 64  # images, channels of a stage, pixels along a side


def feature_maps(net: nn.Sequential, loader: BatchLoader, picture: Callable[[int], np.ndarray]) -> dict[str, Any]:
    """Return what the first and the last stage of a network make of a few images, as "feature_maps" of a report.

    A network without convolutions has none, and a regression neither.

    The images are the first one of each of the first classes. The first stage is the first convolution with the layers
    after it up to its activation; the last one is the last layer whose outputs are images. Of each stage, the channels
    that vary most among the images are kept, as bytes from the smallest to the largest value of the channel.

    Args:
        net: the network.
        loader: a split.
        picture: returns an image by its number, (H, W) or (H, W, 3) uint8.
    """
    labels = loader.targets[loader.rows]
    if labels.is_floating_point():
        return {}
    numbers = [int((labels == label).nonzero()[0]) for label in labels.unique().tolist()[:MAX_EXAMPLES]]
    inputs = scale_pixels(loader.inputs[loader.rows[numbers]], next(net.parameters()).dtype)
    stages = _stages(net, inputs)
    if not stages:
        return {}
    images = np.stack([_reduced(picture(number), (0, 1)) for number in numbers])
    shown = [_stage(maps.float().cpu().numpy()) for maps in stages]
    return {"feature_maps": {"images": encoded(images), "stages": shown}}


@torch.no_grad()
def _stages(net: nn.Sequential, inputs: Tensor) -> list[Tensor]:
    """Return the outputs of the first and of the last stage, (n, C, H, W), in evaluation mode; one if they are one."""
    outputs: list[tuple[nn.Module, Tensor]] = []
    steps = [*_steps(net)]
    hooks = [step.register_forward_hook(lambda step, _, output: outputs.append((step, output))) for step in steps]
    was_training = net.training
    try:
        net.eval()(inputs)
    finally:
        net.train(was_training)
        for hook in hooks:
            hook.remove()
    found = [(step, output) for step, output in outputs if output.dim() == 4 and output[0, 0].numel() > 1]
    first = next((k for k, (step, _) in enumerate(found) if isinstance(step, (Conv2d, Residual))), None)
    if first is None:
        return []
    shape = found[first][1].shape
    later = [k for k in range(first + 1, len(found)) if _ends_stage(*found[k], shape)]
    activated = min(later, default=len(found)) - 1
    return [found[k][1] for k in sorted({activated, len(found) - 1})]


def _ends_stage(step: nn.Module, output: Tensor, shape: torch.Size) -> bool:
    return isinstance(step, (Conv2d, Residual)) or output.shape != shape


def _steps(net: nn.Sequential) -> Iterator[nn.Module]:
    """Yield the layers in order; a residual block is one of them."""
    for layer in net:
        if isinstance(layer, nn.Sequential) and not isinstance(layer, Residual):
            yield from _steps(layer)
        else:
            yield layer


def _stage(maps: np.ndarray) -> dict[str, Any]:
    """Return the channels that vary most, as bytes.

    Shape:
        maps: (n, C, H, W).
    """
    maps = np.nan_to_num(maps, posinf=0, neginf=0)
    channels = np.sort(np.argsort(-maps.std(axis=(0, 2, 3)), kind="stable")[:MAX_CHANNELS])
    kept = maps[:, channels].astype(float)
    low, high = kept.min(axis=(0, 2, 3), keepdims=True), kept.max(axis=(0, 2, 3), keepdims=True)
    scaled = np.rint(255 * (kept - low) / np.where(high > low, high - low, 1)).astype(np.uint8)
    return {"channels": maps.shape[1], "size": [*maps.shape[2:]], "maps": encoded(_reduced(scaled, (2, 3)))}


def _reduced(images: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Return images of at most 64 pixels along a side, of their nearest pixels."""
    for axis in axes:
        old = images.shape[axis]
        new = min(old, MAX_SIDE)
        images = images.take(np.arange(new) * old // new, axis=axis)
    return images


def decoded(found: dict[str, Any]) -> dict[str, Any]:
    """Return what `feature_maps` returned with arrays: "images" (n, H, W) or (n, H, W, 3), and of each stage "maps"."""
    stages = [stage | {"maps": pixels_of(stage["maps"])} for stage in found["stages"]]
    return {"images": pixels_of(found["images"]), "stages": stages}
