"""What a node says about itself: alive, ready, status, metrics. Knows the node's parts and no socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Mapping
from typing import Any

from actors import AskError, Reference, SystemStopped
from actors.runtime.logs import LoopStallMonitor
from actors.runtime.system import ActorSystem
from actorum.http import Response, Route
from actorum.redis_door import RedisDoor
from actorum.settings import Settings
from protocols.raft.messages import Inspect, Status

ASK_SECONDS = 1.0
FACTS_SECONDS = 1.0


class Health:
    """A node's own view of itself, as HTTP routes and as facts for INFO.

    Args:
        name: the node.
        settings: its settings.
        system: where its actors live.
        raft: its consensus role.
        door: its Redis door.
        stalls: who measures the event loop.

    Attributes:
        stopping: set when the node drains; it is then no longer ready.
        http_port: where these routes are served.
        facts: role, leader, term and indices, as of about a second ago.
    """

    def __init__(
        self, name: str, settings: Settings, system: ActorSystem, raft: Reference, door: RedisDoor,
        stalls: LoopStallMonitor,
    ) -> None:
        self.pid = os.getpid()
        self.stopping = False
        self.http_port = 0
        self.facts: dict[str, Any] = {"node": name}
        self._name = name
        self._settings = settings
        self._system = system
        self._raft = raft
        self._door = door
        self._stalls = stalls
        self._started = time.monotonic()
        self._caught_up = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Keep ``facts`` fresh."""
        self._task = asyncio.get_running_loop().create_task(self._refresh(), name="node facts")

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
        checks = self._checks(role)
        found: dict[str, Any] = {
            "name": self._name,
            "pid": self.pid,
            "cluster_id": self._settings.cluster.id,
            "role": None if role is None else role.role.value,
            "term": None if role is None else role.term,
            "leader": None if role is None else role.leader,
            "commit_index": None if role is None else role.commit_index,
            "applied_index": None if role is None else role.applied_index,
            "last_index": None if role is None else role.last_index,
            "snapshot_index": None if role is None else role.snapshot_index,
            "redis_port": self._door.port,
            "http_port": self.http_port,
            "ready": all(problem is None for problem in checks.values()),
            "checks": {check: problem or "ok" for check, problem in checks.items()},
            "uptime_seconds": round(time.monotonic() - self._started, 3),
            "clients": self._door.counters["connections"],
            "commands": self._door.counters["commands"],
        }
        self.facts = {
            "node": self._name, **{key: found[key] for key in ("role", "leader", "term", "commit_index")},
            "applied_index": found["applied_index"],
        }
        return found

    def _checks(self, role: Status | None) -> dict[str, str | None]:
        """What must hold before clients should come: check to problem, None when it holds."""
        if role is not None and role.leader is not None and role.applied_index >= role.commit_index:
            self._caught_up = True
        refusals = getattr(self._system, "refusals", {})
        return {
            "running": "the node is stopping" if self.stopping else None,
            "consensus": "the consensus role does not answer" if role is None else None,
            "leader": "no leader is known" if role is None or role.leader is None else None,
            "state": None if self._caught_up else "what is committed is not applied yet",
            "peers": "; ".join(refusals.values()) or None,
        }

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
        raise NotImplementedError
