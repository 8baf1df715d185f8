"""Wrong ways to count a quorum, as functions of their own, held directly against the definition: every small group,
every way to vote. ``core_ext.quorum`` stands the same look."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from core_ext import quorum
from core_ext.quorum import NO_LIMIT, Vote
from tests.core import twins_quorum as definition

NAMES = ("a", "b", "c", "d", "e")
JOINT = "every quorum is joint"
Votes = Mapping[str, bool]
Match = Mapping[str, int]


class Miscount(NamedTuple):
    """One function of ``core_ext.quorum``, wrong.

    Attributes:
        name: what it does wrong.
        function: which one it replaces.
        wrong: the wrong version.
        rule: in words of docs/raft.md.
    """

    name: str
    function: str
    wrong: Callable[..., Any]
    rule: str = JOINT


def largest(group: Sequence[str], match: Match, needed: int) -> int:
    """The largest index that ``needed`` of the group hold."""
    held = sorted((match.get(voter, 0) for voter in group), reverse=True)
    return held[min(needed, len(held)) - 1] if held else NO_LIMIT


def vote_of(group: Sequence[str], votes: Votes, needed: int) -> Vote:
    """Won with ``needed`` grants, lost when they cannot come any more."""
    if not group:
        return Vote.WON
    granted = sum(votes.get(voter) is True for voter in group)
    rejected = sum(votes.get(voter) is False for voter in group)
    return Vote.WON if granted >= needed else Vote.LOST if len(group) - rejected < needed else Vote.PENDING


def union(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """Both halves as if they were one group."""
    return tuple(dict.fromkeys((*old, *new)))


MUTANTS = [
    Miscount("counts the new half of a joint configuration only", "joint_committed_index",
             lambda old, new, match: quorum.committed_index(new or old, match)),
    Miscount("counts the old half of a joint configuration only", "joint_committed_index",
             lambda old, new, match: quorum.committed_index(old or new, match)),
    Miscount("takes the larger of two halves", "joint_committed_index",
             lambda old, new, match: max(
                 (quorum.committed_index(half, match) for half in (old, new) if half), default=NO_LIMIT)),
    Miscount("counts both halves as one group", "joint_committed_index",
             lambda old, new, match: quorum.committed_index(union(old, new), match)),
    Miscount("wins a joint vote with one half", "joint_vote_result",
             lambda old, new, votes: max(
                 quorum.vote_result(old, votes), quorum.vote_result(new, votes), key=lambda vote: vote is Vote.WON)),
    Miscount("counts a joint vote as one group's", "joint_vote_result",
             lambda old, new, votes: quorum.vote_result(union(old, new), votes)),
    Miscount("loses a joint vote only when both halves do", "joint_vote_result",
             lambda old, new, votes: Vote.WON if {quorum.vote_result(half, votes) for half in (old, new)} == {Vote.WON}
             else Vote.LOST if all(quorum.vote_result(half, votes) is Vote.LOST for half in (old, new))
             else Vote.PENDING),
    Miscount("takes half of the voters for a majority", "committed_index",
             lambda group, match: largest(group, match, max(len(group) // 2, 1))),
    Miscount("takes the median one too far down", "committed_index",
             lambda group, match: largest(group, match, len(group) // 2 + 2)),
    Miscount("takes half of the votes for a majority", "vote_result",
             lambda group, votes: vote_of(group, votes, (len(group) + 1) // 2)),
    Miscount("asks only those that have voted", "vote_result",
             lambda group, votes: vote_of([voter for voter in group if voter in votes], votes,
                                          sum(voter in votes for voter in group) // 2 + 1)),
    Miscount("counts the votes of strangers", "vote_result",
             lambda group, votes: vote_of(union(group, tuple(votes)), votes, len(group) // 2 + 1)
             if group else Vote.WON),
    Miscount("takes 2f + 1 for a Byzantine quorum", "byzantine_quorum", lambda replicas, faulty: 2 * faulty + 1),
    Miscount("rounds a Byzantine quorum down", "byzantine_quorum",
             lambda replicas, faulty: max((replicas + faulty + 1) // 2, 1)),
    Miscount("takes n - f for a Byzantine quorum", "byzantine_quorum", lambda replicas, faulty: replicas - faulty),
]


def difference(function: str, candidate: Callable[..., Any]) -> tuple[int, str]:
    """How many cases a version stands before it differs from the definition.

    Args:
        function: of ``core_ext.quorum``.
        candidate: the version.

    Returns:
        The cases looked at, and the first one that is wrong; empty: none is.
    """
    looked = 0
    for looked, (arguments, expected) in enumerate(_cases(function), 1):
        found = candidate(*arguments)
        if found != expected:
            return looked, f"{function}{arguments}: {found!r}, by definition {expected!r}"
    return looked, ""


def _cases(function: str) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if function == "byzantine_quorum":
        for faulty, replicas in itertools.product((1, 2, 3, 0), range(1, 12)):
            if replicas >= 3 * faulty + 1:
                group = [f"n{number}" for number in range(replicas)]
                yield (replicas, faulty), min(map(len, definition.byzantine_quorums(group, faulty)))
        return
    joint, voting = function.startswith("joint"), "vote" in function
    for old, new in itertools.product(range(4), range(4)) if joint else ((0, size) for size in range(6)):
        for first in (0, 1):  # of the new half: it overlaps the old one
            halves = NAMES[:old], NAMES[first : first + new]
            groups = halves if joint else halves[1:]
            yield from _of_groups(groups, voting)


def _of_groups(groups: tuple[tuple[str, ...], ...], voting: bool) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every way to vote, or to hold an index up to 2; a stranger has always voted, and holds everything."""
    voters = union(*groups) if len(groups) == 2 else groups[0]
    majorities = [definition.majorities(group) for group in groups]
    for values in itertools.product((None, True, False) if voting else (0, 1, 2), repeat=len(voters)):
        said: dict[str, Any] = {voter: value for voter, value in zip(voters, values, strict=True) if value is not None}
        if voting:
            said["stranger"] = True
            each = {definition.vote(quorums, group, said) for quorums, group in zip(majorities, groups, strict=True)}
            expected: Any = Vote["LOST" if "LOST" in each else "PENDING" if "PENDING" in each else "WON"]
        else:
            said["stranger"] = 9
            expected = min(definition.committed(quorums, said) for quorums in majorities)
        yield (*groups, said), expected
