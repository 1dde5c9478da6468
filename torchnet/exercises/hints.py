"""What a hint says about a kind of mistake. It names the kind and never the right formula."""

import re

from torchnet.checking.reports.report import Diagnosis

# By the kinds of torchnet.check. The reports of torchnet.check show formulas, which here would be the answer.
_SENTENCES = {
    "transposed": "it has the right size and the wrong orientation: a transpose is missing or superfluous",
    "sign": "it has the right size and the wrong sign",
    "wrong axis": "it is summed over the wrong axis",
    "shape": "it has the wrong shape: a sum is missing, superfluous, or over the wrong axis",
    "missing path": "it is incomplete: a term of the chain rule is missing",
    "superfluous term": "a term is in it that does not belong there",
    "activation derivative": "the factor that multiplies the upstream gradient is not the derivative, or is missing",
    "tensor factor": "it is off by a factor that differs from element to element: one factor is missing or superfluous",
    "unknown sum": "it is a sum with a factor or a term missing, or over the wrong axis",
    "term": "a term is missing or wrong that is a mean or a sum over an axis, which all elements of a row share",
    "swapped": "it is a right gradient, but that of something else: the results may be in the wrong order",
    "not finite": "it has Inf or NaN: something overflows, or is divided by zero, although the result is finite",
    "unknown": "it matches no common mistake: derive it for one element, with sums instead of matrices, and compare",
    "not repeatable": "the function returns something else when it is called again with equal inputs",
    "memory layout": "the function depends on how the elements of its inputs lie in memory",
    "stale state": "the function remembers something of another call",
}
_FORMULA = re.compile(r"equals|the term|cosine")
_OPERATION = re.compile(r"argument \d+(?: \((\w+)\))? of (\w+) \(operation \d+ of the forward pass\)")


def named(kind: str, where: str, text: str) -> str:
    """Return a hint that names the kind of mistake; `where` is the name of the result, "" for the whole function."""
    text = f"{where or 'the function'} {text.removeprefix('it ')}" if text.startswith("it ") else text
    return f"{kind[0].upper()}{kind[1:]}: {text}."


def hint_for(diagnosis: Diagnosis, where: str) -> str:
    """Return a sentence that names the kind of a mistake which torchnet.check found."""
    text = _OPERATION.sub(_operation, diagnosis.text.partition(". If the function")[0])
    if diagnosis.kind in _SENTENCES and (_is_about_formulas(diagnosis) or not _is_about_paths(diagnosis)):
        text = _SENTENCES[diagnosis.kind]
    return named(diagnosis.kind, where, text)


def _is_about_formulas(diagnosis: Diagnosis) -> bool:
    return _FORMULA.search(diagnosis.text) is not None


def _is_about_paths(diagnosis: Diagnosis) -> bool:
    """Whether the text says which operation of the forward pass is concerned, which helps and is no formula."""
    return _OPERATION.search(diagnosis.text) is not None


def _operation(match: re.Match[str]) -> str:
    of, name = match.groups()
    return f"{name}({of or '...'})"
