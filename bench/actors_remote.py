"""Actors in two processes: tell, ask one at a time, ask with 1000 in flight. This process asks, a child answers.

usage: python -m bench.actors_remote tell|ask|ask-1000 [--seconds S] [--plain-asyncio]; prints one JSON object
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvloop

from actorum import ActorSystem, AskError, Mailbox, Overflow, Reference
from bench.actors_local import Add, Counter, Total
from bench.timing import async_rate

TELLS = 5_000  # between two questions; two such windows are under way
ASKS = 500
IN_FLIGHT = 1_000
CONNECT_SECONDS = 10.0


async def serve() -> None:
    """The child: one counter, until the parent closes our standard input."""
    async with ActorSystem("answers", listen="tcp://127.0.0.1:0") as system:
        system.spawn(Counter, name="counter", mailbox=Mailbox(overflow=Overflow.UNBOUNDED))
        print(system.listen_address, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@asynccontextmanager
async def far_counter(plain_asyncio: bool) -> AsyncIterator[Reference]:
    """A counter in a process of its own, ready to answer."""
    command = [sys.executable, "-m", "bench.actors_remote", "serve"] + ["--plain-asyncio"] * plain_asyncio
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        address = child.stdout.readline().strip()
        async with ActorSystem("asks", listen="tcp://127.0.0.1:0", peers={"answers": address}) as system:
            counter = system.ref("actorum://answers/counter")
            deadline = asyncio.get_running_loop().time() + CONNECT_SECONDS
            while True:
                try:
                    assert await counter.ask(Total()) == 0
                    break
                except AskError:
                    if asyncio.get_running_loop().time() > deadline:
                        raise
                    await asyncio.sleep(0.02)
            yield counter
    finally:
        child.stdin.close()
        child.wait(10)
        child.stdout.close()


async def tell(counter: Reference, seconds: float) -> float:
    """Messages per second that arrived; a question after each window keeps two windows under way."""
    told = 0
    message = Add(1)
    window: asyncio.Future[int] | None = None

    async def chunk() -> int:
        nonlocal told, window
        send = counter.tell
        for _ in range(TELLS):
            send(message)
        expected, before = told, window
        told += TELLS
        window = asyncio.ensure_future(counter.ask(Total(), timeout_seconds=30))
        await asyncio.sleep(0)
        if before is not None:
            assert await before == expected
        return TELLS

    try:
        found = await async_rate(chunk, seconds)
        assert window is not None
        assert await window == told
        return found
    finally:
        if window is not None:
            window.cancel()  # after an error nobody waits for it


async def ask(counter: Reference, seconds: float) -> float:
    """Questions per second, each awaited before the next."""

    async def chunk() -> int:
        for _ in range(ASKS):
            assert await counter.ask(Total()) == 0
        return ASKS

    return await async_rate(chunk, seconds)


async def ask_many(counter: Reference, seconds: float) -> float:
    """Questions per second, a thousand of them awaited together."""

    async def chunk() -> int:
        answers = await asyncio.gather(*[counter.ask(Total()) for _ in range(IN_FLIGHT)])
        assert answers == [0] * IN_FLIGHT
        return IN_FLIGHT

    return await async_rate(chunk, seconds)


ROWS = {"tell": tell, "ask": ask, "ask-1000": ask_many}


async def measure(row: str, seconds: float, plain_asyncio: bool) -> float:
    """Run one row against a child process."""
    async with far_counter(plain_asyncio) as counter:
        return await ROWS[row](counter, seconds)


def main() -> None:
    """Run one row and print what it measured, or be the child."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("row", choices=[*ROWS, "serve"])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--plain-asyncio", action="store_true", help="instead of uvloop")
    given = parser.parse_args()
    runner = asyncio.run if given.plain_asyncio else uvloop.run
    if given.row == "serve":
        runner(serve())
    else:
        print(json.dumps({"value": runner(measure(given.row, given.seconds, given.plain_asyncio))}))


if __name__ == "__main__":
    main()
