"""Rows of the actors, each run in a process of its own. Knows no cluster."""

from __future__ import annotations

from collections.abc import Callable

from bench.lab import Lab
from bench.report import Measured
from bench.timing import run_module


def row(module: str, name: str, unit: str = "/s", *, plain_asyncio: bool = False) -> Callable[[Lab], Measured]:
    """A row of ``bench.<module>``."""

    def run(lab: Lab) -> Measured:
        lab.quiet()
        arguments = [name, "--seconds", lab.options.seconds, *(["--plain-asyncio"] if plain_asyncio else [])]
        found = run_module(f"bench.{module}", *arguments)
        return Measured(float(found["value"]), unit, {"loop": "asyncio" if plain_asyncio else "uvloop"})

    return run
