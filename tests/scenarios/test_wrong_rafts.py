"""The scenario of Raft can fail: versions with one rule broken are found, and the failure is small and readable."""

from __future__ import annotations

import pytest

from actors.simulation import campaign, swarm
from actors.simulation.tape import Tape
from protocols.raft.scenario import RaftScenario
from tests.mutants import raft as mutants
from tests.mutants.mutant import apply

#: What each is found by, within a few seeds; the harness of tests/raft knows more of them.
FOUND = {
    "votes for any log": {"votes are deserved"},
    "clears the vote on a heartbeat": {"a vote stands"},
    "counts its own copy before its own fsync": {"replicated commit"},
    "acknowledges before the sync": None,
    "reads before an entry of its term is committed": {"stale read"},
    "gives the owner what is not committed": None,
    "answers before its vote is on disk": {"votes are durable"},
    "commits entries of old terms by counting": {"commit by counting"},
    "truncates after prev_index always": {"acknowledged entries are held"},
    "has no window": {"limits hold"},
    "takes every proposal": {"limits hold"},
    "stands without a pre-vote": {"stability"},
    "grants pre-votes while a leader is fresh": {"stability"},
    "leads without a majority": {"liveness"},
}
SEEDS = range(40)


@pytest.mark.parametrize("mutant", [m for m in mutants.MUTANTS if m.name in FOUND], ids=lambda m: m.name)
def test_a_wrong_version_is_found(mutant, monkeypatch):
    apply(mutant, monkeypatch)
    done = campaign.run(RaftScenario.with_settings({"seconds": 3.0}), SEEDS)
    assert done.failures, f"{len(SEEDS)} seeds did not find a Raft that {mutant.name}"
    expected = FOUND[mutant.name]
    assert expected is None or done.failures[0].violated in expected, done.failures[0].text


def test_a_leader_that_was_replaced_while_it_slept_wakes_up_to_an_old_question_and_a_new_one(monkeypatch):
    """The old one's asker says nothing about the new one."""
    apply(next(m for m in mutants.MUTANTS if m.name == "counts an asker for reads that are not its own"), monkeypatch)
    done = campaign.run(RaftScenario(), range(500, 540))
    assert [failure.violated for failure in done.failures[:1]] == ["stale read"]


def test_a_failure_of_raft_is_shrunk_to_one_of_the_same_property(monkeypatch):
    apply(next(m for m in mutants.CAMPAIGN if m.name == "clears the vote on a heartbeat"), monkeypatch)
    scenario = RaftScenario.with_settings({"seconds": 2.0})
    done = campaign.run(scenario, SEEDS)
    found = campaign.investigate(scenario, "raft", "0.1.0", done.failures[0], shrink_seconds=8.0)
    assert found.repeatable
    assert found.shrunk.violated == found.result.violated == "a vote stands"
    assert sum(found.shrunk.faults.values()) <= sum(found.result.faults.values())
    assert "VIOLATION: a vote stands" in found.text
    again, _ = swarm.play(scenario, Tape.replay(found.replay.choices))
    assert again.digest == found.replay.digest
