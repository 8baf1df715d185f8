"""Erlang/OTP: compiles ``actors.erl`` and runs it in one node or two. Needs Debian's erlang-base."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from actorum.cluster import free_ports, wait_for
from bench.timing import ROOT, run_json

INSTALL = "apt-get install erlang-base"
SOURCE = Path(__file__).with_name("actors.erl")
BUILT = ROOT / "build" / "bench"
START_SECONDS = 10.0


def installed() -> bool:
    """Whether Erlang is here."""
    return shutil.which("erl") is not None and shutil.which("erlc") is not None


def compiled() -> Path:
    """The folder with the compiled module."""
    target = BUILT / "actors.beam"
    if not target.exists() or target.stat().st_mtime < SOURCE.stat().st_mtime:
        BUILT.mkdir(parents=True, exist_ok=True)
        subprocess.run(["erlc", "-o", str(BUILT), str(SOURCE)], check=True)
    return BUILT


def local(what: str, seconds: float) -> float:
    """``tell``, ``ask`` or ``spawn`` per second within one node."""
    command = ["erl", "-noinput", "+P", "1000000", "-pa", str(compiled()), "-run", "actors", "main"]
    # All spawned processes stay alive, as ours do: one round of 200,000 of them is measured, whatever the time.
    rounded = 0 if what == "spawn" else max(int(seconds), 1)
    return float(run_json([*command, what, str(rounded)])["value"])


def _answers(port: int, environment: dict[str, str]) -> bool | None:
    """True when an epmd answers there, None when not yet."""
    asked = subprocess.run(["epmd", "-port", str(port), "-names"], env=environment, capture_output=True, check=False)
    return asked.returncode == 0 or None


@contextmanager
def _name_server() -> Iterator[dict[str, str]]:
    """An epmd of our own on a free port; the environment in which nodes find it."""
    port = free_ports(1)[0]
    environment = {**os.environ, "ERL_EPMD_PORT": str(port), "ERL_EPMD_ADDRESS": "127.0.0.1"}
    server = subprocess.Popen(["epmd", "-port", str(port)], env=environment)
    try:
        wait_for(lambda: _answers(port, environment), START_SECONDS, "epmd does not answer", lambda: f"port {port}")
        yield environment
    finally:
        server.terminate()
        server.wait()


def remote(what: str, seconds: float) -> float:
    """``tell`` or ``ask`` per second between two nodes of this host; one waits until the other has started."""
    folder = str(compiled())
    with ExitStack() as stack:
        environment = stack.enter_context(_name_server())
        base = ["erl", "-noinput", "-setcookie", "bench", "-pa", folder]
        other = subprocess.Popen(
            [*base, "-name", "bench_b@127.0.0.1"], env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        stack.callback(other.wait)
        stack.callback(other.kill)
        return float(run_json(
            [*base, "-name", "bench_a@127.0.0.1", "-run", "actors", "main", what, str(max(int(seconds), 1)),
             "bench_b@127.0.0.1"], env=environment,
        )["value"])
