"""Explores an ``ActorModel`` breadth or depth first, and judges its properties. Knows numbers; no actor, no protocol.

Breadth first the trace of a safety violation is a shortest one. Nothing is said to hold when anything was left out.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from actors.verification.actor_ground import Ground
from actors.verification.actor_liveness import Liveness
from actors.verification.properties import Property
from actors.verification.result import (
    Finding,
    Kind,
    Options,
    Progress,
    ProgressCallback,
    Result,
    Strategy,
    Trace,
    Verdict,
)
from actors.verification.searching import collision_probability
from core_ext.interleave import Interleaving
from core_ext.interleave_depth import DepthFirst

if TYPE_CHECKING:
    from actors.verification.actor_model import ActorModel

CHUNK = 2_000  # states between two looks at the clock
PROGRESS_SECONDS = 0.2
ON_REPRESENTATIVES = "liveness is not decided on representatives; check it without symmetry"


class Order(Protocol):
    """The order in which states are explored.

    Attributes:
        depth: as in ``Result``.
        queue: states that wait.
        cut_by_depth: the bound on the depth left something out.
    """

    @property
    def depth(self) -> int: ...
    @property
    def queue(self) -> int: ...
    @property
    def cut_by_depth(self) -> bool: ...

    def advance(self) -> bool:
        """Explore some states; whether more are left within the bound on the depth."""


class BreadthFirst:
    """Level by level.

    Args:
        engine: where the initial states are.
        longest: states on the longest path that is followed; None = any.
    """

    def __init__(self, engine: Interleaving, longest: int | None) -> None:
        self._engine = engine
        self._longest = longest
        self._level_end = 0
        self.depth = 0
        self.cut_by_depth = False

    @property
    def queue(self) -> int:
        """See ``Order``."""
        return self._engine.states.count - self._engine.states.cursor

    def advance(self) -> bool:
        """See ``Order``."""
        states = self._engine.states
        if states.cursor == self._level_end:
            if states.cursor == states.count:
                return False
            self._level_end = states.count
            self.depth += 1
            if self._longest is not None and self.depth >= self._longest:
                self.cut_by_depth = True
                return False
        self._engine.advance(CHUNK, self._level_end)
        return states.cursor < states.count


class NewestFirst:
    """Depth first: the arguments are as of ``BreadthFirst``."""

    def __init__(self, engine: DepthFirst) -> None:
        self._engine = engine

    @property
    def depth(self) -> int:
        """See ``Order``."""
        return self._engine.depth

    @property
    def queue(self) -> int:
        """See ``Order``."""
        return self._engine.queue

    @property
    def cut_by_depth(self) -> bool:
        """See ``Order``."""
        return self._engine.cut_by_depth

    def advance(self) -> bool:
        """See ``Order``."""
        return self._engine.descend(CHUNK)


def explore(model: ActorModel, options: Options, progress: ProgressCallback | None) -> Result:
    """Explore a model, breadth or depth first, and judge its properties.

    Raises:
        ModelError: the options or properties cannot be used on it, or its actors cannot be checked.
    """
    if options.strategy is Strategy.DEPTH:
        deep = Ground(model, options, DepthFirst, edges=True)
        deep.engine.start(deep.replayer.initial, options.max_depth or 0)
        return Search(deep, NewestFirst(deep.engine)).run(progress)
    ground = Ground(model, options, Interleaving, edges=True)
    ground.engine.seed(ground.replayer.initial)
    return Search(ground, BreadthFirst(ground.engine, options.max_depth)).run(progress)


class Search:
    """One exploration.

    Args:
        ground: what is explored, the initial states being in its engine.
        order: in which.
    """

    def __init__(self, ground: Ground[Interleaving] | Ground[DepthFirst], order: Order) -> None:
        self.ground = ground
        self.engine: Interleaving = ground.engine
        self.order = order
        self.options = ground.options
        self.bound = ""
        self.initial = self.engine.states.count

    def run(self, progress: ProgressCallback | None) -> Result:
        """Explore, and judge."""
        self._explore(progress)
        findings = self._findings()
        self.ground.sight.check_unchanged()
        distinct, options = self.engine.states.count, self.options
        return Result(
            model=self.ground.name, distinct=distinct, generated=self.engine.generated, depth=self.order.depth,
            seconds=time.monotonic() - self.ground.began, findings=tuple(findings), bound=self.bound,
            strategy=options.strategy, exact=options.exact,
            collision_probability=collision_probability(distinct, options.exact),
            bytes_per_state=self.ground.bytes_used / max(distinct, 1),
        )

    def _explore(self, progress: ProgressCallback | None) -> None:
        states, engine, began = self.engine.states, self.engine, self.ground.began
        told = began
        going = True
        while going:
            going = self.order.advance()
            now = time.monotonic()
            self.bound = self._ended(now - began, going)
            if self.bound:
                return
            if progress is not None and now - told > PROGRESS_SECONDS:
                told = now
                progress(Progress(
                    states.count, engine.generated, self.order.queue, self.order.depth, now - began,
                    self.ground.bytes_used,
                ))
        if self.order.cut_by_depth:
            self._left_out(f"no run was followed for more than {self.options.max_depth} states")
        if engine.cut:
            self._left_out("states outside of the model's boundary were left out")
        if engine.withheld:
            self._left_out(f"timers fire at most so often in one run: {self.ground.model.timers}")

    def _ended(self, seconds: float, going: bool) -> str:
        """Why the exploration ends here; empty when it does not."""
        states, options = self.engine.states, self.options
        if self.engine.failure is not None:
            return "a handler failed"
        if options.stop_on_violation and self._violated() is not None:
            return "it stopped at the first violation"
        if not going:
            return ""
        if options.max_states is not None and states.count >= options.max_states:
            return f"{states.count:,} distinct states were reached, the limit is {options.max_states:,}"
        if options.seconds is not None and seconds > options.seconds:
            return f"{options.seconds} seconds were over"
        if self.ground.bytes_used + states.bytes_soon > options.memory_bytes:
            return f"the tables would take more than {options.memory_bytes >> 20} MiB"
        return ""

    def _left_out(self, why: str) -> None:
        self.bound = f"{self.bound}; {why}" if self.bound else why

    # --- judging -----------------------------------------------------------------------------------------------------

    def _violated(self) -> int | None:
        for claim, masks in self.ground.masks():
            if claim.kind is Kind.ALWAYS:
                for mask in masks:
                    found = self.engine.first_where(0, mask, 0)
                    if found is not None:
                        return found
        return None

    def _findings(self) -> list[Finding]:
        found = []
        liveness: Liveness | None = None
        if self.ground.live and self.ground.symmetry is None:
            liveness = Liveness(
                self.engine, self.ground.model.fairness, bool(self.bound), self.ground.replayer, self.initial
            )
        for claim, masks in self.ground.masks():
            if claim.kind is Kind.ALWAYS:
                found.append(self._always(claim, masks))
            elif claim.kind is Kind.SOMETIMES:
                found.append(self._sometimes(claim, masks[0]))
            elif claim.kind is Kind.DEADLOCK_FREE:
                found.append(self._deadlock_free(claim, masks[0]))
            elif liveness is None:
                found.append(Finding(claim.name, claim.kind, Verdict.UNKNOWN, ON_REPRESENTATIVES))
            else:
                found.append(liveness.judge(claim, masks))
        if self.engine.failure is not None:
            state, ordinal = self.engine.failure
            found.append(self.ground.failure(self.ground.replayer.walk(state), ordinal))
        return found

    def _always(self, claim: Property, masks: list[int]) -> Finding:
        places = [self.engine.first_where(0, mask, 0) for mask in masks]
        reached = [place for place in places if place is not None]
        if reached:
            trace = self._trace(claim, min(reached), False)
            return Finding(claim.name, claim.kind, Verdict.VIOLATED, "a reachable state does not satisfy it", trace)
        return self._unviolated(claim)

    def _trace(self, claim: Property, place: int, satisfied: bool) -> Trace:
        """The run to a state. Under symmetry it leads to an image of the state that was judged: it is judged, too."""
        trace = self.ground.replayer.trace(place)
        last = trace.steps[-1].state
        if self.ground.symmetry is not None and satisfied != all(bool(holds(last)) for holds in claim.predicates):
            raise self.ground.tells_apart(f"property {claim.name!r}", last)
        return trace

    def _sometimes(self, claim: Property, mask: int) -> Finding:
        place = self.engine.first_where(0, mask, mask)
        if place is not None:
            return Finding(claim.name, claim.kind, Verdict.HOLDS, "", self._trace(claim, place, True))
        if self.bound:
            reason = f"no state was found that satisfies it: {self.bound}"
            return Finding(claim.name, claim.kind, Verdict.UNKNOWN, reason)
        return Finding(claim.name, claim.kind, Verdict.VIOLATED, "no reachable state satisfies it")

    def _unviolated(self, claim: Property) -> Finding:
        if self.bound:
            return Finding(claim.name, claim.kind, Verdict.BOUNDED, f"no violation within bounds: {self.bound}")
        return Finding(claim.name, claim.kind, Verdict.HOLDS)

    def _deadlock_free(self, claim: Property, mask: int) -> Finding:
        """Nothing is enabled: not even a fault. (A state in which only faults can happen is no deadlock; whether a run
        may rest there is for ``eventually`` to say.)"""
        assert self.engine.graph is not None
        stuck = self.engine.graph.without_edges(self.engine.states.count)
        allowed = self.engine.where(mask, mask)
        for state, ends in enumerate(stuck):
            if ends and not allowed[state]:
                trace = self.ground.replayer.as_trace(self.ground.replayer.walk(state), None, True)
                reason = "nothing is enabled in a reachable state"
                return Finding(claim.name, claim.kind, Verdict.VIOLATED, reason, trace)
        return self._unviolated(claim)
