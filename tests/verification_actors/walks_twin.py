"""The plain-Python twin of the native random walks: the same draws over successors that are listed one by one."""

from __future__ import annotations

from typing import Any

MASK = (1 << 64) - 1
FAULT = 0


class Draws:
    """Splitmix64."""

    def __init__(self, seed: int) -> None:
        self.state = seed & MASK

    def below(self, most: int) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
        z ^= z >> 31
        return (z >> 32) * most >> 32

    def one_of(self, count: int) -> int:
        """Which of so many: each one in turn takes the place of the one before it, with the probability that is due."""
        drawn = 0
        for number in range(count):
            if self.below(number + 1) == 0:
                drawn = number
        return drawn


def walk_all(engine: Any, initial: list[Any], walks: int, longest: int, seed: int, judge: Any) -> dict[str, Any]:
    """The same walks, with what they came to.

    Args:
        engine: lists successors.
        initial: vectors.
        walks, longest, seed: as of the options.
        judge: whether a vector is a state that must not be; what is promised is just that.
    """
    draws = Draws(seed)
    found: dict[str, Any] = {"seen": set(), "wrong": None, "broken": None, "dead": None, "depth": 0}
    for _ in range(walks):
        trail = [draws.one_of(len(initial))]
        vector = initial[trail[0]]
        owed = True
        while True:
            found["seen"].add(vector)
            found["depth"] = max(found["depth"], len(trail))
            wrong = judge(vector)
            owed = owed and not wrong
            if wrong and found["wrong"] is None:
                found["wrong"] = tuple(trail)
            if len(trail) == longest:
                break
            successors = engine.successors(vector)
            if all(label == FAULT for label, _, _, _ in successors):
                if owed and found["broken"] is None:
                    found["broken"] = tuple(trail)
                if not successors and found["dead"] is None:
                    found["dead"] = tuple(trail)
            if not successors:
                break
            trail.append(draws.one_of(len(successors)))
            vector = successors[trail[-1]][3]
    return found
