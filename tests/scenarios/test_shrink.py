"""Shrinking: the same failure on a smaller tape, always, and within its budget."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest

from actors.simulation import shrink

Tape = Mapping[str, Sequence[int]]


def read(tape: Tape, label: str, at: int) -> int:
    """What a run reads: 0 behind the end."""
    values = tape.get(label, ())
    return values[at] if at < len(values) else 0


def noisy(seed: int = 1) -> dict[str, list[int]]:
    """A long tape of many choices."""
    draw = random.Random(seed)
    return {label: [draw.randrange(100) for _ in range(200)] for label in ("network", "faults", "node:n1")}


def test_what_does_not_matter_is_gone_and_what_matters_is_as_small_as_it_can_be():
    def replay(tape: Tape) -> Tape | None:
        return tape if read(tape, "faults", 7) >= 10 and read(tape, "network", 3) % 2 else None

    start = noisy()
    start["faults"][7], start["network"][3] = 88, 77
    found = shrink.shrink(start, replay, max_runs=5000)
    assert found.complete
    assert found.choices == {"faults": (0,) * 7 + (10,), "network": (0, 0, 0, 1)}


def test_choices_are_taken_out_where_position_does_not_matter():
    def replay(tape: Tape) -> Tape | None:
        return tape if sum(1 for value in tape.get("faults", ()) if value >= 50) >= 3 else None

    found = shrink.shrink(noisy(), replay, max_runs=5000)
    assert found.choices == {"faults": (50, 50, 50)}


def test_another_failure_is_not_accepted():
    """The replay says None for it; then nothing is smaller."""
    start = noisy()
    found = shrink.shrink(start, lambda tape: None, max_runs=5000)
    assert found.choices == shrink.trimmed(start)
    assert found.accepted == 0


def test_a_run_that_used_less_than_it_was_given_is_kept_as_what_it_used():
    def replay(tape: Tape) -> Tape | None:
        # fails at once when the first fault is loud: nothing later is ever read
        return {"faults": tape["faults"][:1]} if read(tape, "faults", 0) else None

    found = shrink.shrink({"faults": [5, 6, 7, 8], "network": [1] * 50}, replay, max_runs=50)
    assert found.choices == {"faults": (1,)}


def test_the_budget_holds_and_the_result_still_fails():
    def replay(tape: Tape) -> Tape | None:
        return tape if sum(tape.get("network", ())) > 5000 else None

    found = shrink.shrink(noisy(), replay, max_runs=20)
    assert not found.complete
    assert found.runs == 20
    assert replay(found.choices) is not None
    times = iter(range(100))
    found = shrink.shrink(noisy(), replay, seconds=10.0, clock=lambda: float(next(times)))
    assert not found.complete
    assert found.runs <= 10


@pytest.mark.parametrize("seed", range(5))
def test_the_same_tape_shrinks_to_the_same_one(seed):
    def replay(tape: Tape) -> Tape | None:
        return tape if sum(tape.get("faults", ())) % 7 == 3 else None

    start = noisy(seed)
    start["faults"].append((3 - sum(start["faults"])) % 7)
    one, other = (shrink.shrink(start, replay, max_runs=300, seconds=1e9) for _ in range(2))
    assert one == other
    assert shrink.weight(one.choices) < shrink.weight(start)
