"""Settings: precedence, and errors that name the path and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from actorum.node import Node
from actorum.settings import NodeSection, Settings, SettingsError
from actorum.settings_file import load, to_toml

THREE = """
[cluster]
id = "blue"
[nodes.n1]
peer_port = 7001
redis_port = 6401
[nodes.n2]
peer_port = 7002
[nodes.n3]
host = "10.0.0.3"
listen = "0.0.0.0"
peer_port = 7001
"""


def _write(folder: Path, text: str, name: str = "cluster.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def _refused(folder: Path, text: str, **options: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load(_write(folder, text), **{"environment": {}, **options})  # type: ignore[arg-type]
    return str(caught.value)


def test_a_cluster_file_is_read_and_defaults_fill_in(tmp_path: Path) -> None:
    loaded = load(_write(tmp_path, THREE), environment={})
    assert loaded.settings.cluster.id == "blue"
    assert list(loaded.settings.nodes) == ["n1", "n2", "n3"]
    assert loaded.settings.raft == Settings().raft
    assert loaded.data_folder("n1") == tmp_path / "n1"
    assert loaded.settings.nodes["n3"].bind_address == "0.0.0.0"
    assert loaded.settings.nodes["n1"].bind_address == "127.0.0.1"


def test_nodes_on_one_loopback_interface_talk_past_tcp_and_others_do_not(tmp_path: Path) -> None:
    loaded = load(_write(tmp_path, THREE), environment={})
    near, far = Node(loaded, "n1").system, Node(loaded, "n3").system
    assert near._peers == {"n2": "ipc://@actorum-127.0.0.1:7002", "n3": "tcp://10.0.0.3:7001"}
    assert (near._listen, list(near._also_listen)) == ("tcp://127.0.0.1:7001", ["ipc://@actorum-127.0.0.1:7001"])
    assert far._peers == {"n1": "tcp://127.0.0.1:7001", "n2": "tcp://127.0.0.1:7002"}
    assert (far._listen, list(far._also_listen)) == ("tcp://0.0.0.0:7001", [])


def test_flag_wins_over_environment_over_node_file_over_cluster_file(tmp_path: Path) -> None:
    _write(tmp_path, THREE + "[raft]\nmax_append_bytes = 1\ninflight_appends = 1\n[detector]\nthreshold = 1\n")
    node = _write(
        tmp_path,
        'node = "n2"\n[raft]\nmax_append_bytes = 2\ninflight_appends = 2\n'
        "[detector]\nthreshold = 2\ninterval_seconds = 2\n",
        "n2.toml",
    )
    environment = {"ACTORUM_RAFT__MAX_APPEND_BYTES": "3", "ACTORUM_RAFT__INFLIGHT_APPENDS": "3", "ACTORUM_DATA": "x"}
    loaded = load(node, environment=environment, overrides=["raft.max_append_bytes=4"])
    settings = loaded.settings
    assert (settings.raft.max_append_bytes, settings.raft.inflight_appends) == (4, 3)
    assert (settings.detector.threshold, settings.detector.interval_seconds) == (2, 2.0)
    assert loaded.node == "n2"
    assert loaded.cluster_path == tmp_path / "cluster.toml"


def test_one_node_is_set_from_the_environment(tmp_path: Path) -> None:
    loaded = load(_write(tmp_path, THREE), environment={"ACTORUM_NODES__N2__REDIS_PORT": "6999"})
    assert loaded.settings.nodes["n2"].redis_port == 6999


def test_text_from_the_environment_is_read_as_the_fields_type_asks(tmp_path: Path) -> None:
    environment = {"ACTORUM_CLUSTER__ID": "123", "ACTORUM_RAFT__HEARTBEAT_SECONDS": "0.02"}
    settings = load(_write(tmp_path, THREE), environment=environment).settings
    assert settings.cluster.id == "123"
    assert settings.raft.heartbeat_seconds == 0.02


def test_an_unknown_field_is_refused_by_its_path_with_the_nearest_known_one(tmp_path: Path) -> None:
    message = _refused(tmp_path, THREE + "[raft]\nelection_timout_seconds = 1\n")
    assert "cluster.toml" in message
    assert "raft.election_timout_seconds" in message
    assert "nearest known one is raft.election_timeout_seconds" in message
    assert "nodes.n1.redisport" in _refused(tmp_path, "[nodes.n1]\nredisport = 1\n")
    assert "unknown setting rafts" in _refused(tmp_path, THREE + "[rafts]\n")


def test_a_wrong_type_is_refused_by_its_path(tmp_path: Path) -> None:
    message = _refused(tmp_path, THREE + '[raft]\nmax_append_bytes = "many"\n')
    assert "raft.max_append_bytes: expected `int`, got `str`" in message
    assert "nodes" in _refused(tmp_path, "nodes = 3\n")
    assert "raft: expected `object`" in _refused(tmp_path, "raft = []\n" + THREE)
    assert "nodes.a: expected `object`" in _refused(tmp_path, "[nodes]\na = 1\n")


def test_a_value_out_of_range_is_refused_by_its_path(tmp_path: Path) -> None:
    assert "nodes.n1.redis_port: expected `int` <= 65535" in _refused(tmp_path, "[nodes.n1]\nredis_port = 70000\n")
    message = _refused(tmp_path, THREE + "[raft]\nelection_timeout_seconds = [0.01, 0.02]\n")
    assert "twice the heartbeat must be below" in message


def test_the_environment_and_flags_are_checked_like_the_file(tmp_path: Path) -> None:
    assert "unknown setting raft.nonsense" in _refused(tmp_path, THREE, environment={"ACTORUM_RAFT__NONSENSE": "1"})
    assert "expected `int`" in _refused(tmp_path, THREE, overrides=["raft.max_append_bytes=many"])
    assert "expected section.field=value" in _refused(tmp_path, THREE, overrides=["raft"])
    assert "is a table" in _refused(tmp_path, THREE, overrides=["raft=1"])


def test_a_missing_or_broken_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such settings file"):
        load(tmp_path / "nothing.toml")
    assert "not valid TOML" in _refused(tmp_path, "[nodes")


def test_nodes_must_be_reachable_and_apart(tmp_path: Path) -> None:
    assert "names no nodes" in _refused(tmp_path, "")
    assert "nodes.b.peer_port is 0" in _refused(tmp_path, "[nodes.a]\npeer_port = 1\n[nodes.b]\n")
    both = _refused(tmp_path, "[nodes.a]\npeer_port = 9\n[nodes.b]\npeer_port = 9\n")
    assert "nodes.b.peer_port and nodes.a.peer_port are both 9" in both
    alone = load(_write(tmp_path, "[nodes.a]\n"), environment={})
    assert alone.settings.nodes["a"].peer_port == 0


def test_a_node_file_names_a_node_that_exists(tmp_path: Path) -> None:
    _write(tmp_path, THREE)
    with pytest.raises(SettingsError, match="there is no node 'n9'; it has n1, n2, n3"):
        load(_write(tmp_path, 'node = "n9"\n', "n9.toml"))
    with pytest.raises(SettingsError, match="expected `str`"):
        load(_write(tmp_path, "node = 9\n", "n9.toml"))


def test_what_is_written_reads_back_the_same(tmp_path: Path) -> None:
    settings = Settings(nodes={"a.b": NodeSection(peer_port=1, data='q"\\ü'), "c": NodeSection(peer_port=2)})
    for defaults in (True, False):
        path = _write(tmp_path, to_toml(settings, defaults=defaults))
        assert load(path, environment={}).settings == settings


def test_every_setting_stands_in_the_documentation_with_its_default() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text()

    def check(section: msgspec.Struct, path: str) -> None:
        for field in section.__struct_fields__:
            value = getattr(section, field)
            if isinstance(value, msgspec.Struct):
                check(value, f"{path}{field}.")
            elif field != "nodes":
                assert f"| `{path}{field}` | `{json.dumps(value)}` |" in text, f"docs/operations.md: {path}{field}"

    check(Settings(), "")
    check(NodeSection(), "nodes.NAME.")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[redis]\nmax_command_bytes = 33554433\n", "redis.max_command_bytes is 33554433; give 33554432 or less"),
        ("[runtime.transport]\nmax_frame_bytes = 1000000\n", "runtime.transport.max_frame_bytes is 1000000"),
    ],
)
def test_limits_that_do_not_fit_together_are_refused(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(SettingsError, match=what):
        load(_write(tmp_path, text), environment={})
