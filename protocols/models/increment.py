"""Threads that increment a shared counter in two steps: read it, write it back plus one. The update of one gets lost.

2 threads: 13 states, 8 up to symmetry; the counter misses an increment. With a lock it never does.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from actors.verification import Model, Property, State, always, eventually, put


class Where(Enum):
    """Where a thread stands."""

    OUTSIDE = 0
    LOCKED = 1
    READ = 2
    DONE = 3


class Thread(NamedTuple):
    """One thread: where it stands, and what it has read."""

    where: Where = Where.OUTSIDE
    seen: int = 0


class Counting(State):
    """The shared counter, and the threads by number."""

    counter: int
    threads: tuple[Thread, ...]


class Step(NamedTuple):
    """The thread with this number takes its next step."""

    thread: int


class Increment(Model[Counting, Step]):
    """Increments without a lock.

    Args:
        threads: how many.
    """

    def __init__(self, threads: int = 2) -> None:
        self.threads = threads

    def initial_states(self) -> Iterable[Counting]:
        yield Counting(0, (Thread(),) * self.threads)

    def actions(self, state: Counting) -> Iterable[Step]:
        return map(Step, range(self.threads))

    def next_state(self, state: Counting, action: Step) -> Counting | None:
        number = action.thread
        thread = state.threads[number]
        match thread.where:
            case Where.OUTSIDE:
                return self.moved(state, number, Thread(Where.READ, state.counter))
            case Where.READ:
                return self.moved(state, number, Thread(Where.DONE, thread.seen)).replace(counter=thread.seen + 1)
        return None

    @staticmethod
    def moved(state: Counting, number: int, to: Thread) -> Counting:
        """One thread takes a step; the others stay where they are."""
        return state.replace(threads=put(state.threads, number, to))

    def properties(self) -> Iterable[Property]:
        return [
            always("nothing is lost", lambda state: state.counter == self.done(state)),
            eventually("all are done", lambda state: self.done(state) == self.threads),
        ]

    @staticmethod
    def done(state: Counting) -> int:
        """How many threads have written."""
        return sum(thread.where is Where.DONE for thread in state.threads)

    def representative(self, state: Counting) -> Counting:
        """Threads in the order of where they stand and what they have read: their numbers mean nothing."""
        columns = sorted(state.threads, key=lambda thread: (thread.where.value, thread.seen))
        return state.replace(threads=tuple(columns))


class LockedIncrement(Increment):
    """Increments under a lock."""

    def next_state(self, state: Counting, action: Step) -> Counting | None:
        number = action.thread
        thread = state.threads[number]
        match thread.where:
            case Where.OUTSIDE if not any(one.where in (Where.LOCKED, Where.READ) for one in state.threads):
                return self.moved(state, number, Thread(Where.LOCKED))
            case Where.LOCKED:
                return self.moved(state, number, Thread(Where.READ, state.counter))
            case Where.READ:
                return self.moved(state, number, Thread(Where.DONE, thread.seen)).replace(counter=thread.seen + 1)
        return None

    def properties(self) -> Iterable[Property]:
        inside = (Where.LOCKED, Where.READ)
        return [
            *super().properties(),
            always("one at a time", lambda state: sum(thread.where in inside for thread in state.threads) <= 1),
        ]
