"""Scenarios: a world that is built and driven anew for each seed, with faults that are drawn; and one run of one.

A scenario is a class with ``play``; a run is what it plays on. Knows no protocol, and nothing of many runs
(``campaign``).
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from actors.errors import ContractError
from actors.simulation.errors import SimulationError, Violation
from actors.simulation.faults import Faults
from actors.simulation.simulation import Simulation
from actors.simulation.tape import Stream, Tape
from actors.simulation.time_models import TimeModel
from actors.trace import Event

TRACE_EVENTS = 20_000
MOST_EVENTS = 1_000_000  # of a run: more is a storm of messages, and a violation of "the run ends"
NO_FAILURE = "no actor fails"


class ScenarioError(ValueError):
    """A scenario or its settings cannot be used; the message says what to change."""


class ScenarioSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be set about every scenario; subclasses add fields, numbers and text only.

    Attributes:
        seconds: virtual time of the phase with faults.
    """

    seconds: float = 5.0


class Scenario:
    """One kind of world to simulate.

    Subclasses give ``name``, ``play``, perhaps ``Settings`` (a subclass of ``ScenarioSettings``) and ``goals``.

    Args:
        settings: as the subclass declares them.

    Attributes:
        name: for reports and replay files.
        goals: what should be seen in at least one run of a campaign ("sometimes" properties).
    """

    name: ClassVar[str] = ""
    goals: ClassVar[tuple[str, ...]] = ()
    Settings: ClassVar[type[ScenarioSettings]] = ScenarioSettings

    def __init__(self, settings: ScenarioSettings | None = None) -> None:
        self.settings: Any = settings or self.Settings()

    @classmethod
    def with_settings(cls, values: Mapping[str, Any]) -> Scenario:
        """A scenario with these settings.

        Args:
            values: by name; text is read as the type of the field.

        Raises:
            ScenarioError: names the setting.
        """
        try:
            return cls(msgspec.convert(dict(values), cls.Settings, strict=False))
        except (msgspec.ValidationError, ValueError) as error:
            names = ", ".join(cls.Settings.__struct_fields__)
            raise ScenarioError(f"scenario {cls.name!r}: {error}; its settings are {names}") from error

    def play(self, run: Run) -> None:
        """Build the world, let time pass, check.

        Raises:
            Violation: a property does not hold; ``run.violation`` makes it.
            AssertionError: the same; the property's name is the text before the first colon.
        """
        raise NotImplementedError


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one run was.

    Attributes:
        seed: None for a replay.
        digest: of everything that happened.
        events: messages and timers handled.
        simulated_seconds, wall_seconds: how long it was, and took.
        faults: injected, by kind.
        goals: reached, by name.
        violated: name of the violated property; empty when all held.
        text: what the violation said.
        choices: the tape of a run that failed; else empty.
    """

    seed: int | None
    digest: str
    events: int
    simulated_seconds: float
    wall_seconds: float
    faults: dict[str, int]
    goals: dict[str, int]
    violated: str = ""
    text: str = ""
    choices: dict[str, list[int]] = {}


class Run:
    """What a scenario plays on.

    Args:
        tape: of all choices.
        traced: keep the latest events, for a diagram.

    Attributes:
        swarm: draws about the run itself: which faults, how many nodes.
        simulation: the world, once it was made.
        allowed: told of an actor (``node/name (Class)``) and what its handler raised: is it no bug? What is not allowed
            violates the property "no actor fails".
    """

    def __init__(self, tape: Tape, traced: bool = False) -> None:
        self.tape = tape
        self.swarm: Stream = tape.stream("swarm")
        self.simulation: Simulation | None = None
        self.allowed: Callable[[str, BaseException], bool] = lambda label, error: False
        self._traced = traced

    def world(self, *, faults: Faults, time_model: TimeModel, **options: Any) -> Simulation:
        """Make the run's simulation; options are those of ``Simulation``.

        Raises:
            ContractError: it was made already.
        """
        if self.simulation is not None:
            raise ContractError("a run has one world; this scenario asks for a second one")
        simulation = Simulation(
            tape=self.tape, faults=faults, time_model=time_model, trace_limit=TRACE_EVENTS if self._traced else 0,
            **{"max_events": MOST_EVENTS, **options},
        )
        simulation.on_failure = self._failed
        self.simulation = simulation
        return simulation

    def violation(self, property: str, detail: str = "") -> Violation:
        """The error that says that a property does not hold now; for the caller to raise."""
        if self.simulation is None:
            return Violation(property, detail, 0, 0.0, "")
        return self.simulation.violation(property, detail)

    def check(self, property: str, function: Callable[..., object], *arguments: Any) -> None:
        """A property that is looked at now.

        Args:
            property: its name.
            function: returns False or raises AssertionError when it does not hold.
            arguments: of the function.
        """
        try:
            holds = function(*arguments)
        except AssertionError as error:
            raise self.violation(property, str(error)) from error
        if holds is False:
            raise self.violation(property)

    def _failed(self, label: str, error: BaseException) -> None:
        if isinstance(error, AssertionError):
            raise self.violation(*named(error)) from error
        if not self.allowed(label, error):
            raise self.violation(NO_FAILURE, f"{label}: {type(error).__name__}: {error}") from error


def named(error: AssertionError) -> tuple[str, str]:
    """Property and detail of an assertion that says ``property: detail``."""
    name, colon, detail = str(error).partition(": ")
    return (name, detail) if colon and len(name) <= 60 else (type(error).__name__, str(error))


def play(scenario: Scenario, tape: Tape, *, traced: bool = False) -> tuple[Result, Sequence[Event]]:
    """One run.

    Args:
        scenario: what is played; a fresh world each time.
        tape: of a seed, or of a replay.
        traced: also return the latest events.
    """
    run = Run(tape, traced)
    began = time.perf_counter()
    violated = text = ""
    try:
        scenario.play(run)
    except Violation as error:
        violated, text = error.property, str(error)
    except AssertionError as error:
        made = run.violation(*named(error))
        violated, text = made.property, str(made)
    except SimulationError as error:
        made = run.violation("the run ends", str(error))
        violated, text = made.property, str(made)
    except (ScenarioError, ContractError):
        raise
    except Exception as error:  # of the scenario or of the world: a campaign must be able to name the seed
        where = traceback.extract_tb(error.__traceback__)[-1]
        made = run.violation(
            "no error escapes", f"{type(error).__name__}: {error} ({where.filename}:{where.lineno} in {where.name})"
        )
        violated, text = made.property, str(made)
    simulation = run.simulation
    if simulation is None:
        raise ScenarioError(f"scenario {scenario.name!r} made no world: play() must call run.world(...)")
    result = Result(
        seed=tape.seed, digest=simulation.digest(), events=simulation.events, simulated_seconds=simulation.now,
        wall_seconds=time.perf_counter() - began, faults=dict(sorted(simulation.injected.items())),
        goals=dict(sorted(simulation.goals.items())), violated=violated, text=text,
        choices=tape.recorded() if violated else {},
    )
    return result, tuple(simulation.trace or ())
