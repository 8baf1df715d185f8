"""Dispatch beside plain asyncio: 1000 messages told to one receiver, and its sum asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from actorum import ActorSystem
from bench.actors_local import Add, Counter, Total

MESSAGES = 1_000
BURSTS = 10


async def native() -> int:
    async with ActorSystem() as system:
        counter = system.spawn(Counter)
        for _ in range(BURSTS):
            for _ in range(MESSAGES):
                counter.tell(Add(1))
            total = await counter.ask(Total())
        return total


class PlainCounter:
    """A queue, a task, and a table of handlers: what one writes without actors."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[Any, asyncio.Future[int] | None]] = asyncio.Queue()
        self.total = 0
        self.handlers: dict[type, Callable[[Any], int]] = {Add: self.add, Total: self.report}

    def add(self, message: Add) -> int:
        self.total += message.amount
        return 0

    def report(self, message: Total) -> int:
        return self.total

    async def run(self) -> None:
        while True:
            message, answer = await self.queue.get()
            result = self.handlers[type(message)](message)
            if answer is not None:
                answer.set_result(result)


async def plain() -> int:
    counter = PlainCounter()
    task = asyncio.create_task(counter.run())
    for _ in range(BURSTS):
        for _ in range(MESSAGES):
            counter.queue.put_nowait((Add(1), None))
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        counter.queue.put_nowait((Total(), answer))
        total = await answer
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return total


@pytest.mark.benchmark(group="10 times 1000 messages and one question, a new system each time")
@pytest.mark.parametrize("system", [native, plain])
def test_dispatch(benchmark: Any, system: Any) -> None:
    assert benchmark(lambda: asyncio.run(system())) == BURSTS * MESSAGES
