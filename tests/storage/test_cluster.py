"""Three replicated nodes: what a gateway acknowledged is never lost, nothing is executed twice, reads are not stale."""

from __future__ import annotations

import msgspec
import pytest

from protocols.raft import RaftSettings
from protocols.storage import properties
from protocols.storage.messages import Status
from protocols.storage.settings import GatewaySettings
from tests.storage.cluster import NAMES, Cluster
from tests.storage.world import Faults


def agree(cluster: Cluster) -> None:
    """All replicas come to the same state."""
    def settled() -> bool:
        cluster.check()
        states = [cluster.shard(name).status() for name in cluster.up()]
        return len({(s.applied_index, s.digest, s.revision) for s in states}) == 1
    cluster.run_until(settled, why="replicas to agree")


def test_a_write_through_any_node_is_read_through_any_node() -> None:
    cluster = Cluster()
    cluster.wait_leader()
    for writer in NAMES:
        assert cluster.do(writer, ("SET", "key", writer)) == [b"+OK\r\n"]
        for reader in NAMES:
            assert cluster.do(reader, ("GET", "key"), read=True) == [b"$1\r\n%s\r\n" % writer.encode()]
    agree(cluster)


def test_a_batch_waits_for_the_first_leader() -> None:
    cluster = Cluster()
    ticket = cluster.send("a", [("SET", "k", "v")])
    assert cluster.wait(ticket).status is Status.DONE


def test_without_a_majority_a_batch_never_sent_is_not_executed_and_one_sent_is_unknown() -> None:
    cluster = Cluster()
    leader = cluster.wait_leader()
    cluster.do(leader, ("SET", "k", "1"))
    cluster.isolate(leader)
    sent = cluster.send(leader, [("SET", "k", "2")])
    began = cluster.time
    assert cluster.wait(sent).status is Status.UNKNOWN
    assert cluster.time - began < 6
    later = cluster.send(leader, [("SET", "k", "3")])
    assert cluster.wait(later).status is Status.NOT_EXECUTED
    read = cluster.send(leader, [("GET", "k")], read=True)
    assert cluster.wait(read).status is Status.NOT_EXECUTED
    cluster.heal()
    assert cluster.do(leader, ("SET", "k", "4")) == [b"+OK\r\n"]
    agree(cluster)


def test_a_batch_survives_the_leaders_death_and_is_executed_once() -> None:
    for seed in range(10):
        cluster = Cluster(seed)
        leader = cluster.wait_leader()
        other = next(name for name in NAMES if name != leader)
        cluster.do(other, ("SET", "n", "0"))
        tickets = [cluster.send(other, [("INCR", "n")]) for _ in range(5)]
        cluster.run(cluster.random.uniform(0, 0.006))
        cluster.crash(leader)
        for ticket in tickets:
            assert cluster.wait(ticket).status is Status.DONE
        assert cluster.do(other, ("GET", "n"), read=True) == [b"$1\r\n5\r\n"], seed
        cluster.boot(leader)
        agree(cluster)


def test_a_deadline_that_is_reached_hides_the_key_for_the_next_reader() -> None:
    cluster = Cluster()
    cluster.wait_leader()
    cluster.clock_offsets["b"] = 0.03
    cluster.do("a", ("SET", "k", "v", "PX", "5000"), ("SET", "soon", "v", "PX", "50"))
    cluster.run(0.06)
    assert cluster.do("b", ("GET", "soon"), read=True) == [b"_\r\n"]
    assert cluster.do("b", ("TTL", "k"), read=True) == [b":5\r\n"]
    cluster.run(5.2)
    assert cluster.do("c", ("DBSIZE",), read=True) == [b":0\r\n"]
    agree(cluster)


def test_due_keys_are_freed_without_traffic() -> None:
    cluster = Cluster()
    cluster.wait_leader()
    cluster.do("a", *[("SET", f"k{i}", "v", "PX", "300") for i in range(100)])
    cluster.run_until(lambda: all(cluster.shard(name).status().keys == 0 for name in NAMES), 2.0, "keys to be freed")


def test_a_new_replica_state_comes_from_a_snapshot() -> None:
    settings = RaftSettings(snapshot_after_bytes=20_000, snapshot_chunk_bytes=1000, retained_bytes=0)
    cluster = Cluster(3, raft=settings)
    leader = cluster.wait_leader()
    behind = next(name for name in NAMES if name != leader)
    cluster.crash(behind)
    for i in range(60):
        cluster.do(leader, ("SET", f"k{i % 17}", "x" * (500 + i)), ("INCR", "n"))
    cluster.boot(behind)
    agree(cluster)
    assert cluster.role(behind).snapshots_installed >= 1
    assert cluster.do(behind, ("GET", "n"), read=True) == [b"$2\r\n60\r\n"]
    for name in NAMES:  # everybody at once: snapshots and logs come from disk
        cluster.crash(name)
    for name in NAMES:
        cluster.boot(name)
    assert cluster.do(behind, ("GET", "n"), read=True) == [b"$2\r\n60\r\n"]
    agree(cluster)


def test_a_gateway_that_was_silent_too_long_begins_a_new_session_unnoticed() -> None:
    cluster = Cluster(gateway=GatewaySettings(session_seconds=12.0))
    cluster.wait_leader()
    cluster.do("a", ("SET", "n", "1"))
    for _ in range(5):
        cluster.run(5.0)
        cluster.do("b", ("INCR", "n"))
    assert cluster.do("a", ("INCR", "n")) == [b":7\r\n"]
    assert cluster.do("a", ("GET", "n"), read=True) == [b"$1\r\n7\r\n"]


def campaign(seed: int, seconds: float = 6.0) -> None:
    """Clients increment counters through all nodes under faults: what was acknowledged counts exactly once, and what is
    unknown at most once. Reads never go back behind what was acknowledged before they began."""
    faults = Faults(drop=0.02 * (seed % 3), delay_seconds=(0.0001, 0.02) if seed % 2 else (0.0001, 0.001))
    settings = RaftSettings(snapshot_after_bytes=3000, snapshot_chunk_bytes=1000, retained_bytes=500)
    impatient = GatewaySettings(request_timeout_seconds=0.4, retry_seconds=0.2)
    cluster = Cluster(seed, faults, settings, impatient if seed % 4 == 3 else GatewaySettings())
    draw = cluster.random
    writes: dict[int, str] = {}
    reads: dict[int, tuple[str, int]] = {}
    done = {f"n{i}": 0 for i in range(3)}
    counted: set[int] = set()
    down: dict[str, float] = {}

    def acknowledged() -> None:
        for ticket, key in writes.items():
            if ticket not in counted and ticket in cluster.answers:
                counted.add(ticket)
                done[key] += cluster.answers[ticket].status is Status.DONE

    end = cluster.time + seconds
    while cluster.time < end:
        cluster.run(draw.uniform(0.001, 0.05))
        cluster.check()
        acknowledged()
        for name in [name for name, until in down.items() if until <= cluster.time]:
            del down[name]
            cluster.boot(name)
        if draw.random() < 0.03 and not down:
            victim = draw.choice(NAMES)
            cluster.crash(victim)
            down[victim] = cluster.time + draw.uniform(0.1, 1.0)
        if draw.random() < 0.03:
            cluster.isolate(draw.choice(NAMES))
        elif draw.random() < 0.1:
            cluster.heal()
        node, key = draw.choice(cluster.up()), draw.choice(list(done))
        if draw.random() < 0.6:
            writes[cluster.send(node, [("INCR", key)])] = key
        else:
            reads[cluster.send(node, [("GET", key)], read=True)] = (key, done[key])
    cluster.heal()
    cluster.faults.drop = 0.0
    for name in down:
        cluster.boot(name)
    cluster.run(5.0)
    acknowledged()
    totals = {key: cluster.do("a", ("GET", key), read=True)[0] for key in done}
    agree(cluster)
    for key, least in done.items():
        maybe = sum(
            1 for ticket, its_key in writes.items()
            if its_key == key and (ticket not in cluster.answers or cluster.answers[ticket].status is Status.UNKNOWN)
        )
        total = 0 if totals[key] == b"_\r\n" else int(totals[key].split(b"\r\n")[1])
        assert least <= total <= least + maybe, (seed, key, least, total, maybe)
    for ticket, (key, floor) in reads.items():
        answer = cluster.answers.get(ticket)
        if answer is not None and answer.status is Status.DONE:
            value = answer.replies[4:]
            found = 0 if value == b"_\r\n" else int(value.split(b"\r\n")[1])
            assert found >= floor, (seed, ticket, key, found, floor)
    assert sum(done.values()) > 20, seed


@pytest.mark.parametrize("seed", range(12))
def test_acknowledged_writes_survive_faults(seed: int) -> None:
    campaign(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160))
def test_acknowledged_writes_survive_more_faults(seed: int) -> None:
    campaign(seed, 15.0)


def test_a_replica_in_another_state_is_noticed() -> None:
    cluster = Cluster()
    cluster.wait_leader()
    cluster.do("a", ("SET", "k", "v"))
    agree(cluster)
    status = cluster.shard("a").status()
    for changed in (
        {"digest": status.digest ^ 1}, {"revision": status.revision - 1}, {"log_time_ms": status.log_time_ms - 1},
    ):
        with pytest.raises(properties.Violation):
            properties.check(cluster.history, "b", msgspec.structs.replace(status, **changed))
    later = msgspec.structs.replace(status, applied_index=status.applied_index + 1, revision=0)
    with pytest.raises(properties.Violation, match="back in time"):
        properties.check(cluster.history, "a", later)


def test_a_gateway_that_begins_again_never_takes_over_the_session_of_its_former_life() -> None:
    """A leader that replays its log meets the OpenSession of the life before; its outcome is not for the new one, which
    would be told the replies of old batches for new ones that are never executed."""
    for seed in range(5):
        cluster = Cluster(seed)
        leader = cluster.wait_leader()
        for name in NAMES:
            assert cluster.do(name, ("SET", name, "old")) == [b"+OK\r\n"]
        agree(cluster)
        for name in NAMES:
            cluster.crash(name)
        for name in NAMES:
            cluster.boot(name)
        leader = cluster.wait_leader()
        for name in NAMES:
            assert cluster.do(name, ("SET", name, "new")) == [b"+OK\r\n"]
            assert cluster.do(leader, ("GET", name), read=True) == [b"$3\r\nnew\r\n"], f"seed {seed}, node {name}"
        agree(cluster)
