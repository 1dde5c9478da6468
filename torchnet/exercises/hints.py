"""What a hint says about a kind of mistake that torchnet.check found. It names the kind, never the right formula."""

import re

from torchnet.checking.reports.report import Diagnosis

# By the kinds of torchnet.check: the kind in a student's words, and a sentence. None where the text of the diagnosis
# may be shown; the texts of the other kinds may contain formulas, which here would be the answer.
_KINDS: dict[str, tuple[str, str | None]] = {
    "transposed": (
        "transposed",
        "it has the right size and the wrong orientation: a transpose is missing or superfluous",
    ),
    "sign": ("sign", "it has the right size and the wrong sign"),
    "constant factor": ("constant factor", None),
    "missing": ("zero", None),
    "swapped": ("swapped", "it is a right gradient, but that of something else: are the results in the wrong order?"),
    "wrong axis": ("wrong axis", "it is summed over the wrong axis"),
    "shape": ("wrong shape", "a sum is missing, superfluous, or over the wrong axis"),
    "missing path": ("missing path", None),
    "path factor": ("wrong factor in a path", None),
    "path twice": ("path counted twice", None),
    "path sign": ("wrong sign in a path", None),
    "wrong factor in a path": ("wrong factor in a path", None),
    "wrong factor in a term": ("wrong factor in a term", None),
    "wrong sign in a path": ("wrong sign in a path", None),
    "wrong paths": ("wrong paths", None),
    "superfluous term": ("superfluous term", "a term is in it that does not belong there"),
    "activation derivative": (
        "wrong slope",
        "the factor that multiplies the upstream gradient is missing, or not the derivative at the input",
    ),
    "wrong derivative": ("wrong derivative", None),
    "grad_output": ("upstream gradient", None),
    "tensor factor": ("wrong factor", "a factor is missing or superfluous that differs from element to element"),
    "scale per slice": ("wrong factor", None),
    "unknown sum": ("wrong sum", "a factor or a term is missing in the sum, or it is over the wrong axis"),
    "term": ("wrong term", "a term is missing or wrong that is a sum or a mean over an axis, or one of the arguments"),
    "permuted": ("permuted", None),
    "another number": ("another number", None),
    "nearly right": ("nearly right", "a constant is slightly different, or a small one such as eps is missing"),
    "small elements": ("small elements", None),
    "one element": ("wrong in places", None),
    "one slice": ("wrong in places", None),
    "some elements": ("wrong in places", None),
    "some slices": ("wrong in places", None),
    "not finite": (
        "not finite",
        "it has Inf or NaN: something overflows or is divided by zero on the way, although the result is finite",
    ),
    "rounding": ("rounding", None),
    "raises": ("raises", None),
    "side effect": ("side effect", None),
    "other inputs": ("other inputs", None),
    "not repeatable": ("not repeatable", "it is another one when the function is called again with equal inputs"),
    "memory layout": ("memory layout", "it depends on how the elements of the arguments lie in memory"),
    "stale state": ("stale state", "the function remembers something of another call"),
}
# The same for some diagnoses, by kind and a part of the text.
_SPECIAL: tuple[tuple[str, str, tuple[str, str | None]], ...] = (
    ("wrong derivative", "transpose", _KINDS["transposed"]),
    ("wrong derivative", "another axis", _KINDS["wrong axis"]),
    ("sign", "is used", ("sign", None)),
    ("wrong axis", "it has shape", ("wrong axis", "it is summed over the wrong axis, or should not be summed at all")),
    ("shape", "sum it over", ("missing sum", "its elements are right, and they are not yet added up over an axis")),
    ("shape", "the values are right", ("wrong shape", "it has the right numbers in another shape")),
)
# Where to look for some mistakes, by kind and a part of what was said about it. For the others, the exercise says it.
_LOOK: tuple[tuple[str, str, str], ...] = (
    (
        "factor",
        "a mean's 1/",
        "The rest is right. Where do the equations have a mean? It divides its sum by the number of its terms, and the "
        "derivative keeps this factor. If there is no mean, count the other factors.",
    ),
    (
        "factor",
        "once too often",
        "The rest is right. Look for a division that the equations do not have, or a mean where they have a sum. The "
        "1/N of a loss comes back with its gradient and is not applied again.",
    ),
    (
        "constant factor",
        "",
        "The rest is right. Count the factors in the equations: those of means, squares and arguments that scale. "
        "Each of them is in the derivative exactly once.",
    ),
    (
        "sign",
        "",
        "The rest is right. Compare each minus in the equations with those in your code, from the output back to the "
        "argument; two of them cancel.",
    ),
    (
        "missing sum",
        "",
        "One element of the argument is in several elements of the output, and each of these hands back a part of the "
        "gradient. Add them up over the index that the result does not have.",
    ),
    ("swapped", "", "Compare the line with return with the order of the results in the task."),
)
_UNKNOWN = "not recognized"
_DERIVE = "it looks like no common mistake: derive it for one element, with sums instead of matrices, and compare"
_INCOMPLETE = "it is incomplete: a term of the chain rule is missing, or has the wrong sign or factor"
_FORMULA = re.compile(r"equals|the term ")
_OPERATION = re.compile(r"argument \d+(?: \((\w+)\))? of (\w+) \(operation \d+ of the forward pass\)")


def named(kind: str, where: str, text: str) -> str:
    """Return a hint that names the kind of mistake; `where` is the name of the result, "" for the whole function."""
    text = f"{where or 'the function'} {text.removeprefix('it ')}" if text.startswith("it ") else text
    return f"{kind[0].upper()}{kind[1:]}: {text}{'' if text.endswith('?') else '.'}"


def look_at(kind: str, text: str) -> str:
    """Return where to look for a mistake that was explained by a text; "" if its kind does not tell."""
    return next((look for of, part, look in _LOOK if of in kind and part in text), "")


def explained(diagnosis: Diagnosis) -> tuple[str, str]:
    """Return the kind of a mistake in a student's words, and a sentence, without a period, that has no formula."""
    kind, text = diagnosis.kind, diagnosis.text.partition(". If the function")[0]
    special = next((it for of, part, it in _SPECIAL if of == kind and part in text), None)
    words, sentence = special or _KINDS.get(kind, (_UNKNOWN, _DERIVE))
    if sentence is None:
        sentence = _INCOMPLETE if _FORMULA.search(text) else _OPERATION.sub(_operation, text)
    return words, sentence.replace("true gradient", "right result").replace("the true one", "the right one")


def _operation(match: re.Match[str]) -> str:
    of, name = match.groups()
    return f"{of} in {name}" if of else f"the operation {name}"
