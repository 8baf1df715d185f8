"""What a simulated run can end with besides its results. Knows no other module of the simulation."""

from __future__ import annotations

from actors.errors import ActorumError


class SimulationError(ActorumError):
    """The simulation cannot go on, or was asked for what it cannot do; the text says what to change."""


class Violation(SimulationError, AssertionError):
    """A property does not hold.

    Attributes:
        property: its name.
        detail: what was seen.
        at_event: number of the event after which it was seen.
        at_seconds: virtual time.
        digest: of the run up to there; the same seed and settings give the same one.
    """

    def __init__(self, property: str, detail: str, at_event: int, at_seconds: float, digest: str) -> None:
        super().__init__(
            f"{property}: {detail or 'does not hold'} (event {at_event}, {at_seconds:.6f} s, digest {digest})"
        )
        self.property = property
        self.detail = detail
        self.at_event = at_event
        self.at_seconds = at_seconds
        self.digest = digest
