"""Where Python source iterates a set, whose order differs from process to process. Reads source; knows no actor.

Sets are recognised by how a name or attribute is made or annotated in the same text; iterating one through ``sorted``
is right. What a called function iterates is not followed.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Collection, Iterable

_SET_TYPES = {"set", "frozenset", "Set", "FrozenSet", "AbstractSet", "MutableSet"}
_SET_METHODS = {"union", "intersection", "difference", "symmetric_difference", "copy"}
_SET_OPERATORS = (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)
#: Calls whose result depends on the order in which they see their arguments.
_ORDERED = {"list", "tuple", "iter", "next", "enumerate", "map", "filter", "zip", "reversed", "sum", "dict", "deque"}


def iterations(tree: ast.Module, attributes: Collection[str] = ()) -> Iterable[tuple[int, str]]:
    """Every place that sees the order of a set.

    Args:
        tree: parsed source.
        attributes: names of attributes that hold sets, beyond those that the source itself shows.

    Returns:
        Line, from 1, and a sentence that says what is iterated and what to write instead.
    """
    sets = _Sets()
    sets.attributes.update(attributes)
    sets.visit(tree)
    yield from _look(tree, sets, [tree])


def in_class(cls: type[object], attributes: Collection[str] = ()) -> list[str]:
    """The same for what stands in a class and in its bases.

    Args:
        cls: whose source can be found; of a base for which it cannot, nothing is said.
        attributes: as of ``iterations``.

    Returns:
        One sentence a place, each with file and line.
    """
    found = []
    for base in cls.__mro__:
        try:
            lines, first = inspect.getsourcelines(base)
            file = inspect.getsourcefile(base)
        except (OSError, TypeError):
            continue
        for line, text in iterations(ast.parse(textwrap.dedent("".join(lines))), attributes):
            found.append(f"{file}:{first + line - 1}: {text}")
    return found


class _Sets(ast.NodeVisitor):
    """Names and attributes that hold sets, by scope: ``x`` in its function, ``self.x`` in the whole module."""

    def __init__(self) -> None:
        self.attributes: set[str] = set()
        self.names: dict[ast.AST, set[str]] = {}
        self._scope: list[ast.AST] = []

    def visit_Module(self, node: ast.Module) -> None:
        self._enter(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._enter(node)

    def _enter(self, node: ast.Module | ast.FunctionDef) -> None:
        self._scope.append(node)
        here = self.names.setdefault(node, set())
        if isinstance(node, ast.FunctionDef):
            arguments = node.args
            for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
                if argument.annotation is not None and _is_set_type(argument.annotation):
                    here.add(argument.arg)
        self.generic_visit(node)
        self._scope.pop()

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if _is_set_type(node.annotation):
            self._note(node.target)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if self.is_set(node.value, self._scope):
            for target in node.targets:
                self._note(target)
        self.generic_visit(node)

    def _note(self, target: ast.expr) -> None:
        if isinstance(target, ast.Attribute):
            self.attributes.add(target.attr)
        elif isinstance(target, ast.Name):
            self.names[self._scope[-1]].add(target.id)
            if isinstance(self._scope[-1], ast.Module):  # also a field of a class
                self.attributes.add(target.id)

    def is_set(self, node: ast.expr | None, scopes: list[ast.AST]) -> bool:
        """Whether an expression certainly is a set."""
        if isinstance(node, (ast.Set, ast.SetComp)):
            return True
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                return node.func.id in ("set", "frozenset")
            return (
                isinstance(node.func, ast.Attribute) and node.func.attr in _SET_METHODS
                and self.is_set(node.func.value, scopes)
            )
        if isinstance(node, ast.BinOp) and isinstance(node.op, _SET_OPERATORS):
            return self.is_set(node.left, scopes) or self.is_set(node.right, scopes)
        if isinstance(node, ast.Name):
            return any(node.id in self.names.get(scope, ()) for scope in scopes)
        return isinstance(node, ast.Attribute) and node.attr in self.attributes


def _is_set_type(annotation: ast.expr) -> bool:
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    name = annotation.attr if isinstance(annotation, ast.Attribute) else getattr(annotation, "id", "")
    return name in _SET_TYPES


def _look(node: ast.AST, sets: _Sets, scopes: list[ast.AST]) -> Iterable[tuple[int, str]]:
    for iterated in _iterated(node):
        if sets.is_set(iterated, scopes):
            shown = ast.unparse(iterated)
            yield iterated.lineno, f"iterates the set {shown}, whose order the hash seed decides; use sorted({shown})"
    for child in ast.iter_child_nodes(node):
        yield from _look(child, sets, [*scopes, child] if isinstance(child, ast.FunctionDef) else scopes)


def _iterated(node: ast.AST) -> list[ast.expr]:
    """The expressions whose order a node sees."""
    if isinstance(node, ast.For):
        return [node.iter]
    if isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.DictComp)):
        return [generator.iter for generator in node.generators]
    if isinstance(node, ast.Starred):
        return [node.value]
    if isinstance(node, ast.Assign) and any(isinstance(target, (ast.Tuple, ast.List)) for target in node.targets):
        return [node.value]
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id in _ORDERED:
            return list(node.args)
        if isinstance(node.func, ast.Attribute):
            if node.func.attr == "pop" and not node.args:
                return [node.func.value]
            if node.func.attr in ("join", "extend", "fromkeys"):
                return list(node.args)
    return []
