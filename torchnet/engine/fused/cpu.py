"""Blocks of steps on a CPU, computed by step.cpp."""

import ctypes
from collections.abc import Callable, Mapping
from ctypes import POINTER, Structure, c_float, c_int64, c_void_p
from typing import Any

import torch
from torch import Tensor

from torchnet.engine.fused.build import load
from torchnet.engine.fused.description import ACTIVATION_NAMES, Description, NotFusedError
from torchnet.step import Recipe

_LEAST_ROWS = 16  # for a thread: with fewer, adding the gradients of all threads takes longer than the step
_OPERATIONS = 1e11  # of a call, which takes some tenths of a second: Ctrl-C waits for its end


class _Layer(Structure):
    _fields_ = (
        ("inputs", c_int64),
        ("outputs", c_int64),
        *(
            (name, c_void_p)
            for name in ("weight", "bias", "weight_velocity", "bias_velocity", "weight_grad", "bias_grad")
        ),
        ("activation", c_int64),
        ("parameter", c_float),
    )


class _Job(Structure):
    _fields_ = (
        ("layers", POINTER(_Layer)),
        *((name, c_int64) for name in ("depth", "threads", "bfloat16")),
        *((name, c_void_p) for name in ("images", "classes", "rows", "order", "options")),
        *((name, c_int64) for name in ("steps", "batch")),
        ("divisor", c_float),
        ("squared_error", c_int64),
        *((name, c_float) for name in ("dampening", "weight_decay")),
        *((name, c_int64) for name in ("nesterov", "has_velocity")),
        ("losses", c_void_p),
    )


class CpuSteps:
    """Run blocks of steps on a CPU.

    Args:
        description: the network and the loss.
        recipe: the optimizer and the data.
        notice: called with a sentence if the step has to be compiled first.

    Raises:
        NotFusedError: if it cannot be compiled, or this processor does not multiply bfloat16.
    """

    def __init__(
        self, description: Description, recipe: Recipe, notice: Callable[[str], None] = lambda text: None
    ) -> None:
        self.description, self.recipe, self.library = description, recipe, load(notice)
        if description.bfloat16 and not self.library.rounds_to_bfloat16():
            raise NotFusedError("this processor has no AVX512-BF16")
        self.checked_targets: Any = None

    def run(self, order: Tensor, options: Tensor, divisor: int | None, has_momentum: bool) -> Tensor:
        """Run one step per row of samples; return their losses.

        Weights and momentum buffers change in place; `.grad` holds the gradients of the last step.

        Args:
            order: the samples of each mini-batch.
            options: the learning rate and the momentum of each step.
            divisor: what a loss divides the sum over samples by; None for the size of a mini-batch.
            has_momentum: whether the momentum of any step is not 0. Velocities exist then.

        Shape:
            order: (steps, N) int64.
            options: (steps, 2) float32.
            returns: (steps,).
        """
        self._expect_samples(order)
        weights = sum(linear.weight.numel() for linear in self.description.linears)
        steps = max(1, int(_OPERATIONS / (6 * weights * order.shape[1])))
        calls = zip(order.split(steps), options.split(steps), strict=True)
        return torch.cat([self._call(samples, numbers, divisor, has_momentum) for samples, numbers in calls])

    def _call(self, order: Tensor, options: Tensor, divisor: int | None, has_momentum: bool) -> Tensor:
        recipe, (group,) = self.recipe, self.recipe.optimizer.param_groups
        steps, batch = order.shape
        order, options, images = order.contiguous(), options.contiguous(), recipe.images.contiguous()
        has_rows = recipe.targets.is_floating_point()
        targets = recipe.targets.to(torch.float32 if has_rows else torch.int64).contiguous()
        weights = [weight for linear in self.description.linears for weight in linear.parameters()]
        velocities: dict[Any, Tensor] = {}
        has_velocity = all("momentum_buffer" in recipe.optimizer.state.get(weight, {}) for weight in weights)
        if has_momentum:
            for weight in weights:
                state = recipe.optimizer.state[weight]
                velocities[weight] = state.setdefault("momentum_buffer", torch.zeros_like(weight))
        for weight in weights:
            if weight.grad is None or not weight.grad.is_contiguous():
                weight.grad = torch.empty_like(weight)
        places = range(len(self.description.linears))
        layers = (_Layer * len(places))(*(self._layer(place, velocities) for place in places))
        losses = torch.empty(steps)
        job = _Job(
            layers=layers,
            depth=len(layers),
            threads=max(1, min(torch.get_num_threads(), batch // _LEAST_ROWS)),
            bfloat16=self.description.bfloat16,
            images=images.data_ptr(),
            classes=None if has_rows else targets.data_ptr(),
            rows=targets.data_ptr() if has_rows else None,
            order=order.data_ptr(),
            options=options.data_ptr(),
            steps=steps,
            batch=batch,
            divisor=batch if divisor is None else divisor,
            squared_error=self.description.loss == "mean_squared_error",
            dampening=group["dampening"],
            weight_decay=group["weight_decay"],
            nesterov=group["nesterov"],
            has_velocity=has_velocity,
            losses=losses.data_ptr(),
        )
        if self.library.run_steps(ctypes.byref(job)) != 0:
            raise MemoryError(f"out of memory, or of threads, for steps of {batch} samples: try a smaller mini-batch")
        return losses

    def _layer(self, place: int, velocities: Mapping[Any, Tensor]) -> _Layer:
        linear = self.description.linears[place]
        name, parameter = (*self.description.activations, ("identity", 0.0))[place]
        return _Layer(
            linear.in_features,
            linear.out_features,
            _address(linear.weight),
            _address(linear.bias),
            _address(velocities.get(linear.weight)),
            _address(velocities.get(linear.bias)),
            _address(linear.weight.grad),
            _address(None if linear.bias is None else linear.bias.grad),
            ACTIVATION_NAMES.index(name),
            parameter,
        )

    def _expect_samples(self, order: Tensor) -> None:
        """Raise a ValueError for what C++ would read outside of its memory."""
        least, most = order.aminmax()
        samples = len(self.recipe.images)
        if least < 0 or most >= samples:
            raise ValueError(f"expected indices within 0..{samples - 1}, got {int(least)}..{int(most)}")
        targets = self.recipe.targets
        version = (targets.data_ptr(), targets._version)
        if not targets.is_floating_point() and version != self.checked_targets:
            classes = self.description.sizes[-1]
            least, most = targets.aminmax()
            if least < 0 or most >= classes:
                raise ValueError(f"expected classes within 0..{classes - 1}, got {int(least)}..{int(most)}")
            self.checked_targets = version


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
