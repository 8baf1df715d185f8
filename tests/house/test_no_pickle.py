"""Nothing that is shipped can turn bytes into code: no pickle, on no wire and in no file."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ["core_ext", "actors", "protocols", "actorum"]
FORBIDDEN = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "marshal", "shelve", "jsonpickle"}


def test_no_floor_imports_pickle_or_its_like() -> None:
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                names: list[str] = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.module:
                    names = [node.module]
                wrong = {name.partition(".")[0] for name in names} & FORBIDDEN
                assert not wrong, f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)} imports {sorted(wrong)}"
    for path in sorted((ROOT / "core_ext").glob("*.pyx")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = re.match(r"\s*(?:from|c?import)\s+(\w+)", line)
            assert not (found and found[1] in FORBIDDEN), f"{path.name}:{number}: {line.strip()}"


def test_pyzmq_is_never_asked_for_its_pickling_methods() -> None:
    for path in sorted((ROOT / "actors").rglob("*.py")):
        text = path.read_text()
        for method in ("send_pyobj", "recv_pyobj"):
            assert method not in text, f"{path.relative_to(ROOT)} calls {method}"
