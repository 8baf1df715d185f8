"""One test, two worlds: what is said about a cluster of processes holds for the simulated one, in the same words."""

from __future__ import annotations

import pytest

from actors.simulation import Faults, Violation
from actorum.client import NotReachable, ReplyError
from protocols.storage.messages import Apply
from protocols.storage.shard import StorageShard


@pytest.fixture(params=["simulation", "cluster"])
def nodes(request):
    """Three nodes that serve, in one world or the other."""
    return request.getfixturevalue(request.param)


def test_what_was_acknowledged_survives_the_leader(nodes):
    leader = nodes.leader()
    with leader.client() as client:
        client.set("counter", 1)
        assert client.execute("INCR", "counter") == 2
    leader.kill()
    with nodes.leader().client() as client:
        assert client.get("counter") == b"2"
    leader.restart()
    nodes.wait_stable()
    leader.pause()
    assert nodes.leader() is not leader
    leader.resume()
    nodes.wait_stable()
    with nodes.client(0) as client:
        assert client.get("counter") == b"2"


def test_a_minority_does_not_serve_and_catches_up(simulation):
    alone = simulation.node(0)
    others = simulation.nodes[1:]
    simulation.client(0).set("k", "before")
    simulation.partition([alone], others)
    with pytest.raises(ReplyError) as refused:
        alone.client(timeout_seconds=30.0).execute("GET", "k")
    assert refused.value.code == "CLUSTERDOWN"
    simulation.run(1.0)
    with simulation.leader().client() as client:
        client.set("k", "after")
    simulation.heal()
    simulation.wait_stable()
    assert alone.client().get("k") == b"after"


def test_a_node_that_is_down_is_not_reachable(simulation):
    simulation.node(1).kill()
    with pytest.raises(NotReachable) as caught:
        simulation.client(1).get("k")
    assert caught.value.certainly_not_executed


def test_errors_and_values_are_those_of_the_store(simulation):
    with simulation.client(2) as client:
        assert client.get("nothing") is None
        assert client.delete("nothing") == 0
        client.set("text", "x")
        replies = client.pipeline([("INCR", "text"), ("APPEND", "text", "y"), ("GET", "text"), ("NOPE",)])
    assert isinstance(replies[0], ReplyError)
    assert replies[0].code == "ERR"
    assert replies[1:3] == [2, b"xy"]
    assert "unknown command" in str(replies[3])


def test_settings_and_faults_are_those_of_the_arguments(simulation_factory):
    made = simulation_factory(nodes=5, seed=3, settings={"raft.heartbeat_seconds": 0.1}, faults=Faults(crash=0.5))
    assert made.settings.raft.heartbeat_seconds == 0.1
    made.run(10.0)
    assert made.simulation.injected["crash"] > 0
    with pytest.raises(ValueError, match="sections are raft"):
        simulation_factory(settings={"redis.port": 1})
    with pytest.raises(ValueError, match="settings of a simulated cluster"):
        simulation_factory(settings={"raft.nope": 1})


def test_the_same_seed_gives_the_same_cluster(simulation_factory):
    digests = []
    for _ in range(2):
        made = simulation_factory(seed=9)
        made.leader().client().set("k", "v")
        digests.append(made.simulation.digest())
    assert digests[0] == digests[1]


def test_a_replica_that_differs_is_noticed(simulation, monkeypatch):
    applied = StorageShard.apply

    def forgetful(self, message, context):
        applied(self, message, context)
        if context.node == "n2":
            self._store.apply(0, b"")
            self._sessions.open(1, 20_000)

    monkeypatch.setitem(StorageShard.handlers, Apply, forgetful)
    with pytest.raises(Violation, match="replicas agree"):  # noqa: PT012 (a follower applies a little later)
        simulation.client(0).set("k", "v")
        simulation.run(1.0)
