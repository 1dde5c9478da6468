"""Mutations of source code: wherever an operator applies, replace the text of one node.

The surrounding text, including comments, is not changed.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, takewhile

from .operators import wrong_nodes

Placed = ast.expr | ast.stmt | ast.keyword  # nodes with a position in the text
_NEEDS_BRACKETS = (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Lambda)
_BINDS = (*_NEEDS_BRACKETS, ast.Attribute, ast.Subscript, ast.Starred)


@dataclass(frozen=True)
class Mutation:
    """One change: its line and function, the old and new text, and the whole mutated source."""

    line: int
    function: str
    old: str
    new: str
    source: str
    meaning: str


def mutations(source: str) -> list[Mutation]:
    """Return all mutations of a module's source, in the order of the text, without duplicates in meaning."""
    tree = ast.parse(source)
    text = source.encode()  # the columns of the syntax tree count bytes
    starts = [0, *(i + 1 for i, byte in enumerate(text) if byte == ord("\n"))]

    def span(node: Placed) -> tuple[int, int]:
        return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset

    seen, found = {ast.dump(tree)}, []
    for ancestors, node in _walk(tree, ()):
        start, end = span(node)
        for wrong in wrong_nodes(ancestors, node, text[start:end].decode()):
            new = ast.unparse(wrong)
            if isinstance(wrong, _NEEDS_BRACKETS) and isinstance(ancestors[-1], _BINDS):
                new = f"({new})"
            mutated = (text[:start] + new.encode() + text[end:]).decode()
            meaning = meaning_of(mutated)
            if meaning in seen:
                continue
            seen.add(meaning)
            shown_start, shown_end = span(_shown(ancestors, node))
            if isinstance(ancestors[-1], ast.arguments):  # a default: show the argument too
                shown_start, shown_end = starts[node.lineno - 1], starts[node.lineno] - 1
            before, after = text[shown_start:start].decode(), text[end:shown_end].decode()
            old, new = _readable(before + text[start:end].decode() + after, before + new + after)
            function = ".".join(a.name for a in ancestors if isinstance(a, ast.FunctionDef | ast.ClassDef))
            found.append(Mutation(node.lineno, function, old, new, mutated, meaning))
    return found


def meaning_of(source: str) -> str:
    """Return a value that is equal for sources that differ only in formatting and comments."""
    return ast.dump(ast.parse(source))


def _walk(node: ast.AST, ancestors: tuple[ast.AST, ...]) -> Iterator[tuple[tuple[ast.AST, ...], Placed]]:
    """Yield each node with a position that matters for the mathematics, with its ancestors."""
    match node:
        case ast.Expr(ast.Constant(str())) | ast.FunctionDef(name="extra_repr"):
            return
        case ast.Assign(targets=[ast.Name(name)]) if name.startswith("__"):
            return
        case ast.AnnAssign(value=None) if not getattr(
            ancestors[-1], "decorator_list", ()
        ):  # those of a dataclass count
            return
        case ast.Call(ast.Name("cast"), [_, value]):
            yield from _walk(value, ancestors)
            return
    if isinstance(node, ast.expr | ast.stmt):
        yield ancestors, node
    if isinstance(node, ast.Raise | ast.JoinedStr):  # the text of messages
        return
    fields = [value for name, value in ast.iter_fields(node) if name not in ("annotation", "returns")]
    children = chain.from_iterable(value if isinstance(value, list) else [value] for value in fields)
    for child in sorted((c for c in children if isinstance(c, ast.AST)), key=_position):
        yield from _walk(child, (*ancestors, node))


def _position(node: ast.AST) -> tuple[int, int]:
    inner = node if hasattr(node, "lineno") else next((n for n in ast.walk(node) if hasattr(n, "lineno")), None)
    return (inner.lineno, inner.col_offset) if inner else (0, 0)


def _shown(ancestors: tuple[ast.AST, ...], node: Placed) -> Placed:
    """Return the node to show in a mutation's name: for a bare number or name, the expression around it."""
    for ancestor in reversed(ancestors):
        if not isinstance(node, ast.Constant | ast.Name | ast.Attribute | ast.keyword | ast.Slice):
            break
        if not isinstance(ancestor, ast.expr | ast.keyword | ast.Assign | ast.Return):
            break
        node = ancestor
    return node


def _readable(*texts: str, width: int = 90) -> list[str]:
    """Return each text on one line; shorten long texts to the part around the first difference."""
    lines = [" ".join(text.split()) for text in texts]
    if max(map(len, lines)) <= width:
        return lines
    same = sum(1 for _ in takewhile(lambda letters: len(set(letters)) == 1, zip(*lines, strict=False)))
    start = max(0, same - width // 2)
    return [
        ("..." if start else "") + s[start : start + width] + ("..." if start + width < len(s) else "") for s in lines
    ]
