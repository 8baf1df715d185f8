"""What one actor is at one moment of a checked run: its fields, timers, journal and gate, asks and watches.

Plain values, compared and hashed as a whole; knows no handler and no search.
"""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

from actors.message import Message
from actors.recording import Append, Checkpoint, Resolve, Truncate, Watch
from actors.verification.actor_state import Frozen
from core_ext.mailbox import Reference


class Life(enum.Enum):
    """Where an actor is in its life."""

    ABSENT = "absent"  # never started
    UP = "up"
    DOWN = "down"  # its node crashed, and may recover
    STOPPED = "stopped"


class Stream(NamedTuple):
    """A journal as far as it is on disk.

    Attributes:
        first: position of the oldest record.
        chunks: of the newest checkpoint.
        records: from ``first`` on.
    """

    first: int = 1
    chunks: tuple[Message, ...] = ()
    records: tuple[Message, ...] = ()

    @property
    def next(self) -> int:
        """Position of the next append."""
        return self.first + len(self.records)

    def after(self, operations: tuple[Any, ...]) -> Stream:
        """The stream when these journal effects are on disk, too."""
        first, chunks, records = self
        for operation in operations:
            if isinstance(operation, Append):
                records = (*records, operation.record)
            elif isinstance(operation, Truncate):
                records = records[: operation.from_position - first]
            elif isinstance(operation, Checkpoint):
                records = records[operation.keep_from - first :]
                first, chunks = operation.keep_from, operation.chunks
            else:
                assert isinstance(operation, Resolve), operation
        return Stream(first, chunks, records)


class Asked(NamedTuple):
    """A request of this actor that was not answered."""

    number: int
    target: Reference
    request: type[Any]
    key: Any


class Batch(NamedTuple):
    """What one handler wrote that is not on disk yet, and what waits for it.

    Attributes:
        operations: journal effects, in order.
        sends: events of the messages that go out when they are on disk.
        follows: (slot, event) pairs that happen then.
        watches: ``Watch`` effects that take effect then.
        asks: requests that are waited for from then on.
    """

    operations: tuple[Any, ...]
    sends: tuple[int, ...] = ()
    follows: tuple[tuple[int, int], ...] = ()
    watches: tuple[Watch, ...] = ()
    asks: tuple[Asked, ...] = ()


class Local(NamedTuple):
    """One actor at one moment.

    Attributes:
        life: see ``Life``.
        fields: the actor's own; None unless it is up.
        timers: numbers of those that are set, ascending.
        fires: how often timers of it have fired, when that is bounded; else 0.
        incarnation: grows with every start; 0 before the first.
        stream: the durable part of the journal; None for an actor without one.
        pending: what is not on disk, oldest first.
        asks: in the order of their numbers.
        next_ask: number of the next one.
        watches: whom it watches, in the order in which it began to.
        children: how many unnamed ones it has spawned.
        made: (class, arguments, parent) of a spawned child; None for an actor of the model itself.
    """

    life: Life
    fields: Frozen | None = None
    timers: tuple[int, ...] = ()
    fires: int = 0
    incarnation: int = 0
    stream: Stream | None = None
    pending: tuple[Batch, ...] = ()
    asks: tuple[Asked, ...] = ()
    next_ask: int = 1
    watches: tuple[Reference, ...] = ()
    children: int = 0
    made: tuple[type[Any], tuple[Any, ...], Reference] | None = None

    def view(self) -> Stream:
        """The journal as the actor sees it: what is not on disk included."""
        assert self.stream is not None
        stream = self.stream
        for batch in self.pending:
            stream = stream.after(batch.operations)
        return stream
