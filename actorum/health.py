"""What a node says about itself: alive, ready, status, metrics. Knows the node's parts and no socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from actors import AskError, Reference, Request, SystemStopped
from actors.runtime.logs import LoopStallMonitor
from actors.runtime.metrics import CONTENT_TYPE, SystemCollector, exposition
from actors.runtime.system import ActorSystem
from actors.runtime.transport import Transport
from actorum.http import Response, Route
from actorum.latency import MeasuredDoor, latency_facts, prometheus_buckets
from actorum.readiness import refusal
from protocols.raft.messages import Inspect, Status
from protocols.storage.messages import CountKeys
from protocols.storage.node import StoreActors

T = TypeVar("T")

_log = logging.getLogger("actorum.health")

ASK_SECONDS = 1.0
FACTS_SECONDS = 1.0
ROLE_FACTS = ("role", "term", "leader", "commit_index", "applied_index", "last_index", "snapshot_index")
#: Counts of a role that should stay 0, and what to say when one does not.
ALARMS = {
    "possibly_lost": "entries at the end of the log were damaged on this disk and no other node had them: what clients "
    "were told of them may be lost; check the disk, and compare with what clients remember",
    "peer_messages_dropped": "messages that no correct node sends came from a peer and were dropped: look for a node "
    "of another version or with a damaged disk",
}
STORE_FACTS = ("keys", "expiring_keys", "disk_bytes")
STORE_GAUGES = {
    "keys": "keys that this node's replica holds",
    "expiring_keys": "those of them that have a deadline",
    "disk_bytes": "what the data folder takes of the disk",
}
DOOR_GAUGES = frozenset({"connections", "batches_in_flight"})


def disk_bytes(folder: Path) -> int | None:
    """What the files of a folder take of the disk, in bytes; None when it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sum(entry.stat(follow_symlinks=False).st_blocks * 512 for entry in entries)
    except OSError:  # gone, or a segment was removed meanwhile: the next look tells
        return None


async def _asked(actor: Reference, question: Request[T]) -> T | None:
    """Its answer; None when there is none in time."""
    try:
        return await actor.ask(question, timeout_seconds=ASK_SECONDS)
    except (AskError, SystemStopped):
        return None


class Health(Collector):
    """A node's own view of itself, as HTTP routes, as Prometheus metrics, and as facts for INFO.

    Args:
        cluster_id: of the cluster.
        system: where the node's actors live.
        actors: of its store.
        door: its Redis door.
        stalls: who measures the event loop.
        data: its data folder.

    Attributes:
        stopping: set when the node drains; it is then no longer ready.
        http_port: where these routes are served.
        latest: the status as of about a second ago.
    """

    def __init__(
        self, cluster_id: str, system: ActorSystem, actors: StoreActors, door: MeasuredDoor, stalls: LoopStallMonitor,
        data: Path,
    ) -> None:
        self.pid = os.getpid()
        self.stopping = False
        self.http_port = 0
        self.latest: dict[str, Any] = {"name": system.name}
        self._cluster_id = cluster_id
        self._system = system
        self._actors = actors
        self._data = data
        self._door = door
        self._stalls = stalls
        self._started = time.monotonic()
        self._caught_up = False
        self._alarmed = dict.fromkeys(ALARMS, 0)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Keep ``latest`` fresh."""
        self._task = asyncio.get_running_loop().create_task(self._refresh(), name="node status")

    async def stop(self) -> None:
        """No longer."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _refresh(self) -> None:
        while True:
            await self.status()
            await asyncio.sleep(FACTS_SECONDS)

    def facts(self) -> dict[str, Any]:
        """What INFO shows of the node."""
        return {"node": self._system.name, **{name: self.latest.get(name) for name in (*ROLE_FACTS, *STORE_FACTS)}}

    def routes(self) -> Mapping[str, Route]:
        """Path to coroutine function, for the HTTP server."""
        return {
            "/livez": self._livez, "/readyz": self._readyz, "/metrics": self._metrics, "/api/v1/status": self._status,
        }

    async def status(self) -> dict[str, Any]:
        """Everything, as one JSON object; ``role`` is None when the consensus role does not answer in time."""
        asked = _asked(self._actors.raft, Inspect()), _asked(self._actors.shard, CountKeys())
        role, held = await asyncio.gather(*asked)
        refused_by = self._refused_by()
        self._raise_alarms(role)
        checks = self._checks(role, refused_by)
        counters = self._door.counters
        self.latest = {
            "name": self._system.name,
            "pid": self.pid,
            "cluster_id": self._cluster_id,
            **{name: None if role is None else getattr(role, name) for name in (*ROLE_FACTS, *ALARMS)},
            "role": None if role is None else role.role.value,
            "redis_port": self._door.port,
            "http_port": self.http_port,
            "ready": all(problem is None for problem in checks.values()),
            "checks": {check: problem or "ok" for check, problem in checks.items()},
            "refused_by": refused_by,
            "keys": None if held is None else held.keys,
            "expiring_keys": None if held is None else held.expiring,
            "disk_bytes": disk_bytes(self._data),
            "uptime_seconds": round(time.monotonic() - self._started, 3),
            "clients": counters["connections"],
            "commands": counters["commands"],
            **latency_facts(self._door.latency),
        }
        return self.latest

    def _raise_alarms(self, role: Status | None) -> None:
        """Log once for each time that one of ``ALARMS`` has grown."""
        for name, meaning in ALARMS.items():
            count = 0 if role is None else getattr(role, name)
            if count > self._alarmed[name]:
                _log.error("%s is %d: %s", name, count, meaning)
                self._alarmed[name] = count

    def _checks(self, role: Status | None, refused_by: Mapping[str, str]) -> dict[str, str | None]:
        """What must hold before clients should come: check to problem, None when it holds."""
        if role is not None and role.leader is not None and role.applied_index >= role.commit_index:
            self._caught_up = True
        return {
            "running": "the node is stopping" if self.stopping else None,
            "consensus": "the consensus role does not answer" if role is None else None,
            "leader": "no leader is known" if role is None or role.leader is None else None,
            "state": None if self._caught_up else "what is committed is not applied yet",
            # A node that has a leader serves, whatever some peer that is set up wrongly thinks of it.
            "peers": refusal(refused_by) if role is None or role.leader is None else None,
        }

    def _refused_by(self) -> dict[str, str]:
        """Peers that do not accept this node, and why."""
        carrier = self._system.world.remote.carrier
        return dict(carrier.refused_by) if isinstance(carrier, Transport) else {}

    async def _livez(self, _query: Mapping[str, list[str]]) -> Response:
        return Response.text(200, "ok")

    async def _readyz(self, query: Mapping[str, list[str]]) -> Response:
        found = await self.status()
        lines = [f"[{'+' if word == 'ok' else '-'}] {check}: {word}" for check, word in found["checks"].items()]
        verdict = "ready" if found["ready"] else "not ready"
        shown = [*lines, verdict] if "verbose" in query or not found["ready"] else [verdict]
        return Response.text(200 if found["ready"] else 503, "\n".join(shown))

    async def _status(self, _query: Mapping[str, list[str]]) -> Response:
        return Response(200, "application/json", json.dumps(await self.status()).encode() + b"\n")

    async def _metrics(self, _query: Mapping[str, list[str]]) -> Response:
        await self.status()
        return Response(200, CONTENT_TYPE, exposition(SystemCollector.of(self._system, self._stalls), self))

    def collect(self) -> Iterator[Metric]:
        """The metrics of the doors and of the consensus role; those of the actor system come from its own collector."""
        node = self._system.name
        for name, value in self._door.counters.items():
            kind = GaugeMetricFamily if name in DOOR_GAUGES else CounterMetricFamily
            family = kind(f"actorum_door_{name}", f"{name.replace('_', ' ')} of the Redis door", labels=["node"])
            family.add_metric([node], value)
            yield family
        latency = HistogramMetricFamily(
            "actorum_door_batch_seconds", "from a batch's departure from the door to its outcome", labels=["node"]
        )
        histogram = self._door.latency
        latency.add_metric([node], prometheus_buckets(histogram.counts), histogram.total_seconds)
        yield latency
        for name, what in STORE_GAUGES.items():
            if self.latest.get(name) is not None:
                yield self._gauge(f"actorum_store_{name}", what, name)
        for name in ("term", "commit_index", "applied_index", "last_index", "snapshot_index"):
            if self.latest.get(name) is not None:
                yield self._gauge(f"actorum_raft_{name}", f"{name.replace('_', ' ')} of the Raft role", name)
        for name in ALARMS:
            if self.latest.get(name) is not None:
                alarm = CounterMetricFamily(
                    f"actorum_raft_{name}", f"{name.replace('_', ' ')}; an alarm when not 0", labels=["node"]
                )
                alarm.add_metric([node], self.latest[name])
                yield alarm
        leads = GaugeMetricFamily("actorum_raft_leader", "1 when this node leads", labels=["node"])
        leads.add_metric([node], float(self.latest.get("role") == "leader"))
        yield leads

    def _gauge(self, metric: str, what: str, fact: str) -> Metric:
        family = GaugeMetricFamily(metric, what, labels=["node"])
        family.add_metric([self._system.name], self.latest[fact])
        return family
