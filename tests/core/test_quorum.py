"""Quorums against their definition, and the published worked examples."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_ext import quorum
from core_ext.quorum import NO_LIMIT, Vote
from tests.core import twins_quorum as twin

NAMES = [f"n{i}" for i in range(7)]
groups = st.lists(st.sampled_from(NAMES), unique=True, max_size=5)
matches = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 9), max_size=7)
ballots = st.dictionaries(st.sampled_from(NAMES), st.booleans(), max_size=7)


@given(groups, matches)
def test_committed_index_is_the_largest_that_some_majority_holds(group: list[str], match: dict[str, int]) -> None:
    expected = twin.committed(twin.majorities(group), match)
    assert quorum.committed_index(group, match) == expected
    assert quorum.committed_of([match.get(voter, 0) for voter in group]) == expected


@given(groups, groups, matches)
def test_joint_committed_index_is_held_by_a_majority_of_each_half(
    old: list[str], new: list[str], match: dict[str, int]
) -> None:
    expected = twin.committed(twin.joint(twin.majorities(old), twin.majorities(new)), match)
    assert quorum.joint_committed_index(old, new, match) == expected


@given(groups, ballots)
def test_a_vote_is_won_or_lost_as_soon_as_no_open_vote_can_change_it(group: list[str], votes: dict[str, bool]) -> None:
    assert quorum.vote_result(group, votes).name == twin.vote(twin.majorities(group), group, votes)


@given(groups, groups, ballots)
def test_a_joint_vote_needs_both_halves(old: list[str], new: list[str], votes: dict[str, bool]) -> None:
    # Asked the definition for each half: whether both can still be won at once is the same as whether each can.
    halves = [twin.vote(twin.majorities(half), half, votes) for half in (old, new)]
    expected = "LOST" if "LOST" in halves else "PENDING" if "PENDING" in halves else "WON"
    assert quorum.joint_vote_result(old, new, votes).name == expected


sizes_with_faults = st.sampled_from([(n, f) for n in range(1, 8) for f in range(3) if n >= 3 * f + 1])


@given(sizes_with_faults, matches, ballots)
def test_byzantine_counting_agrees_with_its_definition(
    shape: tuple[int, int], match: dict[str, int], votes: dict[str, bool]
) -> None:
    replicas, faulty = shape
    group = NAMES[:replicas]
    quorums = twin.byzantine_quorums(group, faulty)
    assert quorum.byzantine_committed_index(group, match, faulty) == twin.committed(quorums, match)
    assert quorum.byzantine_vote_result(group, votes, faulty).name == twin.vote(quorums, group, votes)


def overlap_is_unsafe(replicas: int, size: int, faulty: int) -> bool:
    """Do two sets of this size exist that meet in faulty replicas only?"""
    members = range(replicas)
    sets = [set(chosen) for chosen in itertools.combinations(members, size)]
    return any(len(first & second) <= faulty for first in sets for second in sets)


@pytest.mark.parametrize(("replicas", "faulty"), [(n, f) for n in range(1, 9) for f in range(3) if n >= 3 * f + 1])
def test_byzantine_quorums_meet_in_a_correct_replica_are_smallest_and_reachable(replicas: int, faulty: int) -> None:
    size = quorum.byzantine_quorum(replicas, faulty)
    assert not overlap_is_unsafe(replicas, size, faulty)
    assert size == 1 or overlap_is_unsafe(replicas, size - 1, faulty)
    assert size <= replicas - faulty


def test_two_f_plus_one_is_right_only_for_three_f_plus_one_replicas() -> None:
    mutant = 2 * 1 + 1
    assert quorum.byzantine_quorum(4, 1) == mutant
    assert quorum.byzantine_quorum(5, 1) == 4
    assert overlap_is_unsafe(5, mutant, 1), "the mutant 2f + 1 must be seen to fail at n = 5"


def test_fewer_than_three_f_plus_one_replicas_are_refused_with_the_bound() -> None:
    with pytest.raises(ValueError, match="at least 4 are needed"):
        quorum.byzantine_quorum(3, 1)


def test_an_empty_group_asks_nobody() -> None:
    assert quorum.vote_result([], {}) is Vote.WON
    assert quorum.committed_index([], {}) == NO_LIMIT
    assert quorum.joint_committed_index([], ["a", "b", "c"], {"a": 5, "b": 3}) == 3
    assert quorum.committed_of([]) == NO_LIMIT


def test_strangers_count_neither_as_voters_nor_as_holders() -> None:
    assert quorum.vote_result(["a", "b", "c"], {"x": True, "y": True, "a": True}) is Vote.PENDING
    assert quorum.committed_index(["a", "b", "c"], {"x": 9, "y": 9, "a": 9}) == 0


def test_majority_of_small_groups() -> None:
    assert [quorum.majority(n) for n in range(8)] == [0, 1, 2, 2, 3, 3, 4, 4]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: quorum.majority(-1), ValueError),
        (lambda: quorum.committed_index(["a"], {"a": -1}), ValueError),
        (lambda: quorum.committed_of([0] * 2000), ValueError),
        (lambda: quorum.committed_index([str(i) for i in range(2000)], {}), ValueError),
        (lambda: quorum.committed_of([1 << 64]), OverflowError),
        (lambda: quorum.vote_result(["a"], {"a": 1}), TypeError),  # type: ignore[dict-item]
    ],
)
def test_values_that_are_no_votes_or_indices_are_refused(call: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        call()  # type: ignore[operator]
