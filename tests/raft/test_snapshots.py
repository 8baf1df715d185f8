"""Snapshots and compaction (thesis 5)."""

from __future__ import annotations

import msgspec
import pytest

from actors.errors import ContractError
from protocols.raft import RaftSettings
from protocols.raft.messages import InstallReply, InstallSnapshot, SnapshotChunk
from tests.raft.harness import World
from tests.raft.solo import Solo

SMALL = RaftSettings(
    snapshot_after_bytes=1000, snapshot_chunk_bytes=50, retained_bytes=100, cache_bytes=400, max_append_bytes=300,
)


def write(world, leader, count):
    for _ in range(count):
        world.propose(leader, b"x" * 10)
        world.run(0.003)


def chunks_stored(world, name):
    incoming = world.roles[name].incoming
    return len(incoming.positions) if incoming is not None else 0


def snapshot(term, index, index_term):
    """One that is a single chunk: of a state in which nothing was ever written."""
    return InstallSnapshot(
        term=term, index=index, index_term=index_term, voters=("a", "b", "c"), voters_outgoing=(), learners=(),
        sequence=0, data=msgspec.msgpack.encode([]), last=True,
    )


def test_the_log_is_compacted_behind_a_snapshot_and_a_restart_restores_it():
    world = World(settings=SMALL)
    leader = world.elect()
    write(world, leader, 100)
    for name, role in world.roles.items():
        assert role.snapshot_index > 0, name
        assert role.log.base >= role.snapshot_index - 5
        assert len(world.nodes[name].journal.records) < 80
    state = list(world.owners[leader].state)
    for name in list(world.nodes):
        world.crash(name)
    for name in list(world.nodes):
        world.boot(name)
    world.elect()
    world.run_until(world.converged)
    assert all(owner.base > 0 and owner.state == state for owner in world.owners.values())


def test_a_follower_behind_a_compacted_log_gets_the_snapshot_in_chunks():
    world = World(settings=SMALL)
    leader = world.elect()
    slow = next(name for name in world.nodes if name != leader)
    world.crash(slow)
    write(world, leader, 100)
    world.record_wire = True
    world.boot(slow)
    world.run_until(world.converged, 5.0, "the follower to catch up")
    chunks = [m for _, _, target, m in world.wire if target == slow and isinstance(m, InstallSnapshot)]
    assert world.roles[slow].snapshots_installed == 1
    assert len(chunks) > 5
    assert [m.sequence for m in chunks] == list(range(len(chunks)))  # one at a time, each after the answer
    assert max(len(m.data) for m in chunks) <= 50
    assert world.owners[slow].state == world.owners[leader].state


def test_lost_chunks_and_answers_are_repeated():
    world = World(settings=SMALL)
    leader = world.elect()
    slow = next(name for name in world.nodes if name != leader)
    world.crash(slow)
    write(world, leader, 60)
    lost = []

    def lossy(source, target, message):
        if isinstance(message, InstallSnapshot | InstallReply) and world.random.random() < 0.2:
            lost.append(message)
            return False
        return True

    world.filter = lossy
    world.boot(slow)
    world.run_until(world.converged, 20.0, "the follower to catch up")
    assert lost


def test_an_install_starts_again_under_another_leader():
    """Chunks of two leaders are never mixed: their snapshots may be cut differently."""
    world = World(settings=SMALL)
    leader = world.elect()
    slow = next(name for name in world.nodes if name != leader)
    world.crash(slow)
    write(world, leader, 60)
    world.boot(slow)
    world.run_until(lambda: chunks_stored(world, slow) >= 3, 5.0, "chunks")
    world.crash(leader)
    world.elect()
    world.run_until(lambda: world.roles[slow].snapshots_installed == 1, 10.0, "an install")
    world.boot(leader)
    world.run_until(world.converged)


def test_a_crash_during_an_install_forgets_the_chunks():
    world = World(settings=SMALL)
    leader = world.elect()
    slow = next(name for name in world.nodes if name != leader)
    world.crash(slow)
    write(world, leader, 60)
    world.boot(slow)
    world.run_until(lambda: chunks_stored(world, slow) >= 3, 5.0, "chunks")
    world.restart(slow)
    assert world.roles[slow].snapshot_index == 0
    world.run_until(world.converged, 10.0, "the follower to catch up")


def test_a_chunk_above_the_limit_is_refused_with_its_size():
    world = World(("a",), settings=SMALL)
    world.elect()
    world.owners["a"].tell(SnapshotChunk(index=1, sequence=0, data=b"x" * 51, last=True))
    with pytest.raises(ContractError, match=r"51 bytes.*snapshot_chunk_bytes = 50"):
        world.run(0.01)


def test_entries_that_a_follower_lacks_a_little_are_kept_behind_the_snapshot():
    world = World(settings=RaftSettings(snapshot_after_bytes=1000, retained_bytes=100_000))
    leader = world.elect()
    away = next(name for name in world.nodes if name != leader)
    world.crash(away)
    write(world, leader, 60)
    assert world.roles[leader].snapshot_index > 0
    world.boot(away)
    world.run_until(world.converged)
    assert world.roles[away].snapshots_installed == 0


def test_entries_that_agree_with_an_installed_snapshot_stay_behind_it():
    solo = Solo(terms=(1, 1, 2, 2, 2), term=2)
    solo.say("b", snapshot(3, index=3, index_term=2))
    role = solo.role
    assert (role.snapshot_index, role.log.last_index) == (3, 5)
    solo.restart()
    assert (solo.role.log.last_index, solo.role.log.term_at(5)) == (5, 2)


def test_entries_that_disagree_with_an_installed_snapshot_go():
    solo = Solo(terms=(1, 1, 1, 1, 1), term=2)
    solo.say("b", snapshot(3, index=3, index_term=2))
    role = solo.role
    assert (role.snapshot_index, role.log.last_index, role.log.base_term) == (3, 3, 2)
    solo.restart()
    assert (solo.role.log.last_index, solo.role.log.base_term) == (3, 2)
