"""What the backward of an autograd Function has to do beside being right once."""

import warnings
from typing import Any

import torch
from torch.autograd import forward_ad

from torchnet.checking.compare import random_directions
from torchnet.checking.protocol.passes import Pass, equal
from torchnet.checking.reports.report import Diagnosis
from torchnet.checking.subjects.subject import Gradients, Outputs, Subject, Tensors, clones, copies

_STEP = 1e-5  # of the central difference of a gradient
_SAME = 1e-5  # the largest error of a second derivative, relative to its size


class DoesNotApplyError(Exception):
    """There is nothing to check."""


# Each of these returns what is wrong with a backward, or None; DoesNotApplyError says that there is nothing to check.


def two_forwards(run: Pass) -> Diagnosis | None:
    """Make a second forward pass before the backward of the first."""
    graph, subject = run.subject.graph, run.subject
    if graph is None:
        raise DoesNotApplyError
    if not accepts_others(subject):
        raise DoesNotApplyError
    leaves, _, outputs = graph(copies(subject.tensors), subject.tensors)
    graph(others(subject.tensors), subject.tensors)
    if not (wrong := run.differing(_grad(leaves, outputs, run.grad_outputs))):
        return None
    return Diagnosis(
        "stale state",
        f"it writes another gradient of {wrong} when a second forward pass was made before it: keep what the backward "
        "needs in ctx, with save_for_backward, not on the class or in a global variable",
    )


def unmarked_changes(run: Pass) -> Diagnosis | None:
    """Look for inputs that the forward changed in place without mark_dirty."""
    graph, subject = run.subject.graph, run.subject
    if graph is None:
        raise DoesNotApplyError
    given = graph(copies(subject.tensors), subject.tensors).given
    changed = [name for name, x in given.items() if not equal(x.detach(), subject.tensors[name])]
    unmarked = [name for name in changed if type(given[name].grad_fn).__name__ == "CloneBackward0"]
    if not unmarked:
        return None
    return Diagnosis(
        "side effect",
        f"the forward pass changes {', '.join(unmarked)} in place: work on a copy, or call ctx.mark_dirty, return it",
    )


def one_input_at_a_time(run: Pass) -> Diagnosis | None:
    """Ask for the gradient of each input alone, as needs_input_grad says it."""
    graph, subject = run.subject.graph, run.subject
    if graph is None or len(subject.tensors) < 2:
        raise DoesNotApplyError
    for name in subject.tensors:
        leaves, _, outputs = graph(copies(subject.tensors), [name])
        if not any(output.requires_grad for output in outputs):
            continue
        if run.differing(_grad(leaves, outputs, run.grad_outputs)):
            return Diagnosis(
                "needs_input_grad", f"it writes another gradient of {name} when only {name} requires a gradient"
            )
    return None


def one_output_at_a_time(run: Pass) -> Diagnosis | None:
    """The upstream gradient of an output that is not used is undefined: zeros, or None if they are not materialized."""
    graph, subject = run.subject.graph, run.subject
    if graph is None or len(run.grad_outputs) < 2:
        raise DoesNotApplyError
    sums: Gradients = {name: torch.zeros_like(tensor) for name, tensor in subject.tensors.items()}
    for i, grad in enumerate(run.grad_outputs):
        leaves, _, outputs = graph(copies(subject.tensors), subject.tensors)
        for name, gradient in _grad(leaves, outputs[i : i + 1], (grad,)).items():
            if gradient is not None and (total := sums[name]) is not None:
                sums[name] = total + gradient
    first: Gradients = {}
    for name, tensor in subject.tensors.items():
        first[name] = torch.zeros_like(tensor) if (gradient := run.written[name]) is None else gradient
    if not (wrong := run.differing(sums, first)):
        return None
    return Diagnosis(
        "undefined upstream gradient", f"it writes another gradient of {wrong} when only one output is used at a time"
    )


def double_backward(run: Pass) -> Diagnosis | None:
    """Compare the derivative of the backward with central differences of the backward."""
    graph, subject = run.subject.graph, run.subject
    if graph is None or any(x.dtype != torch.float64 for x in subject.tensors.values()):
        raise DoesNotApplyError
    directions = {name: random_directions(tensor, 1, 1)[0].to(tensor.dtype) for name, tensor in subject.tensors.items()}
    leaves, _, outputs = graph(copies(subject.tensors), subject.tensors)
    with torch.enable_grad():
        grads = tuple(grad.clone().requires_grad_() for grad in run.grad_outputs)
        gradients = torch.autograd.grad(outputs, list(leaves.values()), grads, allow_unused=True, create_graph=True)
        products = [(g * d).sum() for g, d in zip(gradients, directions.values(), strict=True) if g is not None]
        along = sum(products[1:], products[0])
        if _is_once_differentiable(along.grad_fn):
            raise DoesNotApplyError
        try:
            second = torch.autograd.grad(along, list(leaves.values()), allow_unused=True)
        except RuntimeError:
            second = tuple(
                torch.zeros_like(leaf) for leaf in leaves.values()
            )  # no path leads back: the second derivative is lost
    by_hand = sum(float((g * d).sum()) for g, d in zip(second, directions.values(), strict=True) if g is not None)

    def slope(t: float) -> float:
        moved = {name: tensor + t * directions[name] for name, tensor in subject.tensors.items()}
        found = subject.backward(moved, clones(run.grad_outputs))
        return sum(float((g * directions[name]).sum()) for name, g in found.items() if g is not None)

    difference = (slope(_STEP) - slope(-_STEP)) / (2 * _STEP)
    size = sum(float(g.norm()) for g in second if g is not None) + abs(difference)
    if abs(difference - by_hand) <= _SAME * size + 1e-9:
        return None
    return Diagnosis(
        "double backward",
        f"its own derivative is wrong: autograd through the backward gives {by_hand:.6g}, central differences "
        f"{difference:.6g}. If second derivatives are not meant, decorate backward with @once_differentiable",
    )


def _is_once_differentiable(node: Any) -> bool:
    """Whether the graph of a gradient ends in the error that once_differentiable puts there."""
    nodes, seen = [node], set()
    while nodes:
        node = nodes.pop()
        if node is not None and node not in seen:
            if type(node).__name__ == "Error":
                return True
            seen.add(node)
            nodes += [following for following, _ in node.next_functions]
    return False


def jvp_rule(run: Pass) -> Diagnosis | None:
    """Compare the forward-mode rule of a Function with its backward: Σ grad_output · jvp(d) = Σ gradient · d."""
    function, subject = run.subject.function, run.subject
    if function is None or subject.graph is None or function.jvp is torch.autograd.Function.jvp:
        raise DoesNotApplyError
    for name, tensor in subject.tensors.items():
        direction = random_directions(tensor, 1, 2)[0].to(tensor.dtype)
        with warnings.catch_warnings(), forward_ad.dual_level():
            warnings.simplefilter("ignore")  # the first use of forward mode imports what torch itself has deprecated
            tangents_in = {key: torch.zeros_like(x) for key, x in subject.tensors.items()} | {name: direction}
            tensors = {key: forward_ad.make_dual(x.clone(), tangents_in[key]) for key, x in subject.tensors.items()}
            outputs = subject.graph(tensors, []).outputs
            tangents = [forward_ad.unpack_dual(output).tangent for output in outputs]
            pairs = [(t, g) for t, g in zip(tangents, run.grad_outputs, strict=True) if t is not None]
            along = sum(float((t * g).sum()) for t, g in pairs)
        gradient = run.written[name]
        expected = float((gradient * direction).sum()) if gradient is not None else 0.0
        if abs(along - expected) > run.rounding * (abs(along) + abs(expected)):
            text = f"its jvp gives {along:.6g} along a direction of {name}, its backward {expected:.6g}"
            return Diagnosis("jvp", text)
    return None


def vmap_rule(run: Pass) -> Diagnosis | None:
    """Compare a Function under torch.vmap with a loop."""
    function, subject = run.subject.function, run.subject
    has_rule = function is not None and (
        function.generate_vmap_rule or function.vmap is not torch.autograd.Function.vmap
    )
    if not has_rule or subject.graph is None:
        raise DoesNotApplyError
    graph = subject.graph
    several = [subject.tensors, others(subject.tensors)]
    stacked = {name: torch.stack([tensors[name] for tensors in several]) for name in subject.tensors}
    together = torch.vmap(lambda tensors: graph(tensors, []).outputs)(stacked)
    for i, tensors in enumerate(several):
        for output, expected in zip(together, graph(copies(tensors), []).outputs, strict=True):
            if not equal(output[i], expected, run.rounding):
                return Diagnosis("vmap", "its rule for torch.vmap gives other outputs than a loop")
    return None


def _grad(leaves: Tensors, outputs: Outputs, grad_outputs: Outputs) -> Gradients:
    pairs = [(output, grad) for output, grad in zip(outputs, grad_outputs, strict=True) if output.requires_grad]
    kept, grads = zip(*pairs, strict=True)
    gradients = torch.autograd.grad(kept, list(leaves.values()), clones(grads), allow_unused=True)
    return dict(zip(leaves, gradients, strict=True))


def accepts_others(subject: Subject) -> bool:
    """Whether the forward takes the other values."""
    try:
        subject.forward(others(subject.tensors))
    except (RuntimeError, ValueError, IndexError, TypeError, ArithmeticError):
        return False
    return True


def others(tensors: Tensors) -> Tensors:
    """Return other values, for another pass; closer to zero, they are likely to be in the domain of the function."""
    return {name: 0.875 * tensor for name, tensor in tensors.items()}
