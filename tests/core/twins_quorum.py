"""Quorum counting by definition: every subset, every way the open votes may go. The oracle of core_ext.quorum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product

NO_LIMIT = (1 << 63) - 1
Quorums = list[frozenset[str]]


def majorities(group: Sequence[str]) -> Quorums:
    """Every set of voters that is more than half of the group; the empty set for an empty group."""
    sizes = range(len(group) + 1)
    return [frozenset(c) for size in sizes for c in combinations(group, size) if 2 * size > len(group) or not group]


def byzantine_quorums(group: Sequence[str], faulty: int) -> Quorums:
    """Every set of the smallest size of which any two overlap in more than ``faulty`` replicas."""
    total = len(group)
    size = next(size for size in range(1, total + 1) if 2 * size - total > faulty)
    return [frozenset(c) for larger in range(size, total + 1) for c in combinations(group, larger)]


def joint(old: Quorums, new: Quorums) -> Quorums:
    """Every union of a quorum of each half."""
    return [first | second for first in old for second in new]


def committed(quorums: Quorums, match: Mapping[str, int]) -> int:
    """The largest index that all of some quorum hold."""
    return max(min((match.get(voter, 0) for voter in quorum), default=NO_LIMIT) for quorum in quorums)


def completions(voters: Sequence[str], votes: Mapping[str, bool]) -> Iterator[set[str]]:
    """Who will have granted, for every way in which the missing votes may go."""
    missing = [voter for voter in voters if voter not in votes]
    granted = {voter for voter in voters if votes.get(voter)}
    for answers in product((True, False), repeat=len(missing)):
        yield granted | {voter for voter, answer in zip(missing, answers, strict=True) if answer}


def vote(quorums: Quorums, voters: Sequence[str], votes: Mapping[str, bool]) -> str:
    """WON when the votes cast are enough, LOST when no completion is, else PENDING."""
    granted = {voter for voter in voters if votes.get(voter)}
    if any(quorum <= granted for quorum in quorums):
        return "WON"
    possible = any(quorum <= final for final in completions(voters, votes) for quorum in quorums)
    return "PENDING" if possible else "LOST"
