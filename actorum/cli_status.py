"""``actorum status``: what every node of a cluster says about itself. Knows HTTP doors, and no actor."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.table import Table

from actorum.cli_find import doors
from actorum.launcher_view import new_table, row
from actorum.node_process import http_get
from actorum.settings_file import Loaded, load

ASK_SECONDS = 1.5


def collect(config: Path) -> list[dict[str, Any]]:
    """Every node's status, in the cluster file's order; ``role`` is None for one that does not answer."""
    loaded = load(config)
    names = list(loaded.settings.nodes)
    with ThreadPoolExecutor(max_workers=len(names)) as pool:
        return list(pool.map(lambda name: _ask(loaded, name), names))


def table(statuses: list[dict[str, Any]]) -> Table:
    """The statuses for people."""
    drawn = new_table()
    for status in statuses:
        drawn.add_row(*row(status))
    return drawn


def _ask(loaded: Loaded, name: str) -> dict[str, Any]:
    ports = doors(loaded, name)
    found = http_get(loaded.node_settings(name).http_host, ports.http_port, "/api/v1/status", ASK_SECONDS)
    if found is None or found[0] != 200:
        return {
            "name": name, "role": None, "term": None, "commit_index": None, "applied_index": None,
            "redis_port": ports.redis_port,
        }
    return dict(json.loads(found[1]))
