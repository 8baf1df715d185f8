"""A histogram of latencies with a bounded relative error, in the manner of HdrHistogram. Knows no clock."""

from __future__ import annotations

import math

SUB_BUCKETS = 128  # per power of two: a recorded value is off by less than 1/128
SMALLEST_SECONDS = 1e-7


class Histogram:
    """Counts values by magnitude; any percentile afterwards is exact to 0.8 percent.

    Recording is one logarithm and one dictionary update, and memory grows with the spread of values, not their number.
    """

    def __init__(self) -> None:
        self.count = 0
        self.maximum = 0.0
        self._buckets: dict[int, int] = {}

    def record(self, seconds: float) -> None:
        """Count one value."""
        bucket = int(math.log2(max(seconds, SMALLEST_SECONDS) / SMALLEST_SECONDS) * SUB_BUCKETS)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self.count += 1
        self.maximum = max(self.maximum, seconds)

    def percentile(self, percent: float) -> float:
        """The value that ``percent`` of all values do not exceed, in seconds; 0.0 when nothing was recorded."""
        wanted = math.ceil(self.count * percent / 100)
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= wanted:
                return min(SMALLEST_SECONDS * 2 ** ((bucket + 1) / SUB_BUCKETS), self.maximum)
        return self.maximum

    def milliseconds(self) -> dict[str, float]:
        """The usual percentiles, in milliseconds."""
        shown = {f"p{percent:g}_ms": self.percentile(percent) * 1e3 for percent in (50, 90, 99, 99.9, 99.99)}
        return {**shown, "max_ms": self.maximum * 1e3}
