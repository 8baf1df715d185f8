"""What a node says about itself: alive, ready, status, metrics. Knows the node's parts and no socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from actors import AskError, Reference, SystemStopped
from actors.runtime.logs import LoopStallMonitor
from actors.runtime.metrics import CONTENT_TYPE, SystemCollector, exposition
from actors.runtime.system import ActorSystem
from actors.runtime.transport import Transport
from actorum.http import Response, Route
from actorum.latency import MeasuredDoor, latency_facts, prometheus_buckets
from protocols.raft.messages import Inspect, Status

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
DOOR_GAUGES = frozenset({"connections", "batches_in_flight"})


class Health(Collector):
    """A node's own view of itself, as HTTP routes, as Prometheus metrics, and as facts for INFO.

    Args:
        cluster_id: of the cluster.
        system: where the node's actors live.
        raft: its consensus role.
        door: its Redis door.
        stalls: who measures the event loop.

    Attributes:
        stopping: set when the node drains; it is then no longer ready.
        http_port: where these routes are served.
        latest: the status as of about a second ago.
    """

    def __init__(
        self, cluster_id: str, system: ActorSystem, raft: Reference, door: MeasuredDoor, stalls: LoopStallMonitor
    ) -> None:
        self.pid = os.getpid()
        self.stopping = False
        self.http_port = 0
        self.latest: dict[str, Any] = {"name": system.name}
        self._cluster_id = cluster_id
        self._system = system
        self._raft = raft
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
        return {"node": self._system.name, **{name: self.latest.get(name) for name in ROLE_FACTS}}

    def routes(self) -> Mapping[str, Route]:
        """Path to coroutine function, for the HTTP server."""
        return {
            "/livez": self._livez, "/readyz": self._readyz, "/metrics": self._metrics, "/api/v1/status": self._status,
        }

    async def status(self) -> dict[str, Any]:
        """Everything, as one JSON object; ``role`` is None when the consensus role does not answer in time."""
        try:
            role: Status | None = await self._raft.ask(Inspect(), timeout_seconds=ASK_SECONDS)
        except (AskError, SystemStopped):
            role = None
        self._raise_alarms(role)
        checks = self._checks(role)
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

    def _checks(self, role: Status | None) -> dict[str, str | None]:
        """What must hold before clients should come: check to problem, None when it holds."""
        if role is not None and role.leader is not None and role.applied_index >= role.commit_index:
            self._caught_up = True
        return {
            "running": "the node is stopping" if self.stopping else None,
            "consensus": "the consensus role does not answer" if role is None else None,
            "leader": "no leader is known" if role is None or role.leader is None else None,
            "state": None if self._caught_up else "what is committed is not applied yet",
            "peers": "; ".join(self._refusals().values()) or None,
        }

    def _refusals(self) -> Mapping[str, str]:
        """Peers that do not accept this node, or that it does not accept, and why."""
        carrier = self._system.world.remote.carrier
        return carrier.refusals if isinstance(carrier, Transport) else {}

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
