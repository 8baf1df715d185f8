"""A program with everything in it: timers, asks, journals, several nodes and faults; run as a script, it prints its
digest. Used to hold runs against each other, also between processes."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from actors import Actor, Answer, Context, Message, Request, Terminated, on, on_answer
from actors.simulation import (
    Asynchronous,
    BoundedDelay,
    DiskFaults,
    Faults,
    LinkFaults,
    LockStep,
    Node,
    OldestDelayed,
    PartiallySynchronous,
    PriorityBased,
    Simulation,
    Tape,
    TimeModel,
)

NAMES = ("a", "b", "c", "d")

ALL_FAULTS = Faults(
    budget=1, crash=0.7, pause=0.5, omit_send=0.3, omit_receive=0.3, partition=0.5, clog=0.5, slow_link=0.5,
    clock_step=0.3, clock_drift=0.01, buggify=0.5,
    links=LinkFaults(loss=0.01, duplicate=0.02, reorder=0.02, late=0.02),
    disks=DiskFaults(slow=0.2, failed_sync=0.1, full=0.1, bit_flip=0.1, misdirected=0.1, lost_write=0.1),
)

MEMORY_FAULTS = msgspec.structs.replace(ALL_FAULTS, disks=DiskFaults(slow=0.2))  # what lists can suffer of it

MODELS: dict[str, TimeModel] = {
    "rounds": LockStep(),
    "bounded": BoundedDelay(),
    "random": Asynchronous(),
    "oldest": Asynchronous(scheduler=OldestDelayed()),
    "priority": Asynchronous(scheduler=PriorityBased()),
    "partial": PartiallySynchronous(stable_seconds=(2.0, 4.0)),
}


class Tick(Message, wire="sim-tests.tick"):
    pass


class Written(Message, wire="sim-tests.written"):
    node: str
    number: int


class Tell(Message, wire="sim-tests.tell"):
    number: int


class Read(Request[int], wire="sim-tests.read"):
    number: int


class Gossip(Actor):
    """Writes, tells everybody, asks somebody, watches somebody."""

    def __init__(self) -> None:
        self.written = 0
        self.seen: dict[str, int] = {}

    def recover(self, record: Any) -> None:
        self.written = max(self.written, record.number)

    def start(self, context: Context) -> None:
        context.set_timer(Tick(), (0.01, 0.05))
        context.watch(context.ref("gossip", context.choose(NAMES)))

    @on(Tick)
    def tick(self, message: Tick, context: Context) -> None:
        self.written += 1
        context.journal.append(Written(context.node, self.written))
        if context.buggify("checkpoint") and self.written > 3:
            context.journal.checkpoint([Written(context.node, self.written)], context.journal.next_position)
        for name in NAMES:
            if name != context.node:
                context.send(context.ref("gossip", name), Tell(self.written))
        context.request(context.ref("gossip", context.choose(NAMES)), Read(self.written), timeout_seconds=0.3)
        context.set_timer(Tick(), (0.01, 0.05))

    @on(Tell)
    def told(self, message: Tell, context: Context) -> None:
        assert context.sender is not None
        self.seen[context.sender.node] = message.number

    @on(Read)
    def read(self, message: Read, context: Context) -> None:
        context.reply(self.written)

    @on_answer(Read)
    def answered(self, answer: Answer, context: Context) -> None:
        self.seen["answers"] = self.seen.get("answers", 0) + (answer.failure is None)

    @on(Terminated)
    def terminated(self, message: Terminated, context: Context) -> None:
        context.watch(context.ref("gossip", context.choose(NAMES)))


def boot(node: Node) -> None:
    """The actors of one node."""
    node.spawn(Gossip, name="gossip")


def run(seed: int, model: str = "bounded", disk: str = "memory", tape: Tape | None = None) -> Simulation:
    """Three seconds of it."""
    faults = ALL_FAULTS if disk == "wal" else MEMORY_FAULTS
    simulation = Simulation(seed, time_model=MODELS[model], faults=faults, disk=disk, tape=tape)
    for name in NAMES:
        simulation.node(name, boot)
    simulation.run(3)
    return simulation


if __name__ == "__main__":
    for model, disk in [*((model, "memory") for model in MODELS), ("bounded", "wal"), ("random", "wal")]:
        print(model, disk, run(int(sys.argv[1]), model, disk).digest())
