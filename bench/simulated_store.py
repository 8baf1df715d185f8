"""How fast a store of 5 nodes is simulated under faults, with 10 clients at 100 operations per simulated second each.

usage: python -m bench.simulated_store [--seconds S] [--pipeline N] [--turn-ms T] [--disk memory|wal] [--seed N]
prints JSON

Two clients at each node's door. What came to a door within one turn leaves it together, as in the real one; a turn of
10 ms holds one operation of each client, one of 1 ms leaves (nearly) every operation alone. ``--pipeline 10``: a client
sends ten operations at once, as Redis clients do, ten times less often.
"""

from __future__ import annotations

import argparse
import json
import time

from actors import Actor, Context, Message, on
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


#: What clients send, made beforehand: it is not what is measured.
READS = [batch.encode(("GET", f"key-{key}")) for key in range(KEYS)]
WRITES = [[batch.encode(("SET", f"key-{key}", str(value))) for value in range(100)] for key in range(KEYS)]


class Turn(Message, wire="bench.simulated-turn"):
    """Timer of a door."""


class Door(Actor):
    """One node's door: what its clients sent since the last turn goes to the gateway at once, as the real door does it:
    the writes of all connections as one Execute, the reads as one Query.

    Its clients read and write at a steady rate, half and half, whatever becomes of it.

    Args:
        clients: how many.
        pipeline: operations that a client sends at once, so many times less often.
        turn_seconds: from one turn to the next.
        done: operations answered, in one place for all doors.
    """

    def __init__(self, clients: int, pipeline: int, turn_seconds: float, done: list[int]) -> None:
        self._pipeline = pipeline
        self._turn_seconds = turn_seconds
        self._done = done
        self._turns = 0
        self._ticket = 0
        self._asked: dict[int, int] = {}
        self._sent = [0] * clients
        # clients take turns, so that those of a door do not all wait for the same moment
        self._shifts = [client / clients for client in range(clients)]

    def start(self, context: Context) -> None:
        self._gateway = context.ref(GATEWAY_NAME)
        context.set_timer(Turn(), (0.3, 0.3 + self._turn_seconds))

    @on(Turn)
    def turn(self, message: Turn, context: Context) -> None:
        self._turns += 1
        writes: list[bytes] = []
        reads: list[bytes] = []
        share = self._turns * self._turn_seconds * OPERATIONS_PER_SECOND / self._pipeline
        for client, shift in enumerate(self._shifts):
            for sent in range(self._sent[client] + 1, int(share + shift) + 1):
                self._sent[client] = sent
                for _ in range(self._pipeline):
                    key = (sent * 7 + len(writes) * 13 + client) % KEYS
                    if context.choose((True, False)):
                        writes.append(WRITES[key][self._turns % 100])
                    else:
                        reads.append(READS[key])
        for commands, kind in (writes, Execute), (reads, Query):
            if commands:
                self._ticket += 1
                self._asked[self._ticket] = len(commands)
                context.send(self._gateway, kind(self._ticket, b"".join(commands)))
        context.set_timer(message, self._turn_seconds)

    @on(Outcome)
    def answered(self, message: Outcome, context: Context) -> None:
        commands = self._asked.pop(message.ticket, 0)
        self._done[0] += commands if message.status is Status.DONE else 0


def measure(seconds: float, pipeline: int, turn_seconds: float, disk: str, seed: int) -> dict[str, object]:
    """One run: events per second, and simulated over processor time."""
    done = [0]

    def boot(node: Node) -> None:
        spawn_store(node.spawn, NAMES, StoreSettings())
        node.spawn(Door, CLIENTS // len(NAMES), pipeline, turn_seconds, done, name="bench-door")

    simulation = Simulation(seed, faults=FAULTS, disk=disk)
    for name in NAMES:
        simulation.node(name, boot)
    simulation.run(WARM_UP_SECONDS)
    events, answered, start, cpu = simulation.events, done[0], time.perf_counter(), time.process_time()
    simulation.run(seconds)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    events = simulation.events - events
    return {
        "pipeline": pipeline, "turn_ms": turn_seconds * 1e3,
        "disk": disk, "seconds": seconds, "operations": done[0] - answered, "events": events,
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
    parser.add_argument("--turn-ms", type=float, default=10.0)
    parser.add_argument("--disk", choices=("memory", "wal"), default="memory")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(json.dumps(measure(given.seconds, given.pipeline, given.turn_ms / 1e3, given.disk, given.seed)))


if __name__ == "__main__":
    main()
