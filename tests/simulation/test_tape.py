"""The tape: every choice from one seed, recorded as small integers, replayed and edited."""

from __future__ import annotations

import pytest

from actors.simulation import Tape
from actors.simulation.tape import STEPS, fork


def _draw(tape: Tape) -> list[object]:
    network, faults = tape.stream("network"), tape.stream("faults")
    drawn: list[object] = []
    for _ in range(50):
        drawn += [network.below(10), network.uniform(1.0, 3.0), faults.chance(0.3), faults.choice("abc")]
        drawn += network.shuffled([1, 2, 3])
    return drawn


def test_the_same_seed_draws_the_same_and_another_one_does_not() -> None:
    assert _draw(Tape(7)) == _draw(Tape(7))
    assert _draw(Tape(7)) != _draw(Tape(8))


def test_draws_are_those_of_every_platform_and_version() -> None:
    assert fork(1, "network") == 0x421690325DD412F5
    stream = Tape(1).stream("network")
    assert [stream.below(100) for _ in range(5)] == [1, 10, 83, 26, 57]


def test_streams_do_not_move_each_other() -> None:
    one, two = Tape(3), Tape(3)
    one.stream("network").below(10)
    one.stream("workload").below(10)
    assert one.stream("faults").below(1000) == two.stream("faults").below(1000)


def test_a_recorded_tape_gives_the_same_draws_and_records_the_same() -> None:
    first = Tape(5)
    drawn = _draw(first)
    again = Tape.replay(first.recorded())
    assert _draw(again) == drawn
    assert again.recorded() == first.recorded()
    assert first.draws() == again.draws()


def test_draws_past_the_end_are_zeros_and_zeros_are_benign() -> None:
    stream = Tape.replay({"network": [3, 500]}).stream("network")
    assert stream.below(10) == 3
    assert stream.uniform(0.0, STEPS) == 500
    assert stream.below(10) == 0
    assert stream.uniform(2.0, 3.0) == 2.0
    assert stream.chance(0.99) is False
    assert stream.choice("xyz") == "x"
    assert stream.shuffled([1, 2, 3]) == [1, 2, 3]
    assert Tape.replay({}).recorded() == {}


def test_an_edited_draw_that_is_too_large_counts_as_the_largest() -> None:
    stream = Tape.replay({"network": [99, 5000, 7]}).stream("network")
    assert stream.below(10) == 9
    assert stream.uniform(0.0, STEPS) == STEPS - 1
    assert stream.chance(0.01) is True


def test_the_zeros_at_the_end_are_not_kept() -> None:
    tape = Tape.replay({"a": [1, 0, 2]})
    for _ in range(10):
        tape.stream("a").below(5)
    assert tape.recorded() == {"a": [1, 0, 2]}


def test_nothing_is_drawn_where_nothing_can_happen() -> None:
    tape = Tape(1)
    assert tape.stream("faults").chance(0.0) is False
    assert tape.draws() == 0
    with pytest.raises(ValueError, match="nothing to draw from"):
        tape.stream("faults").below(0)


def test_a_draw_is_as_likely_as_it_should_be() -> None:
    stream = Tape(11).stream("network")
    counts = [0] * 8
    for _ in range(8000):
        counts[stream.below(8)] += 1
    assert all(850 < count < 1150 for count in counts)
    assert 2700 < sum(stream.chance(0.3) for _ in range(10_000)) < 3300
