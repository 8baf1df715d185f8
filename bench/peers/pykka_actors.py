"""Pykka: tell, ask and spawn of threading actors.  usage: python -m bench.peers.pykka_actors tell|ask|spawn SECONDS"""

from __future__ import annotations

import json
import sys
from typing import Any

import pykka

from bench.timing import rate

TELLS = 10_000
ASKS = 500
SPAWNS = 2_000  # alive at once, as a program that uses them has them


class Counter(pykka.ThreadingActor):
    """Adds up what it is sent; answers with the sum."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def on_receive(self, message: Any) -> int:
        self.total += message
        return self.total


def tell(seconds: float) -> float:
    """Messages per second; the question after each chunk waits until all were handled."""
    counter = Counter.start()
    told = 0

    def chunk() -> int:
        nonlocal told
        for _ in range(TELLS):
            counter.tell(1)
        told += TELLS
        assert counter.ask(0) == told
        return TELLS

    return rate(chunk, seconds)


def ask(seconds: float) -> float:
    """Questions per second, each waited for."""
    counter = Counter.start()

    def chunk() -> int:
        for _ in range(ASKS):
            counter.ask(0)
        return ASKS

    return rate(chunk, seconds)


def spawn(seconds: float) -> float:
    """Actors per second, each with its thread; stopped again between chunks, outside the time that counts."""
    best: list[float] = []
    for _ in range(max(int(seconds), 1)):
        best.append(rate(lambda: sum(Counter.start() is not None for _ in range(SPAWNS)), 0.0))
        pykka.ActorRegistry.stop_all()
    return sorted(best)[len(best) // 2]


if __name__ == "__main__":
    measure = {"tell": tell, "ask": ask, "spawn": spawn}[sys.argv[1]]
    try:
        print(json.dumps({"value": measure(float(sys.argv[2]))}))
    finally:
        pykka.ActorRegistry.stop_all()
