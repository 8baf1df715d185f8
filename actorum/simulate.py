"""``actorum simulate``: run scenarios of the simulated world, many seeds, and show what failed. Knows options and how
results look; what a run is, the simulation knows. Imports it when the command runs.
"""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from actorum import user_files
from actorum.exits import Exit

if TYPE_CHECKING:
    from actors.simulation.campaign import Campaign, Failure, Written
    from actors.simulation.replay import Replay
    from actors.simulation.swarm import Result, Scenario
    from actors.trace import Event
    from actorum.simulate_view import View

#: Scenarios that come with the package: name, and where the class is.
SHIPPED = {
    "raft": "protocols.raft.scenario:RaftScenario",
    "store": "protocols.storage.scenario:StoreScenario",
    "detector": "protocols.detector.scenario:DetectorScenario",
}


class ReplayFailed(AssertionError):
    """A property is violated in the run of a replay file."""


def package_version() -> str:
    """The version that replay files carry."""
    from importlib.metadata import version

    return version("actorum")


@click.command()
@click.argument("scenario", metavar="SCENARIO")
@click.option("--seed", type=click.IntRange(0), help="The first seed (default 1).")
@click.option("--runs", type=click.IntRange(1), help="How many seeds (default 1 with --seed, else 100).")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Run new seeds for so long.")
@click.option(
    "--replay", "replay_file", type=click.Path(dir_okay=False, path_type=Path),
    help="Run the choices of a replay file again.",
)
@click.option(
    "--set", "overrides", multiple=True, metavar="NAME=VALUE", help="A setting of the scenario. May be given again."
)
@click.option(
    "--diagram", type=click.Path(dir_okay=False, path_type=Path),
    help="Where the SVG of a failure goes (default: beside its replay file). With --replay, or with one run, also of a "
    "run that does not fail.",
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("actorum-failures"), show_default=True,
    help="Folder of replay files, pictures and tests of failures.",
)
@click.option("--keep-going", is_flag=True, help="Go on after a failure.")
@click.option("--shrink-seconds", type=click.FloatRange(0), default=60.0, show_default=True, help="0: do not shrink.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def simulate(
    scenario: str, seed: int | None, runs: int | None, minutes: float | None, replay_file: Path | None,
    overrides: tuple[str, ...], diagram: Path | None, out: Path, keep_going: bool, shrink_seconds: float, as_json: bool,
) -> None:
    """Simulate SCENARIO under faults that are drawn per seed.

    SCENARIO is raft, store, detector, or path/to/file.py:Class.
    """
    from actors.simulation.replay import ReplayError
    from actors.simulation.swarm import ScenarioError

    if replay_file is not None and (seed is not None or runs is not None or minutes is not None or overrides):
        raise click.UsageError("--replay repeats one run as it was; leave --seed, --runs, --minutes and --set out")
    try:
        if replay_file is not None:
            _replay_command(scenario, replay_file, diagram, as_json)
            return
        chosen = find(scenario).with_settings(_pairs(overrides))
    except (ReplayError, ScenarioError) as error:
        raise click.UsageError(str(error)) from error
    from actorum.simulate_view import View

    first = 1 if seed is None else seed
    count = runs or (1 if seed is not None and minutes is None else 100)
    view = View(scenario, as_json)
    seeds = itertools.count(first) if minutes is not None and runs is None else range(first, first + count)
    seconds = None if minutes is None else minutes * 60
    with view:
        done = _run(chosen, seeds, seconds, keep_going, view)
    failures = [_investigate(chosen, scenario, result, shrink_seconds, view) for result in done.failures]
    written = [_write(failure, out, diagram if len(failures) == 1 else None) for failure in failures]
    if diagram is not None and not failures and done.runs == 1:
        _picture(chosen, first, diagram)
    view.report(done, first, list(zip(failures, written, strict=True)))
    sys.exit(Exit.FAILED if failures else Exit.OK)


def _run(
    scenario: Scenario, seeds: Iterable[int], seconds: float | None, keep_going: bool, view: View
) -> Campaign:
    from actors.simulation import campaign

    return campaign.run(scenario, seeds, seconds=seconds, keep_going=keep_going, watch=view.show)


def _investigate(scenario: Scenario, name: str, result: Result, shrink_seconds: float, view: View) -> Failure:
    from actors.simulation import campaign

    view.say(f"seed {result.seed} violates {result.violated}; shrinking it, {shrink_seconds:g} s at most")
    return campaign.investigate(scenario, name, package_version(), result, shrink_seconds=shrink_seconds)


def _write(failure: Failure, out: Path, diagram: Path | None) -> Written:
    from actors.simulation import campaign

    return campaign.write(failure, out, diagram)


def _picture(scenario: Scenario, seed: int, path: Path) -> None:
    """The diagram of a run in which nothing failed."""
    from actors.simulation import swarm
    from actors.simulation.tape import Tape

    _, events = swarm.play(scenario, Tape(seed), traced=True)
    _draw(path, events, f"{scenario.name}, seed {seed}")


def _draw(path: Path, events: Sequence[Event], title: str) -> None:
    from actors import diagrams, diagrams_svg

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(diagrams_svg.draw(diagrams.lay_out(events), title))


def _replay_command(name: str, path: Path, diagram: Path | None, as_json: bool) -> None:
    """Run a replay file, and say whether it still fails."""
    from actors.simulation.replay import read
    from actorum.simulate_view import report_replay

    replayed = read(path, package_version(), name)
    result, events = run_replay(replayed)
    if diagram is not None:
        _draw(diagram, events, f"{replayed.scenario}: {result.violated or 'no violation'}")
    report_replay(path, replayed, result, events, as_json)
    sys.exit(Exit.FAILED if result.violated else Exit.OK)


def run_replay(replayed: Replay) -> tuple[Result, Sequence[Event]]:
    """Run the choices of a replay file again; the result and the latest events.

    Raises:
        ScenarioError: its scenario is not there.
    """
    from actors.simulation import swarm
    from actors.simulation.tape import Tape

    scenario = find(replayed.scenario).with_settings(replayed.settings)
    return swarm.play(scenario, Tape.replay(replayed.choices), traced=True)


def replay(path: Path) -> None:
    """Run a replay file in a test.

    Args:
        path: of the file.

    Raises:
        ReplayFailed: a property is violated; says which, and what was seen.
        ReplayError: the file cannot be used with this version.
    """
    from actors.simulation.replay import read

    result, _ = run_replay(read(path, package_version()))
    if result.violated:
        raise ReplayFailed(f"{path}: {result.text}")


def find(name: str) -> type[Scenario]:
    """The class of a scenario.

    Args:
        name: of a shipped one, or ``path/to/file.py:Class``.

    Raises:
        ScenarioError: there is none; says what there is.
    """
    from actors.simulation.swarm import Scenario, ScenarioError

    if name in SHIPPED:
        module, _, attribute = SHIPPED[name].partition(":")
        shipped: type[Scenario] = getattr(importlib.import_module(module), attribute)
        return shipped
    if not user_files.names_a_file(name):
        raise ScenarioError(
            f"there is no scenario {name!r}; give one of {', '.join(SHIPPED)}, or path/to/file.py:Class"
        )
    try:
        return user_files.class_of(name, Scenario)
    except user_files.FileNotLoaded as error:
        raise ScenarioError(str(error)) from error


def _pairs(overrides: tuple[str, ...]) -> dict[str, str]:
    """``NAME=VALUE`` options as a table."""
    found = {}
    for override in overrides:
        name, equals, value = override.partition("=")
        if not equals:
            raise click.UsageError(f"--set {override}: give NAME=VALUE")
        found[name] = value
    return found
