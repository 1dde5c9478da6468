"""Mutation operators: for a node of the syntax tree, the nodes that could wrongly replace it."""

import ast
import copy
from collections.abc import Iterator

OTHER_OPERATOR: dict[type, list[type]] = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.FloorDiv: [ast.Mult],
    ast.Mod: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
    ast.And: [ast.Or],
    ast.Or: [ast.And],
}
OTHER_NAME = {
    "sum": "mean",
    "mean": "sum",
    "logsumexp": "sum",
    "amax": "amin",
    "amin": "amax",
    "argmax": "argmin",
    "argmin": "argmax",
    "max": "min",
    "min": "max",
    "any": "all",
    "all": "any",
    "exp": "expm1",
    "log": "log1p",
    "log1p": "log",
    "sigmoid": "tanh",
    "tanh": "sigmoid",
    "relu": "abs",
    "zeros_like": "ones_like",
    "ones_like": "zeros_like",
    "no_grad": "enable_grad",
    "enable_grad": "no_grad",
    "add_": "sub_",
    "sub_": "add_",
    "mul_": "div_",
    "div_": "mul_",
}
ORDERED = (ast.Sub, ast.Div, ast.Pow, ast.MatMult)  # operators whose operands cannot be swapped

_NO_STATEMENT = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Pass)


def wrong_nodes(ancestors: tuple[ast.AST, ...], node: ast.AST, text: str) -> Iterator[ast.AST]:
    """Yield the nodes that could wrongly replace a node whose source is `text`."""
    match node:
        case ast.BinOp(left, op, right):
            yield from (_changed(node, op=other()) for other in OTHER_OPERATOR.get(type(op), []))
            if isinstance(op, ORDERED):
                yield _changed(node, left=right, right=left)
            if isinstance(op, ast.MatMult):
                yield from (_changed(node, **{side: ast.Attribute(getattr(node, side), "T")}) for side in _plain(node))
        case ast.UnaryOp(ast.USub() | ast.Not(), operand):
            yield operand
        case ast.Compare(ops=ops):
            for i, op in enumerate(ops):
                others = OTHER_OPERATOR[type(op)]
                yield from (_changed(node, ops=[*ops[:i], other(), *ops[i + 1 :]]) for other in others)
        case ast.BoolOp(op, values):
            yield from (_changed(node, op=other()) for other in OTHER_OPERATOR[type(op)])
            yield from values
        case ast.Constant(bool(value)):
            if not _is_strict(ancestors[-1]):
                yield ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            parent = ancestors[-1]
            is_dim = isinstance(parent, ast.keyword) and parent.arg == "dim" and value in (0, 1)
            yield from map(ast.Constant, [1 - value] if is_dim else [value + 1, value - 1])
        case ast.Attribute(value, name, ast.Load()):
            if name == "T":
                yield value
            if name in OTHER_NAME:
                yield _changed(node, attr=OTHER_NAME[name])
        case ast.Name(name, ast.Load()) if name in OTHER_NAME:
            yield ast.Name(OTHER_NAME[name])
        case ast.Call(function, arguments, keywords):
            for i, keyword in enumerate(keywords):
                if not _is_strict(keyword):
                    yield _changed(node, keywords=keywords[:i] + keywords[i + 1 :])
            if isinstance(function, ast.Attribute) and ast.unparse(function.value) not in ("torch", "nn", "super()"):
                if not isinstance(ancestors[-1], ast.Expr) or isinstance(function.value, ast.Call):
                    yield function.value  # x.f() -> x
            elif arguments and not isinstance(arguments[0], ast.Starred | ast.GeneratorExp | ast.JoinedStr):
                yield arguments[0]  # f(x) and torch.f(x) -> x
        case ast.IfExp(_, body, orelse):
            yield from (body, orelse)
        case ast.Slice():
            yield from (_changed(node, **{part: None}) for part in ("lower", "upper", "step") if getattr(node, part))
        case ast.AugAssign(op=op):
            yield from (_changed(node, op=other()) for other in OTHER_OPERATOR.get(type(op), []))
    if isinstance(node, ast.expr) and _is_condition(ancestors[-1], node) and not isinstance(node, ast.Compare):
        yield ast.UnaryOp(ast.Not(), node)
    if isinstance(node, ast.stmt) and not isinstance(node, _NO_STATEMENT) and not text.startswith("elif"):
        yield ast.Pass()


def _is_strict(node: ast.AST) -> bool:
    """Whether this is the `strict` of zip: an assertion, which can only fail if something else is wrong."""
    return isinstance(node, ast.keyword) and node.arg == "strict"


def _is_condition(parent: ast.AST, node: ast.expr) -> bool:
    if isinstance(parent, ast.comprehension):
        return node in parent.ifs
    return isinstance(parent, ast.If | ast.IfExp | ast.While) and node is parent.test


def _plain(product: ast.BinOp) -> list[str]:
    return [s for s in ("left", "right") if not ast.unparse(getattr(product, s)).endswith(".T")]


def _changed(node: ast.AST, **fields: object) -> ast.AST:
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other
