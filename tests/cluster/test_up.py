"""`actorum up` and the commands beside it, as a user or a script runs them."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path

from actorum.client import Client
from actorum.exits import Exit
from tests.cluster.support import actorum, alive, eventually, up


def test_up_serves_restarts_what_dies_and_keeps_data_and_ports(tmp_path: Path) -> None:
    with up("--data", tmp_path) as launcher:
        nodes = launcher.line()["nodes"]
        assert [node["name"] for node in nodes] == ["n1", "n2", "n3"]
        assert all(Path(node["config"]).is_file() and Path(node["data"]).is_dir() for node in nodes)
        with Client("127.0.0.1", nodes[0]["redis_port"]) as client:
            client.set("key", "value")

        os.kill(nodes[1]["pid"], signal.SIGKILL)
        again = launcher.line()["nodes"]
        ports = [(node["name"], node["redis_port"], node["http_port"]) for node in nodes]
        assert [(node["name"], node["redis_port"], node["http_port"]) for node in again] == ports
        assert again[1]["pid"] != nodes[1]["pid"]
        assert (again[0]["pid"], again[2]["pid"]) == (nodes[0]["pid"], nodes[2]["pid"])

        code, errors = launcher.stop()
        assert code == Exit.OK, errors
        assert not any(alive(node["pid"]) for node in again)
    with up("--data", tmp_path) as launcher:
        later = launcher.line()["nodes"]
        assert [(node["name"], node["redis_port"], node["http_port"]) for node in later] == ports
        with Client("127.0.0.1", later[2]["redis_port"]) as client:
            assert client.get("key") == b"value"


def test_the_commands_find_the_cluster_and_speak_json(tmp_path: Path) -> None:
    with up("--data", tmp_path) as launcher:
        nodes = launcher.line()["nodes"]
        for config in (tmp_path / "cluster.toml", nodes[1]["config"]):
            found = actorum("status", "--json", "--config", config)
            assert found.returncode == Exit.OK, found.stderr
            statuses = json.loads(found.stdout)["nodes"]
            assert [status["name"] for status in statuses] == ["n1", "n2", "n3"]
            assert sorted(status["role"] for status in statuses) == ["follower", "follower", "leader"]
            for status, node in zip(statuses, nodes, strict=True):
                assert status["redis_port"] == node["redis_port"]
                assert status["term"] >= 1
                assert status["commit_index"] >= status["applied_index"] >= 0
        config = tmp_path / "cluster.toml"
        assert actorum("set", "name", "Ada", "--config", config).returncode == Exit.OK
        assert actorum("get", "name", "--config", config).stdout == "Ada\n"
        assert json.loads(actorum("get", "name", "--json", "--config", config).stdout)["value"] == "Ada"
        assert json.loads(actorum("del", "name", "--json", "--config", config).stdout)["deleted"] == 1
        assert actorum("get", "name", "--config", config).returncode == Exit.FAILED
        assert "leader" in actorum("status", "--config", config).stdout
    assert actorum("status", "--config", config).returncode == Exit.UNAVAILABLE


def test_nodes_die_with_a_launcher_that_is_killed(tmp_path: Path) -> None:
    with up("--data", tmp_path) as launcher:
        pids = [node["pid"] for node in launcher.line()["nodes"]]
        os.kill(pids[2], signal.SIGSTOP)
        launcher.process.kill()
        launcher.finish()
        eventually(lambda: not any(map(alive, pids)), "the nodes end")


def test_no_restart_leaves_a_dead_node_alone_and_one_node_is_a_cluster(tmp_path: Path) -> None:
    with up("--data", tmp_path, "--nodes", "1", "--no-restart") as launcher:
        (node,) = launcher.line()["nodes"]
        os.kill(node["pid"], signal.SIGKILL)
        code, errors = launcher.finish()
        assert code == Exit.FAILED
        assert "node n1 ended with signal SIGKILL; it stays down (--no-restart)" in errors


def test_a_port_that_somebody_took_is_named_and_ends_the_start(tmp_path: Path) -> None:
    with up("--data", tmp_path, "--nodes", "1") as launcher:
        port = launcher.line()["nodes"][0]["redis_port"]
        launcher.stop()
    with socket.create_server(("127.0.0.1", port)):
        with up("--data", tmp_path) as launcher:
            code, errors = launcher.finish()
    assert code == Exit.ADDRESS_IN_USE
    assert f"127.0.0.1:{port}" in errors
    assert "starting it again" not in errors  # it would not help, and it does not happen
    assert "nodes.n1.redis_port" in errors


def test_a_cluster_is_started_once_and_keeps_its_size(tmp_path: Path) -> None:
    with up("--data", tmp_path, "--nodes", "1") as launcher:
        launcher.line()
        with up("--data", tmp_path) as second:
            code, errors = second.finish()
        assert code == Exit.DATA_REFUSED
        assert f"already started here by process {launcher.process.pid}" in errors
    with up("--data", tmp_path, "--nodes", "3") as launcher:
        code, errors = launcher.finish()
    assert code == Exit.SETTINGS
    assert "is a cluster of 1 node, not 3" in errors
