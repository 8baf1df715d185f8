"""A cluster's files and who starts what, without starting anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from actorum.cluster import PORTS, Cluster, belongs_here, free_ports, generate
from actorum.exits import Exit
from actorum.node_process import ClusterError, beside, read_ready
from actorum.process import run_node
from actorum.settings import Settings, SettingsError
from actorum.settings_file import load
from protocols.raft.settings import RaftSettings

TWO_HOSTS = """
[nodes.here]
peer_port = 7001
[nodes.there]
host = "192.0.2.7"
peer_port = 7001
data = "elsewhere/data"
"""


def test_a_generated_cluster_has_ports_of_its_own_and_keeps_given_settings(tmp_path: Path) -> None:
    given = Settings(raft=RaftSettings(heartbeat_seconds=0.07))
    first, second = (load(generate(tmp_path / name, 3, given), environment={}) for name in "ab")
    ports = [
        port for node in first.settings.nodes.values() for port in (node.peer_port, node.redis_port, node.http_port)
    ]
    assert len(set(ports)) == 9
    assert all(port in PORTS for port in ports)
    assert first.settings.raft.heartbeat_seconds == 0.07
    assert first.settings.cluster.id != second.settings.cluster.id


def test_free_ports_are_free_and_different() -> None:
    assert len(set(free_ports(50))) == 50


def test_the_same_file_starts_on_each_host_what_belongs_there(tmp_path: Path) -> None:
    config = tmp_path / "cluster.toml"
    config.write_text(TWO_HOSTS)
    with Cluster(config) as cluster:
        assert [node.name for node in cluster] == ["here"]
    with Cluster(config, host="192.0.2.7") as cluster:
        (node,) = cluster
        assert node.data == tmp_path / "elsewhere" / "data"
        loaded = load(node.config)
        assert loaded.node == "there"
        assert loaded.cluster_path == config
    with pytest.raises(SettingsError, match="no node of it belongs to this machine"):
        Cluster(config, host="nobody")
    assert belongs_here("localhost")
    assert not belongs_here("192.0.2.7")


def test_a_cluster_has_one_launcher_at_a_time(tmp_path: Path) -> None:
    config = generate(tmp_path, 1)
    with Cluster(config):
        with pytest.raises(ClusterError, match=f"already started here by process {os.getpid()}"):
            Cluster(config)
    Cluster(config).stop()


def test_nodes_are_found_by_number_and_name(tmp_path: Path) -> None:
    with Cluster(generate(tmp_path, 2)) as cluster:
        assert cluster.node(1) is cluster.node("n2")
        assert cluster.node(1) is cluster.node("n2")
        with pytest.raises(ClusterError, match="there is no node 2 here; there are n1, n2"):
            cluster.node(2)
        with pytest.raises(ClusterError, match="there is no node 'n3' here; there are n1, n2"):
            cluster.node("n3")
        assert cluster.live() == []
        assert cluster.find_leader() is None
        with pytest.raises(ClusterError, match="no live node became leader after 0 s"):
            cluster.leader(timeout_seconds=0)
        assert "n1: not running" in cluster.describe()


def test_a_ready_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = beside(tmp_path / "n1", "ready.json")
    assert path == tmp_path / "n1.ready.json"
    assert read_ready(path) is None
    path.write_text('{"name": "n1"')
    assert read_ready(path) is None


def test_the_ready_file_of_a_process_that_was_killed_is_gone_before_the_next_one_serves(tmp_path: Path) -> None:
    config, ready_file = generate(tmp_path, 1), tmp_path / "ready.json"
    ready_file.write_text('{"name": "n1", "pid": 1, "peer_port": 1, "redis_port": 1, "http_port": 1}')
    (tmp_path / "n1").write_text("a file where the data folder should be: the node cannot start")
    assert run_node(config, "n1", ready_file=ready_file) is not Exit.OK
    assert not ready_file.exists()
