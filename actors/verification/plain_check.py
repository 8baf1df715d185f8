"""The front end of plain models: a ``Model`` and options in, a ``Result`` out."""

from __future__ import annotations

import time
from typing import Any

from actors.verification.blame import Blame
from actors.verification.errors import ModelError
from actors.verification.model import Model
from actors.verification.plain_space import PlainSpace
from actors.verification.properties import Property, claims
from actors.verification.random_walks import walk
from actors.verification.recorded_space import RecordedSpace
from actors.verification.replaying import Replay
from actors.verification.result import Kind, Options, ProgressCallback, Result, Strategy
from actors.verification.searching import Judge, result_of, run, uses_of, wants_edges
from actors.verification.space import Space, Wishes
from actors.verification.state import State


def check_model(model: Model[Any, Any], options: Options, progress: ProgressCallback | None) -> Result:
    """Check a plain model; see ``check``."""
    start = time.monotonic()
    blame = Blame(model.describe())
    properties = _properties(model, blame)
    initial = _listed(blame, "initial_states", model.initial_states)
    if not initial:
        raise ModelError(f"{blame.name}: initial_states gives none; there is nothing to check")
    if options.symmetry and type(model).representative is Model.representative:
        raise ModelError(f"{blame.name} does not say what is symmetric; define representative(self, state)")
    if options.strategy is Strategy.RANDOM:
        return walk(model, initial, properties, options, blame, progress)
    stuck = [one.predicates[0] for one in properties if one.kind is Kind.DEADLOCK_FREE]
    wishes = Wishes(
        uses_of(properties), stuck[0] if stuck else None, wants_edges(properties),
        type(model).boundary is not Model.boundary,
    )
    kind = RecordedSpace if isinstance(initial[0], State) else PlainSpace
    space: Space = kind(model, initial, wishes, options, blame)
    space.begin()
    noted = range(len(wishes.predicates))

    def enough() -> bool:
        return options.stop_on_violation and (
            space.stuck_at is not None
            or any(space.first_noted(number) is not None for number in noted if number in refuting)
        )

    refuting = {number for number in noted if wishes.predicates[number][1] == 0}
    bound = run(space, options, progress, enough)
    replay = Replay(model, space, initial, options.symmetry, blame)
    judge = Judge(
        properties, space, options, bound, replay.to, replay.steps, (model.weakly_fair, model.strongly_fair)
    )
    findings = judge.findings()
    return result_of(blame.name, space, options, bound, time.monotonic() - start, findings)


def _listed(blame: Blame, name: str, function: Any) -> list[Any]:
    try:
        return list(function())
    except Exception as error:
        raise ModelError(f"{blame.name}: {name} raised {type(error).__name__}: {error}") from error


def _properties(model: Model[Any, Any], blame: Blame) -> list[Property]:
    properties = claims(blame.name, model.properties)
    if sum(one.kind is Kind.DEADLOCK_FREE for one in properties) > 1:
        raise ModelError(f"{blame.name}: two deadlock_free properties; say in one where a run may end")
    return properties
