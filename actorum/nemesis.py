"""The nemesis of a real cluster: kills and pauses its processes, and brings them back. Knows no client and no judge."""

from __future__ import annotations

import enum
import random

from actorum.cluster import Cluster
from actorum.node_process import NodeProcess


class Fault(enum.StrEnum):
    """What the nemesis does to processes."""

    KILL_LEADER = "kill-leader"
    KILL_FOLLOWER = "kill-follower"
    KILL_MAJORITY = "kill-majority"
    KILL_ALL = "kill-all"
    PAUSE_LEADER = "pause-leader"
    PAUSE_FOLLOWER = "pause-follower"


class Nemesis:
    """Strikes a cluster.

    Args:
        cluster: its victim.
        rng: draws whom to strike.
        patience_seconds: to find a leader, and for a node to come back.
    """

    def __init__(self, cluster: Cluster, rng: random.Random, patience_seconds: float) -> None:
        self._cluster = cluster
        self._rng = rng
        self._patience_seconds = patience_seconds

    def strike(self, fault: Fault) -> list[NodeProcess]:
        """Do it; the nodes that were struck.

        Raises:
            ClusterError: there is no leader to tell leader and followers apart by.
        """
        leader = self._cluster.leader(self._patience_seconds)
        others = [node for node in self._cluster.nodes if node is not leader]
        self._rng.shuffle(others)
        majority = len(self._cluster.nodes) // 2 + 1
        match fault:
            case Fault.KILL_LEADER | Fault.PAUSE_LEADER:
                victims = [leader]
            case Fault.KILL_FOLLOWER | Fault.PAUSE_FOLLOWER:
                victims = others[:1]
            case Fault.KILL_MAJORITY:
                victims = self._rng.sample(self._cluster.nodes, majority)
            case Fault.KILL_ALL:
                victims = list(self._cluster.nodes)
        for node in victims:
            if fault in (Fault.PAUSE_LEADER, Fault.PAUSE_FOLLOWER):
                node.pause()
            else:
                node.kill()
        return victims

    def heal(self, victims: list[NodeProcess]) -> None:
        """Let paused nodes go on and start killed ones again; returns when their doors are open.

        Raises:
            ClusterError: a node does not come back.
        """
        for node in victims:
            if node.paused:
                node.resume()
            else:
                node.start()
        for node in victims:
            node.wait_ready(self._patience_seconds)
