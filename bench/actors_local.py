"""Actors within one process: tell, ask, spawn, and the memory of an idle one. Each row runs in a process of its own.

usage: python -m bench.actors_local tell|ask|spawn|memory [--seconds S] [--plain-asyncio]; prints one JSON object
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import time
from pathlib import Path

import uvloop

from actorum import Actor, ActorSystem, Context, Mailbox, Message, Overflow, Request, on
from bench.timing import async_rate

TELLS = 20_000  # between two looks at the clock
ASKS = 2_000
SPAWNS = 20_000
IDLE_ACTORS = 50_000
MAX_SPAWNED = 200_000


class Add(Message, wire="bench.add"):
    """Add to the counter."""

    amount: int


class Total(Request[int], wire="bench.total"):
    """What the counter stands at."""


class Counter(Actor):
    """Counts what it is told."""

    def __init__(self) -> None:
        self.total = 0

    @on(Add)
    def add(self, message: Add, context: Context) -> None:
        self.total += message.amount

    @on(Total)
    def report(self, message: Total, context: Context) -> None:
        context.reply(self.total)


async def tell(seconds: float) -> float:
    """Messages per second, told by outside code; every one of them was counted."""
    async with ActorSystem() as system:
        counter = system.spawn(Counter, mailbox=Mailbox(overflow=Overflow.UNBOUNDED))
        told = 0
        message = Add(1)

        async def chunk() -> int:
            nonlocal told
            send = counter.tell
            for _ in range(TELLS):
                send(message)
            told += TELLS
            assert await counter.ask(Total()) == told
            return TELLS

        return await async_rate(chunk, seconds)


async def ask(seconds: float) -> float:
    """Questions per second, each awaited before the next."""
    async with ActorSystem() as system:
        counter = system.spawn(Counter)
        counter.tell(Add(7))

        async def chunk() -> int:
            for _ in range(ASKS):
                assert await counter.ask(Total()) == 7
            return ASKS

        return await async_rate(chunk, seconds)


async def spawn(seconds: float) -> float:
    """Actors per second, each started and answering."""
    async with ActorSystem() as system:
        spawned = 0
        start = time.perf_counter()
        while (elapsed := time.perf_counter() - start) < seconds and spawned < MAX_SPAWNED:
            actors = [system.spawn(Counter) for _ in range(SPAWNS)]
            assert await actors[-1].ask(Total()) == 0
            spawned += SPAWNS
        return spawned / elapsed


def resident_bytes() -> int:
    """Memory of this process that is in RAM."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def memory(seconds: float) -> float:
    """Bytes of one idle actor, its reference included, from the growth of this process over many."""
    async with ActorSystem() as system:
        keep = [system.spawn(Counter) for _ in range(1_000)]
        await keep[-1].ask(Total())
        gc.collect()
        before = resident_bytes()
        keep += [system.spawn(Counter) for _ in range(IDLE_ACTORS)]
        await keep[-1].ask(Total())
        gc.collect()
        return (resident_bytes() - before) / IDLE_ACTORS


ROWS = {"tell": tell, "ask": ask, "spawn": spawn, "memory": memory}


def main() -> None:
    """Run one row and print what it measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("row", choices=ROWS)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--plain-asyncio", action="store_true", help="instead of uvloop")
    given = parser.parse_args()
    runner = asyncio.run if given.plain_asyncio else uvloop.run
    print(json.dumps({"value": runner(ROWS[given.row](given.seconds))}))


if __name__ == "__main__":
    main()
