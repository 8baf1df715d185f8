"""The clockwork of a simulated run: what happens when, in virtual time, and a digest over what has happened."""

from collections.abc import Callable
from typing import Any

class Agenda:
    """What will happen, in the order of time, first in first out at the same time."""

    now_ns: int
    """Virtual time."""
    events: int
    """What the owner counts as events, for the limits."""
    adversarial: bool
    """Whether what could happen in any order happens in a drawn one."""

    def __init__(self, max_events: int, same_time_limit: int) -> None: ...
    def __len__(self) -> int: ...
    def at(self, due_ns: int, function: Callable[[Any], object], argument: Any) -> int:
        """Call a function with its argument when virtual time has come so far."""

    @property
    def next_due_ns(self) -> int | None:
        """When the next thing happens; None when nothing ever will."""

    def step(self) -> bool:
        """The next thing that happens; False when nothing ever will."""

    def run_to(self, end_ns: int) -> None:
        """Everything that happens up to and at a time; then it is that time."""

    def runaway(self, too_many: bool) -> None:
        """A limit was reached: raise. For the subclass."""

    def fold(self, one: int, two: int) -> int:
        """Two more numbers (64 bits, unsigned) of what has happened."""

    def digest(self) -> str:
        """16 hex digits over everything that was folded so far."""
