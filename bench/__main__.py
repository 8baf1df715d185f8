"""Measure this system, row by row: ``python -m bench``, or beside its peers: ``python -m bench compare``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from bench import conditions, fault_rows, judge_rows, report, store_rows
from bench.actor_rows import row
from bench.compare import compare
from bench.contests import CONTESTS
from bench.lab import Lab, Options, data_folder
from bench.report import Measured

DEFAULT_SECONDS = 10.0
QUICK_SECONDS = 2.0

ROWS: dict[str, tuple[str, Callable[[Lab], Measured]]] = {
    "tell": ("messages told to a local actor", row("actors_local", "tell")),
    "ask": ("answers awaited from a local actor", row("actors_local", "ask")),
    "ask-asyncio": ("the same on plain asyncio", row("actors_local", "ask", plain_asyncio=True)),
    "spawn": ("actors started", row("actors_local", "spawn")),
    "memory": ("of one idle actor", row("actors_local", "memory", "bytes")),
    "remote-tell": ("messages told to an actor in another process", row("actors_remote", "tell")),
    "remote-ask": ("answers awaited from another process, one at a time", row("actors_remote", "ask")),
    "remote-ask-asyncio": ("the same on plain asyncio", row("actors_remote", "ask", plain_asyncio=True)),
    "remote-ask-1000": ("the same with 1000 in flight", row("actors_remote", "ask-1000")),
    "set-1": ("replicated SET, 1 client", store_rows.closed("set", 1)),
    "set-100": ("replicated SET, 100 clients", store_rows.closed("set", 100)),
    "set-1000": ("replicated SET, 1000 clients", store_rows.closed("set", 1000)),
    "set-100-P50": ("replicated SET, 100 clients with 50 in flight", store_rows.closed("set", 100, 50)),
    "get-1": ("linearizable GET, 1 client", store_rows.closed("get", 1)),
    "get-100": ("linearizable GET, 100 clients", store_rows.closed("get", 100)),
    "get-1000": ("linearizable GET, 1000 clients", store_rows.closed("get", 1000)),
    "get-100-P50": ("linearizable GET, 100 clients with 50 in flight", store_rows.closed("get", 100, 50)),
    "follower-set-100": ("SET, 100 clients at a follower's door", store_rows.closed("set", 100, 1, "follower")),
    "follower-set-100-P50": ("the same, 50 in flight each", store_rows.closed("set", 100, 50, "follower")),
    "follower-get-100": ("GET, 100 clients at a follower's door", store_rows.closed("get", 100, 1, "follower")),
    "open-loop-set": ("latency of SETs that come at a fixed rate", store_rows.open_loop("set")),
    "open-loop-get": ("latency of GETs that come at a fixed rate", store_rows.open_loop("get")),
    "gap": ("longest time without service after kill -9 of the leader", fault_rows.service_gap),
    "recovery": ("restart with every SET still in the log", fault_rows.recovery),
    "judge-causal": ("CC and CCv of 100,000 operations in 10 sessions", judge_rows.causal_row),
    "stall": ("longest loop stall under a snapshot and load", fault_rows.loop_stall),
}


def names(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Rows by name or by a family's beginning (``set`` means all that begin with it)."""
    found: list[str] = []
    for word in given:
        matching = [name for name in ROWS if name == word] or [name for name in ROWS if name.startswith(word)]
        if not matching:
            raise click.BadParameter(f"no row {word!r}; there are {', '.join(ROWS)}")
        found += [name for name in matching if name not in found]
    return tuple(found)


SHARED = [
    click.option("--seconds", type=float, help=f"Time of one row (default {DEFAULT_SECONDS:g})."),
    click.option("--quick", is_flag=True, help=f"Short rows of {QUICK_SECONDS:g} s, fewer kills and keys."),
    click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Where data goes; never tmpfs."),
    click.option("--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Where the JSON goes."),
]


def shared(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that both commands take."""
    for option in reversed(SHARED):
        function = option(function)
    return function


def make_options(seconds: float | None, quick: bool, data: Path | None, **more: Any) -> Options:
    """Options from the command line; a quick run is short in every way."""
    options = Options(seconds or (QUICK_SECONDS if quick else DEFAULT_SECONDS), data_folder(data), **more)
    return replace(options, kills=3, keys=100_000) if quick else options


@click.group(invoke_without_command=True, help=__doc__)
@click.option("--rows", multiple=True, callback=names, help="Only these rows, or families; may be repeated.")
@click.option("--door", type=click.Choice(["leader", "follower"]), default="leader", help="Whose door the load uses.")
@click.option("--own-load", is_flag=True, help="The own load generator although redis-benchmark is installed.")
@click.option("--rate", type=float, default=5_000.0, show_default=True, help="Requests per second of the open loop.")
@click.option("--list", "list_rows", is_flag=True, help="Name the rows and stop.")
@shared
@click.pass_context
def main(
    context: click.Context, rows: tuple[str, ...], door: str, own_load: bool, rate: float, list_rows: bool,
    seconds: float | None, quick: bool, data: Path | None, json_path: Path | None,
) -> None:
    """Measure the rows one after the other; a row that fails is named, and the others go on."""
    if context.invoked_subcommand is not None:
        return
    if list_rows:
        for name, (what, _) in ROWS.items():
            click.echo(f"{name:20s} {what}")
        return
    options = make_options(seconds, quick, data, door=door, own_load=own_load, rate=rate)
    failed = False
    results: dict[str, Measured | str] = {}
    with Lab(options) as lab:
        found = conditions.gather(options.folder, options.seconds, options.value_bytes, options.key_space)
        click.echo(conditions.show(found) + "\n")
        for name in rows or ROWS:
            try:
                measured = ROWS[name][1](lab)
            except Exception as error:
                failed = True
                results[name] = f"{type(error).__name__}: {error}"
                click.echo(f"{name:26s} FAILED  {results[name]}")
                continue
            results[name] = measured
            click.echo(report.line(name, measured))
    click.echo(f"\nwritten to {report.save('bench', found, results, json_path)}")
    sys.exit(failed)


@main.command("compare")
@click.option("--contest", multiple=True, type=click.Choice([contest.name for contest in CONTESTS]), help="Only these.")
@click.option("--rounds", type=int, default=3, show_default=True, help="A B, so often.")
@shared
def compare_command(
    contest: tuple[str, ...], rounds: int, seconds: float | None, quick: bool, data: Path | None,
    json_path: Path | None,
) -> None:
    """This system and its peers in turn; ratios beside what is to be reached."""
    options = make_options(seconds, quick, data)
    with Lab(options) as lab:
        found = conditions.gather(options.folder, options.seconds, options.value_bytes, options.key_space)
        click.echo(conditions.show(found) + "\n")
        results, holds = compare(lab, set(contest) or {one.name for one in CONTESTS}, rounds, click.echo)
    click.echo(f"\nwritten to {report.save('compare', found, results, json_path)}")
    sys.exit(not holds)


if __name__ == "__main__":
    main()
