"""The training step on a GPU: which kernels of kernels.py a step launches, on which blocks, in which memory."""

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from torchnet.engine.cuda_graph import Graph
from torchnet.engine.fused.description import Description
from torchnet.engine.fused.triton_loader import load_kernels
from torchnet.step import Recipe

_SLOPE_FROM_OUTPUT = ("identity", "sigmoid", "tanh", "relu")  # the slope of the others is computed from their argument
_FUSED_CLASSES = 64  # up to this many, one block holds the logits of some samples, and their loss needs no launch
_ENOUGH_BLOCKS = 128  # to occupy a GPU


class GpuSteps:
    """Run the steps of blocks with Triton kernels, as a CUDA graph on a GPU.

    Args:
        description: what the step has to know of the recipe.
        recipe: the network, the optimizer and the data.
        tf32: round the operands of products to TF32.

    Raises:
        NotFusedError: if Triton cannot compile kernels here, or the tensors of the recipe do not fit them.
    """

    def __init__(self, description: Description, recipe: Recipe, tf32: bool) -> None:
        self.description, self.recipe, self.device = description, recipe, recipe.images.device
        self.precision = "bfloat16" if description.bfloat16 else "tf32" if tf32 else "float32"
        self.kernels, self.uses_graphs = load_kernels(recipe), self.device.type == "cuda"
        self._steps: dict[int, _Step] = {}

    @torch.no_grad()
    def run(self, order: Tensor, options: Tensor, divisor: int | None, has_momentum: bool) -> Tensor:
        """Run a step for each row of `order`; return the losses, still on the device.

        The weights and the velocities of the optimizer change in place. `.grad` gets the gradients of the last step.

        Args:
            order: the samples of each mini-batch.
            options: learning rate and momentum of each step.
            divisor: what the loss divides the sum over samples by; None for the size of a mini-batch.
            has_momentum: whether the momentum of any step is not 0. Velocities exist then.

        Shape:
            order: (steps, N) int64; options: (steps, 2) float32; returns: (steps,).
        """
        steps, samples = order.shape
        torch._assert_async(((order >= 0) & (order < len(self.recipe.images))).all(), "expected samples that exist")
        with torch.cuda.device(self.device if self.device.type == "cuda" else -1):
            step = self._steps.get(samples)
            if step is None or len(step.order) < steps:
                step = self._steps[samples] = _Step(self, steps, samples)
            step.prepare(order, options, divisor or samples, has_momentum)
            for k in range(steps):
                if k == steps - 1:
                    step.launch(keep_gradients=True)
                elif k == 0 or not self.uses_graphs:
                    step.launch()  # compiles the kernels, which cannot happen while a graph is recorded
                else:
                    step.replay()
            return step.losses(steps)


class _Step:
    """The kernels of a step on mini-batches of one size, and the memory that they write to."""

    def __init__(self, owner: GpuSteps, steps: int, samples: int) -> None:
        self.kernels, self.precision, self.optimizer = owner.kernels, owner.precision, owner.recipe.optimizer
        self.linears, self.loss = owner.description.linears, owner.description.loss
        self.activations = (*owner.description.activations, ("identity", 0.0))
        self.images, self.targets = owner.recipe.images.flatten(1), owner.recipe.targets
        self.samples, self.classes = samples, self.linears[-1].out_features
        new = partial(torch.empty, device=owner.device)
        # For each layer: its output, the argument of its activation if the slope needs it, and G.
        self.outputs = [new(samples, linear.out_features) for linear in self.linears]
        self.arguments = [
            None if name in _SLOPE_FROM_OUTPUT else torch.empty_like(output)
            for (name, _), output in zip(self.activations, self.outputs, strict=True)
        ]
        self.gradients = [torch.empty_like(output) for output in self.outputs]
        self.loss_rows = 32 if self.classes <= _FUSED_CLASSES else max(1, 4096 // _power(self.classes))
        self.loss_parts = new(steps, math.ceil(samples / self.loss_rows))
        self.order, self.options = new(steps, samples, dtype=torch.int64), new(steps, 2)
        self.counter = new(2, dtype=torch.int64)
        self.place = self.order, self.counter
        self.graph: Graph | None = None
        self.recorded: Any = None  # what the graph takes for granted

    def prepare(self, order: Tensor, options: Tensor, divisor: int, has_momentum: bool) -> None:
        """Take over what a block of steps works with, and the options of the optimizer as they are now."""
        self.order[: len(order)], self.options[: len(order)], self.divisor = order, options, float(divisor)
        self.counter.zero_()
        group = self.optimizer.param_groups[0]
        self.sgd = {name: group[name] for name in ("weight_decay", "nesterov", "dampening")}
        self.velocities: dict[nn.Parameter | None, Tensor] = {}
        self.new: set[nn.Parameter | None] = set()  # weights whose velocity starts as their gradient
        for weight in group["params"]:
            weight.grad = torch.empty_like(weight) if weight.grad is None else weight.grad
            if has_momentum:
                state = self.optimizer.state[weight]
                if state.get("momentum_buffer") is None:
                    state["momentum_buffer"] = torch.zeros_like(weight)
                    self.new.add(weight)
                self.velocities[weight] = state["momentum_buffer"]

    def replay(self) -> None:
        """Launch the kernels of a step as a graph."""
        tensors = (*self.optimizer.param_groups[0]["params"], *self.velocities.values())
        assumed = [tensor.data_ptr() for tensor in tensors], self.divisor, self.sgd
        if self.graph is None or self.recorded != assumed:
            self.graph, self.recorded = Graph(self.launch), assumed
        else:
            self.graph.replay()

    def launch(self, keep_gradients: bool = False) -> None:
        """Launch the kernels of a step: forward through the layers, then back through them."""
        last = len(self.linears) - 1
        for layer in range(last):
            self._forward(layer)
        self._forward_with_loss(last)
        for layer in range(last, -1, -1):
            if layer > 0:
                self._backward(layer)
            self._update(layer, keep_gradients)
        self.new.clear()

    def losses(self, steps: int) -> Tensor:
        """Return the loss of each step of the block."""
        losses, parts = self.loss_parts.new_empty(steps), self.loss_parts.shape[1]
        _launch(self.kernels.sum_losses, (steps,), (self.loss_parts, losses, parts), (_power(parts),))
        return losses

    def _forward(self, layer: int) -> None:
        (X, W, b), N, (O, I) = self._layer(layer), self.samples, self.linears[layer].weight.shape
        grid, sizes = self._blocks(layer, N, O, I)
        results = self.outputs[layer], self.arguments[layer]
        arguments = X, *self.place, W, b, *results, N, I, O, *self.activations[layer], self.precision
        _launch(self.kernels.forward, grid, arguments, sizes)

    def _forward_with_loss(self, layer: int) -> None:
        (X, W, b), N, (C, I) = self._layer(layer), self.samples, self.linears[layer].weight.shape
        grid, block = (self.loss_parts.shape[1],), (self.loss_rows, _power(C))
        results, is_rows = (self.gradients[layer], self.loss_parts), self.targets.dim() == 2
        shared = self.targets, *self.place, *results, N, C, self.divisor, self.loss, is_rows
        if C <= _FUSED_CLASSES:
            depth = self._blocks(layer, N, C, I)[1][2]
            _launch(self.kernels.forward_with_loss, grid, (X, W, b, I, *shared, self.precision), (*block, depth))
        else:
            self._forward(layer)
            _launch(self.kernels.loss, grid, (self.outputs[layer], *shared), block)

    def _backward(self, layer: int) -> None:
        (Y, W, _), N, (O, I) = self._layer(layer), self.samples, self.linears[layer].weight.shape
        G, G_below, argument = self.gradients[layer], self.gradients[layer - 1], self.arguments[layer - 1]
        grid, sizes = self._blocks(layer, N, I, O)
        activation = *self.activations[layer - 1], self.precision
        arguments = G, W, Y if argument is None else argument, G_below, N, O, I, *activation
        _launch(self.kernels.backward, grid, arguments, sizes)

    def _update(self, layer: int, keep_gradients: bool) -> None:
        (X, W, b), N, (O, I) = self._layer(layer), self.samples, self.linears[layer].weight.shape
        grid, sizes = self._blocks(layer, O, I, N)
        velocities = (self.velocities.get(weight) for weight in (W, b))
        kept = (weight.grad if keep_gradients and weight is not None else None for weight in (W, b))
        keep = (1.0 if weight in self.new else 1 - self.sgd["dampening"] for weight in (W, b))
        arguments = self.gradients[layer], X, *self.place, W, b, *velocities, *kept, self.options, N, O, I
        constants = self.sgd["weight_decay"], *keep, self.sgd["nesterov"], layer == 0, self.precision
        _launch(self.kernels.update, grid, (*arguments, *constants), sizes)

    def _layer(self, layer: int) -> tuple[Tensor, nn.Parameter, nn.Parameter | None]:
        """Return X, W and b of a layer."""
        X = self.images if layer == 0 else self.outputs[layer - 1]
        return X, self.linears[layer].weight, self.linears[layer].bias

    def _blocks(self, layer: int, rows: int, columns: int, summed: int) -> tuple[tuple[int, int], tuple[int, ...]]:
        """Return the grid for a result, and the sizes of a block: rows, columns, and how many terms are summed at once.

        A rule of the shapes alone. Blocks are large if enough of them remain. Six products of the parts of float32 need
        more registers than three: their blocks are smaller.
        """
        side = 64 if math.ceil(rows / 64) * math.ceil(columns / 64) >= _ENOUGH_BLOCKS else 32
        height, width = min(side, _power(rows)), min(side, _power(columns))
        depth = 32 if self.precision == "float32" and layer > 0 else 64
        return (math.ceil(rows / height), math.ceil(columns / width)), (height, width, min(depth, _power(summed)))


def _launch(kernel: Any, grid: tuple[int, ...], arguments: tuple[Any, ...], sizes: tuple[int, ...]) -> None:
    # Whether a product and a sum become one instruction is said here, as versions of Triton differ in the default.
    kernel[grid](*arguments, *sizes, enable_fp_fusion=True)


def _power(size: int) -> int:
    """Return the smallest power of two from 16 up that is at least this size: blocks have no other sizes."""
    return max(16, 1 << (size - 1).bit_length())
