"""What happened in a run: a digest over all of it, and the latest events for people. Knows no rule of the simulation.

The digest folds numbers only (times, the order in which actors were made, CRCs of names), so that it is the same under
every hash seed.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import deque
from typing import TYPE_CHECKING, Any

from actors.trace import Event, What

if TYPE_CHECKING:
    from actors.simulation.cell import Cell

_CHUNK = 8192
_TIMER = 3
_WHATS = {what: number for number, what in enumerate(What)}


class Ledger:
    """The record of one run.

    Args:
        trace_limit: how many of the latest events to keep; 0 keeps none.
    """

    def __init__(self, trace_limit: int) -> None:
        self.trace: deque[Event] | None = deque(maxlen=trace_limit) if trace_limit else None
        self._hash = hashlib.blake2b(digest_size=8)
        self._numbers = array("Q")

    def event(self, now_ns: int, actor: int, kind: int, message: Any) -> None:
        """A message or timer was handled."""
        numbers = self._numbers
        numbers.append(now_ns)
        numbers.append(actor << 36 | kind << 32 | getattr(message, "wire_id", 0))
        if len(numbers) >= _CHUNK:
            self._flush()

    def fold(self, one: int, two: int) -> None:
        """Anything else, as two numbers."""
        self._numbers.append(one)
        self._numbers.append(two)

    def mark(self, now_ns: int, what: What, node: int) -> None:
        """A fault or the like."""
        self.fold(now_ns, 1 << 63 | _WHATS[what] << 16 | (node + 1))

    def digest(self) -> str:
        """16 hex digits over everything so far."""
        self._flush()
        return self._hash.copy().hexdigest()

    def _flush(self) -> None:
        self._hash.update(self._numbers.tobytes())
        del self._numbers[:]

    # --- for people ------------------------------------------------------------------------------------------------

    def add(self, event: Event) -> None:
        """Keep an event."""
        if self.trace is not None:
            self.trace.append(event)

    def handled(self, now: float, cell: Cell, kind: int, message: Any, sender: Any) -> None:
        """A message or timer is handled."""
        if sender is not None and sender.node != cell.node.name:
            return  # told when it arrived
        what = What.TIMER if kind == _TIMER else What.DELIVER
        self.add(Event(
            what, now, cell.node.name, cell.name, repr(message)[:200], 0,
            sender.node if sender is not None else "", sender.name if sender is not None else "",
        ))
