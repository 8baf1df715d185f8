"""Every example runs as it stands and prints what it promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def _run(*arguments: str | Path, timeout_seconds: float = 50, exit_code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, timeout=timeout_seconds, check=False
    )
    assert done.returncode == exit_code, done.stdout + done.stderr
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


def test_the_tutorial_finds_its_bug_in_three_worlds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = EXAMPLES / "box_office"
    monkeypatch.setenv("PYTHONPATH", str(folder))
    command = ("-m", "actorum")
    history = tmp_path / "evening.jsonl"

    assert _run(folder / "in_this_process.py", history).count("has a seat") == 3
    judged = _run(*command, "judge", history, "--level", "strong", "--model", "mutex", exit_code=1)
    assert "fits nowhere" in judged

    simulated = folder / "simulated.py"
    failures = tmp_path / "failures"
    failed = _run(*command, "simulate", f"{simulated}:Sales", "--runs", "500", "--out", failures, exit_code=1)
    assert "no seat is sold twice" in failed
    assert list(failures.glob("*.svg"))
    assert "no property was violated" in _run(*command, "simulate", f"{simulated}:CarefulSales", "--runs", "100")

    checked = folder / "checked.py"
    wrong = _run(*command, "verify", f"{checked}:TwoFans", "--diagram", tmp_path / "two-fans.svg", exit_code=1)
    assert "35 distinct states" in wrong
    assert (tmp_path / "two-fans.svg").exists()
    right = _run(*command, "verify", f"{checked}:TwoFans", "--set", "careful=true")
    assert "25 distinct states" in right
    assert "violated" not in right


def test_every_example_is_run_by_a_test() -> None:
    this = Path(__file__).read_text()
    for path in EXAMPLES.rglob("*.py"):
        if path.stem == "office":  # imported by the others of its folder
            continue
        assert path.stem in this, f"no test runs examples/{path.name}"
