"""Porcupine, the linearizability checker in Go, on the same history as ours. Nothing of it is kept here: a checkout of
its repository is named by an environment variable.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from bench.timing import ROOT, run_json

CHECKOUT = "ACTORUM_PORCUPINE"
INSTALL = f"apt-get install golang-go; git clone https://github.com/anishathalye/porcupine; {CHECKOUT}=that folder"
SOURCE = Path(__file__).with_name("porcupine_check.go")
FOLDER = ROOT / "build" / "bench" / "porcupine"
MODULE = """module porcupine_check

go 1.16

require github.com/anishathalye/porcupine v0.0.0

replace github.com/anishathalye/porcupine => {checkout}
"""


def installed() -> bool:
    """Whether Go and a checkout of Porcupine are here."""
    checkout = os.environ.get(CHECKOUT, "")
    return shutil.which("go") is not None and bool(checkout) and (Path(checkout) / "porcupine.go").exists()


def built_check() -> Path:
    """The program that checks, built when its source is newer."""
    program = FOLDER / "porcupine_check"
    if not program.exists() or program.stat().st_mtime < SOURCE.stat().st_mtime:
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / "go.mod").write_text(MODULE.format(checkout=Path(os.environ[CHECKOUT]).resolve()))
        shutil.copy(SOURCE, FOLDER / "main.go")
        environment = {**os.environ, "GO111MODULE": "on", "GOFLAGS": "-mod=mod", "GOPROXY": "off"}
        subprocess.run(["go", "build", "-o", str(program), "."], check=True, cwd=FOLDER, env=environment)
    return program


def check(history: Path, rounds: int, limit_seconds: float) -> dict[str, Any]:
    """Judge a history; the verdict, the shortest time of one check without the parsing, the number of operations."""
    return run_json([
        str(built_check()), "-history", str(history), "-rounds", str(rounds), "-limit", f"{limit_seconds}s",
    ])
