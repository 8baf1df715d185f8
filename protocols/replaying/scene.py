"""A replayed run as properties see it, and whether it violates them: what a ``View`` shows, of actors of another world.

Knows the stage and the script; no world.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from actors.message import Message
from actors.verification.actor_local import Life
from actors.verification.actor_network import Envelope, Parcel
from actors.verification.errors import ModelError
from actors.verification.properties import Property, claims
from actors.verification.result import FAILURE, Kind
from protocols.replaying.script import Script
from protocols.replaying.stage import Seat, Stage


class Actors(Mapping[str, Any]):
    """Actors by name; None for one that is not up."""

    def __init__(self, stage: Stage) -> None:
        self._seats: dict[str, Seat] = {}
        for seat in stage.seats.values():
            self._seats[seat.slot.text] = seat
            self._seats[f"{seat.slot.reference.node}/{seat.slot.reference.name}"] = seat
        self._names = [seat.slot.text for seat in stage.seats.values()]

    def __getitem__(self, name: str) -> Any:
        return self._seats[name].actor

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def seat(self, name: str) -> Seat:
        """Who has this name."""
        return self._seats[name]


class Scene:
    """A replayed run at the moment at which it is looked at.

    Args:
        stage: of the replay.

    Attributes:
        actors: by name; the instances themselves, None for one that is not up.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.actors = Actors(stage)

    @property
    def network(self) -> tuple[Envelope, ...]:
        """What was sent and not delivered."""
        return tuple(self._stage.held)

    @property
    def history(self) -> Any:
        """What was recorded of the clients on the way."""
        return self._stage.history

    @property
    def quiet(self) -> bool:
        """No message is in flight."""
        return not self._stage.held

    def in_flight(self, message_type: type[Message]) -> tuple[Any, ...]:
        """The messages of one type that are in flight."""
        return tuple(
            envelope.message for envelope in self._stage.held
            if envelope.parcel is Parcel.MESSAGE and type(envelope.message) is message_type
        )

    def is_up(self, name: str) -> bool:
        """Whether an actor is running."""
        return self.actors.seat(name).life is Life.UP

    def local(self, name: str) -> Any:
        """Refused: journal and gate are the other world's.

        Raises:
            ModelError: always.
        """
        raise ModelError(
            f"a property looks at state.local({name!r}), which only the checked world has; claim something of actors, "
            f"messages and the history to have it judged in a replay"
        )


class Replayed:
    """A run that was followed to its end, and what the model claims of it.

    Args:
        script: that was followed.
        stage: of the replay.

    Attributes:
        scene: the end.
        steps: how many were followed.
    """

    def __init__(self, script: Script, stage: Stage) -> None:
        self.scene = Scene(stage)
        self.steps = len(script) - 1
        self._script = script
        self._stage = stage
        self._claims = {one.name: one for one in claims(script.model.describe(), script.model.properties)}
        self._truth: list[dict[str, tuple[bool, ...] | ModelError]] = []

    @property
    def failure(self) -> str:
        """What a handler raised in the last step; empty when none did."""
        return self._stage.failure

    def look(self) -> None:
        """Another state is reached: see which predicates hold in it."""
        self._truth.append({name: self._holding(claim) for name, claim in self._claims.items()})

    def violates(self, name: str) -> bool:
        """Does the run violate a property, judged by what was seen of these actors?

        Args:
            name: of the property, or of what the checker says of handlers that fail.

        Raises:
            ModelError: there is no such property, or it looks at what only the checked world has.
        """
        if name == FAILURE:
            return bool(self.failure)
        claim = self._claims.get(name)
        if claim is None:
            raise ModelError(f"{self._script.model.describe()} has no property {name!r}; it has {list(self._claims)}")
        seen = [self._known(state[name]) for state in self._truth]
        if claim.kind is Kind.ALWAYS:
            return not all(seen[-1])
        if claim.kind is Kind.DEADLOCK_FREE:
            return self._script.stuck and not seen[-1][0]
        if claim.kind is Kind.SOMETIMES or not (self._script.stuck or self._script.back_to is not None):
            return False  # nothing that one run could violate, or a run that has no end
        if claim.kind is Kind.EVENTUALLY:
            return not any(goal for goal, in seen)
        effects = [effect for _, effect in seen]
        last = max((place for place, (cause, _) in enumerate(seen) if cause), default=-1)
        after = last if self._script.back_to is None else min(last, self._script.back_to)
        return last >= 0 and not any(effects[after:])

    def _holding(self, claim: Property) -> tuple[bool, ...] | ModelError:
        view: Any = self.scene
        try:
            return tuple(bool(predicate(view)) for predicate in claim.predicates)
        except ModelError as error:
            return error

    def _known(self, truth: tuple[bool, ...] | ModelError) -> tuple[bool, ...]:
        if isinstance(truth, ModelError):
            raise truth
        return truth
