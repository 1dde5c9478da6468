"""Task: what an exercise asks for, with what it knows about wrong solutions. It does not hold the solution."""

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import cleandoc
from typing import Any

import torch
from torch import Tensor

from torchnet.exercises.truth import Case, Truth

LEVELS = 5  # from a derivative to attention


class Draw:
    """Random inputs of exercises, in float64, the same ones every time."""

    def __init__(self, seed: int = 0) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int) -> Tensor:
        """Return standard normal numbers."""
        return torch.randn(shape, generator=self._generator, dtype=torch.float64)

    def positive(self, *shape: int) -> Tensor:
        """Return numbers from 0.5 to 1.5."""
        return torch.rand(shape, generator=self._generator, dtype=torch.float64) + 0.5

    def classes(self, count: int, num_classes: int) -> Tensor:
        """Return class indices."""
        return torch.randint(num_classes, (count,), generator=self._generator)

    def mask(self, *shape: int) -> Tensor:
        """Return True or False, with equal probability."""
        return torch.rand(shape, generator=self._generator) < 0.5


@dataclass(frozen=True)
class Mistake:
    """A typical wrong formula for one result of an exercise.

    Attributes:
        result: the name of the result.
        kind: a few words that name the mistake.
        formula: computes the wrong result; the arguments of the exercise are attributes of its argument.
        hint: says what is wrong, in lower case and without a period; "it" is the result.
        where: where to look in the equations; None for what the exercise says about this result.
    """

    result: str
    kind: str
    formula: Callable[[Any], Tensor]
    hint: str
    where: str | None = None


@dataclass(frozen=True)
class Task:
    """What an exercise asks for.

    Attributes:
        name: the name of the exercise and of the function to write.
        level: from 1, easy, to LEVELS.
        title: what the function computes, in a few words.
        text: the task in plain words.
        equations: the definitions, one a line; never the solution.
        arguments: the arguments of the function, with their shapes.
        results: what it returns, with shapes.
        truth: computes the right results.
        inputs: draws the inputs at which a solution is tried first.
        where: for each result, where to look in the equations; in the order in which results are judged.
        derivation: where to read on: "FILE, section N" of a notebook, or the file of a layer or loss.
        praise: what a right solution shows, and what to try next.
        mistakes: typical wrong formulas.
        traps: draws inputs that are known for wrong results, by a description such as "for large logits".
        elementwise: whether the arguments at one place decide the results at this place alone.
    """

    name: str
    level: int
    title: str
    text: str
    equations: str
    arguments: Mapping[str, str]
    results: Mapping[str, str]
    truth: Truth
    inputs: Callable[[Draw], Case]
    where: Mapping[str, str]
    derivation: str
    praise: str
    mistakes: tuple[Mistake, ...] = ()
    traps: Callable[[Draw], Mapping[str, Case]] = field(default=lambda draw: {})
    elementwise: bool = False

    @property
    def stub(self) -> str:
        """The function without its formulas."""
        lines = [f"def {self.name}({', '.join(self.arguments)}):"]
        lines += [f"    {result} = ..." for result in self.where]
        return "\n".join([*lines, f"    return {', '.join(self.results)}"])

    def cases(self) -> dict[str, Case]:
        """Return the inputs at which a solution is tried, by where that is; "" for the first ones."""
        first = self.truth.prepared(self.inputs(Draw()), self.arguments)
        small = {name: x.float() if _is_float64(x) else x for name, x in first.items()}
        traps = {where: self.truth.prepared(case, self.arguments) for where, case in self.traps(Draw(1)).items()}
        return {"": first, **traps, "in float32": small}

    def given(self, case: Case) -> list[Any]:
        """Return what the function is called with."""
        return [case[name] for name in self.arguments]

    @property
    def heading(self) -> str:
        """The name and what it computes."""
        return f"{self.name}: {self.title} (level {self.level} of {LEVELS})"

    def __str__(self) -> str:
        width = max(map(len, [*self.arguments, *self.results]))
        rows = [f"    {name.ljust(width)}  {what}" for name, what in self.arguments.items()]
        returned = [f"    {name.ljust(width)}  {what}" for name, what in self.results.items()]
        parts = [self.heading, cleandoc(self.text), indented(cleandoc(self.equations))]
        parts += ["\n".join(["Arguments:", *rows]), "\n".join(["Returns:", *returned])]
        return "\n\n".join([*parts, "Write:\n\n" + indented(self.stub)])

    def as_html(self) -> str:
        """Return the task for a notebook."""
        rows = [
            f"<tr><td>{kind}</td><td><code>{name}</code></td><td style='text-align:left'>{html.escape(what)}</td></tr>"
            for kind, named in (("argument", self.arguments), ("returns", self.results))
            for name, what in named.items()
        ]
        text = html.escape(cleandoc(self.text)).replace("\n\n", "</p><p>")
        return (
            f"<div style='max-width:52em'><h4>{html.escape(self.heading)}</h4><p>{text}</p>"
            f"<pre style='overflow-x:auto'>{html.escape(cleandoc(self.equations))}</pre><table>{''.join(rows)}</table>"
            f"<p>Copy this and write the formulas:</p><pre style='overflow-x:auto'>{html.escape(self.stub)}</pre></div>"
        )


def indented(text: str) -> str:
    """Return text with every line indented."""
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())


def _is_float64(x: Any) -> bool:
    return isinstance(x, Tensor) and x.dtype == torch.float64
