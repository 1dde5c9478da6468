"""Where a gradient went wrong, and what is said about it."""

from dataclasses import dataclass, field

from torchnet.checking.subject import Outputs, Subject, Tensors


@dataclass(frozen=True)
class Diagnosis:
    """A kind of mistake, and what speaks for it.

    Attributes:
        kind: of the gradient: "missing", "swapped", "grad_output", "shape", "not finite", "constant factor", "sign",
            "transposed", "wrong axis", "missing path", "activation derivative", "one slice", "one element", "small
            elements", "update before propagate", "rounding", "oracles disagree" or "unknown"; of what backward does
            beside it: "side effect", "not repeatable", "memory layout", "input_grad", "accumulated" or "stale state".
        text: a sentence.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Scene:
    """What is known about where a gradient went wrong, in float64.

    Attributes:
        subject: what was differentiated.
        outputs: what its forward returned.
        grad_outputs: the gradient that its backward was given.
        changed: the tensors that its backward left changed, as it left them.
        truths: the true gradients of all tensors, where they are known.
    """

    subject: Subject
    outputs: Outputs
    grad_outputs: Outputs
    changed: Tensors = field(default_factory=dict)
    truths: Tensors = field(default_factory=dict)

    @property
    def tensors(self) -> Tensors:
        """Everything that a formula of the backward pass could contain, by name."""
        known = dict(self.subject.tensors)
        if len(self.outputs) == 1 and not self.subject.is_loss:
            known |= {"grad_output": self.grad_outputs[0], "output": self.outputs[0]}
        return known

    @property
    def sizes(self) -> dict[int, str]:
        """Numbers that a mean may divide by, with what they count."""
        first = self.subject.first_input
        counted: dict[int, list[str]] = {}
        for n in self.subject.tensors[first].shape[:1]:
            counted[n] = [f"N, the first dimension of {first}"]
        for what, tensor in ({"output": self.outputs[0]} | self.subject.tensors).items():
            for i, n in enumerate(tensor.shape):
                if i > 0 or n not in counted:  # the first dimension is N's in many a tensor
                    counted.setdefault(n, []).append(f"dimension {i} of {what}")
            counted.setdefault(tensor.numel(), []).append(f"the number of elements of {what}")
        return {n: " and ".join(names[:2]) for n, names in counted.items()}
