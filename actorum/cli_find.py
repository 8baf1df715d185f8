"""How commands find the cluster that they are about. Knows files, and no process.

Settings are imported when a command asks for them: other commands start without.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from actorum.node_process import Ready
    from actorum.settings_file import Loaded

DEFAULT_CONFIG = Path("actorum-data") / "cluster.toml"

config_option = click.option(
    "--config", type=click.Path(dir_okay=False, path_type=Path),
    help="The cluster file or any node's file (default: $ACTORUM_CONFIG, else ./actorum-data/cluster.toml).",
)


def find_config(given: Path | None) -> Path:
    """The settings file that a command is about.

    Raises:
        SettingsError: none was given, and there is none at the default place.
    """
    if given is not None:
        return given
    path = Path(os.environ.get("ACTORUM_CONFIG") or DEFAULT_CONFIG)
    if not path.exists():
        from actorum.settings import SettingsError

        raise SettingsError(
            f"no cluster at {path}; start one here with `actorum up`, or say where it is with --config FILE"
        )
    return path


def doors(loaded: Loaded, name: str) -> Ready:
    """A node's ports: those of the settings, and for one that is 0 what the running node wrote into its ready-file."""
    from actorum.node_process import Ready, beside, read_ready

    node = loaded.node_settings(name)
    ready = read_ready(beside(loaded.data_folder(name), "ready.json")) or Ready(name, 0, 0, 0, 0)
    return Ready(
        name, ready.pid, node.peer_port or ready.peer_port, node.redis_port or ready.redis_port,
        node.http_port or ready.http_port,
    )
