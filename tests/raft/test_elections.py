"""Elections: tables of single answers, and the hard scenarios of the thesis."""

from __future__ import annotations

import pytest

from protocols.raft import RaftSettings
from protocols.raft.messages import AppendReply, HeartbeatReply, RoleName, VoteReply, VoteRequest
from tests.raft.harness import Faults, World
from tests.raft.solo import Solo, append, entries, heartbeat, vote


def granted(messages):
    (reply,) = [message for message in messages if isinstance(message, VoteReply)]
    return reply.granted


@pytest.mark.parametrize(("last_term", "last_index", "expected"), [
    (3, 3, True), (3, 4, True), (4, 1, True), (3, 2, False), (2, 99, False), (0, 0, False),
])
def test_a_vote_goes_to_a_log_that_is_at_least_as_up_to_date(last_term, last_index, expected):
    """Thesis 3.6.1: later last term first, then length."""
    solo = Solo(terms=(1, 2, 3), term=3)
    assert granted(solo.say("b", vote(5, last_term, last_index))) is expected
    assert solo.role.term == 5  # the term is adopted either way
    assert solo.role.vote == ("b" if expected else None)


def test_a_higher_term_frees_the_vote_and_only_then_it_is_given():
    solo = Solo(terms=(1,), term=2, vote="c")
    assert granted(solo.say("b", vote(3, 0, 0))) is False  # out of date: adopted, cleared, not given
    assert (solo.role.term, solo.role.vote) == (3, None)
    assert granted(solo.say("c", vote(3, 1, 1))) is True


def test_one_vote_a_term_first_come_first_served():
    solo = Solo(term=1)
    assert granted(solo.say("b", vote(2, 0, 0))) is True
    assert granted(solo.say("c", vote(2, 9, 9))) is False
    assert granted(solo.say("b", vote(2, 0, 0))) is True  # the same one may ask again


def test_the_vote_is_on_disk_before_the_answer_leaves_and_survives_a_restart():
    """Restart between vote and reply."""
    solo = Solo(term=1)
    solo.world.faults.sync_seconds = (0.05, 0.05)
    assert solo.say("b", vote(2, 0, 0)) == []  # the gate is closed
    solo.world.run(0.06)
    solo.restart()
    assert solo.role.vote == "b"
    solo.world.faults.sync_seconds = (0.001, 0.001)
    assert granted(solo.say("c", vote(2, 9, 9))) is False


def test_a_heartbeat_does_not_clear_the_vote():
    solo = Solo(term=2, vote="b")
    solo.say("c", heartbeat(2))
    assert solo.role.vote == "b"
    solo.world.run(0.3)
    assert granted(solo.say("c", vote(2, 9, 9))) is False


def test_votes_are_refused_while_a_leader_is_fresh_before_the_term_is_adopted():
    """Thesis 4.2.3."""
    solo = Solo(term=2)
    solo.say("c", heartbeat(2))
    assert solo.say("b", vote(9, 9, 9)) == []
    assert granted(solo.say("b", vote(9, 9, 9, pre=True))) is False
    assert solo.role.term == 2
    solo.world.run(0.251)  # a timer message clears the flag
    assert solo.role.leader_fresh is False
    assert granted(solo.say("b", vote(9, 9, 9))) is True


def test_a_leader_ignores_votes_of_a_server_that_cannot_hear_it():
    solo = Solo(term=2)
    solo.lead()
    assert solo.say("c", vote(20, 9, 9)) == []
    assert solo.role.role is RoleName.LEADER


def test_a_pre_vote_changes_neither_term_nor_vote():
    """Thesis 9.6."""
    solo = Solo(term=2)
    operations = len(solo.node.disk.operations)
    assert granted(solo.say("b", vote(3, 9, 9, pre=True))) is True
    assert granted(solo.say("c", vote(3, 9, 9, pre=True))) is True
    assert (solo.role.term, solo.role.vote, len(solo.node.disk.operations)) == (2, None, operations)
    solo.world.run_until(lambda: solo.role.canvassing, 2.0, "its own pre-vote")
    assert (solo.role.term, solo.role.role) == (2, RoleName.FOLLOWER)
    asked = [m for _, _, _, m in solo.world.wire if isinstance(m, VoteRequest)]
    assert {(m.term, m.pre) for m in asked} == {(3, True)}


def test_a_server_at_a_higher_term_answers_lower_terms_with_its_own():
    solo = Solo(term=7)
    (beat,) = solo.say("b", heartbeat(3))
    assert beat == HeartbeatReply(term=7, request_term=3, round=1)
    (refused,) = solo.say("b", append(3, (0, 0), 0))
    assert isinstance(refused, AppendReply)
    assert (refused.term, refused.request_term, refused.accepted) == (7, 3, False)


@pytest.mark.parametrize("reply", [
    HeartbeatReply(term=9, request_term=3, round=1),
    AppendReply(term=9, request_term=3, prev_index=0, accepted=False, match_index=0),
    VoteReply(term=9, request_term=3, pre=False, granted=False),
])
def test_a_higher_term_in_any_reply_means_step_down(reply):
    solo = Solo(term=2)
    solo.lead()
    solo.say("b", reply)
    assert (solo.role.term, solo.role.role, solo.role.vote) == (9, RoleName.FOLLOWER, None)


def test_answers_to_an_older_terms_request_are_dropped():
    solo = Solo(term=2)
    solo.lead()
    assert solo.role.term == 3
    stale = AppendReply(term=3, request_term=2, prev_index=0, accepted=True, match_index=1)
    solo.say("b", stale, HeartbeatReply(term=3, request_term=2, round=99))
    assert solo.role.commit == 0
    assert solo.role.progress["b"].match == solo.role.progress["b"].round == 0


@pytest.mark.parametrize("seed", range(8))
def test_duelling_candidates_end_with_a_leader(seed):
    """Thesis 3.4: randomised time-outs; here with delays that make split votes common."""
    world = World(("a", "b", "c", "d", "e"), seed, faults=Faults(delay_seconds=(0.01, 0.1)))
    world.elect(15.0)


@pytest.mark.parametrize("seed", range(4))
def test_partial_connectivity_keeps_its_leader(seed):
    """Five nodes, 4 linked to 2 only, 5 linked to 3 only: pre-vote and fresh leaders keep the terms still."""
    world = World(("1", "2", "3", "4", "5"), seed)
    world.run_until(lambda: world.leader() is not None)
    cut = set()
    for lonely, friend in (("4", "2"), ("5", "3")):
        for other in world.nodes:
            if other not in (lonely, friend):
                cut |= {(lonely, other), (other, lonely)}
    world.cut = cut
    world.run(3.0)  # whoever leads now has a majority
    leader = world.elect()
    term, commit = world.roles[leader].term, world.roles[leader].commit
    world.propose(leader)
    world.run(3.0)
    assert (world.leader(), world.roles[leader].term) == (leader, term)
    assert world.roles[leader].commit > commit


@pytest.mark.parametrize("seed", range(4))
def test_a_node_that_only_sends_deposes_nobody(seed):
    """One-way link: it hears nobody, everybody hears it."""
    world = World(seed=seed)
    leader = world.elect()
    deaf = next(name for name in world.nodes if name != leader)
    term = world.roles[leader].term
    world.cut = {(other, deaf) for other in world.nodes if other != deaf}
    world.run(3.0)
    assert (world.leader(), world.roles[leader].term) == (leader, term)


def test_a_leader_that_hears_no_majority_steps_down_within_an_election_timeout():
    """Thesis 6.2: check-quorum. One-way: its heartbeats still arrive, and no other leader could be elected."""
    world = World()
    leader = world.elect()
    old = world.roles[leader].term
    world.run(0.2)
    world.cut = {(other, leader) for other in world.nodes if other != leader}
    world.run(world.settings.election_timeout_seconds[1])
    assert world.roles[leader].role is RoleName.FOLLOWER
    world.run_until(lambda: world.leader() not in (None, leader), 3.0, "another leader")
    assert world.roles[world.leader()].term > old


def test_a_restarted_member_does_not_disturb_the_leader():
    world = World()
    leader = world.elect()
    term = world.roles[leader].term
    for name in world.nodes:
        if name != leader:
            world.restart(name)
            world.run(1.0)
    assert (world.leader(), world.roles[leader].term) == (leader, term)


def failover(leader_watched: bool, seeds: int, names=("a", "b", "c")) -> list[float]:
    """Seconds from a leader's death to the next leader that has committed, by seed."""
    taken = []
    for seed in range(seeds):
        world = World(names, seed=seed, settings=RaftSettings(watch_leader=leader_watched))
        leader = world.elect()
        world.run(0.3)
        world.crash(leader)
        before = world.time
        world.elect()
        taken.append(world.time - before)
    return taken


def test_failover_takes_less_than_half_a_second():
    assert max(failover(leader_watched=False, seeds=40)) < 0.5


@pytest.mark.parametrize("names", [("a", "b", "c"), ("a", "b", "c", "d", "e")])
def test_who_hears_that_the_leader_is_gone_does_not_wait_for_the_time_out(names):
    """Nor do the survivors split their votes: they stand a heartbeat (50 ms) apart."""
    assert max(failover(leader_watched=True, seeds=40, names=names)) < 0.05


def test_when_the_first_in_turn_lacks_entries_the_next_one_leads_a_heartbeat_later():
    world = World(seed=1)
    leader = world.elect()
    first, second = [name for name in world.nodes if name != leader]
    world.partition((leader, second), (first,))
    world.propose(leader)
    world.run(0.1)  # less than an election time-out: the first one still follows
    world.heal()
    world.filter = lambda source, target, message: source != leader  # its last words are lost
    world.crash(leader)
    before = world.time
    assert world.elect() == second
    assert 0.05 < world.time - before < 0.1


def test_who_hears_wrongly_that_the_leader_is_gone_deposes_nobody_and_follows_on():
    world = World(seed=2)
    leader = world.elect()
    world.run(0.1)
    term = world.roles[leader].term
    follower = next(name for name in world.nodes if name != leader)
    for _ in range(3):
        world.lose(follower, leader)
        world.run(0.3)
    assert (world.leader(), world.roles[leader].term) == (leader, term)
    assert (world.roles[follower].leader, world.roles[follower].watched) == (leader, leader)


def test_news_of_others_than_the_leader_change_nothing():
    solo = Solo(term=2)
    solo.say("b", heartbeat(2))
    solo.world.lose("a", "c")
    solo.world.run(0.02)
    assert (solo.role.leader, solo.role.leader_fresh, solo.role.canvassing) == ("b", True, False)


def test_a_second_leader_of_one_term_is_noticed_and_not_obeyed():
    solo = Solo(term=2)
    solo.lead()
    assert solo.say("b", heartbeat(solo.role.term)) == []
    assert (solo.role.role, solo.role.peer_messages_dropped) == (RoleName.LEADER, 1)


def test_a_stranger_is_not_listened_to():
    solo = Solo(term=2)
    solo.world.post(solo.node, None, vote(9, 9, 9))
    solo.world.post(solo.node, None, append(9, (0, 0), 0, *entries(1, 9)))
    solo.world.run(0.01)
    assert solo.role.term == 2


def test_a_group_of_one_loses_a_term_that_was_not_on_its_disk_and_leads_it_again():
    """It need not wait for its own vote: nobody hears of a term before the disk has it."""
    world = World(("a",))
    world.elect()
    world.propose("a")
    world.run(0.1)
    world.restart("a")
    on_disk, world.synced = world.synced, lambda *_: None
    term = world.roles["a"].term
    world.run_until(lambda: world.leader() == "a", 2.0, "a leader whose disk does not answer")
    lost = world.propose("a", b"lost")
    world.run(0.1)
    assert (world.roles["a"].term, world.roles["a"].log.entry_at(world.roles["a"].log.last_index).commands) == (
        term + 1, (b"lost",)
    )
    world.synced = on_disk
    world.restart("a")
    assert world.roles["a"].term == term
    world.elect()
    world.propose("a", b"kept")
    world.run(0.1)
    assert world.roles["a"].term == term + 1
    assert world.owners["a"].applied[-1].commands == (b"kept",)
    assert all(refused.tag != lost for refused in world.owners["a"].refused)
