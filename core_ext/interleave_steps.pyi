from collections.abc import Sequence
from typing import Any, Protocol

Outcome = tuple[int, tuple[int, ...], tuple[tuple[int, int], ...], int, int]

class World(Protocol):
    """Whom the tables ask."""

    def step(self, local_number: int, event_number: int) -> list[Outcome]: ...
    def record(self, history: int, operation: int) -> int: ...

class LocalSteps:
    slots: int
    local_steps: int
    def __init__(self, world: World, slots: int, *others: Any) -> None: ...
    def add_local(self, flags: int, offers: Sequence[int]) -> int: ...
    def add_message(
        self, event: int, slot: int, source: int, channel: int, flags: int, kind: int, received: int, sent: int
    ) -> None: ...
