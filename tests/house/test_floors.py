"""The house keeps its floors: imports run downwards. What protocols may not touch stands in test_determinism."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ["core_ext", "actors", "protocols", "actorum"]  # from the ground up


def _modules(floor: str) -> list[Path]:
    return sorted((ROOT / floor).rglob("*.py"))


def _imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
    return found


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_run_downwards_only(floor: str) -> None:
    above = set(FLOORS[FLOORS.index(floor) + 1 :])
    for path in [*_modules(floor), *sorted((ROOT / floor).rglob("*.pyi"))]:
        wrong = {name for name in _imported(path) if name.partition(".")[0] in above}
        assert not wrong, f"{path.relative_to(ROOT)} imports {sorted(wrong)} from a floor above"


IMPORT = re.compile(r"^(?:import (\w+)|from (\w+)[\w.]* import )", re.MULTILINE)  # at the top, also of a .pyx
CALLED_LIKE = {"pyzmq": "zmq", "prometheus-client": "prometheus_client"}
PLUGIN = "actorum/pytest_plugin.py"  # pytest loads it, nobody else


def test_what_runs_imports_only_what_is_installed_with_it() -> None:
    """What a developer's tools bring along is not there where a wheel is installed."""
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    installed = {CALLED_LIKE.get(name, name) for name in (re.split(r"[^\w-]", each)[0] for each in asked)}
    known = {*sys.stdlib_module_names, *FLOORS, *installed}
    for floor in FLOORS:
        for path in [*_modules(floor), *sorted((ROOT / floor).rglob("*.pyx"))]:
            name = path.relative_to(ROOT).as_posix()
            wrong = {either or other for either, other in IMPORT.findall(path.read_text())} - known
            assert name == PLUGIN or not wrong, f"{name} imports {sorted(wrong)}: no dependency in pyproject.toml"


def test_every_package_is_part_of_the_distribution() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {
        ".".join(path.parent.relative_to(ROOT).parts) for floor in FLOORS for path in _modules(floor)
    }
    assert set(listed) == found


def test_the_native_core_imports_nothing_of_the_floors_above() -> None:
    for path in sorted((ROOT / "core_ext").glob("*.pyx")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            words = line.split()
            if words[:1] and words[0] in ("from", "import", "cimport"):
                assert words[1].partition(".")[0] not in FLOORS[1:], f"{path.name}:{number}: {line}"


def test_nothing_in_actors_names_a_protocol() -> None:
    for path in _modules("actors"):
        text = path.read_text().lower()
        for protocol in ("paxos", "pbft", "import protocols", "from protocols"):
            assert protocol not in text, f"{path.relative_to(ROOT)} names {protocol}"


def test_every_module_says_what_it_is_for() -> None:
    for floor in FLOORS:
        for path in _modules(floor):
            if path.name != "_build_id.py":
                assert ast.get_docstring(ast.parse(path.read_text())), f"{path.relative_to(ROOT)} has no docstring"
    for path in sorted((ROOT / "core_ext").glob("*.pyx")):
        assert path.read_text().lstrip().startswith('"""'), f"{path.name} has no docstring"
        assert path.with_suffix(".pyi").exists(), f"{path.name} has no .pyi beside it"
