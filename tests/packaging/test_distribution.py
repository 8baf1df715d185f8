"""The artifact that users install, built once from the source distribution and tried away from the checkout."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLOORS = {"actors", "core_ext", "protocols", "actorum"}

SMOKE = """
import asyncio, pathlib, sys
import actorum, actors, core_ext, protocols
here = pathlib.Path(sys.argv[1]).resolve()
for package in (actorum, actors, core_ext, protocols):
    assert here in pathlib.Path(package.__file__).resolve().parents, (package.__file__, here)
from actorum import Actor, ActorSystem, Context, Message, Request, on

class Deposit(Message):
    amount: int

class Balance(Request[int]):
    pass

class Account(Actor):
    def __init__(self) -> None:
        self.balance = 0

    @on(Deposit)
    def deposit(self, message: Deposit, context: Context) -> None:
        self.balance += message.amount

    @on(Balance)
    def report(self, message: Balance, context: Context) -> None:
        context.reply(self.balance)

async def main() -> None:
    async with ActorSystem() as system:
        account = system.spawn(Account, name="alice")
        account.tell(Deposit(amount=5))
        assert await account.ask(Balance()) == 5

asyncio.run(main())
print("smoke: ok")
"""


def _run(*command: str, cwd: Path, **environment: str) -> str:
    with subprocess.Popen(
        command, cwd=cwd, env={**os.environ, **environment}, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:
        try:
            output, _ = process.communicate(timeout=540)
        finally:
            with contextlib.suppress(ProcessLookupError):  # compilers outlive the build that is given up
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, f"{' '.join(command)}\n{output}"
    return output


@pytest.fixture(scope="module")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(source distribution, wheel built from it)."""
    source = tmp_path_factory.mktemp("source")
    for name in (*FLOORS, "tests"):
        shutil.copytree(
            ROOT / name, source / name, ignore=shutil.ignore_patterns("*.so", "*.c", "__pycache__", "_build_id.py")
        )
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "Makefile", "MANIFEST.in"):
        shutil.copy(ROOT / name, source / name)
    out = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), cwd=source, ACTORUM_OPTIMIZE="0")
    (sdist,) = out.glob("*.tar.gz")
    (wheel,) = out.glob("*.whl")
    return sdist, wheel


@pytest.mark.timeout(600)
def test_the_source_distribution_carries_cython_sources_and_no_generated_c(distribution: tuple[Path, Path]) -> None:
    with tarfile.open(distribution[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for source in (ROOT / "core_ext").glob("*.p[yx][xid]"):
        assert f"core_ext/{source.name}" in names, f"{source.name} is missing from the sdist"
    assert not [name for name in names if name.endswith((".c", ".so"))]
    assert "LICENSE" in names


@pytest.mark.timeout(600)
def test_the_wheel_holds_exactly_the_four_floors(distribution: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(distribution[1]) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == FLOORS
    for floor in FLOORS:
        assert f"{floor}/py.typed" in names
    assert [name for name in names if name.startswith("core_ext/") and name.endswith(".so")]
    assert not [name for name in names if name.endswith((".c", ".pyx"))]


@pytest.mark.timeout(600)
def test_the_wheel_works_away_from_the_checkout(distribution: tuple[Path, Path], tmp_path: Path) -> None:
    target = tmp_path / "site"
    _run(
        sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target),
        str(distribution[1]), cwd=tmp_path,
    )
    output = _run(sys.executable, "-c", SMOKE, str(target), cwd=tmp_path, PYTHONPATH=str(target))
    assert "smoke: ok" in output
    help_text = _run(sys.executable, "-m", "actorum", "--help", cwd=tmp_path, PYTHONPATH=str(target))
    assert "up" in help_text


@pytest.mark.timeout(60)
def test_a_core_of_another_build_is_refused_with_both_paths(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "actors", tmp_path / "actors", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "actors" / "_build_id.py").write_text('BUILD_ID = "another"\n')
    done = subprocess.run(
        [sys.executable, "-c", "import actors"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=False, timeout=60,
    )
    assert done.returncode != 0
    assert str(tmp_path / "actors") in done.stderr
    assert str(ROOT / "core_ext") in done.stderr
    assert "reinstall" in done.stderr
