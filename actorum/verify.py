"""``actorum verify`` as a command: options, exit codes and output. The checking itself is ``actors.verification``.

Imports little, because a small model is checked faster than a large library is imported.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from actorum.exits import Exit

if TYPE_CHECKING:
    from actors.verification.result import Progress, Result

STRATEGIES = ("breadth", "depth", "random")


@click.command(short_help="Check every interleaving of a model of your actors.")
@click.argument("model", required=False)
@click.option("--list", "list_models", is_flag=True, help="List the shipped models and what can be set.")
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="An argument of the model; may be given again."
)
@click.option("--strategy", type=click.Choice(STRATEGIES), default="breadth", show_default=True, help="Search order.")
@click.option("--max-depth", type=click.IntRange(1), metavar="N", help="Follow paths of at most N states.")
@click.option("--max-states", type=click.IntRange(1), metavar="N", help="End at N distinct states.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), metavar="S", help="End after S seconds.")
@click.option(
    "--memory", type=click.IntRange(1), default=4096, show_default=True, metavar="MB", help="End beyond this much."
)
@click.option("--exact", is_flag=True, help="Compare whole states, not fingerprints.")
@click.option("--symmetry", is_flag=True, help="Explore one of each class of symmetric states.")
@click.option("--stop", "stop_on_violation", is_flag=True, help="End at the first violation.")
@click.option("--walks", type=click.IntRange(1), default=1_000, show_default=True, help="Walks of strategy random.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random walks.")
@click.option(
    "--diagram", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Draw the first counterexample: an SVG, or text when FILE ends in .txt.",
)
@click.option(
    "--replay", type=click.Choice(("simulator", "real")),
    help="Follow each counterexample of an actor model in the simulator, or over real ZeroMQ.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(
    *, model: str | None, list_models: bool, settings: tuple[str, ...], memory: int, diagram: Path | None,
    replay: str | None, as_json: bool, **options: Any,
) -> None:
    """Check every interleaving of MODEL: the name of a shipped model, or path/to/file.py:Name."""
    from actorum.verify_models import ModelNotFound, load, shipped

    if list_models:
        _print_models(shipped(), as_json)
        return
    if model is None:
        raise click.UsageError("give a model: a name from `actorum verify --list`, or path/to/file.py:Name")
    from actors.verification.checking import check
    from actors.verification.errors import ModelError

    try:
        found = load(model, settings)
        if replay is not None:
            from actorum import verify_replay

            verify_replay.refuse_other_models(found, replay)
        line = _Line() if sys.stderr.isatty() and not as_json else None
        result = check(found, progress=line, memory_bytes=memory << 20, **options)
    except SystemExit as stop:
        # of the model's own code: not the exit code of a verdict
        click.echo(f"{_clear()}actorum: the model ended the program with SystemExit({stop.code!r}); nothing was judged",
                   err=True)
        sys.exit(Exit.SETTINGS)
    except (ModelError, ModelNotFound) as error:
        if as_json:
            click.echo(json.dumps({"error": str(error)}))
        click.echo(f"{_clear()}actorum: {error}", err=True)
        sys.exit(Exit.SETTINGS)
    from actorum import verify_view

    replays = [] if replay is None else verify_replay.replays(result, lambda: load(model, settings), replay)
    if as_json:
        said = verify_view.as_json(result)
        if replay is not None:
            said["replays"] = msgspec.to_builtins(replays)
        click.echo(json.dumps(said))
    else:
        click.echo(_clear(), err=True, nl=False)
        click.echo(verify_view.as_text(result))
        if replays:
            click.echo(f"\n{verify_replay.as_text(replays)}")
    if diagram is not None:
        _draw(result, diagram)
    sys.exit(result.exit_code)


def _print_models(models: list[Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"models": [one._asdict() for one in models]}))
        return
    for one in models:
        click.echo(f"{click.style(one.name, bold=True)}  {one.summary}")
        for argument in one.arguments:
            click.echo(f"    --set {argument}")


def _clear() -> str:
    """Wipes the line of the progress."""
    return "\r\x1b[K" if sys.stderr.isatty() else ""


class _Line:
    """The progress as one line on standard error, written over and over."""

    def __init__(self) -> None:
        self._before: Progress | None = None

    def __call__(self, now: Progress) -> None:
        seconds = max(now.seconds, 1e-9)
        estimate = self._estimate(now)
        text = (
            f"{now.distinct:,} states ({now.distinct / seconds:,.0f}/s) · {now.generated:,} generated "
            f"({now.generated / seconds:,.0f}/s) · depth {now.depth} · queue {now.queue:,} · "
            f"{now.bytes_used / max(now.distinct, 1):,.0f} B/state · {now.seconds:.0f} s"
            + (f" · about {estimate:,} states in all" if estimate else "")
        )
        click.echo(f"\r\x1b[K{text}", err=True, nl=False)
        self._before = now

    def _estimate(self, now: Progress) -> int | None:
        """States in all, if every state that waits goes on to lead to as many new ones as the last ones did.

        None while that is one or more: no end is in sight then.
        """
        if self._before is None:
            return None
        new = now.distinct - self._before.distinct
        explored = new + self._before.queue - now.queue
        if explored <= new:
            return None
        return now.distinct + now.queue * new // (explored - new)


def _draw(result: Result, path: Path) -> None:
    """Draw the first counterexample."""
    from actors import diagrams, diagrams_svg, diagrams_text
    from actorum import verify_view

    finding = verify_view.first_violation(result)
    if finding is None or finding.trace is None:
        click.echo(f"no counterexample, so nothing was written to {path}", err=True)
        return
    diagram = diagrams.lay_out(verify_view.events_of(finding))
    title = f"{result.model}: {finding.name}"
    drawn = diagrams_text.draw(diagram) if path.suffix == ".txt" else diagrams_svg.draw(diagram, title)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(drawn, encoding="utf-8")
    except OSError as error:  # the verdict stands, and the exit code says it
        click.echo(f"actorum: the diagram was not written: {error}", err=True)
        return
    click.echo(f"wrote {path}", err=True)
