"""Quorum counting beside plain Python: the commit index of 5 voters, alone and in a joint configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from core_ext import quorum
from tests.core import twins_quorum as twin

OLD = ("a", "b", "c", "d", "e")
NEW = ("c", "d", "e", "f", "g")
MATCH = {"a": 104, "b": 101, "c": 107, "d": 99, "e": 103, "f": 110}


def plain_committed(group: Sequence[str], match: Mapping[str, int]) -> int:
    return sorted((match.get(voter, 0) for voter in group), reverse=True)[len(group) // 2]


def plain_joint(old: Sequence[str], new: Sequence[str], match: Mapping[str, int]) -> int:
    return min(plain_committed(old, match), plain_committed(new, match))


@pytest.mark.benchmark(group="commit index of 5 voters")
@pytest.mark.parametrize("count", [quorum.committed_index, plain_committed])
def test_committed_index(benchmark: Any, count: Any) -> None:
    assert benchmark(count, OLD, MATCH) == twin.committed(twin.majorities(OLD), MATCH)


@pytest.mark.benchmark(group="commit index of a joint configuration, 5 and 5 voters")
@pytest.mark.parametrize("count", [quorum.joint_committed_index, plain_joint])
def test_joint_committed_index(benchmark: Any, count: Any) -> None:
    both = twin.joint(twin.majorities(OLD), twin.majorities(NEW))
    assert benchmark(count, OLD, NEW, MATCH) == twin.committed(both, MATCH)
