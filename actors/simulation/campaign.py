"""Many runs of one scenario, and what is made of a failure: a smaller run, a picture, a replay file, a test.

Knows seeds and files; what a run is, ``swarm`` knows.
"""

from __future__ import annotations

import gc
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from actors import diagrams, diagrams_svg, diagrams_text
from actors.simulation import replay, shrink, swarm
from actors.simulation.replay import Replay
from actors.simulation.shrink import Choices
from actors.simulation.swarm import Result, Scenario
from actors.simulation.tape import Tape

SHRINK_RUNS = 1000
COLLECT_EVERY = 32  # runs: a world is few objects to the garbage collector, and may be megabytes


class Campaign(msgspec.Struct):
    """What many runs were together.

    Attributes:
        runs, events, simulated_seconds, wall_seconds: sums.
        faults, goals: sums by name; a goal that no run reached is 0.
        failures: results of runs that violated a property.
        digest: over the digests of all runs, in order.
    """

    runs: int = 0
    events: int = 0
    simulated_seconds: float = 0.0
    wall_seconds: float = 0.0
    faults: Counter[str] = msgspec.field(default_factory=Counter)
    goals: Counter[str] = msgspec.field(default_factory=Counter)
    failures: list[Result] = []
    digest: str = ""

    def add(self, result: Result) -> None:
        """One more run."""
        self.runs += 1
        self.events += result.events
        self.simulated_seconds += result.simulated_seconds
        self.wall_seconds += result.wall_seconds
        self.faults.update(result.faults)
        for name, count in result.goals.items():
            self.goals[name] += count
        if result.violated:
            self.failures.append(result)
        self.digest = hashlib.sha256((self.digest + result.digest).encode()).hexdigest()[:16]

    def missed(self) -> list[str]:
        """Goals that no run reached."""
        return [name for name, count in self.goals.items() if not count]


def run(
    scenario: Scenario, seeds: Iterable[int], *, seconds: float | None = None, keep_going: bool = False,
    watch: Callable[[Campaign, Result], None] | None = None,
) -> Campaign:
    """Run a scenario once per seed.

    Args:
        scenario: what is run.
        seeds: in this order; endless when ``seconds`` are given.
        seconds: no run begins after so much wall time.
        keep_going: False stops after the first failure.
        watch: told after every run.
    """
    campaign = Campaign(goals=Counter(dict.fromkeys(scenario.goals, 0)))
    deadline = None if seconds is None else time.monotonic() + seconds
    for seed in seeds:
        if deadline is not None and time.monotonic() >= deadline:
            break
        result, _ = swarm.play(scenario, Tape(seed))
        campaign.add(result)
        if campaign.runs % COLLECT_EVERY == 0:
            gc.collect()
        if watch is not None:
            watch(campaign, result)
        if result.violated and not keep_going:
            break
    return campaign


class Failure(msgspec.Struct, frozen=True):
    """A failed run, made ready for people.

    Attributes:
        result: of the run as it failed first.
        shrunk: of the smallest run found that violates the same property.
        replay: the smallest run as a replay file has it.
        repeatable: the recorded choices gave the same run; when not, something is not drawn from the tape.
        shrink_runs: how many runs shrinking took.
        text, svg: its sequence diagram.
    """

    result: Result
    shrunk: Result
    replay: Replay
    repeatable: bool
    shrink_runs: int
    text: str
    svg: str


def investigate(
    scenario: Scenario, reference: str, version: str, result: Result, *, shrink_seconds: float = 60.0
) -> Failure:
    """Make a failed run small, and draw it.

    Args:
        scenario: of the run.
        reference: how the scenario is found again: its name or ``path/to/file.py:Name``.
        version: of the package.
        result: of the failed run, with its choices.
        shrink_seconds: wall time for shrinking; 0: none.
    """
    again, _ = swarm.play(scenario, Tape.replay(result.choices))
    repeatable = (again.violated, again.digest) == (result.violated, result.digest)
    choices: Choices = result.choices
    runs = 0
    if repeatable and shrink_seconds > 0:
        def smaller(tape: Choices) -> Choices | None:
            found, _ = swarm.play(scenario, Tape.replay(tape))
            return found.choices if found.violated == result.violated else None

        shrunk = shrink.shrink(result.choices, smaller, max_runs=SHRINK_RUNS, seconds=shrink_seconds)
        choices, runs = shrunk.choices, shrunk.runs
    final, events = swarm.play(scenario, Tape.replay(choices), traced=True)
    drawn = diagrams.lay_out(events)
    title = f"{reference}, seed {result.seed}: {final.violated or 'no violation'}"
    return Failure(
        result=result, shrunk=final, repeatable=repeatable, shrink_runs=runs,
        replay=Replay(
            version=version, scenario=reference, seed=result.seed or 0,
            settings=msgspec.structs.asdict(scenario.settings), violated=final.violated, text=final.text,
            digest=final.digest, choices={label: list(values) for label, values in choices.items()},
        ),
        text=diagrams_text.draw(drawn), svg=diagrams_svg.draw(drawn, title),
    )


class Written(msgspec.Struct, frozen=True):
    """Where a failure's files are."""

    replay: Path
    svg: Path
    diagram: Path
    test: Path


def write(failure: Failure, folder: Path, svg: Path | None = None) -> Written:
    """Write the replay file, the pictures and a test of a failure.

    Args:
        failure: what is written.
        folder: where; made when missing.
        svg: where the SVG goes instead.
    """
    named = "".join(letter if letter.isalnum() else "-" for letter in Path(failure.replay.scenario).name)
    stem = f"{named}-{failure.replay.seed}"
    paths = Written(
        replay=folder / f"{stem}.json", svg=svg or folder / f"{stem}.svg", diagram=folder / f"{stem}.txt",
        test=folder / f"test_{stem.replace('-', '_')}.py",
    )
    replay.write(paths.replay, failure.replay)
    paths.svg.parent.mkdir(parents=True, exist_ok=True)
    paths.svg.write_text(failure.svg)
    paths.diagram.write_text(failure.text)
    paths.test.write_text(pytest_of(failure, paths.replay.name))
    return paths


def pytest_of(failure: Failure, file: str) -> str:
    """A test that fails as long as the run violates a property."""
    replayed = failure.replay
    name = "".join(letter if letter.isalnum() else "_" for letter in f"{replayed.violated}".lower())
    violated = replayed.violated.replace('"', "'").replace("\\", "/")
    return (
        f'"""Seed {replayed.seed} of {Path(replayed.scenario).name} violated: {violated}."""\n\n'
        "from pathlib import Path\n\n"
        "from actorum.simulate import replay\n\n\n"
        f"def test_{name}():\n"
        f'    replay(Path(__file__).with_name("{file}"))\n'
    )
