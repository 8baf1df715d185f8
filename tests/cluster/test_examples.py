"""Every example runs as it stands and prints what it promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def _run(*arguments: str | Path, timeout_seconds: float = 50) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, timeout=timeout_seconds, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("counter", {"total: 5050"}),
        ("two_processes", {"Hello world, this is server"}),
        ("supervision", {"60 / 3 = 20", "60 / 4 = 15", "60 / 5 = 12", "working"}),
    ],
)
def test_an_example_prints_what_it_promises(name: str, expected: set[str]) -> None:
    assert set(_run(EXAMPLES / f"{name}.py").splitlines()) == expected


def test_the_durable_counter_goes_on_where_it_was(tmp_path: Path) -> None:
    assert [_run(EXAMPLES / "durable_counter.py", tmp_path) for _ in range(2)] == ["total: 5\n", "total: 10\n"]


def test_the_store_serves_redis_py_through_the_death_of_its_leader(tmp_path: Path) -> None:
    printed = _run(EXAMPLES / "store.py", tmp_path)
    assert "any node, any command: [b'hello', b'41']" in printed
    assert "after the leader was killed: 42 b'hello'" in printed


def test_the_example_test_passes_with_the_plugin_alone(tmp_path: Path) -> None:
    arguments = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", tmp_path / "inner")
    assert "1 passed" in _run(*arguments, "-c", "/dev/null", "--rootdir", EXAMPLES, EXAMPLES / "test_with_cluster.py")


def test_every_example_is_run_by_a_test() -> None:
    this = Path(__file__).read_text()
    for path in EXAMPLES.glob("*.py"):
        assert path.stem in this, f"no test runs examples/{path.name}"
