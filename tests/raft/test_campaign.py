"""Random campaigns: the right Raft survives every seed, and each wrong one is found."""

from __future__ import annotations

import pytest

from tests.mutants import raft as mutants
from tests.mutants.mutant import apply
from tests.raft import campaign
from tests.raft.harness import Faults

#: Wrong versions that need many seeds.
RARE = {
    "compares logs by index before term", "appends without the consistency check",
    "drops the log behind an installed snapshot that agrees with it",
    "keeps a log that disagrees with an installed snapshot", "compacts entries that are needed",
    "stands for election with damaged entries", "takes chunks of a snapshot out of order",
}


@pytest.mark.parametrize("first", range(0, 240, 20))
def test_invariants_hold_and_the_group_converges(first):
    for seed in range(first, first + 20):
        campaign.run(seed)


def test_the_same_seed_is_the_same_run():
    runs = [campaign.run(7) for _ in range(2)]
    assert runs[0].steps == runs[1].steps
    assert runs[0].history == runs[1].history


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("first", range(1000, 5000, 400))
def test_invariants_hold_in_long_runs(first):
    for seed in range(first, first + 400):
        campaign.run(seed, steps=5000)


def found(mutant, monkeypatch, seeds):
    apply(mutant, monkeypatch)
    for seed in range(seeds):
        try:
            campaign.run(seed, steps=2500)
        except Exception:
            return True
    return False


@pytest.mark.parametrize("mutant", [m for m in mutants.CAMPAIGN if m.name not in RARE], ids=lambda m: m.name)
def test_a_wrong_version_is_found(mutant, monkeypatch):
    assert found(mutant, monkeypatch, 60)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", [m for m in mutants.CAMPAIGN if m.name in RARE], ids=lambda m: m.name)
def test_a_wrong_version_is_found_by_many_seeds(mutant, monkeypatch):
    assert found(mutant, monkeypatch, 500)


def test_a_busy_group_without_faults_keeps_its_leader():
    """No spurious election while the disks are slow and everybody is busy."""
    world = campaign.World(faults=Faults(sync_seconds=(0.01, 0.2), batch=64))
    leader = world.elect()
    term = world.roles[leader].term
    for _ in range(500):
        world.propose(leader, b"x" * 100)
        world.run(0.01)
    assert (world.leader(), world.roles[leader].term) == (leader, term)
