"""``actorum status``: what every node of a cluster says about itself. Knows HTTP doors, and no actor."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from actorum.cli_find import doors
from actorum.exits import Exit
from actorum.launcher_view import row, table
from actorum.node_process import http_get
from actorum.readiness import problem
from actorum.settings_file import Loaded, load

ASK_SECONDS = 1.5
PIPED_WIDTH = 200  # characters of a line where no terminal says how many it has


def collect(config: Path) -> list[dict[str, Any]]:
    """Every node's status, in the cluster file's order; ``role`` is None for one that does not answer."""
    loaded = load(config)
    names = list(loaded.settings.nodes)
    with ThreadPoolExecutor(max_workers=len(names)) as pool:
        return list(pool.map(lambda name: _ask(loaded, name), names))


def show(statuses: list[dict[str, Any]]) -> None:
    """Print the statuses for people: a table, and a line for each node that is up and does not serve."""
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
    console.print(table([row(status) for status in statuses], console.width, empty_columns=False))
    for status in statuses:
        trouble = problem(status)
        if trouble is not None:
            click.echo(f"{status['name']}: {trouble}")


def exit_code(statuses: list[dict[str, Any]]) -> Exit:
    """OK when one leads and all are ready, FAILED when one leads and another is not, UNAVAILABLE when none leads."""
    if not any(status["role"] == "leader" for status in statuses):
        return Exit.UNAVAILABLE
    return Exit.OK if all(status["ready"] for status in statuses) else Exit.FAILED


def _ask(loaded: Loaded, name: str) -> dict[str, Any]:
    ports = doors(loaded, name)
    found = http_get(loaded.node_settings(name).http_host, ports.http_port, "/api/v1/status", ASK_SECONDS)
    if found is None or found[0] != 200:
        return {
            "name": name, "role": None, "term": None, "commit_index": None, "applied_index": None, "ready": False,
            "keys": None, "disk_bytes": None, "redis_port": ports.redis_port,
        }
    return dict(json.loads(found[1]))
