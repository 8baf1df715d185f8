"""How fast a store of 5 nodes is simulated under faults, with 10 clients at 100 operations per simulated second each.

usage: python -m bench.simulated_store [--seconds S] [--pipeline N] [--disk memory|wal] [--seed N]; prints JSON

A client sends ``pipeline`` operations at once, as Redis clients do, so many times less often.
"""

from __future__ import annotations

import argparse
import json
import time

from actors import Actor, Context, Message, Reference, on
from actors.simulation import Faults, Node, Simulation
from protocols.storage import batch
from protocols.storage.messages import Execute, Outcome, Query, Status
from protocols.storage.node import StoreSettings, spawn_store
from protocols.storage.settings import GATEWAY_NAME

NAMES = tuple("abcde")
CLIENTS = 10
OPERATIONS_PER_SECOND = 100
KEYS = 100
WARM_UP_SECONDS = 1.0
FAULTS = Faults(
    budget=2, crash=0.2, pause=0.2, partition=0.2, clog=0.2, slow_link=0.2, down_seconds=(0.1, 2.0),
)


class Next(Message, wire="bench.simulated-next"):
    """Timer of a client."""


class Client(Actor):
    """Reads and writes at a steady rate, half and half, whatever becomes of it.

    Args:
        gateway: of its node.
        pipeline: operations at once.
        done: operations answered, in one place for all clients.
    """

    def __init__(self, gateway: Reference, pipeline: int, done: list[int]) -> None:
        self._gateway = gateway
        self._pipeline = pipeline
        self._done = done
        self._ticket = 0

    def start(self, context: Context) -> None:
        context.set_timer(Next(), (0.3, 0.4))

    @on(Next)
    def send(self, message: Next, context: Context) -> None:
        self._ticket += 1
        keys = [f"key-{(self._ticket * 7 + i * 13) % KEYS}" for i in range(self._pipeline)]
        if context.choose((True, False)):
            commands = b"".join(batch.encode(["SET", key, str(self._ticket)]) for key in keys)
            context.send(self._gateway, Execute(self._ticket, commands))
        else:
            context.send(self._gateway, Query(self._ticket, b"".join(batch.encode(["GET", key]) for key in keys)))
        period = self._pipeline / OPERATIONS_PER_SECOND
        context.set_timer(Next(), (0.8 * period, 1.2 * period))

    @on(Outcome)
    def answered(self, message: Outcome, context: Context) -> None:
        self._done[0] += self._pipeline if message.status is Status.DONE else 0


def measure(seconds: float, pipeline: int, disk: str, seed: int) -> dict[str, object]:
    """One run: events per second, and simulated over processor time."""

    def boot(node: Node) -> None:
        spawn_store(node.spawn, NAMES, StoreSettings())

    simulation = Simulation(seed, faults=FAULTS, disk=disk)
    for name in NAMES:
        simulation.node(name, boot)
    done = [0]
    for number in range(CLIENTS):
        gateway = simulation.ref(NAMES[number % len(NAMES)], GATEWAY_NAME)
        simulation.node(f"client-{number}", mortal=False).spawn(Client, gateway, pipeline, done, name="client")
    simulation.run(WARM_UP_SECONDS)
    events, answered, start, cpu = simulation.events, done[0], time.perf_counter(), time.process_time()
    simulation.run(seconds)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    events = simulation.events - events
    return {
        "pipeline": pipeline, "disk": disk, "seconds": seconds, "operations": done[0] - answered, "events": events,
        "wall_seconds": round(wall, 3), "cpu_seconds": round(cpu, 3), "events_per_second": round(events / wall),
        "simulated_over_wall": round(seconds / wall, 2), "events_per_cpu_second": round(events / cpu),
        "simulated_over_cpu": round(seconds / cpu, 2), "faults": dict(simulation.injected),
        "digest": simulation.digest(),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--pipeline", type=int, default=1)
    parser.add_argument("--disk", choices=("memory", "wal"), default="memory")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(json.dumps(measure(given.seconds, given.pipeline, given.disk, given.seed)))


if __name__ == "__main__":
    main()
