"""Rows of the model checker: the command, as a user runs it. Knows no model's insides."""

from __future__ import annotations

import subprocess
import sys
import time

import msgspec

from bench.timing import ROOT, RUN_SECONDS, RunFailed

TWO_PHASE_MANAGERS = 7
TWO_PHASE_STATES = 296_448


def two_phase_commit() -> float:
    """Seconds of wall time of ``actorum verify``, from the start of the process to its end.

    Raises:
        RunFailed: it failed, or found another number of distinct states.
    """
    command = [
        sys.executable, "-m", "actorum", "verify", "two-phase-commit", "--set", f"managers={TWO_PHASE_MANAGERS}",
        "--json",
    ]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=False, cwd=ROOT, timeout=RUN_SECONDS)
    seconds = time.perf_counter() - start
    if done.returncode != 0 or (found := msgspec.json.decode(done.stdout))["distinct"] != TWO_PHASE_STATES:
        raise RunFailed(f"{' '.join(command)}: exit code {done.returncode}: {(done.stderr or done.stdout)[-2000:]!r}")
    return seconds if found["complete"] else float("inf")
