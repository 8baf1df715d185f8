"""Read index (thesis 6.4): a read never misses what was acknowledged before it began."""

from __future__ import annotations

from protocols.raft import RaftSettings
from protocols.raft.messages import (
    BarrierRefused,
    Heartbeat,
    HeartbeatReply,
    ReadIndexReply,
    ReadIndexRequest,
    RefusalReason,
    RoleName,
)
from tests.raft.harness import World
from tests.raft.solo import Solo, append, entries, heartbeat


def others(world, name):
    return [other for other in world.nodes if other != name]


def test_leader_and_followers_answer():
    world = World()
    leader = world.elect()
    world.propose(leader)
    world.run(0.05)
    tags = {name: world.ask(name) for name in world.nodes}
    world.run(0.05)
    for name, tag in tags.items():
        assert world.owners[name].answered[tag] == world.roles[leader].commit


def test_the_round_starts_after_the_read():
    """Answers to heartbeats that were sent before the read came do not count."""
    world = World()
    leader = world.elect()
    world.run(0.2)
    held = []

    def hold(source, target, message):
        if isinstance(message, HeartbeatReply) and message.round:
            held.append((source, target, message))
            return False
        return True

    world.filter = hold
    world.run(0.051)  # a tick's heartbeats, answered; the answers are still on the way
    assert held
    before = list(held)
    tag = world.ask(leader)
    world.run(0.005)
    for source, target, message in before:
        world.arrive(source, world.nodes[source].hands.self, world.nodes[source].hands.ref("raft-0", target), message)
    world.run(0.005)
    assert tag in world.owners[leader].reads  # not answered by them
    world.filter = None
    world.run(0.06)
    assert tag in world.owners[leader].answered


def test_of_three_servers_a_follower_that_asks_is_answered_without_a_round():
    """That it asked in the leader's term, after its read came, says what its answer to a heartbeat would say."""
    world = World()
    leader = world.elect()
    follower = others(world, leader)[0]
    world.run(0.1)
    world.filter = lambda source, target, message: not isinstance(message, Heartbeat) or not message.round
    world.propose(leader)
    world.run_until(lambda: world.roles[leader].progress[follower].match == 2, 1.0, "the follower to hold it")
    assert (world.roles[leader].commit, world.roles[follower].commit) == (2, 1)
    tag = world.ask(follower)
    world.run(0.01)
    assert world.owners[follower].answered[tag] == world.owners[follower].index == 2


def test_of_five_servers_one_more_than_leader_and_asker_is_enough_and_the_asker_is_not_asked():
    world = World(("a", "b", "c", "d", "e"))
    leader = world.elect()
    follower, third, *_ = others(world, leader)
    world.run(0.1)
    world.record_wire = True
    world.filter = lambda source, target, message: not isinstance(message, HeartbeatReply) or source == third
    tag = world.ask(follower)
    world.run(0.01)
    assert tag in world.owners[follower].answered
    assert follower not in [target for _, target, _, message in world.wire
                            if isinstance(message, Heartbeat) and message.round and not message.tick]
    world.filter = lambda source, target, message: not isinstance(message, HeartbeatReply)
    tag = world.ask(follower)
    world.run(0.01)
    assert tag not in world.owners[follower].answered  # leader and asker are two of five


def test_an_asker_counts_for_its_own_reads_and_for_no_others():
    """Its request may have been on its way for long: another read of the same turn came after it."""
    world = World()
    leader = world.elect()
    follower = others(world, leader)[0]
    world.run(0.1)
    world.filter = lambda source, target, message: not isinstance(message, HeartbeatReply)
    world.faults.batch = 10_000
    world.random.randint = lambda low, high: high
    world.pause(leader)
    tags = {name: world.ask(name) for name in (leader, follower)}
    world.run(0.01)
    world.resume(leader)
    world.run(0.01)
    assert tags[follower] in world.owners[follower].answered
    assert tags[leader] in world.owners[leader].reads
    world.filter = None
    world.run(0.06)
    assert tags[leader] in world.owners[leader].answered


def test_a_request_of_another_term_is_refused():
    world = World()
    leader = world.elect()
    follower = others(world, leader)[0]
    world.run(0.1)
    for term in (world.roles[leader].term - 1, world.roles[leader].term + 1):
        world.roles[follower].term = term  # the request says so
        world.ask(follower)
        world.run(0.01)
        assert world.owners[follower].answered == {}


def test_a_paused_leader_that_wakes_gives_no_stale_read():
    """It sleeps for longer than the election time-out and is asked as soon as it wakes."""
    world = World()
    old = world.elect()
    world.run(0.2)
    world.pause(old)
    world.run_until(lambda: world.leader() != old, 3.0, "another leader")
    new = world.elect()
    world.propose(new)
    world.run(0.05)
    world.nodes[old].inbox = {lane: type(queue)() for lane, queue in world.nodes[old].inbox.items()}  # lost meanwhile
    assert world.owners[new].index > world.owners[old].index
    tag = world.ask(old)
    world.resume(old)
    world.run(1.0)
    assert world.roles[old].role is RoleName.FOLLOWER
    assert world.owners[old].refused == [BarrierRefused(tag=tag, reason=RefusalReason.LEADERSHIP_LOST)]


def test_reads_wait_for_an_entry_of_the_leaders_term():
    """Before its no-op commits a new leader does not know the commit index."""
    world = World()
    first = world.elect()
    world.run(0.1)
    before = world.acknowledged
    world.propose(first)
    world.run_until(lambda: world.acknowledged > before, 1.0, "a commit")
    acknowledged = world.acknowledged
    world.cut = {(first, other) for other in others(world, first)}  # nobody else hears of it
    world.crash(first)
    world.run_until(lambda: world.leader() is not None, 3.0, "another leader")
    leader = world.leader()
    assert world.roles[leader].commit < world.roles[leader].term_start
    tag = world.ask(leader)
    world.run(0.2)
    assert world.owners[leader].answered[tag] >= acknowledged


def test_a_minority_leader_answers_no_read():
    world = World()
    leader = world.elect()
    world.partition([leader], others(world, leader))
    tag = world.ask(leader)
    world.run(1.0)
    assert world.owners[leader].refused == [BarrierRefused(tag=tag, reason=RefusalReason.LEADERSHIP_LOST)]


def test_a_follower_asks_once_for_all_reads_of_a_turn():
    world = World()
    leader = world.elect()
    follower = others(world, leader)[0]
    world.run(0.1)
    world.faults.batch = 10_000
    world.record_wire = True
    world.pause(follower)
    tags = [world.ask(follower) for _ in range(200)]
    world.random.randint = lambda low, high: high
    world.resume(follower)
    world.run(0.02)
    assert set(tags) <= set(world.owners[follower].answered)
    assert sum(isinstance(message, ReadIndexRequest) for _, _, _, message in world.wire) == 1


def test_rounds_in_flight_are_bounded_and_later_reads_share_the_next():
    world = World(settings=RaftSettings(read_rounds_in_flight=2))
    leader = world.elect()
    world.run(0.1)
    world.faults.batch = 1
    world.faults.delay_seconds = (0.02, 0.02)
    world.record_wire = True
    start = world.roles[leader].round
    tags = []
    for _ in range(50):
        tags.append(world.ask(leader))
        world.run(0.0002)
    assert len(world.roles[leader].rounds) == 2
    world.run(0.2)
    assert set(tags) == set(world.owners[leader].answered)
    assert world.roles[leader].round - start < 10


def test_a_lost_request_is_given_up_and_refused():
    world = World()
    leader = world.elect()
    follower = others(world, leader)[0]
    world.run(0.1)
    world.filter = lambda source, target, message: not isinstance(message, ReadIndexRequest)
    tag = world.ask(follower)
    world.run(2 * world.settings.election_timeout_seconds[0] + 0.1)
    assert world.owners[follower].refused == [BarrierRefused(tag=tag, reason=RefusalReason.LEADERSHIP_LOST)]
    assert world.roles[follower].forwarded == {}


def test_reads_are_refused_at_once_where_no_leader_is_known():
    world = World()
    tag = world.ask("a")
    world.run(0.01)
    assert world.owners["a"].refused == [BarrierRefused(tag=tag, reason=RefusalReason.NOT_LEADER)]


def test_pending_reads_are_bounded():
    world = World(settings=RaftSettings(max_pending_reads=3))
    leader = world.elect()
    world.partition([leader], others(world, leader))
    for _ in range(20):
        world.ask(leader)
    world.run(0.1)
    assert RefusalReason.OVERLOADED in {m.reason for m in world.owners[leader].refused}


def test_an_answer_to_an_earlier_incarnation_reaches_nobody():
    """Request numbers begin again after a restart: an old answer must not meet a new question."""
    world = World()
    leader = world.elect()
    follower = others(world, leader)[0]
    world.run(0.1)
    world.filter = lambda source, target, message: not isinstance(message, Heartbeat) or not message.round
    world.ask(follower)
    world.run(0.01)
    world.restart(follower)
    world.filter = None
    world.run(0.4)
    tag = world.ask(follower)
    world.run(0.2)
    assert list(world.owners[follower].answered) == [tag]


def test_entries_that_a_read_waits_for_are_not_kept_back_from_a_followers_owner():
    """Also when the news of their commit comes with an append, after the read was allowed."""
    solo = Solo(term=1)
    solo.say("b", append(1, (0, 0), 0, *entries(1, 1, 1)))
    tag = solo.world.ask("a")
    (asked,) = solo.say("b")
    solo.say("b", ReadIndexReply(request=asked.request, index=2, granted=True))
    assert solo.world.owners["a"].answered[tag] == 2
    assert solo.world.owners["a"].index == 0
    solo.say("b", append(1, (2, 1), 2, *entries(3, 1)))
    assert solo.world.owners["a"].index == 2
    solo.say("b", append(1, (3, 1), 3, *entries(4, 1)))
    assert solo.world.owners["a"].index == 2  # nobody waits for the third
    solo.say("b", heartbeat(1, commit=3))
    assert solo.world.owners["a"].index == 3
