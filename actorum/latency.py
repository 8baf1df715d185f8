"""How long the Redis door's batches take: a histogram for ever, and quantiles of the last seconds. Knows no actor."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from actors import Reference
from actorum.redis_door import RedisDoor, RedisDoorSettings, SpawningSystem
from core_ext.durations import Durations

FIRST_SECONDS = 50e-6
GROWTH = 1.25  # each bucket's upper bound is this times the one before: a quantile is right within 25 %
BUCKETS = 64  # the last one takes everything above about 60 s
WINDOW_SECONDS = 5.0


class LatencyHistogram(Durations):
    """Counts durations in buckets that grow geometrically; the native base class counts.

    Args:
        clock: tells when what was counted is no longer recent.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(FIRST_SECONDS, GROWTH, BUCKETS)
        self._clock = clock
        self._window_began = clock()
        self._before = [0] * BUCKETS  # when this window began
        self._long_before = [0] * BUCKETS  # when the window before it began

    def quantile(self, fraction: float) -> float | None:
        """The duration (seconds) that this fraction of those of the last 5 to 10 s did not exceed; None without any."""
        self._roll()
        recent = [now - then for now, then in zip(self.counts, self._long_before, strict=True)]
        wanted = math.ceil(fraction * sum(recent))
        if not wanted:
            return None
        seen = 0
        for bucket, count in enumerate(recent):
            seen += count
            if seen >= wanted:
                return upper_bound_seconds(bucket)
        return None

    def _roll(self) -> None:
        now = self._clock()
        if now - self._window_began >= WINDOW_SECONDS:
            stale = now - self._window_began >= 2 * WINDOW_SECONDS
            self._long_before = list(self.counts) if stale else self._before
            self._before = list(self.counts)
            self._window_began = now


def upper_bound_seconds(bucket: int) -> float:
    """The longest duration that a bucket counts; the last one counts longer ones too."""
    return FIRST_SECONDS * GROWTH**bucket


class MeasuredDoor(RedisDoor):
    """The Redis door, with the time from a batch's departure to its outcome.

    Attributes:
        latency: of batches; a batch holds what the door's connections brought in one turn.
    """

    def __init__(
        self, system: SpawningSystem, gateway: Reference, settings: RedisDoorSettings,
        status: Callable[[], Mapping[str, object]],
    ) -> None:
        self.latency = LatencyHistogram()
        super().__init__(system, gateway, settings, status, durations=self.latency)


def prometheus_buckets(counts: Iterable[int]) -> list[tuple[str, float]]:
    """Cumulative counts by upper bound, as prometheus_client wants them."""
    total = 0
    found: list[tuple[str, float]] = []
    for bucket, count in enumerate(counts):
        total += count
        found.append((f"{upper_bound_seconds(bucket):.6g}", total))
    found[-1] = ("+Inf", total)
    return found


def latency_facts(histogram: LatencyHistogram) -> dict[str, Any]:
    """The quantiles that the status shows."""
    return {
        "latency_p50_seconds": histogram.quantile(0.50),
        "latency_p99_seconds": histogram.quantile(0.99),
    }
