"""Make a failing run small: a shorter tape of choices, with more of them benign, on which the same property fails.

The tape is shrunk, not the seed (Hypothesis works so, and MacIver and Donaldson, "Test-case reduction via test-case
generation", ECOOP 2020, say why): any edit of it is a run, because what is missing reads as 0, the benign choice. So
fewer faults, fewer messages lost, first in first out come by themselves. Knows tapes as numbers; not what they mean.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

#: The choices of a run, by stream.
Choices = Mapping[str, Sequence[int]]
#: Replays choices; the choices that the run then made when the same property failed, None when it did not.
Replay = Callable[[Choices], Choices | None]

#: What the labels of streams that are shrunk first begin with.
FIRST = ("swarm", "faults", "fault:", "messages")

_Streams = dict[str, tuple[int, ...]]


class Shrunk(NamedTuple):
    """The smallest failing tape that was found.

    Attributes:
        choices: the tape.
        runs: how many replays it took.
        accepted: how many of them made it smaller.
        complete: nothing more could be removed; False when runs or time were over.
    """

    choices: _Streams
    runs: int
    accepted: int
    complete: bool


class _OutOfBudget(Exception):
    """Runs or time are over."""


def weight(choices: Choices) -> tuple[int, int, int]:
    """What is to become small: choices that are not benign, then their sum, then all choices."""
    loud = total = length = 0
    for values in choices.values():
        length += len(values)
        total += sum(values)
        loud += sum(1 for value in values if value)
    return loud, total, length


def trimmed(choices: Choices) -> _Streams:
    """The same tape without what reads as 0 anyway: zeros at the end, empty streams."""
    found: _Streams = {}
    for label in sorted(choices):
        values = tuple(choices[label])
        end = len(values)
        while end and not values[end - 1]:
            end -= 1
        if end:
            found[label] = values[:end]
    return found


def shrink(
    choices: Choices, replay: Replay, *, max_runs: int = 400, seconds: float = 60.0,
    clock: Callable[[], float] = time.monotonic,
) -> Shrunk:
    """Shrink a failing tape, from coarse edits to fine ones, until nothing helps or the budget is used up.

    The result is the same for the same arguments, unless the time is over before the runs are.

    Args:
        choices: of a failing run.
        replay: runs an edited tape; must answer with None unless the *same* property fails.
        max_runs: replays at most.
        seconds: of wall time at most; one replay that has begun is finished.
        clock: seconds, growing.
    """
    search = _Search(trimmed(choices), replay, max_runs, clock() + seconds, clock)
    try:
        search.to_the_end()
    except _OutOfBudget:
        return Shrunk(search.best, search.runs, search.accepted, False)
    return Shrunk(search.best, search.runs, search.accepted, True)


class _Search:
    """The best tape so far, and what is left of the budget."""

    def __init__(
        self, best: _Streams, replay: Replay, max_runs: int, deadline: float, clock: Callable[[], float]
    ) -> None:
        self.best = best
        self.runs = self.accepted = 0
        self._replay = replay
        self._max_runs = max_runs
        self._deadline = deadline
        self._clock = clock
        self._tried: set[bytes] = set()

    def to_the_end(self) -> None:
        """Passes, until one of them changes nothing."""
        while True:
            before = self.best
            for label in self._in_turn():
                self._try({**self.best, label: ()})
            for label in self._in_turn():
                for parts in self._granularities(label):
                    self._edit_chunks(label, parts)
            for label in self._in_turn():
                self._lower(label)
            if self.best == before:
                return

    def _in_turn(self) -> list[str]:
        """Streams that decide about which faults there are come first, while everything else is still as drawn: a fault
        less moves what comes after it, and with other draws in place the failure has more ways to come about again.
        """
        def rank(label: str) -> tuple[int, int, str]:
            loud = sum(1 for value in self.best[label] if value)
            return next((at for at, begin in enumerate(FIRST) if label.startswith(begin)), len(FIRST)), loud, label

        return sorted(self.best, key=rank)

    def _granularities(self, label: str) -> Iterator[int]:
        """Into how many parts a stream is cut: 2, 4, 8, … until a part is one choice."""
        longest = len(self.best.get(label, ()))
        parts = 2
        while parts < 2 * longest:
            yield parts
            parts *= 2

    def _edit_chunks(self, label: str, parts: int) -> None:
        """Cut the stream into parts; make each of them benign, else take it out."""
        size = len(self.best.get(label, ())) // parts
        if size == 0:
            return
        at = (len(self.best[label]) - 1) // size * size
        while at >= 0:  # from the end: what is early decides about all that follows
            values = self.best.get(label, ())
            head, chunk, tail = values[:at], values[at : at + size], values[at + size :]
            at -= size
            if not chunk:
                continue
            if any(chunk) and self._try({**self.best, label: (*head, *(0,) * len(chunk), *tail)}):
                continue
            if tail:
                self._try({**self.best, label: (*head, *tail)})

    def _lower(self, label: str) -> None:
        """Smaller numbers: 0, 1, half, one less."""
        at = len(self.best.get(label, ())) - 1
        while at >= 0:
            values = self.best.get(label, ())
            if at < len(values) and values[at]:
                for lower in (0, 1, values[at] // 2, values[at] - 1):
                    if self._try({**self.best, label: (*values[:at], lower, *values[at + 1 :])}):
                        break
                else:
                    at -= 1
                    continue
                if lower:
                    continue  # lower it further
            at -= 1

    def _try(self, candidate: Choices) -> bool:
        """Replay an edited tape; keep what it made of itself when that is smaller and fails in the same way."""
        tape = trimmed(candidate)
        if weight(tape) >= weight(self.best):
            return False
        mark = hashlib.blake2b(repr(tape).encode(), digest_size=16).digest()
        if mark in self._tried:
            return False
        if self.runs >= self._max_runs or self._clock() >= self._deadline:
            raise _OutOfBudget
        self._tried.add(mark)
        self.runs += 1
        made = self._replay(tape)
        if made is None:
            return False
        # a run that ends earlier, or takes another way, may have used less than it was given
        used = trimmed({
            label: values[: len(tape.get(label, ()))] for label, values in made.items() if label in tape
        })
        self.best = used if weight(used) < weight(tape) else tape
        self.accepted += 1
        return True
