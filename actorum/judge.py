"""``actorum judge``: read a recorded history and say whether it keeps a consistency level.

Knows files and the terminal; the judging is a library (actors.verification.histories).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from actorum import user_files
from actorum.exits import Exit

if TYPE_CHECKING:
    from actors.verification.histories import History, Model, Report

LEVELS = ("strong", "sequential", "causal", "eventual", "transactions")


@click.command()
@click.argument("history", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--level", type=click.Choice(LEVELS), default="strong", show_default=True, help="The promise to judge.")
@click.option(
    "--model", "model_name", metavar="NAME",
    help="What was used: register (default), cas-register, multi-register, key-value, mutex, reentrant-mutex, "
    "fenced-mutex, list-append (default of transactions), or FILE.py:CLASS of your own.",
)
@click.option("--key-initial", metavar="VALUE", help="Value of a key never written: JSON, else text (default null).")
@click.option("--time-limit", type=click.FloatRange(min=0, min_open=True), metavar="S", help="Seconds; then: unknown.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--picture", type=click.Path(dir_okay=False, writable=True, path_type=Path), metavar="FILE",
    help="Draw the history, or what shows the violation, as SVG.",
)
def judge(
    history: str, level: str, model_name: str | None, key_initial: str | None, time_limit: float | None, as_json: bool,
    picture: Path | None,
) -> None:
    """Judge a recorded HISTORY (JSON lines; - for standard input)."""
    from actors.verification.histories import HistoryError, Verdict, read_history
    from actors.verification.histories import judge as judge_history
    from actors.verification.histories.picture import svg

    name = model_name or ("list-append" if level == "transactions" else "register")
    model = _own_model(name) if user_files.names_a_file(name) else name
    started = time.monotonic()
    try:
        found = read_history(sys.stdin.buffer if history == "-" else Path(history))
        read_seconds = time.monotonic() - started
        report = judge_history(
            found, level, model, initial=_value(key_initial), time_limit_seconds=time_limit
        )
    except SystemExit as stop:
        click.echo(f"actorum: the model ended the program with SystemExit({stop.code!r}); nothing was judged", err=True)
        sys.exit(Exit.SETTINGS)
    except HistoryError as error:
        if as_json:
            click.echo(json.dumps({"verdict": None, "error": str(error)}))
        else:
            click.echo(f"actorum: {'standard input' if history == '-' else history}: {error}", err=True)
        sys.exit(Exit.SETTINGS)
    if as_json:
        click.echo(_as_json(found, report, read_seconds))
    else:
        _print(found, report)
    if picture is not None:
        try:
            picture.parent.mkdir(parents=True, exist_ok=True)
            picture.write_text(svg(found, report), encoding="utf-8")
        except OSError as error:  # the verdict stands, and the exit code says it
            click.echo(f"actorum: the picture was not written: {error}", err=True)
        else:
            click.echo(f"picture: {picture}", err=as_json)
    codes = {Verdict.OK: Exit.OK, Verdict.VIOLATION: Exit.FAILED, Verdict.UNKNOWN: Exit.UNDECIDED}
    sys.exit(codes[report.verdict])


def _value(given: str | None) -> Any:
    if given is None:
        return None
    try:
        return json.loads(given)
    except ValueError:
        return given


def _own_model(name: str) -> Model:
    """An object of the class that FILE.py:CLASS names.

    Raises:
        click.BadParameter: there is no such file or class, or it cannot be made without arguments.
    """
    from actors.verification.histories import Model

    try:
        made: Model = user_files.class_of(name, Model)()
    except user_files.FileNotLoaded as error:
        raise click.BadParameter(str(error), param_hint="--model") from error
    except Exception as error:
        raise click.BadParameter(
            f"{name} cannot be made: {type(error).__name__}: {error}", param_hint="--model"
        ) from error
    return made


def _as_json(history: History, report: Report, read_seconds: float) -> str:
    import msgspec

    found = msgspec.to_builtins(report)
    found["operations"] = len(history.operations)
    found["read_seconds"] = read_seconds
    return msgspec.json.encode(found).decode()


def _duration(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _print(history: History, report: Report) -> None:
    from actors.verification.histories.picture import explanation, text_picture

    count = len(history.operations)
    click.echo(
        f"{report.level} ({report.model}): {report.verdict.value} · {count:,} operation{'' if count == 1 else 's'} in "
        f"{_duration(report.seconds)}"
    )
    if report.verdict.value != "ok":
        click.echo(explanation(report))
    if report.witness is not None:
        from rich.console import Console

        for edge in report.witness.edges:
            click.echo(f"  {edge.before.describe()} -> {edge.after.describe()}: {edge.why}")
        console = Console()
        click.echo()
        click.echo(text_picture(history, report, console.width if console.is_terminal else 160), nl=False)
