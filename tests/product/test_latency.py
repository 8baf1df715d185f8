"""The door's latency histogram."""

from __future__ import annotations

import pytest

from actorum.latency import GROWTH, WINDOW_SECONDS, LatencyHistogram, prometheus_buckets


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_quantile_is_right_within_a_bucket() -> None:
    histogram = LatencyHistogram(Clock())
    for thousandth in range(1, 1001):
        histogram.add(thousandth / 1000)
    for fraction in (0.5, 0.9, 0.99):
        found = histogram.quantile(fraction)
        assert found is not None
        assert fraction <= found <= fraction * GROWTH * 1.001
    assert histogram.total_seconds == pytest.approx(500.5)


def test_quantiles_are_of_the_last_seconds_and_counts_for_ever() -> None:
    clock = Clock()
    histogram = LatencyHistogram(clock)
    assert histogram.quantile(0.5) is None
    histogram.add(10.0)
    clock.now += WINDOW_SECONDS
    histogram.add(0.001)
    assert histogram.quantile(1.0) > 9  # type: ignore[operator]  # of this window and the one before
    clock.now += WINDOW_SECONDS
    histogram.add(0.001)
    assert histogram.quantile(1.0) < 0.01  # type: ignore[operator]
    clock.now += 10 * WINDOW_SECONDS
    assert histogram.quantile(0.5) is None
    assert sum(histogram.counts) == 3


def test_the_shortest_and_the_longest_durations_have_buckets_too() -> None:
    histogram = LatencyHistogram(Clock())
    histogram.add(0.0)
    histogram.add(1e9)
    assert histogram.counts[0] == histogram.counts[-1] == 1
    assert prometheus_buckets(histogram.counts)[-1] == ("+Inf", 2)
