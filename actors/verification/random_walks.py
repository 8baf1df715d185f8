"""Random walks over plain models: the strategy for what is too large to explore."""

from __future__ import annotations

import random
import time
from typing import Any

from actors.verification.blame import Blame
from actors.verification.model import Model
from actors.verification.properties import Property
from actors.verification.result import Kind, Options, ProgressCallback, Result, Step, Strategy, Trace
from actors.verification.walking import judged, longest_walk, run_walks
from core_ext.explore_values import Encoder, Unsuitable

BYTES_PER_STATE = 64     # of the set of hashes that counts distinct states


class PlainWalker:
    """Walks a model; see ``walking.Walker``.

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
        self._longest = longest_walk(options)
        self._encoder = Encoder()
        self._seen: set[int] = set()
        self.failed = ""  # what raises ends the check
        self.generated = 0
        self.depth = 0
        self.found: dict[str, Trace] = {}

    @property
    def distinct(self) -> int:
        """See ``Walker``."""
        return len(self._seen)

    @property
    def bytes_used(self) -> int:
        """See ``Walker``."""
        return len(self._seen) * BYTES_PER_STATE

    @property
    def violated(self) -> bool:
        """See ``Walker``."""
        return any(one.name in self.found for one in self._properties if one.kind is not Kind.SOMETIMES)

    def walk(self) -> bool:
        """One walk, until nothing is enabled, the boundary or the longest depth."""
        steps = [Step(None, self._random.choice(self._initial))]
        while self._look(steps) and len(steps) < self._longest:
            enabled = self._enabled(steps[-1].state)
            if not enabled:
                self._stuck(steps)
                break
            steps.append(self._random.choice(enabled))
        return True

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
            self._seen.add(self._encoder.hash(state))
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


def walk(
    model: Model[Any, Any], initial: list[Any], properties: list[Property], options: Options, blame: Blame,
    progress: ProgressCallback | None,
) -> Result:
    """Check a plain model by random walks; ``distinct`` counts states by their hashes."""
    start = time.monotonic()
    walker = PlainWalker(model, initial, properties, options, blame)
    bound = run_walks(walker, options, progress)
    return Result(
        blame.name, walker.distinct, walker.generated, walker.depth, time.monotonic() - start,
        tuple(judged(one, walker.found.get(one.name), bound) for one in properties), bound, Strategy.RANDOM,
        bytes_per_state=float(BYTES_PER_STATE),
    )
