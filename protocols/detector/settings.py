"""What can be set of a heartbeat detector. Knows no detector."""

from __future__ import annotations

import msgspec


class DetectorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a heartbeat failure detector.

    A node that dies is suspected after about ``threshold * interval_seconds + timeout_seconds``.

    Attributes:
        name: the detector's actor name, the same on every node: peers are found under it.
        interval_seconds: time between two pings. Short: quick detection, more messages.
        timeout_seconds: how long an answer may take before the beat counts as missed. Below the round trip under load
            every beat is missed. May be longer than the interval; then several beats are open at once.
        threshold: missed beats beyond the answered ones that make a suspicion. 1 suspects at every lost message.
        max_subscribers: further ones are not taken.
    """

    name: str = "detector"
    interval_seconds: float = 0.2
    timeout_seconds: float = 0.3
    threshold: int = 3
    max_subscribers: int = 1024

    def __post_init__(self) -> None:
        for name in ("interval_seconds", "timeout_seconds", "threshold", "max_subscribers"):
            if not getattr(self, name) > 0:
                raise ValueError(f"detector settings: {name} is {getattr(self, name)}; give a positive number")
