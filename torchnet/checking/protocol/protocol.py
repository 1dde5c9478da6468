"""What a backward has to do beside being right once: no side effects, no state, any memory layout, any inputs.

Each check is one function. It returns what is wrong, or None; it raises DoesNotApplyError if there is nothing to check.
"""

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from torchnet.checking.protocol.functions import (
    DoesNotApplyError,
    accepts_others,
    double_backward,
    jvp_rule,
    one_input_at_a_time,
    one_output_at_a_time,
    others,
    two_forwards,
    unmarked_changes,
    vmap_rule,
)
from torchnet.checking.protocol.passes import Pass, clones, equal
from torchnet.checking.reports.report import Diagnosis
from torchnet.checking.subjects.module_copies import copy_module
from torchnet.checking.subjects.modules import takes_input_grad
from torchnet.checking.subjects.subject import Subject, SubjectError, copies, sentence
from torchnet.checking.subjects.subject import clones as clones_of
from torchnet.layers import Layer

_ILL_CONDITIONED = 1e6  # a gradient of equal rows
_FEW = 6  # inputs whose gradients are asked for one by one without `thorough`

_Check = tuple[str, Callable[[Pass], Diagnosis | None], Callable[[Subject], bool]]


def run_protocol(
    run: Pass, thorough: bool, is_late: Callable[[], bool]
) -> tuple[list[Diagnosis], list[str], list[str]]:
    """Run all checks; return what is wrong, the checks that were tried, and those that were not."""
    findings: list[Diagnosis] = []
    tried: list[str] = []
    untried: list[str] = []
    for name, check, is_long in _CHECKS:
        if is_late() or (is_long(run.subject) and not thorough):
            untried.append(f"{name} ({'time limit' if is_late() else 'thorough=True'})")
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of equal rows, as of a division by their deviation
                finding = check(run)
        except DoesNotApplyError:
            continue
        except (SubjectError, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            finding = Diagnosis("raises", f"{name}: {sentence(error)}")
        tried.append(name)
        if finding is not None and finding.kind not in {found.kind for found in findings}:
            findings.append(finding)
            if finding.kind == "not repeatable":  # every other comparison of two passes would fail, too
                break
    return findings, tried, untried


def _repeatable(run: Pass) -> Diagnosis | None:
    again = run.subject.gradients(run.grad_outputs)
    if not (wrong := run.differing(again)):
        if differing := run.differing(again, exactly=True):
            run.notes.append(f"not deterministic: rounding of the gradient of {differing} differs from run to run")
        return None
    return Diagnosis(
        "not repeatable", f"it writes another gradient of {wrong} when it is called again with equal tensors"
    )


def _transposed_grad_output(run: Pass) -> Diagnosis | None:
    if all(grad.dim() < 2 for grad in run.grad_outputs):
        raise DoesNotApplyError
    grads = tuple(map(_transposed_in_memory, run.grad_outputs))
    again = run.subject.backward(copies(run.subject.tensors), grads)
    if not run.differing(again):
        return None
    return Diagnosis(
        "memory layout", "it writes other gradients when grad_output is transposed in memory: respect its strides"
    )


def _expanded_grad_output(run: Pass) -> Diagnosis | None:
    """Like the upstream gradient of a sum: one number in memory, with strides of 0."""
    if _changes_in_place(run) or run.subject.is_loss or all(grad.numel() < 2 for grad in run.grad_outputs):
        raise DoesNotApplyError
    numbers = [grad.flatten()[0].clone() if grad.numel() else grad for grad in run.grad_outputs]
    grads = tuple(x.expand(grad.shape) for x, grad in zip(numbers, run.grad_outputs, strict=True))
    first = run.subject.gradients(tuple(grad.contiguous() for grad in grads))
    try:
        again = run.subject.backward(copies(run.subject.tensors), grads)
    except RuntimeError as error:
        return Diagnosis("memory layout", f"when grad_output is expanded, with strides of 0: {sentence(error)}")
    if not run.differing(again, first):
        return None
    return Diagnosis(
        "memory layout",
        "it writes other gradients when grad_output is expanded, with strides of 0, as that of y.sum(): respect its "
        "strides, and do not write into it",
    )


def _transposed_inputs(run: Pass) -> Diagnosis | None:
    subject = run.subject
    moved = {n: _transposed_in_memory(x) if n in subject.inputs else x for n, x in subject.tensors.items()}
    if all(moved[name].stride() == tensor.stride() for name, tensor in subject.tensors.items()):
        raise DoesNotApplyError
    try:
        outputs = subject.forward(copies(moved))
    except Exception as error:
        raise DoesNotApplyError from error
    # Random numbers may be drawn in the order of memory: then the function is another one.
    if not all(equal(a, b, run.rounding) for a, b in zip(subject.outputs(), outputs, strict=True)):
        raise DoesNotApplyError
    if not (wrong := run.differing(subject.backward(copies(moved), clones_of(run.grad_outputs)))):
        return None
    return Diagnosis(
        "memory layout",
        f"it writes another gradient of {wrong} when the inputs are transposed in memory: respect their strides",
    )


def _expanded_inputs(run: Pass) -> Diagnosis | None:
    """Like a row that was broadcast: one row in memory, with a stride of 0."""
    subject = run.subject
    inputs = {n: x for n, x in subject.tensors.items() if n in subject.inputs and x.dim() > 0 and x.shape[0] > 1}
    rows = {name: x[:1].clone().expand(x.shape) for name, x in inputs.items()}
    if not rows or _changes_in_place(run):
        raise DoesNotApplyError
    contiguous = subject.tensors | {name: x.contiguous() for name, x in rows.items()}
    try:
        pairs = zip(subject.forward(copies(contiguous)), subject.forward(copies(subject.tensors | rows)), strict=True)
        same = all(torch.equal(a, b) for a, b in pairs)
        first = subject.backward(copies(contiguous), clones_of(run.grad_outputs))
    except Exception as error:  # equal rows, a singular matrix, may be outside of the domain
        raise DoesNotApplyError from error
    largest = max((float(x.abs().max()) for x in first.values() if x is not None and x.numel()), default=0.0)
    if not same or not largest < _ILL_CONDITIONED:  # equal rows have no deviation to divide by
        raise DoesNotApplyError
    try:
        again = subject.backward(copies(subject.tensors | rows), clones_of(run.grad_outputs))
    except RuntimeError as error:
        return Diagnosis("memory layout", f"when the inputs are expanded, with a stride of 0: {sentence(error)}")
    changed = any(not equal(x, contiguous[name]) for name, x in rows.items())  # a finding of its own
    if changed or not (wrong := run.differing(again, first)):
        return None
    return Diagnosis(
        "memory layout",
        f"it writes another gradient of {wrong} when the inputs are expanded, with a stride of 0: respect strides",
    )


def _without_input_grad(run: Pass) -> Diagnosis | None:
    if run.subject.module is None or not takes_input_grad(run.subject.module):
        raise DoesNotApplyError
    if not (wrong := run.differing(run.subject.gradients(run.grad_outputs, input_grad=False))):
        return None
    return Diagnosis("input_grad", f"with input_grad=False it writes another gradient of {wrong}")


def _another_pass_before(run: Pass) -> Diagnosis | None:
    """Run one module at other values, then at the subject's: the gradients must depend on the last pass only."""
    subject, grad_outputs, first = run.subject, run.grad_outputs, run.written
    if subject.module is None:
        raise DoesNotApplyError
    module: nn.Module = copy_module(subject.module)
    if not accepts_others(subject):
        raise DoesNotApplyError
    before = clones(subject.backward(others(subject.tensors), clones_of(grad_outputs), module))
    later = subject.backward(copies(subject.tensors), clones_of(grad_outputs), module)
    wrong = [name for name in first if not equal(first[name], later[name])]
    sums = {name: a + b for name in wrong if (a := first[name]) is not None and (b := before[name]) is not None}
    is_layer = any(isinstance(part, Layer) for part in subject.module.modules())
    if added := [name for name in sums if equal(sums[name], later[name], run.rounding)]:
        if not is_layer:
            run.notes.append(f"it adds to the previous .grad of {', '.join(added)}, as autograd does")
            return None
        return Diagnosis(
            "accumulated",
            f"it adds to the previous .grad of {', '.join(added)}: overwrite .grad, it still has that of the last step",
        )
    if not wrong:
        return None
    text = f"it keeps state: after a pass with other values it writes another gradient of {', '.join(wrong)}"
    return Diagnosis("stale state", text)


def _short(subject: Subject) -> bool:
    return False


def _long(subject: Subject) -> bool:
    return subject.graph is not None


def _long_for_many_inputs(subject: Subject) -> bool:
    return subject.graph is not None and len(subject.tensors) > _FEW


_CHECKS: Sequence[_Check] = (
    ("repeatable", _repeatable, _short),
    ("transposed grad_output", _transposed_grad_output, _short),
    ("expanded grad_output", _expanded_grad_output, _short),
    ("transposed inputs", _transposed_inputs, _short),
    ("expanded inputs", _expanded_inputs, _short),
    ("input_grad=False", _without_input_grad, _short),
    ("another pass before", _another_pass_before, _short),
    ("two forward passes", two_forwards, _short),
    ("changes in place", unmarked_changes, _short),
    ("each input alone", one_input_at_a_time, _long_for_many_inputs),
    ("each output alone", one_output_at_a_time, _short),
    ("jvp", jvp_rule, _short),
    ("vmap", vmap_rule, _short),
    ("double backward", double_backward, _long),
)


def _changes_in_place(run: Pass) -> bool:
    """Whether the backward changes tensors in place, which expanded ones refuse."""
    return any(finding.kind == "side effect" for finding in run.findings)


def _transposed_in_memory(x: Tensor) -> Tensor:
    """Return an equal tensor with its first two dimensions swapped in memory."""
    return x if x.dim() < 2 else x.transpose(0, 1).contiguous().transpose(0, 1)
