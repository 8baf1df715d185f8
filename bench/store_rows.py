"""Replicated writes and reads through the Redis door: closed loop at several loads, and open loop at a fixed rate."""

from __future__ import annotations

from collections.abc import Callable

import uvloop

from bench import load
from bench.lab import Lab, Watch
from bench.report import Measured

OPEN_LOOP_CLIENTS = 50


def closed(operation: str, clients: int, pipeline: int = 1, door: str = "") -> Callable[[Lab], Measured]:
    """A row: as many requests as a door takes from these clients; ``door`` overrides whose it is."""

    def run(lab: Lab) -> Measured:
        whose = door or lab.options.door
        port = lab.door(whose).redis_port
        with Watch(lab.cluster()) as watch:
            outcome = load.run(port, lab.options.load(operation, clients, pipeline), own=lab.options.own_load)
            syncs = watch.syncs()
        return Measured(outcome.rate, "/s", {
            "door": whose, "clients": clients, "pipeline": pipeline, "p50_ms": outcome.p50_ms,
            "p99_ms": outcome.p99_ms, "max_ms": outcome.max_ms, **syncs, "tool": outcome.tool,
        })

    return run


def open_loop(operation: str) -> Callable[[Lab], Measured]:
    """A row: requests at a fixed rate; latency counts from the moment at which each was due."""

    def run(lab: Lab) -> Measured:
        port = lab.door(lab.options.door).redis_port
        with Watch(lab.cluster()) as watch:
            wanted = lab.options.load(operation, OPEN_LOOP_CLIENTS)
            histogram, errors = uvloop.run(load.open_loop(port, wanted, lab.options.rate))
            syncs = watch.syncs()
        if errors:
            raise load.LoadFailed(f"{errors} of {histogram.count} requests were answered with an error")
        return Measured(histogram.percentile(99) * 1e3, "ms p99", {
            "door": lab.options.door, "rate": lab.options.rate, "clients": OPEN_LOOP_CLIENTS,
            **histogram.milliseconds(), **syncs,
        })

    return run
