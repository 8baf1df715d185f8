"""Every choice of a simulated run comes from here: one stream of draws per concern, all forked from one seed.

A draw is recorded as a small integer, and 0 always means the benign choice: first in, first out; no fault; the shortest
delay. A run is repeated exactly by giving its recorded draws back, and made smaller by editing them: a stream that has
run out of given draws gives zeros. Knows nothing of actors, nodes or faults.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")

#: A real number is drawn as one of so many equal steps of its range.
STEPS = 1024


class Stream:
    """The draws of one concern. Made by ``Tape.stream``.

    Args:
        label: what the draws are for.
        seed: of the generator; None draws zeros (a replay).
        given: draws to give first, as they were recorded.

    Attributes:
        label: what the draws are for.
        recorded: every draw so far.
    """

    __slots__ = ("_at", "_given", "_random", "label", "recorded")

    def __init__(self, label: str, seed: int | None, given: Sequence[int] = ()) -> None:
        self.label = label
        self.recorded: list[int] = []
        self._random = None if seed is None else random.Random(seed).random
        self._given = tuple(given)
        self._at = 0

    def below(self, n: int) -> int:
        """A whole number from 0 to n - 1; 0 is the benign one.

        Raises:
            ValueError: n is less than 1.
        """
        draw = self._random
        if n < 1:
            raise ValueError(f"stream {self.label!r}: below({n}); there is nothing to draw from, give 1 or more")
        value = int(draw() * n) if draw is not None else min(self._next(), n - 1)
        self.recorded.append(value)
        return value

    def choice(self, options: Sequence[T]) -> T:
        """One of the options; the first is the benign one.

        Raises:
            ValueError: there is none.
        """
        return options[self.below(len(options))]

    def uniform(self, low: float, high: float) -> float:
        """A number from low (the benign one) up to, and without, high; in ``STEPS`` steps."""
        draw = self._random
        value = int(draw() * STEPS) if draw is not None else min(self._next(), STEPS - 1)
        self.recorded.append(value)
        return low + (high - low) * value / STEPS

    def chance(self, p: float) -> bool:
        """True with probability p; False is the benign one. Nothing is drawn when p is 0."""
        if p <= 0.0:
            return False
        draw = self._random
        value = draw() < p if draw is not None else self._next() > 0
        self.recorded.append(int(value))
        return value

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in a drawn order; all zeros leave them as they are."""
        rest = list(items)
        return [rest.pop(self.below(len(rest))) for _ in range(len(rest))]

    def _next(self) -> int:
        at = self._at
        if at >= len(self._given):
            return 0
        self._at = at + 1
        return self._given[at]


class Tape:
    """All streams of one run.

    Args:
        seed: of every stream; the same seed gives the same draws, whatever the platform and the hash seed.
    """

    def __init__(self, seed: int) -> None:
        self.seed: int | None = seed
        self._given: Mapping[str, Sequence[int]] = {}
        self._streams: dict[str, Stream] = {}

    @classmethod
    def replay(cls, recorded: Mapping[str, Sequence[int]]) -> Tape:
        """A tape that gives recorded draws back, and zeros after them.

        Args:
            recorded: draws by label, as ``recorded()`` returned them, perhaps edited: a draw beyond what is asked for
                counts as the largest one allowed.
        """
        tape = cls(0)
        tape.seed = None
        tape._given = recorded
        return tape

    def stream(self, label: str) -> Stream:
        """The stream with this label; an extra draw in one does not move the others."""
        found = self._streams.get(label)
        if found is None:
            seed = None if self.seed is None else fork(self.seed, label)
            found = self._streams[label] = Stream(label, seed, self._given.get(label, ()))
        return found

    def recorded(self) -> dict[str, list[int]]:
        """Every draw so far, by label, without the zeros at the ends (they come by themselves)."""
        result = {}
        for label, stream in self._streams.items():
            draws = list(stream.recorded)
            while draws and draws[-1] == 0:
                draws.pop()
            result[label] = draws
        return result

    def draws(self) -> int:
        """How many draws there were so far."""
        return sum(len(stream.recorded) for stream in self._streams.values())


def fork(seed: int, label: str) -> int:
    """The seed of a stream: 64 bits of SHA-256 over the run's seed and the label."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{label}".encode()).digest()[:8], "little")
