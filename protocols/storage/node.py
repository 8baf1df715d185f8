"""The actors of one node of the store, spawned in every world by the same function. Knows no world.

    doors ──► gateway ──► log-0 (adapter) ──► shard-0
                            │   ▲
                            ▼   │
                           raft-0              detector

Each is supervised with ESCALATE: a bug in one stops the node in order, and whoever started the node starts it again
from its log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from actors.context import Directive, Supervision
from core_ext.mailbox import Reference
from protocols.detector import DetectorSettings, HeartbeatDetector
from protocols.raft import RaftRole, RaftSettings, configuration
from protocols.storage.gateway import Gateway
from protocols.storage.raft_log import RaftLog
from protocols.storage.settings import GATEWAY_NAME, LOG_NAME, SHARD_NAME, GatewaySettings, LogSettings, ShardSettings
from protocols.storage.shard import StorageShard

ESCALATE = Supervision(directive=Directive.ESCALATE)


class Spawn(Protocol):
    """What a world offers to start a top-level actor on a node."""

    def __call__(
        self, actor_class: type[Any], /, *args: Any, name: str, supervision: Supervision
    ) -> Reference:
        """Start the actor; its reference."""


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of every actor of a node.

    Attributes:
        raft, detector: the same on every node.
        adapter, shard, gateway: nodes may differ.
    """

    raft: RaftSettings = RaftSettings()
    detector: DetectorSettings = DetectorSettings()
    adapter: LogSettings = LogSettings()
    shard: ShardSettings = ShardSettings()
    gateway: GatewaySettings = GatewaySettings()


class StoreActors(NamedTuple):
    """Those actors of a node that others talk to."""

    gateway: Reference
    raft: Reference
    shard: Reference


def spawn_store(spawn: Spawn, nodes: Sequence[str], settings: StoreSettings) -> StoreActors:
    """Start the actors of one node, those first that others send to when they start.

    Args:
        spawn: starts an actor on the node.
        nodes: names of all nodes of the cluster when it is created, this one included.
        settings: of the actors.
    """
    shard = spawn(StorageShard, settings.shard, name=SHARD_NAME, supervision=ESCALATE)
    spawn(RaftLog, settings.adapter, settings.raft.group, name=LOG_NAME, supervision=ESCALATE)
    gateway = spawn(Gateway, settings.gateway, name=GATEWAY_NAME, supervision=ESCALATE)
    raft = spawn(
        RaftRole, settings.raft, configuration(*nodes), LOG_NAME, name=settings.raft.group, supervision=ESCALATE
    )
    spawn(
        HeartbeatDetector, tuple(nodes), settings.detector, name=settings.detector.name, supervision=ESCALATE
    )
    return StoreActors(gateway, raft, shard)
