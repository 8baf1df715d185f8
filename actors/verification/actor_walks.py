"""Random walks over an ``ActorModel``: the strategy for what is too large to explore. Knows the engine's numbers.

A handler runs once per distinct local step, however often walks come to it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from actors.verification.actor_ground import LIVENESS, Ground
from actors.verification.errors import ModelError
from actors.verification.properties import Property
from actors.verification.result import Finding, Kind, Options, ProgressCallback, Result, Strategy, Trace
from actors.verification.walking import judged, longest_walk, run_walks
from core_ext.interleave_walks import RandomWalks

if TYPE_CHECKING:
    from actors.verification.actor_model import ActorModel
    from core_ext.interleave_walks import Trail

CHUNK = 2_000  # states between two looks at the clock


class ActorWalker:
    """Walks a model; see ``walking.Walker``.

    Args:
        ground: what is walked.
    """

    def __init__(self, ground: Ground[RandomWalks]) -> None:
        self._ground = ground
        self._engine = engine = ground.engine
        self._longest = longest_walk(ground.options)
        self._promises = [(claim, masks) for claim, masks in ground.masks() if claim.kind in LIVENESS]
        engine.must = sum(mask for claim, masks in ground.masks() if claim.kind is Kind.ALWAYS for mask in masks)
        engine.may = engine.once
        engine.free = sum(masks[0] for claim, masks in ground.masks() if claim.kind is Kind.DEADLOCK_FREE)
        # what ``eventually`` promises is owed from the start
        engine.promises = [
            (masks[0] if claim.kind is Kind.LEADS_TO else 0, masks[-1]) for claim, masks in self._promises
        ]
        engine.start(ground.replayer.initial, ground.options.seed)

    @property
    def distinct(self) -> int:
        """See ``Walker``."""
        return self._engine.states.count

    @property
    def generated(self) -> int:
        """See ``Walker``."""
        return self._engine.generated

    @property
    def depth(self) -> int:
        """See ``Walker``."""
        return self._engine.depth

    @property
    def bytes_used(self) -> int:
        """See ``Walker``."""
        return self._ground.bytes_used

    @property
    def violated(self) -> bool:
        """See ``Walker``."""
        return any(
            self._trail(claim, masks) is not None for claim, masks in self._ground.masks()
            if claim.kind is not Kind.SOMETIMES
        )

    @property
    def failed(self) -> str:
        """See ``Walker``."""
        return "a handler failed" if self._engine.failed is not None else ""

    def walk(self) -> bool:
        """See ``Walker``."""
        return not self._engine.walk(CHUNK, self._longest)

    def _trail(self, claim: Property, masks: list[int]) -> Trail | None:
        """The walk that says something of a property."""
        engine = self._engine
        if claim.kind is Kind.DEADLOCK_FREE:
            return engine.dead_ends.get(_number(masks[0]))
        if claim.kind in LIVENESS:
            return engine.broken.get(self._promises.index((claim, masks)))
        trails = [engine.noted[number] for number in map(_number, masks) if number in engine.noted]
        return min(trails, key=len, default=None)

    def findings(self, bound: str) -> list[Finding]:
        """One per property, and one for a handler that failed."""
        found = []
        for claim, masks in self._ground.masks():
            trail = self._trail(claim, masks)
            found.append(judged(claim, None if trail is None else self._trace(claim, trail), bound))
        if self._engine.failed is not None:
            trail, action = self._engine.failed
            found.append(self._ground.failure(self._ground.replayer.follow(trail), action))
        return found

    def _trace(self, claim: Property, trail: Trail) -> Trace:
        replayer = self._ground.replayer
        stuck = claim.kind not in (Kind.ALWAYS, Kind.SOMETIMES)
        return replayer.as_trace(replayer.follow(trail), None, stuck)


def _number(mask: int) -> int:
    return mask.bit_length() - 1


def walk(model: ActorModel, options: Options, progress: ProgressCallback | None) -> Result:
    """Check an actor model by random walks; ``distinct`` counts the states that they came to.

    Raises:
        ModelError: the options or properties cannot be used on it, or its actors cannot be checked.
    """
    if options.symmetry:
        raise ModelError(f"{model.describe()}: random walks go from state to state; leave symmetry out")
    ground = Ground(model, options, RandomWalks, edges=False)
    walker = ActorWalker(ground)
    bound = run_walks(walker, options, progress)
    findings = walker.findings(bound)
    ground.sight.check_unchanged()
    return Result(
        ground.name, walker.distinct, walker.generated, walker.depth, time.monotonic() - ground.began,
        tuple(findings), bound, Strategy.RANDOM, options.exact,
        bytes_per_state=walker.bytes_used / max(walker.distinct, 1),
    )
