"""The latency histogram beside sorting everything: what a percentile costs, and how far off it may be."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from bench.histogram import Histogram

RNG = random.Random(3)
LATENCIES = [RNG.lognormvariate(-7, 1.5) for _ in range(20_000)]


def bucketed(percent: float) -> float:
    histogram = Histogram()
    for seconds in LATENCIES:
        histogram.record(seconds)
    return histogram.percentile(percent)


def plain(percent: float) -> float:
    return sorted(LATENCIES)[math.ceil(len(LATENCIES) * percent / 100) - 1]


@pytest.mark.benchmark(group="p99.9 of 20,000 latencies")
@pytest.mark.parametrize("percentile", [bucketed, plain])
def test_percentile(benchmark: Any, percentile: Any) -> None:
    assert benchmark(percentile, 99.9) == pytest.approx(plain(99.9), rel=1 / 128)


def test_every_percentile_is_within_one_bucket_and_never_above_the_maximum() -> None:
    for percent in (0.1, 50, 90, 99, 99.99, 100):
        assert bucketed(percent) == pytest.approx(plain(percent), rel=1 / 128)
        assert bucketed(percent) <= max(LATENCIES)
    assert Histogram().percentile(50) == 0.0
