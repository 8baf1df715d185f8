"""Every example runs as it stands and prints what it promises."""

from __future__ import annotations

import os
import re
import shlex
import shutil
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


def _shown(text: str) -> list[str]:
    """Lines as the tutorial has them: times and efforts differ, and columns are padded."""
    return [re.sub(r"[\d.,]+ (µs|ms|s|tries)\b", "SOME", " ".join(line.split())) for line in text.splitlines()]


def test_the_tutorial_finds_its_bug_in_three_worlds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command of docs/tutorial.md, in its order, prints the lines that the page shows, in their order."""
    folder = tmp_path / "box_office"
    shutil.copytree(EXAMPLES / "box_office", folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(EXAMPLES.parent), str(folder)]))
    page = (EXAMPLES.parent / "docs" / "tutorial.md").read_text()
    blocks = re.findall(r"^```\w*\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    sessions = [block for block in blocks if block.startswith("$ ")]
    ran = 0
    for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", "".join(sessions), re.MULTILINE):
        program, *arguments = shlex.split(command)
        if program == "cd":
            continue
        module = ["-m", "actorum"] if program == "actorum" else []
        fails = "violat" in shown and "no property was violated" not in shown
        printed = iter(_shown(_run(*module, *arguments, exit_code=int(fails))))
        for line in _shown(shown):
            begin, more, _ = line.partition("…")
            assert any(found.startswith(begin.strip()) if more else found == line for found in printed), (command, line)
        ran += 1
    assert ran == 6
    for file in ("evening.svg", "two-fans.svg", "actorum-failures/simulated-py-Sales-7.svg"):
        assert (folder / file).stat().st_size, file


def test_the_actor_of_the_front_page_runs_as_it_stands(tmp_path: Path) -> None:
    block = re.findall(r"```python\n(.*?)```", (EXAMPLES.parent / "README.md").read_text(), re.DOTALL)[0]
    (tmp_path / "account.py").write_text(block)
    assert _run(tmp_path / "account.py") == "5\n"


def test_the_model_of_two_copies_fails_in_four_deliveries_as_its_page_says(tmp_path: Path) -> None:
    block = re.findall(r"```python\n(.*?)```", (EXAMPLES.parent / "docs" / "actor-models.md").read_text(), re.DOTALL)[0]
    (tmp_path / "copies.py").write_text(block)
    assert len(_run(tmp_path / "copies.py").splitlines()) == 4


def test_every_example_is_run_by_a_test() -> None:
    run = Path(__file__).read_text() + (EXAMPLES.parent / "docs" / "tutorial.md").read_text()
    for path in EXAMPLES.rglob("*.py"):
        if path.stem == "office":  # imported by the others of its folder
            continue
        assert path.stem in run, f"no test runs examples/{path.name}"
