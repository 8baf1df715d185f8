"""Replication: what a follower answers, what a leader sends and commits; figures 3.6 and 3.7 of the thesis."""

from __future__ import annotations

import msgspec
import pytest

from protocols.raft import RaftSettings
from protocols.raft.messages import (
    AppendEntries,
    AppendReply,
    AppliedUpTo,
    Committed,
    EntryKind,
    Heartbeat,
    ProposalRefused,
    Propose,
    RefusalReason,
    RoleName,
)
from tests.raft.harness import Faults, World
from tests.raft.solo import Solo, append, entries, entry, heartbeat, write_log


def log_of(role):
    return list(role.log.terms()[1])


# --- the follower ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "terms"), [
    ("a", (1, 1, 1, 4, 4, 5, 5, 6, 6)), ("b", (1, 1, 1, 4)), ("c", (1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6)),
    ("d", (1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7)), ("e", (1, 1, 1, 4, 4, 4, 4)),
    ("f", (1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3)),
])
def test_figure_3_6_every_follower_comes_to_the_leaders_log(name, terms):
    """The six logs of the figure, each beside the leader of term 8 and one server that agrees with it."""
    leading = (1, 1, 1, 4, 4, 5, 5, 6, 6, 6)
    world = World(("l", "o", name), start=False)
    write_log(world.nodes["l"], leading, 7)
    write_log(world.nodes["o"], leading[:9], 7)
    write_log(world.nodes[name], terms, 7)
    for node in world.nodes:
        world.boot(node)
    world.filter = lambda source, _, message: source == "l" or not hasattr(message, "last_index")  # only l stands
    if name == "d":
        world.cut = {(name, "l"), ("l", name)}  # its log is newer: the others elect without it
        world.elect()
        world.heal()
    world.run_until(world.converged, 10.0, "the logs to agree")
    expected = [*leading, world.roles["l"].term]
    assert log_of(world.roles[name]) == log_of(world.roles["l"]) == expected


def test_a_stale_or_duplicated_append_changes_nothing():
    solo = Solo(term=2)
    solo.say("b", append(2, (0, 0), 0, *entries(1, 1, 2, 2)))
    operations = len(solo.node.disk.operations)
    (again,) = solo.say("b", append(2, (0, 0), 0, *entries(1, 1, 2)))
    assert again.match_index == 2
    assert log_of(solo.role) == [1, 2, 2]
    assert len(solo.node.disk.operations) == operations


def test_deletes_only_from_the_first_conflicting_entry():
    solo = Solo(terms=(1, 1, 2, 2, 2), term=2)
    solo.say("b", append(3, (1, 1), 0, *entries(2, 1, 2, 3)))
    assert log_of(solo.role) == [1, 1, 2, 3]
    solo.restart()
    assert log_of(solo.role) == [1, 1, 2, 3]
    assert solo.role.log.recent()[-1] == entry(4, 3)


def test_never_deletes_what_is_committed():
    solo = Solo(term=2)
    solo.say("b", append(2, (0, 0), 2, *entries(1, 1, 2)))
    assert solo.role.commit == 2
    assert not solo.say("b", append(3, (1, 1), 0, *entries(2, 3)))
    assert (log_of(solo.role), solo.role.peer_messages_dropped) == ([1, 2], 1)


def test_acknowledges_what_was_sent_and_no_more():
    """Its own tail may not be the leader's."""
    solo = Solo(terms=(1, 1, 2, 2, 2), term=2)
    (reply,) = solo.say("b", append(3, (1, 1), 0, *entries(2, 1)))
    assert (reply.accepted, reply.match_index) == (True, 2)
    (empty,) = solo.say("b", append(3, (2, 1), 0))
    assert (empty.accepted, empty.match_index) == (True, 2)


def test_commits_up_to_the_last_new_entry_only():
    solo = Solo(terms=(1, 1, 2, 2, 2), term=2)
    solo.say("b", append(3, (1, 1), 5, *entries(2, 1)))
    assert solo.role.commit == 2
    solo.say("b", heartbeat(3, commit=2))
    assert solo.role.commit == 2


def test_the_acknowledgement_waits_for_the_sync():
    solo = Solo(term=1)
    solo.world.faults.sync_seconds = (0.05, 0.05)
    solo.world.run(0.01)
    assert solo.say("b", append(1, (0, 0), 0, *entries(1, 1))) == []
    assert solo.say("b", append(1, (0, 0), 0, *entries(1, 1))) == []  # nothing new, but not durable yet either
    sent = len(solo.world.wire)
    solo.world.run(0.06)
    assert [m.match_index for _, _, _, m in solo.world.wire[sent:] if isinstance(m, AppendReply)] == [1, 1]


@pytest.mark.parametrize(("prev", "hint"), [((9, 3), (5, 2)), ((4, 1), (2, 1)), ((5, 3), (5, 2))])
def test_a_refusal_skips_the_terms_that_cannot_agree(prev, hint):
    """Thesis 3.5: one round a term, not one an entry."""
    solo = Solo(terms=(1, 1, 2, 2, 2), term=3)
    (reply,) = solo.say("b", append(3, prev, 0, entry(prev[0] + 1, 3)))
    assert (reply.accepted, reply.prev_index) == (False, prev[0])
    assert (reply.hint_index, reply.hint_term) == hint


# --- the leader ------------------------------------------------------------------------------------------------------


def figure_3_7(world):
    """The figure's step (c): s1 leads term 4 and has replicated entry 2 of term 2 to a majority (s1, s2, s3), while s5
    holds an entry of term 3 there. Its own entry of term 4 is on its disk alone."""
    for name, terms in (("s1", (1, 2)), ("s2", (1, 2)), ("s3", (1,)), ("s4", (1,)), ("s5", (1, 3))):
        write_log(world.nodes[name], terms, 3, "s5")
    for name in ("s1", "s2", "s3"):
        world.boot(name)


    def passes(source, _, message):
        """s2 and s3 do not stand; entries of term 4 do not arrive."""
        if isinstance(message, AppendEntries):
            return msgspec.structs.replace(message, entries=tuple(e for e in message.entries if e.term <= 3))
        return source == "s1" or not hasattr(message, "last_index")

    world.filter = passes
    world.run_until(lambda: world.roles["s1"].role is RoleName.LEADER, 3.0, "s1 to lead")
    world.run(0.5)


def test_figure_3_7_an_entry_of_an_old_term_does_not_commit_by_counting():
    world = World(("s1", "s2", "s3", "s4", "s5"), settings=RaftSettings(max_append_entries=1), start=False)
    figure_3_7(world)
    held = [name for name in ("s1", "s2", "s3") if log_of(world.roles[name])[:2] == [1, 2]]
    assert held == ["s1", "s2", "s3"]
    assert world.roles["s1"].commit == 0
    # step (d1): s1 is gone, s5 comes back and may overwrite it
    world.crash("s1")
    world.filter = lambda source, _, message: source == "s5" or not hasattr(message, "last_index")
    world.boot("s4")
    world.boot("s5")
    world.run_until(lambda: world.leader() == "s5", 5.0, "s5 to lead")
    world.run_until(lambda: world.roles["s5"].commit >= 3, 5.0, "s5 to commit")
    assert world.history.committed[2] == 3


def test_figure_3_7_with_an_own_entry_the_old_one_commits_too():
    """Step (e)."""
    world = World(("s1", "s2", "s3", "s4", "s5"), settings=RaftSettings(max_append_entries=1), start=False)
    figure_3_7(world)
    world.filter = None
    world.run_until(lambda: world.roles["s1"].commit == 3, 3.0, "the no-op of term 4 to commit")


def test_a_term_begins_with_a_no_op_that_commits_what_is_older():
    world = World(start=False)
    for name in world.nodes:
        write_log(world.nodes[name], (1, 1), 1)
        world.boot(name)
    leader = world.roles[world.elect()]
    assert leader.log.recent()[-1].kind is EntryKind.NOOP
    world.run_until(lambda: all(owner.index == 3 for owner in world.owners.values()), 1.0, "everything to be applied")


def test_the_own_copy_counts_after_the_own_fsync():
    """The leader replicates in parallel with its disk; one follower is not a majority."""
    world = World()
    leader = world.elect()
    role = world.roles[leader]
    one, other = (name for name in world.nodes if name != leader)
    world.crash(other)
    world.faults.sync_seconds = (0.03, 0.03)
    before = role.commit
    original = world.synced
    world.synced = lambda node, *rest: original(node, *rest) if node.name != leader else None
    world.propose(leader)
    world.run(0.2)
    assert role.progress[one].match == before + 1  # the follower has it: sent before the own disk was done
    assert role.commit == before


def test_a_majority_of_followers_commits_without_the_leaders_disk():
    world = World()
    leader = world.elect()
    original = world.synced
    world.synced = lambda node, *rest: original(node, *rest) if node.name != leader else None
    before = world.roles[leader].commit
    world.propose(leader)
    world.run_until(lambda: world.owners[leader].index == before + 1, 0.2, "commit by the followers")


def test_all_proposals_of_a_turn_make_one_entry():
    solo = Solo(term=1)
    solo.world.faults.batch = 1000
    solo.lead()
    tell(solo, Propose(tag=1, commands=(b"x", b"y")), Propose(tag=2, commands=(b"z",)))
    sent = [m for _, _, _, m in solo.world.wire if isinstance(m, AppendEntries)]
    assert solo.role.log.recent()[-1].commands in ((b"x", b"y", b"z"), (b"z",))
    assert len(sent) <= 3 * len(solo.role.progress)


def tell(solo, *said):
    for message in said:
        solo.world.owners["a"].tell(message)
    solo.world.run(0.004)


def test_entries_are_bounded_and_a_larger_command_goes_alone():
    solo = Solo(term=1, settings=RaftSettings(max_entry_bytes=10, max_append_bytes=64, inflight_appends=8))
    solo.world.faults.batch = 1
    solo.lead()
    tell(solo, Propose(tag=1, commands=(b"12345", b"12345", b"1", b"x" * 500, b"2")))
    assert [e.commands for e in solo.role.log.recent()[1:]] == [
        (b"12345", b"12345"), (b"1",), (b"x" * 500,), (b"2",)
    ]


def test_appends_are_bounded_in_bytes_and_number_in_flight():
    settings = RaftSettings(max_append_bytes=100, inflight_appends=3)
    world = World(settings=settings)
    leader = world.elect()
    follower = next(name for name in world.nodes if name != leader)
    world.run(0.2)
    world.record_wire = True
    world.filter = lambda source, target, message: not (source == follower and isinstance(message, AppendReply))
    for _ in range(20):
        world.propose(leader, b"x" * 30)
        world.run(0.001)
    sent = [m for _, _, target, m in world.wire if target == follower and isinstance(m, AppendEntries)]
    assert len(sent) == 3
    world.filter = None
    world.run_until(world.converged, 5.0, "what was lost to be sent again")
    sent = [m for _, _, target, m in world.wire if target == follower and isinstance(m, AppendEntries)]
    assert max(len(m.entries) for m in sent) == 1  # 30 bytes and the fixed share: two do not fit


def test_a_heartbeat_carries_what_the_follower_is_known_to_hold():
    """It may overtake appends."""
    world = World()
    leader = world.elect()
    lagging = next(name for name in world.nodes if name != leader)
    world.run(0.2)
    held = world.roles[leader].progress[lagging].match
    world.filter = lambda source, target, message: not (target == lagging and isinstance(message, AppendEntries))
    world.record_wire = True
    for _ in range(5):
        world.propose(leader)
        world.run(0.06)
    assert world.roles[leader].commit == held + 5
    beats = [m.commit for _, _, target, m in world.wire if target == lagging and isinstance(m, Heartbeat)]
    assert beats
    assert set(beats) == {held}


def test_proposals_are_refused_when_too_much_is_uncommitted():
    world = World(settings=RaftSettings(max_uncommitted_entries=5))
    leader = world.elect()
    world.run(0.1)
    world.cut = {(leader, other) for other in world.nodes}
    for _ in range(10):
        world.propose(leader)
        world.run(0.001)
    refused = [m for m in world.owners[leader].refused if isinstance(m, ProposalRefused)]
    assert len(refused) >= 4
    assert {m.reason for m in refused} == {RefusalReason.OVERLOADED}


def test_a_follower_refuses_proposals():
    world = World()
    leader = world.elect()
    follower = next(name for name in world.nodes if name != leader)
    tag = world.propose(follower)
    world.run(0.01)
    assert world.owners[follower].refused == [ProposalRefused(tag=tag, reason=RefusalReason.NOT_LEADER)]


def test_a_group_of_one_commits_alone_after_its_disk():
    world = World(("a",))
    world.elect()
    world.faults.sync_seconds = (0.05, 0.05)
    before = world.roles["a"].commit
    world.propose("a")
    world.run(0.04)
    assert world.roles["a"].commit == before
    world.run(0.02)
    assert world.owners["a"].index == before + 1
    world.restart("a")
    world.elect()
    world.run_until(world.converged)


def test_the_owner_gets_bounded_batches_and_the_next_after_it_has_applied():
    settings = RaftSettings(deliver_entries=4, deliver_window_messages=2)
    world = World(settings=settings)
    leader = world.elect()
    world.run(0.1)
    got = []
    original = world.owners[leader].receive
    world.owners[leader].receive = lambda m: (got.append(m) if isinstance(m, Committed) else None, original(m))
    world.owners[leader].frozen = True
    world.faults.batch = 1
    for _ in range(30):
        world.propose(leader)
        world.run(0.004)
    assert len(got) == 2
    assert all(len(m.entries) <= 4 for m in got)
    world.owners[leader].frozen = False
    world.restart(next(name for name in world.nodes if name != leader))
    world.owners[leader].tell(AppliedUpTo(index=world.owners[leader].index))
    world.run_until(world.converged)


def test_what_fell_out_of_memory_comes_from_the_journal():
    """A follower that was away, and an owner that is slow; no snapshot is needed."""
    world = World(settings=RaftSettings(cache_bytes=100, max_append_bytes=200))
    leader = world.elect()
    away = next(name for name in world.nodes if name != leader)
    world.crash(away)
    for _ in range(50):
        world.propose(leader)
        world.run(0.003)
    assert len(world.roles[leader].log.recent()) < 5
    world.boot(away)
    world.run_until(world.converged, 5.0, "the follower to catch up")
    assert world.roles[away].snapshots_installed == 0


def test_reordered_and_duplicated_appends_do_no_harm():
    for seed in range(5):
        world = World(seed=seed, faults=Faults(reorder=True, duplicate=0.3, delay_seconds=(0.0, 0.03)))
        leader = world.elect()
        for _ in range(40):
            world.propose(leader)
            world.run(0.005)
        world.run_until(world.converged)


def test_appends_that_waited_for_room_go_out_with_the_next_answer():
    """Not with the next heartbeat."""
    world = World(settings=RaftSettings(inflight_appends=1, max_append_entries=1, heartbeat_seconds=0.1))
    leader = world.elect()
    world.run_until(world.converged)
    world.faults.batch = 1
    wanted = world.roles[leader].log.last_index + 6
    for _ in range(6):
        world.propose(leader)
    world.run_until(lambda: world.roles[leader].commit == wanted, 0.08, "all to commit")


def applied_by(world, name):
    return world.owners[name].index


def test_a_followers_owner_gets_several_entries_at_once_and_a_leaders_each():
    world = World(settings=RaftSettings(follower_lag_entries=4, heartbeat_seconds=0.1))
    leader = world.elect()
    follower = next(name for name in world.nodes if name != leader)
    world.run_until(world.converged)
    got = []
    original = world.owners[follower].receive
    world.owners[follower].receive = lambda m: (got.append(m) if isinstance(m, Committed) else None, original(m))
    world.filter = lambda source, target, message: not isinstance(message, Heartbeat)
    for _ in range(9):
        world.propose(leader)
        world.run(0.005)
        assert applied_by(world, leader) == world.roles[leader].commit
    assert [len(message.entries) for message in got] == [4, 4]
    assert world.roles[follower].commit == applied_by(world, follower)  # the ninth is not known to be committed yet
    world.propose(leader)
    world.run(0.005)
    assert applied_by(world, follower) < world.roles[follower].commit
    world.filter = None
    world.run_until(world.converged, 0.3, "a heartbeat to bring the rest")


def test_entries_of_many_bytes_are_not_kept_back():
    world = World(settings=RaftSettings(follower_lag_bytes=100, heartbeat_seconds=0.1))
    leader = world.elect()
    follower = next(name for name in world.nodes if name != leader)
    world.run_until(world.converged)
    world.filter = lambda source, target, message: not isinstance(message, Heartbeat)
    for _ in range(3):
        world.propose(leader, b"x" * 200)
        world.run(0.005)
    assert applied_by(world, follower) == world.roles[follower].commit == world.roles[leader].commit - 1


def test_the_owner_reports_when_half_of_its_window_is_used_and_when_the_role_asks():
    world = World(("a",), settings=RaftSettings(deliver_window_messages=4))
    world.elect()
    world.run(0.2)
    got = []
    original = world.owners["a"].receive
    world.owners["a"].receive = lambda m: (got.append(m), original(m))
    for _ in range(4):
        world.propose("a")
        world.run(0.004)
    assert [m.report for m in got if isinstance(m, Committed)] == [False, True, False, True]
    world.propose("a")
    world.run(0.004)
    assert world.roles["a"].applied < world.owners["a"].index
    world.run(0.06)  # one tick
    assert world.roles["a"].applied < world.owners["a"].index
    world.run(0.2)  # report_ticks of them
    assert world.roles["a"].applied == world.owners["a"].index
    got.clear()
    world.run(0.5)
    assert got == []  # an idle role does not ask


def test_with_a_full_window_the_owner_is_asked_at_the_next_tick():
    """Its word was lost: nothing would go on without it."""
    world = World(("a",), settings=RaftSettings(deliver_window_messages=2, report_ticks=100))
    world.elect()
    world.run(0.2)
    world.owners["a"].frozen = True
    for _ in range(4):
        world.propose("a")
        world.run(0.004)
    assert world.roles["a"].delivered < world.roles["a"].commit
    world.owners["a"].frozen = False
    world.run(0.06)
    assert world.roles["a"].delivered == world.roles["a"].commit


def test_heartbeats_of_read_rounds_leave_what_is_kept_back_and_keep_a_leader_whose_ticks_are_lost():
    """They come hundreds of times a second; what follows the leader's clock is done with its ticks."""
    solo = Solo()
    solo.say("b", append(1, (0, 0), 0, *entries(1, 1, 1)), heartbeat(1))
    for _ in range(120):  # 5 ms each
        solo.say("b", heartbeat(1, commit=2, tick=False))
        assert (solo.role.leader, solo.role.commit, solo.role.delivered) == ("b", 2, 0)
    solo.say("b", heartbeat(1, commit=2))
    assert solo.role.delivered == 2
