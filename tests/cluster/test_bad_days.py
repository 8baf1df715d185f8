"""What may go wrong on a machine: every case ends in a sentence that says what to do, and harms no healthy node."""

from __future__ import annotations

import json
import random
import re
import resource
import shutil
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from actorum.cluster import Cluster, NodeProcess, generate
from actorum.exits import Exit
from tests.cluster.support import actorum, check_nothing_lost, eventually, load, progress, read

Factory = Callable[..., Cluster]


def _run_node(config: Path, name: str, *options: str) -> tuple[int, str]:
    """`actorum node` for a start that must fail: exit code, and the last line that it printed."""
    done = actorum("node", "--config", config, "--name", name, *options)
    return done.returncode, done.stderr.splitlines()[-1]


def test_a_settings_file_with_a_mistake_is_refused_by_its_path(tmp_path: Path) -> None:
    config = generate(tmp_path, 1)
    good = config.read_text()
    config.write_text(good + "[raft]\nheartbeat = 1\n")
    code, line = _run_node(config, "n1")
    assert code == Exit.SETTINGS
    assert f"{config}: unknown setting raft.heartbeat; the nearest known one is raft.heartbeat_seconds" in line
    config.write_text(good + '[raft]\nheartbeat_seconds = "fast"\n')
    assert "raft.heartbeat_seconds: expected `float`, got `str`" in _run_node(config, "n1")[1]
    checked = actorum("config", "check", "--json", "--config", config)
    assert checked.returncode == Exit.SETTINGS
    assert "raft.heartbeat_seconds" in json.loads(checked.stdout)["error"]
    config.write_text(good)
    assert "there is no node 'n7'" in _run_node(config, "n7")[1]
    assert actorum("config", "check", "--config", config).returncode == Exit.OK
    assert "heartbeat_seconds = 0.05" in actorum("config", "show", "--config", config).stdout


@pytest.mark.parametrize("field", ["redis_port", "http_port"])
def test_a_port_in_use_is_named_with_its_setting(tmp_path: Path, field: str) -> None:
    config = generate(tmp_path, 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, line = _run_node(config, "n1", "--set", f"nodes.n1.{field}={port}")
    assert code == Exit.ADDRESS_IN_USE
    assert f"nodes.n1.{field}: cannot listen on 127.0.0.1:{port}: Address already in use" in line


def test_a_data_folder_in_use_of_another_node_or_of_a_newer_version_is_refused(cluster_factory: Factory) -> None:
    cluster = cluster_factory(nodes=1)
    folder = cluster.node(0).data
    elsewhere = ["--set", "nodes.n1.redis_port=0", "--set", "nodes.n1.http_port=0"]
    code, line = _run_node(cluster.config, "n1", *elsewhere)
    assert code == Exit.DATA_REFUSED
    assert str(folder) in line
    assert str(cluster.node(0).pid) in line
    cluster.node(0).stop()

    code, line = _run_node(cluster.config, "n1", *elsewhere, "--set", "cluster.id=another")
    assert code == Exit.DATA_REFUSED
    assert "another" in line

    (segment,) = folder.glob("wal-*.log")
    before = segment.read_bytes()
    segment.write_bytes(_of_a_newer_version(before))
    code, line = _run_node(cluster.config, "n1", *elsewhere)
    assert code == Exit.DATA_REFUSED
    assert "install the version of actorum that wrote it, or a newer one" in line
    segment.write_bytes(before)
    cluster.node(0).restart()


def _of_a_newer_version(segment: bytes) -> bytes:
    """The segment with the version in both copies of its header raised by one; see docs/log.md."""
    from core_ext.crc import crc32c
    from core_ext.log_format import DATA_START

    block = bytearray(segment[: DATA_START // 2])
    (version,) = struct.unpack_from("<I", block, 8)
    struct.pack_into("<I", block, 8, version + 1)
    struct.pack_into("<I", block, len(block) - 4, crc32c(bytes(block[:-4])))
    return bytes(block * 2) + segment[DATA_START:]


def test_a_corrupted_log_in_the_middle_is_refused_by_a_node_alone_and_repaired_on_order(
    cluster_factory: Factory,
) -> None:
    cluster = cluster_factory(nodes=1)
    node = cluster.node(0)
    with node.client() as client:
        for number in range(200):
            client.set(f"key-{number}", "x" * 100)
    node.kill()
    (segment,) = node.data.glob("wal-*.log")
    content = bytearray(segment.read_bytes())
    at = content.index(b"key-100")
    content[at] ^= 0xFF
    segment.write_bytes(content)

    verified = actorum("log", "verify", "--json", node.data)
    assert verified.returncode == Exit.FAILED
    assert json.loads(verified.stdout)["refused_alone"]
    code, line = _run_node(cluster.config, "n1")
    assert code == Exit.DATA_REFUSED
    assert "log repair" in line
    repaired = actorum("log", "repair", node.data)
    assert repaired.returncode == Exit.OK
    assert "records removed" in repaired.stdout
    node.restart()
    with node.client() as client:
        assert read(client, "key-99") is not None
        assert read(client, "key-150") is None
    assert json.loads(actorum("log", "inspect", "--json", node.data).stdout)["node_id"] == "n1"


def test_a_corrupted_log_in_a_group_is_healed_from_the_others(cluster: Cluster) -> None:
    with cluster.client(0) as client:
        for number in range(100):
            client.set(f"key-{number}", "x" * 100)
    cluster.wait_stable()
    victim = next(node for node in cluster if node is not cluster.leader())
    victim.kill()
    (segment,) = victim.data.glob("wal-*.log")
    content = bytearray(segment.read_bytes())
    content[content.index(b"key-50")] ^= 0xFF
    segment.write_bytes(content)
    victim.restart()
    cluster.wait_stable()
    with victim.client() as client:
        for number in range(100):
            assert read(client, f"key-{number}") == b"x" * 100


def test_a_voter_with_an_emptied_folder_is_refused_by_its_peers(cluster: Cluster) -> None:
    with cluster.client(0) as client:
        client.set("k", "v")
    cluster.wait_stable()
    victim = next(node for node in cluster if node is not cluster.leader())
    victim.kill()
    shutil.rmtree(victim.data)
    victim.start()
    victim.wait_ready()
    eventually(lambda: "its folder was emptied or replaced" in victim.log_tail(), "the node is told why")
    found = victim.http("/readyz?verbose")
    assert found is not None
    assert found[0] == 503
    assert b"refused by its peers" in found[1]
    assert b"emptied or replaced" in found[1]
    others = [node for node in cluster if node is not victim]
    for other in others:
        eventually(lambda node=other: (node.http("/readyz") or (0,))[0] == 200, "who refuses another serves")
    shown = actorum("status", "--config", cluster.config)
    assert shown.returncode == Exit.FAILED
    assert re.search(rf"^{victim.name}: up, not ready: refused by its peers .*emptied or replaced", shown.stdout, re.M)
    found_by_json = json.loads(actorum("status", "--json", "--config", cluster.config).stdout)
    statuses = {one["name"]: one for one in found_by_json["nodes"]}
    assert {*statuses[victim.name]["refused_by"]} == {node.name for node in others}
    for other in others:
        assert statuses[other.name]["keys"] == 1
        assert statuses[other.name]["disk_bytes"] > 0
        assert statuses[other.name]["refused_by"] == {}
    with others[0].client() as client:
        client.set("k", "w")
        assert read(client, "k") == b"w"


def test_a_disk_that_fails_stops_its_node_and_loses_nothing(cluster: Cluster) -> None:
    victim = cluster.leader()
    with load(cluster) as writers:
        progress(writers, 20)
        assert victim.pid is not None
        resource.prlimit(victim.pid, resource.RLIMIT_FSIZE, (0, 0))  # every write fails, that of its own log, too
        eventually(lambda: not victim.running, "the node stops")
        assert victim.exit_code == Exit.DISK_FAILED
        progress(writers, 20)
        victim.restart()
        cluster.wait_stable()
        progress(writers, 20)
    check_nothing_lost(cluster, writers)


def _knock(node: NodeProcess, port: int, garbage: bytes) -> None:
    with socket.create_connection((node.settings.host, port), timeout=5) as connection:
        try:
            connection.sendall(garbage)
            connection.settimeout(0.2)
            connection.recv(4096)
        except OSError:
            pass  # refused, closed or not answered: all the same here


def test_garbage_at_every_port_harms_nobody(cluster: Cluster) -> None:
    draw = random.Random(20_250_101)
    pieces = [
        draw.randbytes(2000), b"*1000000000\r\n", b"*2\r\n$-5\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 70_000,
        b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03" + draw.randbytes(500), b"",
    ]
    pids = [node.pid for node in cluster]
    with load(cluster, 2) as writers:
        progress(writers, 10)
        for node in cluster:
            for port in (node.redis_port, node.http_port, node.settings.peer_port):
                for piece in pieces:
                    _knock(node, port, piece)
        progress(writers, 10)
    assert [node.pid for node in cluster] == pids
    cluster.wait_stable()
