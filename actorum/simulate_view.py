"""What ``actorum simulate`` shows: live progress on a terminal, a report, or JSON. Knows results, and runs nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.live import Live
from rich.text import Text

from actors import diagrams, diagrams_text
from actors.simulation.campaign import Campaign, Failure, Written, pytest_of
from actors.simulation.replay import Replay
from actors.simulation.swarm import Result
from actors.trace import Event

_EVERY_SECONDS = 0.2


class View:
    """The progress and the report of one campaign.

    Args:
        scenario: its name.
        as_json: print nothing but one JSON document at the end.
    """

    def __init__(self, scenario: str, as_json: bool) -> None:
        self._scenario = scenario
        self._as_json = as_json
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, transient=True, auto_refresh=False)
        self._shown = self._began = time.monotonic()

    def __enter__(self) -> View:
        if self._console.is_terminal and not self._as_json:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, campaign: Campaign, result: Result) -> None:
        """After every run; draws a few times a second."""
        now = time.monotonic()
        if self._live.is_started and now - self._shown >= _EVERY_SECONDS:
            self._shown = now
            lines = [
                f"{self._scenario}: seed {result.seed}, {_rates(campaign)}, {now - self._began:.0f} s",
                f"faults  {_counts(campaign.faults)}", f"goals   {_counts(campaign.goals)}",
            ]
            self._live.update(Text("\n".join(lines)), refresh=True)

    def say(self, text: str) -> None:
        """A line about what goes on."""
        if not self._as_json:
            click.echo(text, err=True)

    def report(self, campaign: Campaign, first: int, failures: Sequence[tuple[Failure, Written]]) -> None:
        """The end of a campaign."""
        if self._as_json:
            click.echo(msgspec.json.encode(_document(self._scenario, campaign, first, failures)).decode())
            return
        click.echo(f"{self._scenario}: seeds {first} to {first + campaign.runs - 1}, {_rates(campaign)}")
        click.echo(f"faults: {_counts(campaign.faults)}")
        click.echo(f"goals: {_counts(campaign.goals)}")
        if campaign.missed():
            click.echo(f"goals that no run reached: {', '.join(campaign.missed())}")
        click.echo(f"digest: {campaign.digest}")
        for failure, written in failures:
            _describe(failure, written)
        if not failures:
            click.echo("no property was violated")


def _describe(failure: Failure, written: Written) -> None:
    result, shrunk = failure.result, failure.shrunk
    click.echo(f"\nseed {result.seed} violates: {result.violated}")
    click.echo(f"  {result.text}")
    click.echo(f"  digest {result.digest}, {result.events} events, {_faults(result.faults)}")
    if not failure.repeatable:
        click.echo("  its recorded choices gave another run: something in it is not drawn from the tape")
    click.echo(
        f"smallest run found ({failure.shrink_runs} tries): digest {shrunk.digest}, {shrunk.events} events, "
        f"{_faults(shrunk.faults)}\n"
    )
    click.echo(failure.text)
    click.echo(f"replay file: {written.replay}")
    click.echo(f"             actorum simulate {failure.replay.scenario} --replay {written.replay}")
    click.echo(f"diagram:     {written.svg} and {written.diagram}")
    click.echo(f"test:        {written.test}\n")
    click.echo(pytest_of(failure, written.replay.name))


def _rates(campaign: Campaign) -> str:
    """How much was run, and how fast."""
    wall = max(campaign.wall_seconds, 1e-9)
    failed = f", {len(campaign.failures)} failed" if campaign.failures else ""
    return (
        f"{campaign.runs} run{'s' if campaign.runs != 1 else ''}{failed}, {campaign.events:,} events "
        f"({campaign.events / wall:,.0f}/s), {campaign.simulated_seconds:,.0f} s simulated "
        f"({campaign.simulated_seconds / wall:,.1f}x wall time)"
    )


def _faults(counts: dict[str, int]) -> str:
    return _counts(counts) if counts else "no faults"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"


def _document(
    scenario: str, campaign: Campaign, first: int, failures: Sequence[tuple[Failure, Written]]
) -> dict[str, Any]:
    return {
        "scenario": scenario,
        "first_seed": first,
        "runs": campaign.runs,
        "events": campaign.events,
        "simulated_seconds": campaign.simulated_seconds,
        "wall_seconds": campaign.wall_seconds,
        "faults": dict(campaign.faults),
        "goals": dict(campaign.goals),
        "digest": campaign.digest,
        "failures": [
            {
                "seed": failure.result.seed, "violated": failure.result.violated, "text": failure.result.text,
                "digest": failure.result.digest, "repeatable": failure.repeatable,
                "shrunk": {
                    "digest": failure.shrunk.digest, "events": failure.shrunk.events, "faults": failure.shrunk.faults,
                    "runs": failure.shrink_runs,
                },
                "replay": str(written.replay), "svg": str(written.svg), "diagram": str(written.diagram),
                "test": str(written.test),
            }
            for failure, written in failures
        ],
    }


def report_replay(path: Path, replayed: Replay, result: Result, events: Sequence[Event], as_json: bool) -> None:
    """What became of a replay file."""
    same = result.digest == replayed.digest
    if as_json:
        click.echo(
            msgspec.json.encode(
                {
                    "replay": str(path), "scenario": replayed.scenario, "violated": result.violated,
                    "text": result.text, "digest": result.digest, "same_run": same,
                }
            ).decode()
        )
        return
    if events:
        click.echo(diagrams_text.draw(diagrams.lay_out(events)))
    click.echo(f"digest: {result.digest}")
    if not same:
        click.echo(f"it is not the run of the file ({replayed.digest}): the code under test is another one")
    if result.violated:
        click.echo(f"violates: {result.violated}\n  {result.text}")
    else:
        click.echo(f"no property is violated; when the file was written, {replayed.violated!r} was")
