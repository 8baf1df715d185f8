"""What a property sees of a global state: actors by name, messages in flight, the history. Remembers what was read.

Knows the world's numbers; no search. What a view hands out is for reading: actors are copies, made for the asking.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from actors.message import Message
from actors.verification.actor_local import Life, Local
from actors.verification.actor_network import Envelope, Parcel
from actors.verification.actor_state import freeze, thaw
from actors.verification.actor_text import parts_of
from actors.verification.errors import ModelError

if TYPE_CHECKING:
    from actors.verification.actor_world import World

HEADER = 3  # history, crashes, drops: what stands between actors and messages in a vector


class Sight:
    """Readable copies of local states, each made once.

    Args:
        world: whose numbers they have.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self._actors: dict[int, Any] = {}
        self._slots: dict[str, int] = {}

    def slot(self, name: str) -> int:
        """The place of an actor by its name, ``node/name`` where the node has others.

        Raises:
            ModelError: lists the names that there are.
        """
        found = self._slots.get(name)
        if found is not None:
            return found
        for place, slot in enumerate(self.world.slots):
            if name in (slot.text, f"{slot.reference.node}/{slot.reference.name}"):
                self._slots[name] = place
                return place
        known = ", ".join(slot.text for slot in self.world.slots)
        raise ModelError(f"a property asks for the actor {name!r}; the model has {known}")

    def actor(self, number: int) -> Any:
        """The actor in a local state; None when it is not up."""
        found = self._actors.get(number)
        if found is None:
            fields = self.world.locals[number].fields
            found = self._actors[number] = None if fields is None else thaw(fields)
        return found

    def check_unchanged(self) -> None:
        """Predicates share these copies: one that was changed has spoiled what others said of the same state.

        Raises:
            ModelError: a predicate changed an actor.
        """
        for number, actor in self._actors.items():
            if actor is None:
                continue
            before, after = self.world.locals[number].fields, freeze(type(actor).__qualname__, actor)
            if after != before:
                raise ModelError(
                    f"a property or the boundary changed the actor that it looked at: {before!r} became {after!r}; "
                    f"look, and build new values instead"
                )


class Actors(Mapping[str, Any]):
    """Actors by name, in the model's order; None for one that is not up."""

    def __init__(self, view: View) -> None:
        self._view = view

    def __getitem__(self, name: str) -> Any:
        view = self._view
        return view.sight.actor(view.local_number(view.sight.slot(name)))

    def __iter__(self) -> Iterator[str]:
        return (slot.text for slot in self._view.sight.world.slots)

    def __len__(self) -> int:
        return len(self._view.sight.world.slots)


class View:
    """One global state, for reading.

    Args:
        sight: see there.
        vector: the state.

    Attributes:
        reads: (part, value) in the order in which parts were first read; what the engine remembers a verdict by.
    """

    def __init__(self, sight: Sight, vector: tuple[int, ...]) -> None:
        self.sight = sight
        self.vector = vector
        self.reads: dict[int, Any] = {}
        self.actors = Actors(self)

    def local_number(self, slot: int) -> int:
        """The number of an actor's local state."""
        self.reads.setdefault(slot, self.vector[slot])
        return self.vector[slot]

    def local(self, name: str) -> Local:
        """Everything about one actor: its timers, its journal, what waits at its gate."""
        return self.sight.world.locals[self.local_number(self.sight.slot(name))]

    def is_up(self, name: str) -> bool:
        """Whether an actor is running."""
        return self.local(name).life is Life.UP

    @property
    def history(self) -> Any:
        """What was recorded of the clients."""
        world = self.sight.world
        if world.history is None:
            raise ModelError("a property reads the history, and the model records none: give ActorModel(history=...)")
        return world.histories[self.reads.setdefault(world.capacity, self.vector[world.capacity])]

    @property
    def network(self) -> tuple[Envelope, ...]:
        """Messages in flight; in the order of their channels, not of their sending."""
        world = self.sight.world
        messages = self.vector[world.capacity + HEADER :]
        self.reads.setdefault(world.capacity + 1, messages)
        return tuple(world.events[event].payload for event in messages)

    def in_flight(self, message_type: type[Message]) -> tuple[Any, ...]:
        """The messages of one type that are in flight. Remembered by these alone, so cheaper than ``network``."""
        world = self.sight.world
        kind = world.kind_number((Parcel.MESSAGE, message_type))
        found = tuple(
            event for event in self.vector[world.capacity + HEADER :]
            if type((envelope := world.events[event].payload).message) is message_type
            and envelope.parcel is Parcel.MESSAGE
        )
        self.reads.setdefault(world.capacity + 2 + kind, found)
        return tuple(world.events[event].payload.message for event in found)

    @property
    def quiet(self) -> bool:
        """No message is in flight."""
        return not self.network

    def parts(self) -> dict[str, Any]:
        """The state in words, by name; see ``actor_text.parts_of``. Remembers nothing as read."""
        world = self.sight.world
        history = None if world.history is None else self.vector[world.capacity]
        return parts_of(world, self.vector, self.vector[world.capacity + HEADER :], history)

    def __repr__(self) -> str:
        lines = []
        for name, text in self.parts().items():
            if isinstance(text, Counter):
                lines += [f"{name}: {one}" for one in text.elements()]
            else:
                lines.append(f"{name} = {text}")
        return "\n".join(lines)
