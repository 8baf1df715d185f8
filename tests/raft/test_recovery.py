"""What a role makes of its disk: damaged tails, lost votes, another group's folder."""

from __future__ import annotations

import pytest

from actors.errors import ContractError
from protocols.raft import DiskLost, RaftSettings, configuration
from protocols.raft.messages import AppendReply, Entry, RoleName, TailProbe, TailReport, VoteReply, VoteRequest
from protocols.raft.records import SnapshotPiece, UncertainTail
from tests.mutants import raft
from tests.mutants.mutant import apply
from tests.raft.harness import World
from tests.raft.solo import Solo, append, entries, entry, heartbeat, vote, write_log


def damaged(certain, uncertain, term=3, **more):
    """Node "a" holds entries of the terms ``certain``; the disk has damaged those of ``uncertain`` after them."""
    solo = Solo(terms=(*certain, *uncertain), term=term, **more)
    disk = solo.node.disk
    disk.previous_sync = 0
    solo.world.crash("a", damage=len(certain))
    solo.world.boot("a")
    solo.world.run(0.005)
    assert solo.role.log.terms()[1] == certain
    assert tuple(solo.role.uncertain) == uncertain
    return solo


@pytest.mark.parametrize(("last_term", "last_index", "expected"), [
    (2, 3, False), (2, 4, True), (3, 1, True), (1, 9, False),
])
def test_damaged_entries_count_as_present_when_voting(last_term, last_index, expected):
    solo = damaged((1, 2), (2, 2))
    (reply,) = solo.say("b", vote(4, last_term, last_index))
    assert reply.granted is expected


def test_a_damaged_server_does_not_stand_and_asks_all_voters():
    solo = damaged((1, 2), (2, 2))
    sent = len(solo.world.wire)
    solo.world.run(1.0)
    said = [message for _, _, _, message in solo.world.wire[sent:]]
    assert not any(isinstance(message, VoteRequest) for message in said)
    assert TailProbe(term=3, index=3) in said
    assert solo.role.role is RoleName.FOLLOWER


def test_what_no_voter_holds_is_cut_and_counted():
    solo = damaged((1, 2), (2, 2))
    solo.say("b", TailReport(term=3, index=3, index_term=0))
    assert list(solo.role.uncertain) == [2, 2]  # c has not answered
    solo.say("c", TailReport(term=3, index=3, index_term=0))
    assert (list(solo.role.uncertain), solo.role.possibly_lost) == ([], 2)
    solo.restart()
    assert not solo.role.uncertain
    solo.world.run_until(lambda: solo.role.canvassing, 2.0, "standing for election again")


def test_what_one_voter_holds_is_not_cut():
    solo = damaged((1, 2), (2, 2))
    solo.say("b", TailReport(term=3, index=3, index_term=2))
    solo.say("c", TailReport(term=3, index=3, index_term=0))
    assert list(solo.role.uncertain) == [2, 2]


def test_a_leaders_log_confirms_entry_by_entry():
    solo = damaged((1, 2), (2, 2))
    (refused,) = solo.say("b", append(3, (4, 2), 0, entry(5, 3)))
    assert (refused.accepted, refused.damaged, refused.hint_index) == (False, True, 2)
    (reply,) = solo.say("b", append(3, (2, 2), 0, *entries(3, 2)))
    assert reply.match_index == 3
    assert list(solo.role.uncertain) == [2]
    solo.restart()
    assert list(solo.role.uncertain) == [2]
    solo.say("b", append(3, (3, 2), 0, *entries(4, 2, 3)))
    assert not solo.role.uncertain


def test_a_leaders_log_replaces_what_differs():
    solo = damaged((1, 2), (2, 2))
    solo.say("b", append(3, (2, 2), 0, *entries(3, 3)))
    assert (list(solo.role.uncertain), solo.role.log.terms()[1]) == ([], (1, 2, 3))


def test_a_damaged_follower_tells_its_leader_that_old_acknowledgements_are_void():
    solo = damaged((1, 2), (2, 2))
    said = solo.say("b", heartbeat(3, commit=4))
    assert [m.damaged for m in said if isinstance(m, AppendReply)] == [True]
    assert solo.role.commit == 2


def repaired():
    """A follower loses what it has acknowledged while its leader goes on."""
    world = World()
    leader = world.elect()
    hurt = next(name for name in world.nodes if name != leader)
    for _ in range(5):
        world.propose(leader)
        world.run(0.01)
    world.nodes[hurt].disk.previous_sync = 0
    operations = world.nodes[hurt].disk.operations
    at = next(number for number, op in enumerate(operations) if getattr(op[1], "index", 0) == 3)
    world.crash(hurt, damage=at)
    world.boot(hurt)
    assert world.roles[hurt].uncertain
    world.run_until(world.converged, 3.0, "the damaged follower to be repaired")


def test_the_leader_sends_a_damaged_follower_everything_again():
    repaired()


def lonely_vote():
    solo = damaged((1, 2), (2, 2))
    (reply,) = solo.say("b", vote(4, 2, 2))
    assert isinstance(reply, VoteReply)
    assert not reply.granted


@pytest.mark.parametrize(("mutant", "scenario"), [
    ("goes on counting a copy that is damaged", repaired),
    ("counts damaged entries as absent when voting", lonely_vote),
])
def test_the_wrong_repair_is_noticed(mutant, scenario, monkeypatch):
    apply(next(each for each in raft.MUTANTS if each.name == mutant), monkeypatch)
    with pytest.raises(AssertionError):
        scenario()


def test_a_damaged_truncation_is_understood_from_its_header():
    solo = Solo(terms=(1, 1, 1), term=1)
    solo.say("b", append(2, (1, 1), 0, *entries(2, 2)))
    disk = solo.node.disk
    disk.previous_sync = 0
    at = next(n for n, op in enumerate(disk.operations) if type(op[1]).__name__ == "Truncated")
    solo.world.crash("a", damage=at)
    solo.world.boot("a")
    assert (solo.role.log.terms()[1], list(solo.role.uncertain)) == ((1,), [2])
    solo.restart()
    assert (solo.role.log.terms()[1], list(solo.role.uncertain)) == ((1,), [2])
    solo.say("b", append(4, (1, 1), 0, *entries(2, 4)))
    solo.restart()
    assert (solo.role.log.terms()[1], list(solo.role.uncertain)) == ((1, 4), [])


def test_an_entry_whose_header_is_damaged_too_counts_as_of_the_own_term():
    solo = damaged((1, 2), (2, 2))
    solo.world.crash("a")
    operations = solo.node.disk.operations
    at = next(n for n, op in enumerate(operations) if op[0] == "uncertain")
    solo.node.disk.operations = [*operations[:at], ("uncertain", [(Entry.wire_id, 2), (0, 0)]), operations[at + 1]]
    solo.node.disk.synced = len(solo.node.disk.operations)
    solo.world.boot("a")
    assert (solo.role.term, list(solo.role.uncertain)) == (3, [2, 0])
    (reply,) = solo.say("b", vote(4, 2, 99))
    assert not reply.granted
    solo.say("b", append(5, (2, 2), 0, *entries(3, 2, 2, 5)))
    assert not solo.role.uncertain


def test_a_server_alone_cuts_and_counts():
    world = World(("a",), start=False)
    write_log(world.nodes["a"], (1, 1, 1), 1)
    world.nodes["a"].disk.previous_sync = 0
    world.nodes["a"].disk.damage(1)
    world.boot("a")
    world.elect()
    assert world.roles["a"].possibly_lost == 2


def test_without_term_and_vote_it_takes_no_part():
    world = World(start=False)
    world.nodes["a"].disk.lost = True
    with pytest.raises(DiskLost, match="term and vote"):
        world.boot("a")


def test_a_snapshot_with_a_missing_chunk_is_a_lost_disk():
    world = World(("a",), settings=RaftSettings(snapshot_after_bytes=500, snapshot_chunk_bytes=50))
    world.elect()
    for _ in range(30):
        world.propose("a", b"x" * 20)
        world.run(0.005)
    snapshot = world.roles["a"].snapshot_index
    assert snapshot
    world.crash("a")
    operations = world.nodes["a"].disk.operations
    at = max(n for n, op in enumerate(operations) if isinstance(op[1], SnapshotPiece) and op[1].index == snapshot)
    operations[at] = ("append", UncertainTail(after=0, terms=()), 0, False)
    with pytest.raises(DiskLost, match="snapshot at entry"):
        world.boot("a")


def test_other_voters_than_the_folder_was_created_for_are_refused():
    world = World()
    world.elect()
    world.crash("a")
    world.configuration = configuration("a", "b", "d")
    with pytest.raises(ContractError, match="created for a, b, c"):
        world.boot("a")
