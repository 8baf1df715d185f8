"""The twin of core_ext.draws: the same draws in plain Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

STEPS = 1024


class Draws:
    def __init__(self, label: str, random: Callable[[], float] | None, given: Sequence[int] = ()) -> None:
        self.label = label
        self.recorded: list[int] = []
        self._random = random
        self._given = list(given)[::-1]

    def _next(self) -> int:
        return self._given.pop() if self._given else 0

    def below(self, n: int) -> int:
        if n < 1:
            raise ValueError(f"stream {self.label!r}: below({n}); there is nothing to draw from, give 1 or more")
        value = min(self._next(), n - 1) if self._random is None else int(self._random() * n)
        self.recorded.append(value)
        return value

    def choice(self, options: Sequence[Any]) -> Any:
        return options[self.below(len(options))]

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * self.below(STEPS) / STEPS

    def chance(self, p: float) -> bool:
        if p <= 0.0:
            return False
        value = self._next() > 0 if self._random is None else self._random() < p
        self.recorded.append(int(value))
        return value

    def shuffled(self, items: Sequence[Any]) -> list[Any]:
        rest = list(items)
        return [rest.pop(self.below(len(rest))) for _ in range(len(rest))]
