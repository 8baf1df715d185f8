"""What can happen to an actor in the checked world, what comes of it, and the branching of its choices.

Knows neither who runs handlers nor a search.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from actors.actor import Actor
from actors.errors import ContractError
from actors.message import Message
from actors.verification.actor_local import Local
from actors.verification.errors import ModelError
from core_ext.mailbox import Reference

T = TypeVar("T")

MAX_OUTCOMES = 100_000  # of one local step, over all its choices

# flags of a local state, of an outcome and of a message; the same numbers as in core_ext/interleave_steps
UP, DOWN, WITHHELD = 1, 2, 4
PURGE, FAILED = 1, 2
FIFO, LOCAL, PINNED = 1, 2, 4
NOBODY = -1  # the slot of a message that is lost, and that the history hears of


class Happening(enum.Enum):
    """The kinds of events that an actor can meet."""

    START = "start"  # payload: how a child is made; None for an actor of the model
    DELIVER = "deliver"  # an Envelope
    TIMER = "timer"  # its number
    SYNC = "sync"
    CRASH = "crash"  # of the node with this name, to whoever may be a child there; None: of the own one
    RECOVER = "recover"
    GONE = "gone"  # the Reference, with its incarnation, of another actor
    FAULT = "fault"  # event 0: what the world does against the actors, and no run is obliged to
    ROUND = "round"  # event 1: all actors do what they do by themselves
    PROBE = "probe"  # (who wants to know, of which reference, for which request): is this actor there?
    EXPIRE = "expire"  # number of a request that is not waited for any longer


class Event(NamedTuple):
    """Something that happens to the actor of one slot."""

    slot: int
    happening: Happening
    payload: Any = None


class Slot(NamedTuple):
    """A place for an actor.

    Attributes:
        reference: its name, incarnation 0.
        actor_class, args: how it is made; None for one that only a child takes.
        journal: what it recovers from when it first starts.
    """

    reference: Reference
    actor_class: type[Actor] | None
    args: tuple[Any, ...]
    journal: tuple[Message, ...] = ()

    @property
    def text(self) -> str:
        """For people: the name alone when the node has no other actor."""
        name, node = self.reference.name, self.reference.node
        return name if node == name else f"{node}/{name}"


class HandlerFailure(NamedTuple):
    """A handler raised, or there was none for a message."""

    actor: str
    event: Event
    text: str


class ClockRefused(ModelError):
    """A handler asked for the time."""


class Found(NamedTuple):
    """One outcome of a local step, before it has a number."""

    local: Local
    sends: tuple[int, ...]
    follows: tuple[tuple[int, int], ...]
    flags: int
    failure: str = ""
    chosen: tuple[Any, ...] = ()
    note: int = -1


class Chooser:
    """Leads a handler through every combination of its choices, one run each, in the order of the options."""

    def __init__(self) -> None:
        self._taken: list[tuple[int, int, Any]] = []
        self._prefix: tuple[int, ...] = ()

    def branches(self, actor: str) -> Iterator[None]:
        """Yields once per run of the handler."""
        waiting: list[tuple[int, ...]] = [()]
        runs = 0
        while waiting:
            runs += 1
            if runs > MAX_OUTCOMES:
                raise ModelError(f"actor {actor}: one handler has more than {MAX_OUTCOMES} combinations of choices")
            self._prefix = waiting.pop()
            self._taken = []
            yield
            chosen = [index for index, _, _ in self._taken]
            for place in range(len(self._taken) - 1, len(self._prefix) - 1, -1):
                count = self._taken[place][1]
                waiting += [(*chosen[:place], other) for other in range(count - 1, 0, -1)]
            waiting.sort(reverse=True)

    def choose(self, actor: Reference, options: Sequence[T]) -> T:
        if not options:
            raise ContractError(f"{actor}: context.choose of no options")
        place = len(self._taken)
        index = self._prefix[place] if place < len(self._prefix) else 0
        self._taken.append((index, len(options), options[index]))
        return options[index]

    def labels(self) -> tuple[Any, ...]:
        """What was chosen in this run."""
        return tuple(option for _, _, option in self._taken)


def means(reference: Reference, gone: Reference) -> bool:
    """Whether a reference was to the actor that is gone."""
    return (
        reference.node == gone.node and reference.name == gone.name
        and reference.incarnation in (0, gone.incarnation)
    )
