"""What a check found, as plain values: counts, a verdict per property, counterexamples. Knows no engine and no model.

Both front ends return the same ``Result``: plain models (``model.py``) and actor models (``actor_model.py``).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from actors.trace import Event

VIOLATION_EXIT = 1
UNDECIDED_EXIT = 4
FAILURE = "no handler fails"  # the finding of an actor model whose handler raised, or had no handler for a message


class Verdict(enum.StrEnum):
    """What is known about a property when the check ends; only a complete exploration says ``HOLDS``."""

    HOLDS = "holds"
    VIOLATED = "violated"
    BOUNDED = "no violation within bounds"  # the bound is in ``Result.bound``
    UNKNOWN = "unknown"  # could not be decided at all; the finding's ``reason`` says why


class Kind(enum.StrEnum):
    """What a property claims of all runs."""

    ALWAYS = "always"
    SOMETIMES = "sometimes"
    EVENTUALLY = "eventually"
    LEADS_TO = "leads to"
    DEADLOCK_FREE = "deadlock free"


class Strategy(enum.StrEnum):
    """The order of the search."""

    BREADTH = "breadth"  # shortest counterexamples
    DEPTH = "depth"  # less memory for the frontier of wide models
    RANDOM = "random"  # random walks; never complete


class Step(msgspec.Struct, frozen=True):
    """One step of a trace.

    Attributes:
        action: what was done to come here; None for the initial state.
        state: after it.
    """

    action: Any
    state: Any


class Trace(msgspec.Struct, frozen=True):
    """A run of the model, from an initial state on.

    Attributes:
        steps: the first one is the initial state.
        back_to: None for a run that ends (or that is cut where the violation is seen). Otherwise the run is infinite:
            after the last step it goes on as after step ``back_to``, whose state is the last one's state.
        stuck: the run ends because nothing is enabled in its last state.
        events: the same run for diagrams, where the front end knows messages and crashes; else empty.
        chosen: what ``context.choose`` gave to actors when they started.
    """

    steps: tuple[Step, ...]
    back_to: int | None = None
    stuck: bool = False
    events: tuple[Event, ...] = ()
    chosen: tuple[Any, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """What is known about one property.

    Attributes:
        name, kind: of the property.
        verdict: what is known.
        reason: for people, in one sentence, when the verdict is not ``HOLDS``; otherwise empty.
        trace: the counterexample, or for a ``sometimes`` that was reached the run that reaches it; else None.
    """

    name: str
    kind: Kind
    verdict: Verdict
    reason: str = ""
    trace: Trace | None = None


class Result(msgspec.Struct, frozen=True):
    """What a check found.

    Attributes:
        model: its name, with its parameters.
        distinct: states that were reached, each counted once.
        generated: initial states and every successor that was computed, duplicates too.
        depth: states on the longest breadth-first path; with another strategy, on the longest path that was walked.
        seconds: wall time of the check.
        findings: one per property, in the model's order.
        bound: empty when everything reachable was explored; otherwise what ended the exploration, for people.
        strategy: in which the states were visited.
        exact: states were compared as a whole, not by fingerprint.
        collision_probability: that at least one state was taken for another because of equal fingerprints (an
            estimate from the counts); 0.0 when exact.
        bytes_per_state: memory of the engine's tables over ``distinct``.
    """

    model: str
    distinct: int
    generated: int
    depth: int
    seconds: float
    findings: tuple[Finding, ...]
    bound: str = ""
    strategy: Strategy = Strategy.BREADTH
    exact: bool = False
    collision_probability: float = 0.0
    bytes_per_state: float = 0.0

    @property
    def complete(self) -> bool:
        """Everything reachable was explored."""
        return not self.bound

    @property
    def holds(self) -> bool:
        """Every property holds, by exhaustion."""
        return all(finding.verdict is Verdict.HOLDS for finding in self.findings) and self.complete

    @property
    def exit_code(self) -> int:
        """0: all properties hold; 1: one is violated; 4: none is, but not everything is known."""
        if any(finding.verdict is Verdict.VIOLATED for finding in self.findings):
            return VIOLATION_EXIT
        return 0 if self.holds else UNDECIDED_EXIT

    def __getitem__(self, name: str) -> Finding:
        """The finding of a property.

        Raises:
            KeyError: names the properties that there are.
        """
        for finding in self.findings:
            if finding.name == name:
                return finding
        known = ", ".join(repr(finding.name) for finding in self.findings)
        raise KeyError(f"{self.model} has no property {name!r}; it has {known}")


class Progress(msgspec.Struct, frozen=True):
    """Where a running check stands; given to the ``progress`` callback a few times per second.

    Attributes:
        distinct, generated, depth, seconds: as in ``Result``, so far.
        queue: states that were reached and not yet explored.
        bytes_used: by the engine's tables.
    """

    distinct: int
    generated: int
    queue: int
    depth: int
    seconds: float
    bytes_used: int


class Options(msgspec.Struct, frozen=True):
    """How to check.

    Attributes:
        strategy: see ``Strategy``.
        max_depth: longest path, in states, that is followed; None = any.
        max_states: distinct states after which the check ends; None = any number.
        seconds: wall time after which it ends; None = never.
        memory_bytes: of the engine's tables after which it ends.
        exact: compare whole states instead of 64-bit fingerprints.
        symmetry: explore one representative of each class of symmetric states (the model says what is symmetric).
        stop_on_violation: end at the first violated property instead of exploring everything.
        walks: random walks of the strategy ``random``.
        seed: of the random walks.
    """

    strategy: Strategy = Strategy.BREADTH
    max_depth: int | None = None
    max_states: int | None = None
    seconds: float | None = None
    memory_bytes: int = 4 << 30
    exact: bool = False
    symmetry: bool = False
    stop_on_violation: bool = False
    walks: int = 1_000
    seed: int = 0


ProgressCallback = Callable[[Progress], None]


class Checkable(Protocol):
    """What ``check`` and ``actorum verify`` can run: a ``Model``, an ``ActorModel``, or anything that does this."""

    def check_with(self, options: Options, progress: ProgressCallback | None = None) -> Result:
        """Explore, and say what is known about every property.

        Raises:
            ModelError: the model itself cannot be checked: names model, state and field.
        """
