"""The live status of ``actorum up`` on a terminal. Knows statuses, and how to draw them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from actorum.cluster import Cluster

HEADINGS = ("node", "role", "term", "commit", "applied", "commands/s", "p50", "p99", "redis")
ROLE_STYLES = {"leader": "bold green", "follower": "cyan", "candidate": "yellow"}


class View:
    """A table that is drawn again in place.

    Args:
        cluster: whose nodes are shown.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._rates = {node.name: Rate() for node in cluster}
        self._live = Live(refresh_per_second=4, transient=True)
        self._live.start()

    def show(self, statuses: Mapping[str, Mapping[str, Any]]) -> None:
        """Draw these statuses, by node name; an empty one is a node that does not answer."""
        table = new_table()
        for node in self._cluster:
            status = statuses[node.name]
            commands = status.get("commands")
            rate = self._rates[node.name].update(time.monotonic(), commands) if commands is not None else 0.0
            if not status:
                status = {"name": node.name, "role": "starting" if node.running else "down"}
            table.add_row(*row({**status, "rate": rate}))
        self._live.update(Group(table, Text("Ctrl-C stops the cluster and keeps its data", "dim")))

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._live.stop()


class Rate:
    """Events a second from a growing counter, over about the last second."""

    def __init__(self) -> None:
        self._since: tuple[float, int] | None = None
        self._rate = 0.0

    def update(self, now: float, count: int) -> float:
        """The rate, given that the counter is at ``count`` at ``now`` (seconds)."""
        if self._since is None or count < self._since[1]:
            self._since = (now, count)
        elapsed = now - self._since[0]
        if elapsed >= 1.0:
            self._rate = (count - self._since[1]) / elapsed
            self._since = (now, count)
        return self._rate


def milliseconds(seconds: float | None) -> str:
    """A duration for people; empty when unknown."""
    return "" if seconds is None else f"{seconds * 1000:.2f} ms"


def new_table() -> Table:
    """An empty table with the columns of ``row``."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), collapse_padding=True, pad_edge=False)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading in ("node", "role") else "right", no_wrap=True)
    return table


def row(status: Mapping[str, Any]) -> list[str | Text]:
    """One node's cells; what the status does not say stays empty."""
    role = status.get("role") or "unreachable"
    numbers = [_number(status, name) for name in ("term", "commit_index", "applied_index", "rate")]
    latencies = [milliseconds(status.get(name)) for name in ("latency_p50_seconds", "latency_p99_seconds")]
    port = str(status.get("redis_port") or "-")
    return [status["name"], Text(role, ROLE_STYLES.get(role, "red")), *numbers, *latencies, port]


def _number(status: Mapping[str, Any], field: str) -> str:
    value = status.get(field)
    return "" if value is None else f"{value:,.0f}"
