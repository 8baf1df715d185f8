"""Everything an actor may do to the outside. The one contract that the three worlds implement; knows none of them.

Effects are released together when the handler returns; a handler that raises has none. After a journal append, every
effect waits until the appended records are on disk (the output gate); ``send_now`` is the explicit exception.
"""

from __future__ import annotations

import enum
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from actors.errors import ContractError
from actors.message import Message, Request
from core_ext.mailbox import Reference

T = TypeVar("T")


class Directive(enum.Enum):
    """What a supervisor does with a child whose handler raised."""

    RESTART = "restart"
    STOP = "stop"
    ESCALATE = "escalate"
    RESUME = "resume"  # refused for actors with a journal


class Supervision(msgspec.Struct, frozen=True):
    """How a parent treats one child. OTP's defaults.

    Attributes:
        directive: what happens when a handler raises.
        max_restarts: restarts allowed within ``within_seconds``; one more escalates to the parent.
        within_seconds: the window of ``max_restarts``.
        shutdown_seconds: how long an orderly stop may take before the actor is dropped.
    """

    directive: Directive = Directive.RESTART
    max_restarts: int = 1
    within_seconds: float = 5.0
    shutdown_seconds: float = 5.0

    def __post_init__(self) -> None:
        if not (
            isinstance(self.directive, Directive) and self.max_restarts >= 0
            and self.within_seconds > 0 and self.shutdown_seconds >= 0
        ):
            raise ContractError(
                f"{self!r}: directive is a Directive, max_restarts 0 or more, within_seconds more than 0, "
                f"shutdown_seconds 0 or more"
            )


class Overflow(enum.Enum):
    """What a full mailbox does with one more data message."""

    REJECT = "reject"
    DROP_OLDEST = "drop_oldest"
    DROP_NEWEST = "drop_newest"
    UNBOUNDED = "unbounded"


class Mailbox(msgspec.Struct, frozen=True):
    """Bound and policy of an actor's data queue; the control queue has its own.

    Attributes:
        capacity: data messages that may wait.
        overflow: what happens with one more.
    """

    capacity: int = 65_536
    overflow: Overflow = Overflow.REJECT

    def __post_init__(self) -> None:
        if not isinstance(self.overflow, Overflow):
            raise ContractError(f"{self!r}: overflow is one of {', '.join(map(str, Overflow))}")
        if self.overflow is not Overflow.UNBOUNDED and self.capacity < 1:
            raise ContractError(f"a mailbox of {self.capacity} messages holds none; use 1 or more")


class Ticket(NamedTuple):
    """A deferred answer: who asked, and which of its questions. A plain value; it may be kept in actor state."""

    asker: Reference | None
    correlation: int


class Uncertain(NamedTuple):
    """A journal record whose body the disk damaged in the last synced batch: it was written, perhaps acknowledged.

    Attributes:
        position: where it stood in the stream.
        tag: wire id of the record's type.
        note: what the actor gave to ``append`` with it; survives in the record's own header.
    """

    position: int
    tag: int
    note: int


class Journal(Protocol):
    """One actor's durable stream: a vector of records, each with a position, dense and growing."""

    @property
    def first_position(self) -> int:
        """Position of the oldest record that is still kept."""

    @property
    def next_position(self) -> int:
        """Position that the next append returns."""

    @property
    def uncertain(self) -> tuple[Uncertain, ...]:
        """Records at the tail that recovery could not read; empty after ``resolve``."""

    @property
    def lost(self) -> bool:
        """True when recovery found that critical records (term, vote) are gone: treat the disk as lost."""

    def append(self, record: Message, note: int = 0, critical: bool = False) -> int:
        """Append one record when the handler returns.

        Args:
            record: any message; its wire name is its tag.
            note: 64 unsigned bits that stay readable when the record's body is damaged.
            critical: write the record twice, apart from each other (term and vote).

        Returns:
            The record's position in this stream.
        """

    def read(self, first: int, last: int, limit_bytes: int, key: int = 0) -> None:
        """Ask for the records first..last (both included); answered by a JournalEntries message with ``key``.

        At least one record comes when it exists, also above ``limit_bytes``.
        """

    def truncate(self, from_position: int) -> None:
        """Cut the stream before ``from_position``, as a logical record; the next append gets that position."""

    def resolve(self) -> None:
        """The uncertain tail was confirmed or replaced; forget it (the positions it had are free again)."""

    def checkpoint(self, chunks: Iterable[Message], keep_from: int) -> None:
        """Replace everything before ``keep_from`` by ``chunks``.

        After a crash ``recover`` gets the chunks of the newest durable checkpoint, then the records from ``keep_from``
        on. Large state belongs in records of its own, appended a piece at a time and kept by ``keep_from``; the chunks
        are written in one go.
        """


class Context(Protocol):
    """An actor's hands. One per actor; valid only while one of its handlers runs."""

    @property
    def self(self) -> Reference:
        """This actor."""

    @property
    def sender(self) -> Reference | None:
        """Who sent the message being handled; None when it came from outside code, a timer or the world."""

    @property
    def parent(self) -> Reference | None:
        """The supervisor; None for a top-level actor."""

    @property
    def node(self) -> str:
        """Name of this node."""

    @property
    def journal(self) -> Journal:
        """This actor's durable stream.

        Raises:
            ContractError: the actor is not durable (no ``recover``, or no name).
        """

    def send(self, target: Reference, message: Message) -> None:
        """Put a message into the target's mailbox; at most once, in order per lane."""

    def send_now(self, target: Reference, message: Message) -> None:
        """Like ``send``, without waiting for this actor's own disk; it may overtake gated sends."""

    def reply(self, value: Any, to: Ticket | None = None) -> None:
        """Answer the current request, or the deferred one."""

    def reply_now(self, value: Any, to: Ticket | None = None) -> None:
        """Like ``reply``, without waiting for this actor's own disk."""

    def fail(self, reason: str, to: Ticket | None = None) -> None:
        """Answer with an error: the asker gets AskFailed with this reason."""

    def defer(self) -> Ticket:
        """Take the current request's answer into one's own hands; ``reply(value, to=ticket)`` gives it later."""

    def request(
        self, target: Reference, message: Request[Any], key: Hashable = None, timeout_seconds: float | None = None
    ) -> None:
        """Ask another actor; the answer, failure or time-out comes to ``@on_answer(type(message))`` with ``key``."""

    def set_timer(self, message: Message, delay_seconds: float | tuple[float, float], key: Hashable = None) -> None:
        """Send ``message`` to oneself after a delay, or a delay that the world draws from (low, high).

        A timer replaces the one with the same key; the default key is the message's type. Timers never overtake what
        already waits in the mailbox or the sockets. A timer that was cancelled or replaced is not delivered, also when
        it was already due. A restart or stop of the actor cancels its timers.
        """

    def cancel_timer(self, key: Hashable) -> None:
        """Cancel the timer with this key (the message's type by default); unknown keys are ignored."""

    def spawn(
        self, actor_class: type[Any], *args: Any, name: str | None = None,
        supervision: Supervision | None = None, mailbox: Mailbox | None = None,
    ) -> Reference:
        """Create a child. Its messages may be sent at once; it starts when this handler's effects are released."""

    def stop(self, target: Reference | None = None) -> None:
        """Stop a child, or oneself (default), after what its mailbox already holds."""

    def watch(self, target: Reference) -> None:
        """Receive Terminated when that incarnation is gone, for whatever reason, also when its node is."""

    def unwatch(self, target: Reference) -> None:
        """No longer watch."""

    def ref(self, name: str, node: str | None = None) -> Reference:
        """A reference by name: whoever has it when a message arrives; ``node`` defaults to this one."""

    def choose(self, options: Sequence[T]) -> T:
        """One of the options, as the world decides: the only randomness an actor has."""

    def now(self) -> float:
        """Seconds since the epoch, by this node's clock. For labels only, never for decisions; refused when checked."""

    def buggify(self, place: str) -> bool:
        """True at times in simulation, to take rare branches often; False in the other worlds."""
