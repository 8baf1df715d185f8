"""Messages and helpers that several tests of the actor contract share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from actors import Actor, Context, Message, Request, on

T = TypeVar("T")


class Add(Message, wire="tests.add"):
    amount: int


class Total(Request[int], wire="tests.total"):
    pass


class Note(Message, wire="tests.note"):
    text: str


class Notes(Request[tuple[str, ...]], wire="tests.notes"):
    pass


class Fail(Message, wire="tests.fail"):
    text: str = "on purpose"


class Counter(Actor):
    """Adds up."""

    def __init__(self, start: int = 0) -> None:
        self.total = start

    @on(Add)
    def add(self, message: Add, context: Context) -> None:
        self.total += message.amount

    @on(Total)
    def answer(self, message: Total, context: Context) -> None:
        context.reply(self.total)

    @on(Fail)
    def fail(self, message: Fail, context: Context) -> None:
        raise ValueError(message.text)


class Recorder(Actor):
    """Keeps every note."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    @on(Note)
    def note(self, message: Note, context: Context) -> None:
        self.notes.append(message.text)

    @on(Notes)
    def answer(self, message: Notes, context: Context) -> None:
        context.reply(tuple(self.notes))


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine in an event loop of its own, within 30 s."""

    async def bounded() -> T:
        return await asyncio.wait_for(main, 30)

    return asyncio.run(bounded())


async def until(condition: Callable[[], object], why: str, seconds: float = 10.0) -> None:
    """Wait until a condition holds; fails with the reason when it does not within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {why}")
        await asyncio.sleep(0.002)
