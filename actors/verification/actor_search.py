"""Explores an ``ActorModel`` and judges its properties. Knows the engine's numbers; no protocol.

Breadth first: the trace of a safety violation is a shortest one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from actors.verification.actor_events import Event, Happening
from actors.verification.actor_liveness import Liveness
from actors.verification.actor_local import Life, Local
from actors.verification.actor_network import Network
from actors.verification.actor_steps import Replayer
from actors.verification.actor_view import Sight, View
from actors.verification.actor_world import World
from actors.verification.errors import ModelError
from actors.verification.properties import Property, claims
from actors.verification.result import (
    Finding,
    Kind,
    Options,
    Progress,
    ProgressCallback,
    Result,
    Strategy,
    Verdict,
)
from core_ext.interleave import Interleaving
from core_ext.interleave_predicates import Predicate

if TYPE_CHECKING:
    from actors.verification.actor_model import ActorModel

CHUNK = 2_000  # states between two looks at the clock
PROGRESS_SECONDS = 0.2
MAX_PREDICATES = 31
MAX_TEXT = 2_000  # characters of a state in an error
LIVENESS = (Kind.EVENTUALLY, Kind.LEADS_TO)
FAILURE = "no handler fails"


class Search:
    """One exploration.

    Args:
        model: what to explore.
        options: how.

    Raises:
        ModelError: the options or properties cannot be used on actor models.
    """

    def __init__(self, model: ActorModel, options: Options) -> None:
        self.name = model.describe()
        if options.strategy is not Strategy.BREADTH:
            raise ModelError(
                f"{self.name}: actor models are explored breadth first; leave the strategy {options.strategy.value} out"
            )
        if options.symmetry:
            raise ModelError(f"{self.name}: actor models have no symmetry reduction; leave the option out")
        if not model.actors:
            raise ModelError(f"{self.name}: there is no actor in it; add some with spawn(...)")
        self.model = model
        self.options = options
        self.claims = claims(self.name, model.properties)
        predicates = [predicate for claim in self.claims for predicate in claim.predicates]
        if len(predicates) > MAX_PREDICATES:
            raise ModelError(f"{self.name}: {len(predicates)} predicates; at most {MAX_PREDICATES} in one check")
        self.world = World(
            model.actors, network=model.network, lossy=model.lossy, sync_at_once=model.sync_at_once,
            timers=[model.fires_of(slot.reference.node) for slot in model.actors], max_children=model.max_children,
            ask_timeouts=model.ask_timeouts,
            history=model.history, cut=model.cut,
        )
        self.live = any(claim.kind in LIVENESS for claim in self.claims)
        self.engine = Interleaving(
            self.world, self.world.capacity, self._nodes() if model.crashes else [],
            model.network is Network.DUPLICATING, model.lossy, model.crashes, model.down,
            -1 if model.drops is None else model.drops, -1 if model.capacity is None else model.capacity,
            not model.recover, model.rounds, options.exact,
            self.live or any(claim.kind is Kind.DEADLOCK_FREE for claim in self.claims),
        )
        self.world.engine = self.engine
        self.sight = Sight(self.world)
        self.engine.watched = [self._predicate(predicate, claim) for claim in self.claims
                               for predicate in claim.predicates]
        self.engine.once = sum(masks[0] for claim, masks in self._masks() if claim.kind is Kind.SOMETIMES)
        if model.bounded:
            self.engine.boundary = self._predicate(model.boundary, None)
        self.began = time.monotonic()
        self.depth = 0
        self.bound = ""
        self.replayer = Replayer(self.world, self.engine, self.sight)

    def _nodes(self) -> list[tuple[list[int], list[int], list[int]]]:
        """Per node that may crash: its places, and the events of a crash and of a recovery."""
        nodes: dict[str, list[int]] = {}
        for place, slot in enumerate(self.world.slots):
            if slot.reference.node not in self.model.reliable:
                nodes.setdefault(slot.reference.node, []).append(place)
        found = []
        for places in nodes.values():
            crash = [self.world.event_number(Event(place, Happening.CRASH)) for place in places]
            back = [self.world.event_number(Event(place, Happening.RECOVER)) for place in places]
            found.append((places, crash, back if self.model.recover else []))
        return found

    def _predicate(self, predicate: Callable[[View], bool], claim: Property | None) -> Predicate:
        what = f"property {claim.name!r}" if claim is not None else "the boundary"

        def evaluate(vector: tuple[int, ...]) -> tuple[bool, list[tuple[int, Any]]]:
            view = View(self.sight, vector)
            try:
                verdict = bool(predicate(view))
            except ModelError:
                raise
            except Exception as error:
                raise ModelError(
                    f"{self.name}: {what} raised {type(error).__name__}: {error}\nin the state\n{repr(view)[:MAX_TEXT]}"
                ) from error
            return verdict, list(view.reads.items())

        return Predicate(evaluate)

    def _initial(self) -> list[tuple[int, ...]]:
        absent = [self.world.local_number(slot, Local(Life.ABSENT)) for slot in range(self.world.capacity)]
        history = self.world.history_number(self.world.history.initial) if self.world.history is not None else 0
        empty = (*absent, history, 0, 0)
        plan = [
            (slot, self.world.event_number(Event(slot, Happening.START))) for slot in range(len(self.model.actors))
        ]
        return [state for _, _, _, state in self.engine.successors(empty, plan)]

    # --- running -----------------------------------------------------------------------------------------------------

    def run(self, progress: ProgressCallback | None) -> Result:
        """Explore, and judge."""
        initial = self._initial()
        self.replayer.initial = initial
        self.engine.seed(initial)
        self._explore(progress)
        findings = self._findings()
        self.sight.check_unchanged()
        distinct = self.engine.states.count
        return Result(
            model=self.name, distinct=distinct, generated=self.engine.generated, depth=self.depth,
            seconds=time.monotonic() - self.began, findings=tuple(findings), bound=self.bound, exact=self.options.exact,
            collision_probability=0.0 if self.options.exact else collision_probability(distinct),
            bytes_per_state=self._bytes_used() / max(distinct, 1),
        )

    def _explore(self, progress: ProgressCallback | None) -> None:
        states, engine, options = self.engine.states, self.engine, self.options
        told = self.began
        while states.cursor < states.count:
            level_end = states.count
            self.depth += 1
            if options.max_depth is not None and self.depth >= options.max_depth:
                self._bounded(f"no run was followed for more than {options.max_depth} states")
                return
            while states.cursor < level_end:
                engine.advance(CHUNK, level_end)
                now = time.monotonic()
                if engine.failure is not None:
                    self._bounded("a handler failed")
                    return
                if options.stop_on_violation and self._violated() is not None:
                    self._bounded("it stopped at the first violation")
                    return
                if options.max_states is not None and states.count >= options.max_states:
                    self._bounded(f"{states.count:,} distinct states were reached, the limit is {options.max_states:,}")
                    return
                if options.seconds is not None and now - self.began > options.seconds:
                    self._bounded(f"{options.seconds} seconds were over")
                    return
                if self._bytes_used() + states.bytes_soon > options.memory_bytes:
                    self._bounded(f"the tables would take more than {options.memory_bytes >> 20} MiB")
                    return
                if progress is not None and now - told > PROGRESS_SECONDS:
                    told = now
                    progress(Progress(
                        states.count, engine.generated, states.count - states.cursor, self.depth, now - self.began,
                        self._bytes_used(),
                    ))
        if engine.cut:
            self._bounded("states outside of the model's boundary were left out")
        if engine.withheld:
            self._bounded(f"timers fire at most so often in one run: {self.model.timers}")

    def _bytes_used(self) -> int:
        return self.engine.table_bytes + self.world.object_bytes

    def _bounded(self, why: str) -> None:
        self.bound = f"{self.bound}; {why}" if self.bound else why

    # --- judging -----------------------------------------------------------------------------------------------------

    def _masks(self) -> list[tuple[Property, list[int]]]:
        found = []
        place = 0
        for claim in self.claims:
            found.append((claim, [1 << place + i for i in range(len(claim.predicates))]))
            place += len(claim.predicates)
        return found

    def _violated(self) -> int | None:
        for claim, masks in self._masks():
            if claim.kind is Kind.ALWAYS:
                for mask in masks:
                    found = self.engine.first_where(0, mask, 0)
                    if found is not None:
                        return found
        return None

    def _findings(self) -> list[Finding]:
        found = []
        liveness: Liveness | None = None
        if self.live:
            liveness = Liveness(self.world, self.engine, self.model.fairness, bool(self.bound), self.replayer)
        for claim, masks in self._masks():
            if claim.kind is Kind.ALWAYS:
                found.append(self._always(claim, masks))
            elif claim.kind is Kind.SOMETIMES:
                found.append(self._sometimes(claim, masks[0]))
            elif claim.kind is Kind.DEADLOCK_FREE:
                found.append(self._deadlock_free(claim, masks[0]))
            else:
                assert liveness is not None
                found.append(liveness.judge(claim, masks))
        if self.engine.failure is not None:
            found.append(self._failure(*self.engine.failure))
        return found

    def _always(self, claim: Property, masks: list[int]) -> Finding:
        places = [self.engine.first_where(0, mask, 0) for mask in masks]
        reached = [place for place in places if place is not None]
        if reached:
            trace = self.replayer.trace(min(reached))
            return Finding(claim.name, claim.kind, Verdict.VIOLATED, "a reachable state does not satisfy it", trace)
        return self._unviolated(claim)

    def _sometimes(self, claim: Property, mask: int) -> Finding:
        place = self.engine.first_where(0, mask, mask)
        if place is not None:
            return Finding(claim.name, claim.kind, Verdict.HOLDS, "", self.replayer.trace(place))
        if self.bound:
            reason = f"no state was found that satisfies it: {self.bound}"
            return Finding(claim.name, claim.kind, Verdict.UNKNOWN, reason)
        return Finding(claim.name, claim.kind, Verdict.VIOLATED, "no reachable state satisfies it")

    def _unviolated(self, claim: Property) -> Finding:
        if self.bound:
            return Finding(claim.name, claim.kind, Verdict.BOUNDED, f"no violation within bounds: {self.bound}")
        return Finding(claim.name, claim.kind, Verdict.HOLDS)

    def _failure(self, state: int, ordinal: int) -> Finding:
        trace, text = self.replayer.failure(state, ordinal)
        return Finding(FAILURE, Kind.ALWAYS, Verdict.VIOLATED, text, trace)

    def _deadlock_free(self, claim: Property, mask: int) -> Finding:
        """Nothing is enabled: not even a fault. (A state in which only faults can happen is no deadlock; whether a run
        may rest there is for ``eventually`` to say.)"""
        assert self.engine.graph is not None
        stuck = self.engine.graph.without_edges(self.engine.states.cursor)
        allowed = self.engine.where(mask, mask)
        for state, ends in enumerate(stuck):
            if ends and not allowed[state]:
                trace = self.replayer.as_trace(self.replayer.walk(state), None, True)
                reason = "nothing is enabled in a reachable state"
                return Finding(claim.name, claim.kind, Verdict.VIOLATED, reason, trace)
        return self._unviolated(claim)


def collision_probability(distinct: int) -> float:
    """That two of so many states have one 64-bit fingerprint: about n^2 / 2^65."""
    return min(1.0, distinct * (distinct - 1.0) / 2.0**65)
