"""The live status of ``actorum up`` on a terminal. Knows statuses, and how to draw them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from actorum.cluster import Cluster
from actorum.readiness import problem

HEADINGS = (
    "node", "role", "term", "commit", "applied", "keys", "disk", "commands/s", "p50", "p99", "redis",
)
#: Left out one after the other where a line has no room for all.
LEAST_NEEDED = ("applied", "term", "p50", "commit", "disk", "p99", "commands/s")
BETWEEN = 2  # characters from one column to the next
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
        rows, notes = [], []
        for node in self._cluster:
            status = statuses[node.name]
            commands = status.get("commands")
            rate = self._rates[node.name].update(time.monotonic(), commands) if commands is not None else 0.0
            if not status:
                status = {"name": node.name, "role": "starting" if node.running else "down"}
            elif (trouble := problem(status)) is not None:
                notes.append(Text(f"{node.name}: {trouble}", "yellow"))
            rows.append(row({**status, "rate": rate}))
        ending = Text("Ctrl-C stops the cluster and keeps its data", "dim")
        self._live.update(Group(table(rows, self._live.console.width), *notes, ending))

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


def size(count: int | None) -> str:
    """Bytes for people; empty when unknown."""
    if count is None:
        return ""
    if count < 1024:
        return f"{count} B"
    exponent = min((count.bit_length() - 1) // 10, 4)
    return f"{count / 1024**exponent:.1f} {'KMGT'[exponent - 1]}iB"


def table(rows: Sequence[Sequence[str | Text]], width: int, empty_columns: bool = True) -> Table:
    """Rows of ``row`` as a table of whole columns: what a line has no room for is left out, and nothing is cut.

    Args:
        rows: cells in the order of HEADINGS.
        width: of a line, in characters.
        empty_columns: False leaves out columns that say nothing.
    """
    lengths = {
        heading: max(len(heading), *(len(cells[place]) for cells in rows)) + BETWEEN
        for place, heading in enumerate(HEADINGS)
        if empty_columns or heading in ("node", "role") or any(len(cells[place]) for cells in rows)
    }
    for heading in LEAST_NEEDED:
        if sum(lengths.values()) > width:
            lengths.pop(heading, None)
    drawn = Table(box=box.SIMPLE_HEAD, padding=(0, 1), collapse_padding=True, pad_edge=False)
    for heading in lengths:
        drawn.add_column(heading, justify="left" if heading in ("node", "role") else "right", no_wrap=True)
    for cells in rows:
        drawn.add_row(*(cell for heading, cell in zip(HEADINGS, cells, strict=True) if heading in lengths))
    return drawn


def row(status: Mapping[str, Any]) -> list[str | Text]:
    """One node's cells; what the status does not say stays empty."""
    role = status.get("role") or "unreachable"
    numbers = [_number(status, name) for name in ("term", "commit_index", "applied_index", "keys")]
    disk, rate = size(status.get("disk_bytes")), _number(status, "rate")
    latencies = [milliseconds(status.get(name)) for name in ("latency_p50_seconds", "latency_p99_seconds")]
    port = str(status.get("redis_port") or "-")
    return [status["name"], Text(role, ROLE_STYLES.get(role, "red")), *numbers, disk, rate, *latencies, port]


def _number(status: Mapping[str, Any], field: str) -> str:
    value = status.get(field)
    return "" if value is None else f"{value:,.0f}"
