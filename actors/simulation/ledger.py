"""The latest events of a run, for people. Knows no rule of the simulation."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from actors.trace import Event, What
from core_ext.stage import TIMER

if TYPE_CHECKING:
    from actors.simulation.cell import Cell

SHOWN = 200  # characters of a message


class Ledger:
    """The trace of one run.

    Args:
        limit: how many of the latest events to keep; 0 keeps none.
    """

    def __init__(self, limit: int) -> None:
        self.trace: deque[Event] | None = deque(maxlen=limit) if limit else None

    def add(self, event: Event) -> None:
        """Keep an event."""
        if self.trace is not None:
            self.trace.append(event)

    def handled(self, now: float, cell: Cell, kind: int, message: Any, sender: Any) -> None:
        """A message or timer is handled."""
        if sender is not None and sender.node != cell.node.name:
            return  # told when it arrived
        what = What.TIMER if kind == TIMER else What.DELIVER
        self.add(Event(
            what, now, cell.node.name, cell.name, repr(message)[:SHOWN], 0,
            sender.node if sender is not None else "", sender.name if sender is not None else "",
        ))
