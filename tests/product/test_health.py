"""What a node says about itself when something went wrong unasked, and how its actors find each other."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from actorum.cluster import generate
from actorum.health import Health
from actorum.node import Node
from actorum.settings import Settings
from actorum.settings_file import load
from protocols.raft.messages import RoleName, Status
from protocols.raft.settings import RaftSettings
from protocols.storage.settings import LOG_NAME


def role(**counts: int) -> Status:
    return Status(
        term=1, role=RoleName.FOLLOWER, leader=None, commit_index=0, applied_index=0, last_index=0, snapshot_index=0,
        first_index=1, snapshots_installed=0, **{"possibly_lost": 0, **counts},
    )


def test_a_possible_loss_is_logged_once_each_time_it_grows(caplog: pytest.LogCaptureFixture) -> None:
    nothing: Any = None
    system: Any = SimpleNamespace(name="n1")
    health = Health("c", system, nothing, nothing, nothing, nothing)
    with caplog.at_level(logging.ERROR, "actorum.health"):
        for said in (None, role(), role(possibly_lost=2), role(possibly_lost=2), role(possibly_lost=3)):
            health._raise_alarms(said)
    assert [record.getMessage()[:18] for record in caplog.records] == ["possibly_lost is 2", "possibly_lost is 3"]


def test_the_log_adapter_looks_for_the_role_under_the_groups_name(tmp_path: Path) -> None:
    node = Node(load(generate(tmp_path, 1, Settings(raft=RaftSettings(group="votes"))), environment={}), "n1")
    spawned: dict[str, tuple[Any, ...]] = {}
    spawner: Any = SimpleNamespace(spawn=lambda actor, *args, name, supervision: spawned.update({name: args}))
    node.system = spawner
    node._spawn_actors()
    assert spawned[LOG_NAME] == (node.settings.adapter, "votes")
    assert "votes" in spawned
