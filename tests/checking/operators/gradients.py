"""The gradients that a hand-written backward gives, and those of autograd: without torchnet.check, to judge it."""

import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function
from torch.utils._pytree import keystr, tree_flatten_with_path, tree_unflatten

from .catalog import Mistake, Operator

Run = Callable[[list[Tensor], list[Tensor]], tuple[list[Tensor], list[Tensor | None]]]


class Passes(Function):
    """Any forward and backward as an autograd function, as torch.autograd.gradcheck needs it."""

    @staticmethod
    def forward(ctx: Any, run: Run, *leaves: Tensor) -> Any:
        ctx.run, ctx.leaves = run, [leaf.detach() for leaf in leaves]
        outputs = tuple(run(ctx.leaves, [])[0])
        return outputs if len(outputs) > 1 else outputs[0]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return None, *ctx.run(ctx.leaves, list(grads))[1]


class Differentiated:
    """An operator as a differentiable function of its leaves, by its own backward.

    Attributes:
        names: the names of the leaves that have a gradient, as torchnet.check should call them.
        leaves: their values.
    """

    def __init__(
        self, operator: Operator, mistake: Mistake | None = None, inputs: tuple[Any, ...] | None = None
    ) -> None:
        self.form, self.subject = operator.form, operator.subject(mistake)
        if self.form == "object" and isinstance(self.subject, tuple):  # (layer.forward, layer.backward)
            self.subject = self.subject[0].__self__
        self.inputs = inputs if inputs is not None else operator.inputs(mistake)
        self.numpy = self.form == "object" or any(isinstance(x, np.ndarray) for x in self.inputs)
        self.kwargs = operator.options.get("kwargs", {})
        self.function = (
            self.subject[0] if isinstance(self.subject, tuple) else getattr(self.subject, "forward", self.subject)
        )
        names = _argument_names(self.function) or _argument_names(operator.code[0])
        paths, self.spec = tree_flatten_with_path(self.inputs)
        self.flat = [torch.from_numpy(x) if isinstance(x, np.ndarray) else x for _, x in paths]
        floats = [isinstance(x, Tensor) and (x.is_floating_point() or x.is_complex()) for x in self.flat]
        if any(isinstance(x, Tensor) and x.requires_grad for x in self.flat):
            floats = [isinstance(x, Tensor) and x.requires_grad for x in self.flat]
        elif self.form == "loss":  # of the parameters or logits only
            floats = [found and path[0].idx == 0 for found, (path, _) in zip(floats, paths, strict=True)]
        self.places = [i for i, found in enumerate(floats) if found]
        self.names = [f"{names[path[0].idx]}{keystr(path[1:])}" for path, _ in (paths[i] for i in self.places)]
        self.leaves = [self.flat[i].detach().clone().requires_grad_() for i in self.places]
        weights = self._weights()
        self.names += list(weights)
        self.leaves += [torch.as_tensor(w).detach().clone().requires_grad_() for w in weights.values()]

    def _weights(self) -> dict[str, Any]:
        if self.form == "module":
            return dict(self.subject.named_parameters())
        if self.form != "object":
            return {}
        if hasattr(self.subject, "params"):
            return {f"params['{name}']": value for name, value in self.subject.params.items()}
        return {name: value for name, value in vars(self.subject).items() if isinstance(value, np.ndarray)}

    def __call__(self, *leaves: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs; autograd through them calls the operator's own backward."""
        arguments = self._arguments(list(leaves))
        if self.form == "function":
            outputs = self.subject.apply(*arguments)
        elif self.form == "callable":
            outputs = self.subject(*arguments, **self.kwargs)
        elif self.form == "module":
            weights = dict(zip(self.names[len(self.places) :], leaves[len(self.places) :], strict=True))
            outputs = torch.func.functional_call(self.subject, weights, arguments)
        else:
            outputs = Passes.apply(self._run, *leaves)
        return outputs if isinstance(outputs, tuple) else (outputs,)

    def _arguments(self, leaves: Sequence[Tensor]) -> Any:
        flat = list(self.flat)
        for place, leaf in zip(self.places, leaves, strict=False):
            flat[place] = leaf
        flat = [x.clone_state() if isinstance(x, torch.Generator) else x for x in flat]
        return tree_unflatten(
            [x.detach().numpy() if self.numpy and isinstance(x, Tensor) else x for x in flat], self.spec
        )

    def _run(self, leaves: list[Tensor], grads: list[Tensor]) -> tuple[list[Tensor], list[Tensor | None]]:
        """Return the outputs and, if there are upstream gradients, the gradients of the leaves."""
        with torch.no_grad():
            arguments, upstream = (
                self._arguments(leaves),
                [g.clone().numpy() if self.numpy else g.clone() for g in grads],
            )
            if self.form == "object":
                return self._run_object(arguments, leaves, upstream)
            if self.form == "loss":
                loss, gradients = self.subject(*arguments)
                scaled = [grads[0] * g for g in torch.utils._pytree.tree_leaves(gradients)] if grads else []
                return [loss], scaled
            forward, backward = self.subject
            outputs = forward(*arguments)
            cache = None
            if self.form == "cache":
                outputs, cache = outputs
            if not grads:
                gradients = []
            elif self.form == "derivative":
                gradients = [upstream[0] * backward(*arguments)]
            else:
                gradients = backward(*upstream, cache) if self.form == "cache" else backward(*upstream, *arguments)
            flat = [_tensor(g) for g in torch.utils._pytree.tree_leaves(gradients) if g is not None]
            return [_tensor(y) for y in (outputs if isinstance(outputs, tuple) else (outputs,))], flat

    def _run_object(
        self, arguments: Any, leaves: list[Tensor], upstream: list[Any]
    ) -> tuple[list[Tensor], list[Tensor | None]]:
        names, layer = self.names[len(self.places) :], self.subject
        keys = [name.split("'")[1] if "'" in name else name for name in names]
        for key, leaf in zip(keys, leaves[len(self.places) :], strict=True):
            (layer.params if hasattr(layer, "params") else vars(layer))[key] = leaf.numpy().copy()
        outputs = [_tensor(layer.forward(*arguments))]
        if not upstream:
            return outputs, []
        gradient = layer.backward(*upstream)
        return outputs, [_tensor(gradient)] + [
            _tensor(layer.grads[key] if hasattr(layer, "grads") else getattr(layer, f"d{key}")).clone() for key in keys
        ]

    def plain(self, *leaves: Tensor) -> tuple[Tensor, ...] | None:
        """Return the outputs, where autograd differentiates the forward itself; None if it cannot."""
        if self.numpy or self.form in ("callable", "module", "object"):
            return None
        arguments = self._arguments(leaves)
        takes_context = "ctx" in inspect.signature(self.function).parameters
        outputs = self.function(Context(), *arguments) if takes_context else self.function(*arguments)
        if self.form in ("loss", "cache"):
            outputs = outputs[0]
        return outputs if isinstance(outputs, tuple) else (outputs,)


def _argument_names(function: Any) -> list[str]:
    """Return the names of the arguments but ctx; none if it takes any number, as F.apply and custom operators do."""
    function = getattr(function, "forward", function)
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.name != "ctx" and p.kind is p.POSITIONAL_OR_KEYWORD]


class Context:
    """The ctx of a forward that autograd differentiates itself."""

    def save_for_backward(self, *tensors: Tensor) -> None:
        """Save nothing."""


def _tensor(x: Any) -> Tensor:
    return x if isinstance(x, Tensor) else torch.as_tensor(np.asarray(x))


def gradients(function: Callable[..., tuple[Tensor, ...]], leaves: Sequence[Tensor]) -> list[Tensor]:
    """Return the gradients for random upstream gradients, independent for each output; zeros where there is none."""
    outputs = [y for y in function(*leaves) if y.is_floating_point() or y.is_complex()]
    generator = torch.Generator().manual_seed(7)
    upstream = [torch.randn(y.shape, dtype=torch.float64, generator=generator) for y in outputs]
    # Numbers of few digits are the same in every dtype.
    upstream = [
        g.bfloat16().to(y.dtype) * (1 + 2j if y.is_complex() else 1) for g, y in zip(upstream, outputs, strict=True)
    ]
    found = torch.autograd.grad(outputs, leaves, upstream, allow_unused=True)
    return [torch.zeros_like(leaf) if g is None else g for leaf, g in zip(leaves, found, strict=True)]


def wrong_leaves(operator: Operator, mistake: Mistake) -> set[str]:
    """Return the names of the leaves whose gradient the mistake changes."""
    inputs = operator.inputs(mistake)
    right, wrong = Differentiated(operator, inputs=inputs), Differentiated(operator, mistake, inputs)
    pairs = zip(right.names, gradients(right, right.leaves), gradients(wrong, wrong.leaves), strict=True)
    return {name for name, a, b in pairs if not (a - b).norm() <= 10 * torch.finfo(a.dtype).eps * a.norm()}


def gradcheck(operator: Operator, mistake: Mistake | None = None) -> bool:
    """Whether torch.autograd.gradcheck accepts the operator at its inputs."""
    function = Differentiated(operator, mistake, operator.inputs())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # gradcheck warns of inputs that are not in float64
            return torch.autograd.gradcheck(function, function.leaves)
    except Exception:  # of gradcheck, or of the backward: both are a rejection
        return False


def is_right(operator: Operator) -> bool:
    """Whether the backward agrees with autograd, or with gradcheck where autograd cannot follow the forward."""
    function = Differentiated(operator)
    meant = operator.options.get("expected") or operator.options.get("reference")
    plain = (lambda *leaves: (meant(*function._arguments(leaves)),)) if meant else function.plain
    leaves = function.leaves
    if plain(*leaves) is None:
        return gradcheck(operator)
    truth = gradients(plain, [leaf.double() for leaf in leaves] if "reference" in operator.options else leaves)
    pairs = list(zip(gradients(function, leaves), truth, strict=True))
    return all((a - b).norm() <= min(1e3 * torch.finfo(a.dtype).eps, 0.02) * b.norm() for a, b in pairs)
