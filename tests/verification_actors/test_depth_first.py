"""Depth first finds the states and verdicts that breadth first finds, within a bound on the depth, too."""

from __future__ import annotations

import pytest

from actors.verification import check
from actors.verification.result import Strategy, Verdict
from protocols.models.abd import AbdRegister, HastyAbdRegister
from protocols.models.alternating_bit import AlternatingBit
from protocols.models.cap import Cap
from protocols.models.flood_set import FloodSet
from protocols.models.flp import Flp
from protocols.models.oral_messages import OralMessages
from protocols.models.paxos import Paxos
from protocols.models.ping_pong import PingPong
from protocols.models.ring_election import RingElection
from protocols.models.single_copy import SingleCopyRegister
from protocols.replaying import replay
from tests.verification_actors.plain_explorer import PlainExplorer
from tests.verification_actors.random_actors import RandomSystem

SHIPPED = [
    AbdRegister, AlternatingBit, lambda: AlternatingBit(heed_bit=False), Cap, FloodSet, lambda: FloodSet(rounds=1), Flp,
    lambda: OralMessages(3, 1), PingPong, RingElection, lambda: RingElection(swallow=False), SingleCopyRegister,
    lambda: SingleCopyRegister(servers=2), Paxos,
]


@pytest.mark.parametrize("make", SHIPPED)
def test_a_complete_exploration_has_the_states_and_verdicts_of_breadth_first(make):
    wide, deep = check(make()), check(make(), strategy="depth")
    assert deep.strategy is Strategy.DEPTH
    assert (deep.distinct, deep.generated, deep.bound) == (wide.distinct, wide.generated, wide.bound)
    assert [(one.name, one.verdict) for one in deep.findings] == [(one.name, one.verdict) for one in wide.findings]
    assert deep.exit_code == wide.exit_code


@pytest.mark.parametrize("make", [SingleCopyRegister, AbdRegister, PingPong, FloodSet, Flp])
@pytest.mark.parametrize("depth", [1, 2, 5, 9])
def test_a_bound_on_the_depth_leaves_out_what_breadth_first_leaves_out(make, depth):
    wide, deep = check(make(), max_depth=depth), check(make(), strategy="depth", max_depth=depth)
    assert (deep.distinct, deep.bound, deep.complete) == (wide.distinct, wide.bound, wide.complete)
    assert [(one.name, one.verdict) for one in deep.findings] == [(one.name, one.verdict) for one in wide.findings]
    assert deep.depth <= depth
    assert all(len(one.trace.steps) <= depth for one in deep.findings if one.trace and one.trace.back_to is None
               and one.kind.value in ("always", "sometimes"))


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_depth_first_agrees_with_the_plain_explorer(first):
    for seed in range(first, first + 20):
        plain = PlainExplorer(RandomSystem(seed, seed % 2)).explore(150)
        if plain is not None:
            for exact in (False, True):
                result = check(RandomSystem(seed, seed % 2), strategy="depth", exact=exact)
                assert result.distinct == len(plain), f"seed {seed}"


@pytest.mark.parametrize("first", range(0, 40, 20))
def test_bounded_depth_first_agrees_with_bounded_breadth_first_on_random_systems(first):
    for seed in range(first, first + 20):
        for depth in (2, 4, 6):
            results = [check(RandomSystem(seed, 1), strategy=one, max_depth=depth) for one in ("breadth", "depth")]
            wide, deep = ((one.distinct, one.bound, [f.verdict for f in one.findings]) for one in results)
            assert wide == deep, f"seed {seed}, depth {depth}"


def test_a_counterexample_is_a_real_run():
    result = check(Paxos(heed_promises=False), strategy="depth", stop_on_violation=True)
    assert result["linearizable"].verdict is Verdict.VIOLATED
    replay(Paxos(heed_promises=False), result["linearizable"].trace)


def test_a_violation_is_found_deep_in_a_space_that_is_large():
    result = check(HastyAbdRegister(), strategy="depth", stop_on_violation=True)
    assert result["linearizable"].verdict is Verdict.VIOLATED
    assert result.bound == "it stopped at the first violation"


def test_bounds_end_the_search_and_are_said():
    result = check(Paxos(servers=4, clients=3), strategy="depth", max_states=5_000)
    assert result.exit_code == 4
    assert "the limit is 5,000" in result.bound
    result = check(Paxos(servers=4, clients=3), strategy="depth", memory_bytes=8 << 20)
    assert "the tables would take more than 8 MiB" in result.bound
