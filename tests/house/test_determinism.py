"""The same seed gives the same run: nothing in protocols and in the simulated world differs between two processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house import determinism

ROOT = Path(__file__).resolve().parents[2]
PROTOCOLS = sorted((ROOT / "protocols").rglob("*.py"))
SIMULATION = sorted((ROOT / "actors" / "simulation").rglob("*.py"))
#: The world itself draws from seeds, and the tools around it look at the wall clock and write files, and
#: collect worlds that are over.
WORLD_MAY = {"gc", "random", "time", "pathlib", "sys", "importlib", "platform", "weakref"}


@pytest.mark.parametrize("path", PROTOCOLS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_protocol_module_can_be_repeated(path):
    found = determinism.faults(path.read_text(), str(path.relative_to(ROOT)))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", SIMULATION, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_simulated_world_can_be_repeated(path):
    forbidden = determinism.FORBIDDEN_IMPORTS - WORLD_MAY
    found = determinism.faults(path.read_text(), str(path.relative_to(ROOT)), forbidden)
    assert not found, "\n".join(found)


def test_protocols_do_not_know_the_real_world():
    for path in PROTOCOLS:
        assert "actors.runtime" not in path.read_text(), f"{path.relative_to(ROOT)} names actors.runtime"


BAD = {
    "import time": "imports time",
    "from os import path": "imports os",
    "import random as draw": "imports random",
    "import asyncio.events": "imports asyncio",
    "def f(a):\n    return id(a)": "calls id()",
    "def f(a):\n    return hash(a) % 3": "calls hash()",
    "def f():\n    return open('x')": "calls open()",
    "def f():\n    for a in {1, 2}:\n        pass": "iterates the set {1, 2}",
    "def f(a):\n    return [b for b in set(a)]": "iterates the set set(a)",
    "def f(a: frozenset[str]):\n    return list(a)": "iterates the set a",
    "def f(a: 'int', b: set[str]):\n    for c in b | {1}:\n        pass": "iterates the set b | {1}",
    "def f(a):\n    seen = set()\n    seen.add(a)\n    return tuple(seen)": "iterates the set seen",
    "class A:\n    def g(self):\n        self.x: set[str] = set()\n    def h(self):\n        return [*self.x]":
        "iterates the set self.x",
    "class A:\n    x: frozenset[str]\n    def h(self):\n        return ','.join(self.x)": "iterates the set self.x",
    "class A:\n    def g(self):\n        self.x = set()\n    def h(self):\n        return self.x.pop()":
        "iterates the set self.x",
    "def f(a):\n    b, c = {a, 2}": "iterates the set {a, 2}",
}


@pytest.mark.parametrize("source", BAD, ids=lambda source: source.replace("\n", ";")[:60])
def test_the_lint_sees(source):
    found = determinism.faults(source, "protocols/x.py")
    assert len(found) == 1, found
    assert found[0].startswith("protocols/x.py:")
    assert BAD[source] in found[0]


GOOD = [
    "from actors import Actor\nimport struct, heapq, zlib",
    "def f(a: set[str]):\n    for b in sorted(a):\n        pass",
    "def f(a):\n    seen = set(a)\n    return 3 in seen and len(seen) and any(b in seen for b in (1, 2))",
    "class A:\n    def __hash__(self):\n        return hash(self.a)",
    "def f(a):\n    return {b for b in a} & {1}",
    "def f(a):\n    a = [1]\n    return list(a)\ndef g():\n    a = {1}\n    return 1 in a",
]


@pytest.mark.parametrize("source", GOOD, ids=lambda source: source.replace("\n", ";")[:60])
def test_the_lint_leaves_what_is_right_alone(source):
    assert determinism.faults(source, "protocols/x.py") == []


def test_a_fault_names_file_and_line():
    (found,) = determinism.faults("x = 1\n\nimport time\n", "protocols/raft/role.py")
    assert found.startswith("protocols/raft/role.py:3: imports time")
