"""Small clocks shared by the rows and the peers' runners. Knows nothing of what is timed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RUN_SECONDS = 300.0


class RunFailed(Exception):
    """A measuring process ended with an error; says what it printed."""


def rate(chunk: Callable[[], int], seconds: float) -> float:
    """Run chunks for about this long; what they count, per second."""
    done, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds or not done:
        done += chunk()
    return done / elapsed


async def async_rate(chunk: Callable[[], Awaitable[int]], seconds: float) -> float:
    """The same with awaitable chunks."""
    done, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds or not done:
        done += await chunk()
    return done / elapsed


def run_json(command: list[str], **options: Any) -> dict[str, Any]:
    """Run a measuring process of its own; the JSON object in the last line that it prints.

    Raises:
        RunFailed: it failed, or took longer than five minutes.
    """
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=RUN_SECONDS, **options
        )
    except subprocess.TimeoutExpired as error:
        raise RunFailed(f"{' '.join(command)}: still running after {RUN_SECONDS:g} s") from error
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        raise RunFailed(f"{' '.join(command)}: exit code {done.returncode}: {(done.stderr or done.stdout)[-2000:]}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def run_module(module: str, *arguments: object) -> dict[str, Any]:
    """``run_json`` of a module of ours, under this Python."""
    return run_json([sys.executable, "-m", module, *map(str, arguments)])
