"""The lint that keeps a simulated run repeatable: what code may not import, call or iterate. Works on source text.

Iterating a set depends on the hash seed and ``id`` on the allocator, so that the same seed would give two runs. How a
set is recognised stands in ``actors.verification.unordered``, which the checker of actors uses, too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from actors.verification.unordered import iterations

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
    found = [*_imports(tree, frozenset(forbidden_imports)), *_calls(tree), *iterations(tree)]
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
