"""What the mutation test does to a module: one small change after the other, each a mutant.

Every statement is deleted once, and every expression that decides is changed: comparisons, conditions, numbers, words,
entries of tables, limits, arguments by name, handlers of exceptions. Docstrings, imports and annotations stay.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import TypeVar

_OPPOSITE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
}
_OTHER: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_SWAPPED = {"any": "all", "all": "any", "min": "max", "max": "min"}
# Methods without which the text is the same but for its form.
_FORMING = frozenset({"lower", "upper", "casefold", "strip", "lstrip", "rstrip", "removeprefix", "removesuffix"})
_COMPOUND = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.FunctionDef, ast.ClassDef)
_SHOWN = 70
_Part = TypeVar("_Part")


@dataclass(frozen=True)
class Mutant:
    """``lines``: first and last of the statement (of a compound one: its head), by which its tests are chosen. ``inside``:
    the change is in a function's body, so that whoever has imported the module can be given the function's new code."""

    line: int
    lines: tuple[int, int]
    change: str
    code: CodeType
    inside: bool


def mutants(source: str, path: str) -> Iterator[Mutant]:
    """All mutants of the module ``source``, in its order."""
    tree = ast.parse(source, path)
    for child in ast.walk(tree):
        _mark(child)
    yield from _in(tree, tree, (1, 1), path, False)


def _mark(parent: ast.AST) -> None:
    """Marks what is never changed: docstrings and annotations."""
    for name in ("annotation", "returns"):
        if isinstance(kept := getattr(parent, name, None), ast.expr):
            kept.kept = True  # type: ignore[attr-defined]
    body = getattr(parent, "body", None)
    if isinstance(parent, (ast.Module, ast.ClassDef, ast.FunctionDef)) and body and _is_text(body[0]):
        body[0].kept = True
    if isinstance(parent, ast.JoinedStr):  # one change for each f-string is enough
        for piece in [piece for piece in parent.values if isinstance(piece, ast.Constant)][1:]:
            piece.kept = True  # type: ignore[attr-defined]


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _in(tree: ast.Module, node: ast.AST, lines: tuple[int, int], path: str, inside: bool) -> Iterator[Mutant]:
    for name, value in ast.iter_fields(node):
        within = inside or (isinstance(node, ast.FunctionDef) and name == "body")
        children = value if isinstance(value, list) else [value]
        for number, child in enumerate(children):
            if not isinstance(child, ast.AST) or getattr(child, "kept", False):
                continue
            if isinstance(child, (ast.Import, ast.ImportFrom, ast.Pass)):
                continue
            here = _lines(child) if isinstance(child, ast.stmt) else lines
            old = _shown(child)
            for change in _changes(child):
                _put(node, name, number, change)
                ast.fix_missing_locations(tree)
                line = getattr(child, "lineno", here[0])
                try:
                    code = compile(tree, path, "exec", dont_inherit=True)
                except SyntaxError:  # a f-string's parts are not free
                    continue
                finally:
                    _put(node, name, number, child)
                yield Mutant(line, here, f"{old}  ->  {_shown(change)}", code, within)
            yield from _in(tree, child, here, path, within)
            for part, change_name, undo in _within(child):
                ast.fix_missing_locations(tree)
                try:
                    code = compile(tree, path, "exec", dont_inherit=True)
                finally:
                    undo()
                yield Mutant(getattr(part, "lineno", here[0]), here, change_name, code, within)


def _put(parent: ast.AST, name: str, number: int, child: ast.AST) -> None:
    value = getattr(parent, name)
    if isinstance(value, list):
        value[number] = child
    else:
        setattr(parent, name, child)


def _lines(node: ast.stmt) -> tuple[int, int]:
    start = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
    if isinstance(node, _COMPOUND):
        return start, max(start, node.lineno, node.body[0].lineno - 1)
    return start, node.end_lineno or node.lineno


def _shown(node: ast.AST) -> str:
    if isinstance(node, ast.Pass):
        return "(deleted)"
    try:
        text = ast.unparse(node)
    except (AttributeError, ValueError):
        text = type(node).__name__
    first, *rest = text.splitlines() or [""]
    return first[:_SHOWN] + ("..." if rest or len(first) > _SHOWN else "")


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of ``node``."""
    if isinstance(node, ast.stmt):
        yield from _statements(node)
    elif isinstance(node, ast.Constant):
        yield from (ast.Constant(value) for value in _values(node.value))
    elif isinstance(node, ast.JoinedStr):
        return
    elif isinstance(node, ast.Compare):
        for number, operator in enumerate(node.ops):
            for other in _OPPOSITE[type(operator)]:
                yield ast.Compare(node.left, [*node.ops[:number], other(), *node.ops[number + 1 :]], node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        for number in range(len(node.values)):
            left = _without(node.values, number)
            yield left[0] if len(left) == 1 else ast.BoolOp(node.op, left)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in _OTHER:
        yield ast.BinOp(node.left, _OTHER[type(node.op)](), node.right)
    elif isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse
    elif isinstance(node, ast.Call):
        yield from _calls(node)
    elif isinstance(node, ast.Slice):
        if node.lower:
            yield ast.Slice(None, node.upper, node.step)
        if node.upper:
            yield ast.Slice(node.lower, None, node.step)


def _values(value: object) -> Iterator[bool | int | float | str | bytes]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, (int, float)):
        yield value + 1
    elif isinstance(value, str):
        yield value + "~"
    elif isinstance(value, bytes):
        yield value + b"~"


def _statements(node: ast.stmt) -> Iterator[ast.stmt]:
    if isinstance(node, ast.Return):
        if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield ast.Return(ast.Constant(None))
        return
    if isinstance(node, ast.AnnAssign) and node.value is None:  # a field of a dataclass that all its callers give
        return
    yield ast.Pass()
    # Of a comparison and the like the condition itself has a mutant that is the same.
    if isinstance(node, (ast.If, ast.While)) and not isinstance(node.test, (ast.Compare, ast.UnaryOp)):
        negated = ast.UnaryOp(ast.Not(), node.test)
        yield type(node)(negated, node.body, node.orelse)
    elif isinstance(node, ast.Continue):
        yield ast.Break()
    elif isinstance(node, ast.AugAssign):
        yield ast.Assign([node.target], node.value)


def _calls(node: ast.Call) -> Iterator[ast.expr]:
    if isinstance(node.func, ast.Name) and node.func.id in _SWAPPED:
        yield ast.Call(ast.Name(_SWAPPED[node.func.id], ast.Load()), node.args, node.keywords)
    if isinstance(node.func, ast.Attribute) and node.func.attr in _FORMING:
        yield node.func.value


def _within(node: ast.AST) -> Iterator[tuple[ast.AST, str, _Undo]]:
    """Parts of ``node`` that are left out, each with a description; each is undone before the next one."""
    for name in ("elts", "ifs", "keywords", "decorator_list"):
        for number, part in enumerate(getattr(node, name, [])):
            if isinstance(getattr(node, "ctx", None), ast.Store) or (name == "decorator_list" and _must_stay(part)):
                continue
            undo = _Undo(node, (name,))
            setattr(node, name, _without(getattr(node, name), number))
            yield part, f"{_shown(part)}  ->  (left out)", undo
    if isinstance(node, ast.Dict):
        for number, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
            undo = _Undo(node, ("keys", "values"))
            shown = f"{_shown(key) if key else '**'}: {_shown(value)}"
            node.keys, node.values = _without(node.keys, number), _without(node.values, number)
            yield value, f"{shown}  ->  (left out)", undo
    if isinstance(node, ast.ExceptHandler) and node.type:
        undo = _Undo(node, ("type",))
        shown = _shown(node.type)
        node.type = ast.Tuple([], ast.Load())
        yield node, f"except {shown}  ->  except nothing", undo


def _must_stay(decorator: ast.expr) -> bool:
    """Without these nothing works at all: their mutants would only raise the score."""
    return isinstance(decorator, ast.Name) and decorator.id in ("classmethod", "staticmethod")


class _Undo:
    def __init__(self, node: ast.AST, names: Sequence[str]) -> None:
        self._node = node
        self._values = {name: getattr(node, name) for name in names}

    def __call__(self) -> None:
        for name, value in self._values.items():
            setattr(self._node, name, value)


def _without(parts: Sequence[_Part], number: int) -> list[_Part]:
    return [*parts[:number], *parts[number + 1 :]]
