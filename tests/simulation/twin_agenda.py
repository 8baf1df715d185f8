"""The twin of core_ext.agenda: the same clockwork in plain Python, on heapq."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

_MASK = (1 << 64) - 1


def _mixed(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


class Agenda:
    def __init__(self, max_events: int, same_time_limit: int) -> None:
        self.now_ns = 0
        self.events = 0
        self.adversarial = False
        self._limits = max_events, same_time_limit
        self._heap: list[tuple[int, int, Callable[[Any], object], Any]] = []
        self._serial = 0
        self._folded = 0
        self._standing = 0
        self._events_before = 0

    def __len__(self) -> int:
        return len(self._heap)

    def at(self, due_ns: int, function: Callable[[Any], object], argument: Any) -> int:
        self._serial += 1
        heapq.heappush(self._heap, (due_ns, self._serial, function, argument))
        return 0

    @property
    def next_due_ns(self) -> int | None:
        return self._heap[0][0] if self._heap else None

    def step(self) -> bool:
        if not self._heap:
            return False
        due, _, function, argument = heapq.heappop(self._heap)
        if due > self.now_ns:
            self.now_ns, self._standing, self._events_before = due, 0, self.events
        else:
            self._standing += 1
        function(argument)
        most, standing = self._limits
        if self.events > most or self._standing + self.events - self._events_before > standing:
            self.runaway(self.events > most)
        return True

    def run_to(self, end_ns: int) -> None:
        while self._heap and self._heap[0][0] <= end_ns:
            self.step()
        self.now_ns, self._standing, self._events_before = end_ns, 0, self.events

    def runaway(self, too_many: bool) -> None:
        raise RuntimeError("an agenda ran away")

    def fold(self, one: int, two: int) -> int:
        self._folded = _mixed((_mixed((self._folded + one) & _MASK) + two) & _MASK)
        return 0

    def digest(self) -> str:
        return f"{self._folded:016x}"
