"""What every search over an ``ActorModel`` begins with: its world, an engine, predicates by number, initial states.

Knows the engine's numbers; no order of search, no verdict, no protocol.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from actors.verification.actor_events import Event, Happening
from actors.verification.actor_local import Life, Local
from actors.verification.actor_network import Network
from actors.verification.actor_steps import Replayer, Run
from actors.verification.actor_symmetry import Symmetry
from actors.verification.actor_view import Sight, View
from actors.verification.actor_world import World
from actors.verification.errors import ModelError
from actors.verification.properties import Property, claims
from actors.verification.result import FAILURE, Finding, Kind, Options, Verdict
from core_ext.interleave import Interleaving
from core_ext.interleave_predicates import Predicate

if TYPE_CHECKING:
    from actors.verification.actor_model import ActorModel

MAX_PREDICATES = 31
MAX_TEXT = 2_000  # characters of a state in an error
LIVENESS = (Kind.EVENTUALLY, Kind.LEADS_TO)

E = TypeVar("E", bound=Interleaving)


class Ground(Generic[E]):
    """One model, ready to be searched.

    Args:
        model: what to search.
        options: how.
        kind: of engine, by the order in which it goes through the states.
        edges: the graph is wanted when a property asks for it.

    Raises:
        ModelError: the options or properties cannot be used on actor models.
    """

    def __init__(self, model: ActorModel, options: Options, kind: type[E], edges: bool) -> None:
        self.name = model.describe()
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
        self.symmetry = Symmetry(model, self.world) if options.symmetry else None
        self.engine = kind(
            self.symmetry or self.world, self.world.capacity, self._nodes() if model.crashes else [],
            model.network is Network.DUPLICATING, model.lossy, model.crashes, model.down,
            -1 if model.drops is None else model.drops, -1 if model.capacity is None else model.capacity,
            not model.recover, model.rounds, options.exact,
            edges and (self.live or any(claim.kind is Kind.DEADLOCK_FREE for claim in self.claims)),
        )
        self.world.engine = self.engine
        self.sight = Sight(self.world)
        self.engine.watched = [self._predicate(predicate, claim) for claim in self.claims
                               for predicate in claim.predicates]
        self.engine.once = sum(masks[0] for claim, masks in self.masks() if claim.kind is Kind.SOMETIMES)
        if model.bounded:
            self.engine.boundary = self._predicate(model.boundary, None)
        self.began = time.monotonic()
        self.replayer = Replayer(self.world, self.engine, self.sight)
        begun = self._begun()
        self.replayer.initial, self.replayer.chosen = list(begun), list(begun.values())
        if self.symmetry is not None:
            self.symmetry.closed(self.replayer.initial)
            self.engine.twins = self.symmetry.twins
            self.engine.unequal = self._unequal

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

    def _unequal(self, predicate: int, state: tuple[int, ...]) -> None:
        names = [claim.name for claim in self.claims for _ in claim.predicates]
        what = "the boundary" if predicate < 0 else f"property {names[predicate]!r}"
        raise self.tells_apart(what, View(self.sight, state))

    def tells_apart(self, what: str, state: View) -> ModelError:
        """What a predicate is refused with that is true of one state and not of its image."""
        return ModelError(
            f"{self.name}: symmetry: {what} tells symmetric states apart, so one of them cannot stand for all; check "
            f"it without symmetry. It says one thing of this state, and the other one of an image of it:\n"
            f"{repr(state)[:MAX_TEXT]}"
        )

    def _begun(self) -> dict[tuple[int, ...], tuple[Any, ...]]:
        """Every initial state, and what actors chose when they started; where several ways lead to it, in the first."""
        absent = [self.world.local_number(slot, Local(Life.ABSENT)) for slot in range(self.world.capacity)]
        history = self.world.history_number(self.world.history.initial) if self.world.history is not None else 0
        empty = (*absent, history, 0, 0)
        plan = [
            (slot, self.world.event_number(Event(slot, Happening.START))) for slot in range(len(self.model.actors))
        ]
        found: dict[tuple[int, ...], tuple[Any, ...]] = {}
        for _, _, branches, state in self.engine.successors(empty, plan):
            found.setdefault(state, self.replayer.choices(branches))
        return found

    def masks(self) -> list[tuple[Property, list[int]]]:
        """Properties, each with the bits of its predicates in the engine."""
        found = []
        place = 0
        for claim in self.claims:
            found.append((claim, [1 << place + i for i in range(len(claim.predicates))]))
            place += len(claim.predicates)
        return found

    @property
    def bytes_used(self) -> int:
        """Of the engine's tables, and of everything that has a number."""
        return self.engine.table_bytes + self.world.object_bytes

    def failure(self, run: Run, ordinal: int) -> Finding:
        """A handler that failed, as a finding.

        Args:
            run: up to the state in which it was called.
            ordinal: the action that called it.
        """
        trace, text = self.replayer.failure(run, ordinal)
        return Finding(FAILURE, Kind.ALWAYS, Verdict.VIOLATED, text, trace)
