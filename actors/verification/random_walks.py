"""Random walks: the strategy for what is too large to explore. Finds violations, proves nothing."""

from __future__ import annotations

import random
import time
from typing import Any

from actors.verification.blame import Blame
from actors.verification.model import Model
from actors.verification.properties import Property
from actors.verification.result import (
    Finding,
    Kind,
    Options,
    Progress,
    ProgressCallback,
    Result,
    Step,
    Strategy,
    Trace,
    Verdict,
)
from core_ext.explore_values import Encoder, Unsuitable

WALK_STATES = 100        # of one walk, when no depth is given
PROGRESS_SECONDS = 0.25
BYTES_PER_STATE = 64     # of the set of hashes that counts distinct states


class Walker:
    """Walks a model.

    Args:
        model, initial, properties, options, blame: as of ``check_model``.
    """

    def __init__(
        self, model: Model[Any, Any], initial: list[Any], properties: list[Property], options: Options, blame: Blame
    ) -> None:
        self._model = model
        self._initial = initial
        self._properties = properties
        self._blame = blame
        self._random = random.Random(options.seed)
        self._longest = options.max_depth or WALK_STATES
        self._encoder = Encoder()
        self.seen: set[int] = set()
        self.generated = 0
        self.depth = 0
        self.found: dict[str, Trace] = {}

    def walk(self) -> None:
        """One walk, until nothing is enabled, the boundary or the longest depth."""
        steps = [Step(None, self._random.choice(self._initial))]
        while self._look(steps) and len(steps) < self._longest:
            enabled = self._enabled(steps[-1].state)
            if not enabled:
                self._stuck(steps)
                return
            steps.append(self._random.choice(enabled))

    def _enabled(self, state: Any) -> list[Step]:
        try:
            found = []
            for action in self._model.actions(state):
                after = self._model.next_state(state, action)
                if after is not None:
                    found.append(Step(action, after))
        except Exception as error:
            raise self._blame.raised("actions or next_state", state, error) from error
        self.generated += len(found)
        return found

    def _look(self, steps: list[Step]) -> bool:
        """Note the state; whether the walk goes on."""
        state = steps[-1].state
        try:
            self.seen.add(self._encoder.hash(state))
        except Unsuitable:
            raise self._blame.unsuitable(self._encoder, state, "a state", "state") from None
        try:
            if not self._model.boundary(state):
                return False
            self.depth = max(self.depth, len(steps))
            for one in self._properties:
                if one.name in self.found:
                    continue
                if one.kind in (Kind.ALWAYS, Kind.SOMETIMES):
                    holds = all(predicate(state) for predicate in one.predicates)
                    if holds == (one.kind is Kind.SOMETIMES):
                        self.found[one.name] = Trace(tuple(steps))
        except Exception as error:
            raise self._blame.raised("boundary or a property", state, error) from error
        return True

    def _stuck(self, steps: list[Step]) -> None:
        """Nothing is enabled in the last state: a deadlock, and the end of a run."""
        state = steps[-1].state
        for one in self._properties:
            if one.name in self.found:
                continue
            if one.kind is Kind.DEADLOCK_FREE:
                missed = not one.predicates[0](state)
            elif one.kind is Kind.EVENTUALLY:
                missed = not any(one.predicates[0](step.state) for step in steps)
            elif one.kind is Kind.LEADS_TO:
                cause, effect = one.predicates
                owed = False
                for step in steps:
                    owed = (owed or bool(cause(step.state))) and not effect(step.state)
                missed = owed
            else:
                missed = False
            if missed:
                self.found[one.name] = Trace(tuple(steps), stuck=True)

    def finding(self, one: Property, bound: str) -> Finding:
        """What the walks say of a property."""
        trace = self.found.get(one.name)
        if one.kind is Kind.SOMETIMES:
            if trace is None:
                return Finding(one.name, one.kind, Verdict.UNKNOWN, f"not reached within {bound}")
            return Finding(one.name, one.kind, Verdict.HOLDS, "", trace)
        if trace is not None:
            return Finding(one.name, one.kind, Verdict.VIOLATED, "seen on a random walk", trace)
        if one.kind in (Kind.ALWAYS, Kind.DEADLOCK_FREE):
            return Finding(one.name, one.kind, Verdict.BOUNDED, f"no violation within {bound}")
        return Finding(one.name, one.kind, Verdict.UNKNOWN, "random walks do not decide what happens for ever")


def walk(
    model: Model[Any, Any], initial: list[Any], properties: list[Property], options: Options, blame: Blame,
    progress: ProgressCallback | None,
) -> Result:
    """Check a plain model by random walks; ``distinct`` counts states by their hashes."""
    start = shown = time.monotonic()
    walker = Walker(model, initial, properties, options, blame)
    walks = 0
    ended = ""
    while walks < options.walks and not ended:
        walker.walk()
        walks += 1
        now = time.monotonic()
        if options.seconds is not None and now - start >= options.seconds:
            ended = f", ended by the bound of {options.seconds:g} s"
        elif options.max_states is not None and len(walker.seen) >= options.max_states:
            ended = f", ended by the bound of {options.max_states:,} states"
        elif len(walker.seen) * BYTES_PER_STATE > options.memory_bytes:
            ended = f", ended by the bound of {options.memory_bytes >> 20:,} MB"
        elif options.stop_on_violation and any(
            one.name in walker.found for one in properties if one.kind is not Kind.SOMETIMES
        ):
            ended = ", ended by a violation"
        if progress is not None and now - shown >= PROGRESS_SECONDS:
            shown = now
            used = len(walker.seen) * BYTES_PER_STATE
            progress(Progress(len(walker.seen), walker.generated, 0, walker.depth, now - start, used))
    bound = f"{walks:,} random walks of at most {options.max_depth or WALK_STATES} states{ended}"
    return Result(
        blame.name, len(walker.seen), walker.generated, walker.depth, time.monotonic() - start,
        tuple(walker.finding(one, bound) for one in properties), bound, Strategy.RANDOM,
        bytes_per_state=float(BYTES_PER_STATE),
    )
