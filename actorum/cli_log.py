"""``actorum log``: look at, check and repair the write-ahead log of a node that is down. Knows no node."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from actorum.exits import Exit

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
directory_argument = click.argument(
    "directory", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path)
)


@click.group()
def log() -> None:
    """Inspect, verify and repair the log in a node's data folder."""


@log.command()
@directory_argument
@json_option
def inspect(directory: Path, as_json: bool) -> None:
    """Print whose log it is, its segments and its streams."""
    from core_ext import log_tools

    found = _run(log_tools.inspect, directory)
    if as_json:
        _print_json(found)
        return
    click.echo(f"cluster {found.cluster_id} · node {found.node_id} · folder {found.folder_id}")
    for segment in found.segments:
        counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(segment.records.items()))
        click.echo(f"{segment.file}: {segment.used:,} of {segment.size:,} bytes used; {counts or 'unreadable'}")
    for stream in found.streams:
        click.echo(
            f"stream {stream.name}: positions {stream.first_position} to {stream.next_position - 1}, "
            f"{stream.checkpoint_chunks} checkpoint chunks"
            + (f", {stream.uncertain} uncertain" if stream.uncertain else "")
            + (", newest critical record lost" if stream.lost else "")
        )


@log.command()
@directory_argument
@json_option
def verify(directory: Path, as_json: bool) -> None:
    """Check every record."""
    from core_ext import log_tools

    found = _run(log_tools.verify, directory)
    if as_json:
        _print_json({"ok": found.ok, "refused_alone": found.refused_alone, **found._asdict()})
    else:
        for damage in found.damages:
            click.echo(_sentence(damage))
        for stream in found.lost:
            click.echo(f"stream {stream}: the newest critical record or checkpoint is gone")
        click.echo("ok" if found.ok else "damaged: records that were durable are unreadable")
        if found.refused_alone:
            click.echo(
                f"A node with peers fetches them from there. A node alone refuses to start; to start it without "
                f"them: actorum log repair {directory}"
            )
    if not found.ok:
        sys.exit(Exit.FAILED)


@log.command(short_help="Cut each stream before its first unreadable record.")
@directory_argument
@json_option
def repair(directory: Path, as_json: bool) -> None:
    """Cut each stream before its first unreadable record; damaged files are kept beside the log."""
    from core_ext import log_tools

    found = _run(log_tools.repair, directory)
    if as_json:
        _print_json(found)
        return
    for damage in found.damages:
        click.echo(_sentence(damage))
    for stream, removed in found.removed.items():
        first, last = removed[0][0], removed[-1][0]
        click.echo(f"stream {stream}: {len(removed)} records removed, positions {first} to {last}")
    click.echo(f"kept as they were: {', '.join(found.copies)}" if found.copies else "nothing was damaged")


def _run(tool: Any, directory: Path) -> Any:
    from core_ext.log_errors import LogError

    try:
        return tool(directory)
    except LogError as error:
        click.echo(f"actorum: {error}", err=True)
        sys.exit(Exit.DATA_REFUSED)


def _print_json(value: Any) -> None:
    click.echo(msgspec.json.encode(_plain(value), enc_hook=str).decode())


def _plain(value: Any) -> Any:
    """Named tuples and damages as objects, enums by name."""
    if hasattr(value, "verdict"):
        return {name: _plain(getattr(value, name)) for name in ("file", "offset", "length", "verdict", "records")}
    if hasattr(value, "_asdict"):
        return {key: _plain(item) for key, item in value._asdict().items()}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.name.lower() if hasattr(value, "name") and hasattr(value, "value") else value


def _sentence(damage: Any) -> str:
    verdict = damage.verdict.name.lower()
    return f"{damage.file} at offset {damage.offset}: {damage.length} bytes {verdict}"
