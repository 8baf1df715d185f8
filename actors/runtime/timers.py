"""Every timer of a system: one heap, one call in the event loop. Knows cells only as owners of timers.

A due timer first has the sockets drained and then goes behind what waits in its actor's mailbox: it never overtakes.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import time
from collections.abc import Callable, Hashable
from typing import Any

from core_ext.cell import Cell, Timer

TOLERANCE_SECONDS = 0.001  # event loops round to milliseconds; what is due within one is due
FIRED_PER_CALL = 4096  # then the event loop has its turn
DRAINS_PER_CALL = 16
SWEEP_FROM = 1024  # entries; a smaller heap is not worth sweeping for cancelled ones


class Alarm:
    """A function to be called at a time; ``cancel`` forgets it."""

    __slots__ = ("_timers", "action")

    def __init__(self, timers: Timers, action: Callable[[], object]) -> None:
        self._timers = timers
        self.action: Callable[[], object] | None = action

    def cancel(self) -> None:
        """Never call it."""
        if self.action is not None:
            self.action = None
            self._timers.sweep()


class Timers:
    """The heap of one system.

    Args:
        loop: the event loop to be woken by.
        drain: reads the sockets; returns how many messages came.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, drain: Callable[[], int]) -> None:
        self._loop = loop
        self._drain = drain
        self._heap: list[tuple[float, int, Timer | Alarm]] = []
        self._serial = itertools.count()
        self._cancelled = 0
        self._handle: asyncio.Handle | None = None
        self._armed_for = math.inf

    def __len__(self) -> int:
        return len(self._heap)

    def set(self, cell: Cell, message: Any, delay_seconds: float, key: Hashable) -> None:
        """Set or replace an actor's timer with this key."""
        if cell._timers is None:
            cell._timers = {}
        timer = cell._timers.get(key)
        if timer is None:
            timer = cell._timers[key] = Timer(cell, key)
        timer.message = message
        timer.generation += 1
        timer.live = True
        timer.due = time.monotonic() + delay_seconds
        # A timer that is put off again and again (an election time-out) stays where it stands in the heap; it finds
        # its place when it comes up.
        if timer.due < timer.queued_due:
            self._push(timer.due, timer)

    def cancel(self, cell: Cell, key: Hashable) -> None:
        """Cancel an actor's timer; it is not delivered, also when it waits in the mailbox already."""
        timer = cell._timers.pop(key, None) if cell._timers else None
        if timer is not None:
            self._forget(timer)

    def cancel_all(self, cell: Cell) -> None:
        """Cancel every timer of an actor."""
        timers, cell._timers = cell._timers, None
        for timer in (timers or {}).values():
            self._forget(timer)

    def call_later(self, delay_seconds: float, action: Callable[[], object]) -> Alarm:
        """Call a function of the runtime after a delay."""
        alarm = Alarm(self, action)
        self._push(time.monotonic() + delay_seconds, alarm)
        return alarm

    def close(self) -> None:
        """No more timers fire."""
        if self._handle is not None:
            self._handle.cancel()
        self._heap.clear()
        self._armed_for = -math.inf

    def _forget(self, timer: Timer) -> None:
        timer.live = False
        timer.message = None
        if timer.queued_due < math.inf:
            self.sweep()

    def sweep(self) -> None:
        """One more entry of the heap is not wanted any more; when most are not, they all go."""
        self._cancelled += 1
        if self._cancelled * 2 > len(self._heap) > SWEEP_FROM:
            self._heap = [entry for entry in self._heap if _wanted(entry)]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def _push(self, due: float, what: Timer | Alarm) -> None:
        if isinstance(what, Timer):
            what.queued_due = due
        heapq.heappush(self._heap, (due, next(self._serial), what))
        if due < self._armed_for:
            self._arm(due)

    def _arm(self, due: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._armed_for = due
        self._handle = self._loop.call_later(max(0.0, due - time.monotonic()), self._fire)

    def _fire(self) -> None:
        self._handle = None
        try:
            self._fire_due()
        finally:  # an alarm's error is the event loop's to report; the timers behind it must still come
            self._armed_for = math.inf
            if self._heap:
                self._arm(self._heap[0][0])

    def _fire_due(self) -> None:
        for _ in range(DRAINS_PER_CALL):  # timers do not overtake what the sockets hold
            if not self._drain():
                break
        limit = time.monotonic() + TOLERANCE_SECONDS
        for _ in range(FIRED_PER_CALL):
            if not self._heap or self._heap[0][0] > limit:
                break
            due, _, what = heapq.heappop(self._heap)
            if isinstance(what, Alarm):
                self._ring(what)
            elif due == what.queued_due:
                self._come_up(what, limit)

    def _ring(self, alarm: Alarm) -> None:
        action, alarm.action = alarm.action, None
        if action is not None:
            action()
        else:
            self._cancelled = max(0, self._cancelled - 1)

    def _come_up(self, timer: Timer, limit: float) -> None:
        timer.queued_due = math.inf
        if not timer.live:
            self._cancelled = max(0, self._cancelled - 1)
        elif timer.due > limit:
            self._push(timer.due, timer)
        else:
            timer.fire()


def _wanted(entry: tuple[float, int, Timer | Alarm]) -> bool:
    due, _, what = entry
    return what.action is not None if isinstance(what, Alarm) else what.live and what.queued_due == due
