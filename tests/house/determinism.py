"""The lint that keeps a simulated run repeatable: what code may not import, call or iterate. Works on source text.

Iterating a set depends on the hash seed and ``id`` on the allocator, so that the same seed would give two runs. Sets
are recognised by how a name or attribute is made or annotated in the same module; iterating one through ``sorted`` is
right.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

#: Clocks, sockets, files, threads, processes, randomness, and ways around these imports.
FORBIDDEN_IMPORTS = frozenset({
    "asyncio", "concurrent", "ctypes", "datetime", "fcntl", "gc", "importlib", "io", "multiprocessing", "os", "pathlib",
    "platform", "queue", "random", "sched", "secrets", "select", "selectors", "signal", "socket", "socketserver", "ssl",
    "subprocess", "sys", "tempfile", "threading", "time", "timeit", "uuid", "uvloop", "weakref", "zmq",
})
#: Their results differ between two processes, or they reach outside.
FORBIDDEN_CALLS = {
    "id": "an address in memory", "hash": "text hashes by the hash seed", "open": "a file", "input": "the terminal",
    "__import__": "a way around the imports that are forbidden",
}
_SET_TYPES = {"set", "frozenset", "Set", "FrozenSet", "AbstractSet", "MutableSet"}
_SET_METHODS = {"union", "intersection", "difference", "symmetric_difference", "copy"}
_SET_OPERATORS = (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)
#: Calls whose result depends on the order in which they see their arguments.
_ORDERED = {"list", "tuple", "iter", "next", "enumerate", "map", "filter", "zip", "reversed", "sum", "dict", "deque"}


def faults(source: str, file: str, forbidden_imports: Iterable[str] = FORBIDDEN_IMPORTS) -> list[str]:
    """What is wrong with a module.

    Args:
        source: its text.
        file: its name, for the messages.
        forbidden_imports: top-level packages that it must not import.

    Returns:
        One sentence a fault, each with file and line, in order.
    """
    tree = ast.parse(source)
    found = [*_imports(tree, frozenset(forbidden_imports)), *_calls(tree), *_iterations(tree)]
    return [f"{file}:{line}: {text}" for line, text in sorted(found)]


def _imports(tree: ast.Module, forbidden: frozenset[str]) -> Iterable[tuple[int, str]]:
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module]
        for name in names:
            if name.partition(".")[0] in forbidden:
                yield node.lineno, f"imports {name}; a run could not be repeated; ask the context instead"


def _calls(tree: ast.Module) -> Iterable[tuple[int, str]]:
    hashing = {
        id(inner) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "__hash__"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and id(node) not in hashing:
            why = FORBIDDEN_CALLS.get(node.func.id)
            if why:
                yield node.lineno, f"calls {node.func.id}(): {why}; a run could not be repeated"


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


def _iterations(tree: ast.Module) -> Iterable[tuple[int, str]]:
    sets = _Sets()
    sets.visit(tree)
    yield from _look(tree, sets, [tree])


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
