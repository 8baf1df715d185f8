"""``actorum get | set | del``: single commands through any node's Redis door. Knows doors, and no actor."""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from actorum.cli_find import config_option, doors, find_config
from actorum.client import Argument, Client, NotReachable, ReplyError
from actorum.exits import Exit
from actorum.settings_file import load

PATIENCE_SECONDS = 5.0

node_option = click.option("--node", help="Ask this node only; any node answers every command.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@click.argument("key")
@config_option
@node_option
@json_option
def get(key: str, config: Path | None, node: str | None, as_json: bool) -> None:
    """Print the value of KEY (linearizable)."""
    value = _execute(config, node, ("GET", key), repeatable=True)
    if as_json:
        click.echo(json.dumps({"key": key, **_as_json(value)}))
    elif value is not None:
        sys.stdout.buffer.write(value + b"\n")
        sys.stdout.buffer.flush()
    if value is None:
        sys.exit(Exit.FAILED)


@click.command("set", short_help="Set KEY to VALUE; done when it is on disk on a majority.")
@click.argument("key")
@click.argument("value")
@click.option("--ttl", type=click.FloatRange(min=0.001), metavar="SECONDS", help="Let the key expire.")
@config_option
@node_option
def put(key: str, value: str, ttl: float | None, config: Path | None, node: str | None) -> None:
    """Set KEY to VALUE ("-": read it from standard input); returns once it is on disk on a majority."""
    data: Argument = sys.stdin.buffer.read() if value == "-" else value
    expiry: tuple[Argument, ...] = () if ttl is None else ("PX", round(ttl * 1000))
    _execute(config, node, ("SET", key, data, *expiry), repeatable=True)


@click.command("del")
@click.argument("keys", nargs=-1, required=True)
@config_option
@node_option
@json_option
def delete(keys: tuple[str, ...], config: Path | None, node: str | None, as_json: bool) -> None:
    """Delete KEYS; prints how many existed."""
    deleted = _execute(config, node, ("DEL", *keys), repeatable=False)
    click.echo(json.dumps({"deleted": deleted}) if as_json else deleted)
    if not deleted:
        sys.exit(Exit.FAILED)


def _as_json(value: bytes | None) -> dict[str, Any]:
    """A value as text when it is UTF-8, else in base64."""
    if value is None:
        return {"value": None}
    try:
        return {"value": value.decode()}
    except UnicodeDecodeError:
        return {"value_base64": base64.b64encode(value).decode()}


def _execute(config: Path | None, node: str | None, command: Sequence[Argument], *, repeatable: bool) -> Any:
    """Run one command at the first node that serves.

    Args:
        config: the settings file that was given, if any.
        node: the only node to ask, if any.
        command: what to run.
        repeatable: running it twice does no harm, so an unknown outcome is tried again elsewhere.
    """
    loaded = load(find_config(config))
    names = [node] if node is not None else list(loaded.settings.nodes)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        for name in names:
            try:
                with Client(loaded.node_settings(name).host, doors(loaded, name).redis_port) as client:
                    return client.execute(*command)
            except NotReachable as error:
                # The connection may have been lost after the command was sent.
                code, why = (Exit.UNAVAILABLE if error.certainly_not_executed else Exit.UNKNOWN_OUTCOME), str(error)
            except ReplyError as error:
                if error.code not in ("CLUSTERDOWN", "UNKNOWN"):
                    raise click.ClickException(str(error)) from error
                code = Exit.UNAVAILABLE if error.code == "CLUSTERDOWN" else Exit.UNKNOWN_OUTCOME
                why = str(error)
            if code is Exit.UNKNOWN_OUTCOME and not repeatable:
                _give_up(code, why)
        if time.monotonic() > deadline:
            _give_up(code, why)
        time.sleep(0.1)


def _give_up(code: Exit, why: str) -> None:
    click.echo(f"actorum: {why}", err=True)
    sys.exit(code)
