"""A context that only writes down what a handler does: the hands of an actor where the world is not the real one.

The simulated and the checked world both run a handler with a ``Recorder`` and then decide what becomes of each effect,
in the order in which the handler made them. Knows the contract and neither of the two worlds; has no queue, no clock
and no disk.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from actors.arguments import check_key, check_numbers, check_record, check_target
from actors.context import Mailbox, Supervision, Ticket, Uncertain
from actors.errors import ContractError
from actors.message import Message, Request
from core_ext.mailbox import Reference

T = TypeVar("T")


class Send(NamedTuple):
    """``send``, or ``send_now`` when ``now``: it need not wait for the actor's own disk."""

    target: Reference
    message: Message
    now: bool = False


class Reply(NamedTuple):
    """``reply``, ``reply_now`` or ``fail``: the answer to ``ticket``; ``failure`` is None when it is a value."""

    ticket: Ticket
    value: Any
    failure: str | None = None
    now: bool = False


class Ask(NamedTuple):
    """``request``: its answer is for the ``@on_answer`` handler of the message's type."""

    target: Reference
    message: Request[Any]
    key: Hashable
    timeout_seconds: float | None


class SetTimer(NamedTuple):
    """``set_timer``, with the key resolved (the message's type when none was given)."""

    message: Message
    delay_seconds: float | tuple[float, float]
    key: Hashable


class CancelTimer(NamedTuple):
    """``cancel_timer``."""

    key: Hashable


class Spawn(NamedTuple):
    """``spawn``; the reference was given by the world when the handler asked for it."""

    reference: Reference
    actor_class: type[Any]
    args: tuple[Any, ...]
    supervision: Supervision | None
    mailbox: Mailbox | None


class Stop(NamedTuple):
    """``stop`` of a child or, with the actor's own reference, of itself."""

    target: Reference


class Watch(NamedTuple):
    """``watch``, or ``unwatch`` when ``on`` is False."""

    target: Reference
    on: bool = True


class Append(NamedTuple):
    """``journal.append``."""

    position: int
    record: Message
    note: int = 0
    critical: bool = False


class Truncate(NamedTuple):
    """``journal.truncate``."""

    from_position: int


class Resolve(NamedTuple):
    """``journal.resolve``."""


class Checkpoint(NamedTuple):
    """``journal.checkpoint``."""

    chunks: tuple[Message, ...]
    keep_from: int


class Read(NamedTuple):
    """``journal.read``."""

    first: int
    last: int
    limit_bytes: int
    key: int


JournalEffect = Append | Truncate | Resolve | Checkpoint | Read
Effect = Send | Reply | Ask | SetTimer | CancelTimer | Spawn | Stop | Watch | JournalEffect


class Choices(Protocol):
    """What a recorder must ask while the handler runs, because the answer cannot wait."""

    def choose(self, actor: Reference, options: Sequence[T]) -> T:
        """One of the options."""

    def now(self, actor: Reference) -> float:
        """The node's clock, in seconds since the epoch; refused in the checked world."""

    def buggify(self, actor: Reference, place: str) -> bool:
        """Take the rare branch?"""


class World(Choices, Protocol):
    """The same, and where children come from."""

    def new_child(self, parent: Reference, actor_class: type[Any], name: str | None) -> Reference:
        """The reference of an actor that the handler is about to spawn."""


def check_append(record: Any, note: int) -> None:
    """Refuse what no journal takes.

    Raises:
        ContractError: the note is no unsigned 64-bit number, or the record no message.
    """
    if not 0 <= note < 1 << 64:
        raise ContractError(f"journal: note {note} does not fit 64 unsigned bits")
    check_record("journal", record)


class JournalView:
    """The journal as the running handler sees it: what was there, and what the handler has staged.

    Args:
        effects: where the operations are written down.
        first, next: positions of the oldest record and of the next append.
        uncertain, lost: what recovery found.
    """

    def __init__(
        self, effects: list[Any], first: int = 1, next: int = 1, uncertain: tuple[Uncertain, ...] = (),
        lost: bool = False,
    ) -> None:
        self._effects = effects
        self.first_position = first
        self.next_position = next
        self.uncertain = uncertain
        self.lost = lost
        self._kept = self.state()

    def state(self) -> tuple[int, int, tuple[Uncertain, ...], bool]:
        """(first, next, uncertain, lost), the operations of the running handler included."""
        return self.first_position, self.next_position, self.uncertain, self.lost

    def keep(self) -> None:
        """The handler returned: what it staged stands."""
        self._kept = self.state()

    def discard(self) -> None:
        """The handler raised: forget what it staged."""
        self.first_position, self.next_position, self.uncertain, self.lost = self._kept

    def append(self, record: Message, note: int = 0, critical: bool = False) -> int:
        """See ``Journal.append``."""
        check_append(record, note)
        position = self.next_position
        self._effects.append(Append(position, record, note, critical))
        self.next_position = position + 1
        return position

    def read(self, first: int, last: int, limit_bytes: int, key: int = 0) -> None:
        """See ``Journal.read``."""
        check_numbers("journal", "read", first, last, limit_bytes, key)
        self._effects.append(Read(first, last, limit_bytes, key))

    def truncate(self, from_position: int) -> None:
        """See ``Journal.truncate``."""
        self._check("truncate", from_position)
        self._effects.append(Truncate(from_position))
        self.next_position = from_position

    def resolve(self) -> None:
        """See ``Journal.resolve``."""
        if self.uncertain or self.lost:
            self._effects.append(Resolve())
            self.uncertain, self.lost = (), False

    def checkpoint(self, chunks: Iterable[Message], keep_from: int) -> None:
        """See ``Journal.checkpoint``."""
        self._check("checkpoint", keep_from)
        chunks = tuple(chunks)
        for chunk in chunks:
            check_record("journal", chunk)
        self._effects.append(Checkpoint(chunks, keep_from))
        self.first_position = keep_from

    def _check(self, what: str, position: int) -> None:
        if not self.first_position <= position <= self.next_position:
            raise ContractError(
                f"journal: {what}({position}) is outside of what it holds, positions {self.first_position} to "
                f"{self.next_position}"
            )


class Recorder:
    """One actor's ``Context``: writes effects down in order.

    Args:
        world: asked for what cannot wait.
        own: this actor's reference.
        parent: its supervisor; None for a top-level actor.
        answers: request types that its class has an ``@on_answer`` handler for.

    Attributes:
        effects: what the running handler has done so far. The world takes the list's content when the handler
            returned, and clears it when the handler raised.
        view: the journal; None for an actor that is not durable.
    """

    def __init__(
        self, world: World, own: Reference, parent: Reference | None = None,
        answers: Iterable[type[Any]] = (),
    ) -> None:
        self.effects: list[Effect] = []
        self.self = own
        self.node = own.node
        self.parent = parent
        self.sender: Reference | None = None
        self.view: JournalView | None = None
        self._world: Choices = world
        self._new_child = world.new_child
        self._answers = frozenset(answers)
        self._ticket: Ticket | None = None

    # --- for the world ---------------------------------------------------------------------------------------------

    def begin(self, sender: Reference | None, ticket: Ticket | None = None) -> None:
        """A handler begins: who sent its message and, for a request, the ticket of its answer."""
        self.sender = sender
        self._ticket = ticket

    def unanswered(self) -> Ticket | None:
        """The ticket of a request that the handler neither answered nor deferred: an error to the asker."""
        return self._ticket

    def discard(self) -> None:
        """The handler raised: none of its effects happens."""
        self.effects.clear()
        if self.view is not None:
            self.view.discard()

    # --- for the handler -------------------------------------------------------------------------------------------

    @property
    def journal(self) -> JournalView:
        """This actor's durable stream."""
        if self.view is None:
            raise ContractError(f"{self.self!r} has no journal: its class has no recover(), or it has no name")
        return self.view

    def send(self, target: Reference, message: Message) -> None:
        """See ``Context.send``."""
        self.effects.append(Send(target, message))

    def send_now(self, target: Reference, message: Message) -> None:
        """See ``Context.send_now``."""
        self.effects.append(Send(target, message, True))

    def reply(self, value: Any, to: Ticket | None = None) -> None:
        """See ``Context.reply``."""
        self.effects.append(Reply(to or self._take_ticket("reply"), value))

    def reply_now(self, value: Any, to: Ticket | None = None) -> None:
        """See ``Context.reply_now``."""
        self.effects.append(Reply(to or self._take_ticket("reply_now"), value, None, True))

    def fail(self, reason: str, to: Ticket | None = None) -> None:
        """See ``Context.fail``."""
        self.effects.append(Reply(to or self._take_ticket("fail"), None, reason))

    def defer(self) -> Ticket:
        """See ``Context.defer``."""
        return self._take_ticket("defer")

    def _take_ticket(self, what: str) -> Ticket:
        ticket, self._ticket = self._ticket, None
        if ticket is None:
            raise ContractError(
                f"{self.self!r}: {what} without a request that waits for an answer (none came, or it was answered or "
                f"deferred already); answer a deferred one with to=ticket"
            )
        return ticket

    def request(
        self, target: Reference, message: Request[Any], key: Hashable = None, timeout_seconds: float | None = None
    ) -> None:
        """See ``Context.request``."""
        if type(message) not in self._answers:
            raise ContractError(
                f"{self.self!r}: request({type(message).__qualname__}) would have no handler for its answer; declare "
                f"one with @on_answer({type(message).__name__})"
            )
        self.effects.append(Ask(target, message, key, timeout_seconds))

    def set_timer(self, message: Message, delay_seconds: float | tuple[float, float], key: Hashable = None) -> None:
        """See ``Context.set_timer``."""
        if key is not None:
            check_key(repr(self.self), "set_timer", key)
        self.effects.append(SetTimer(message, delay_seconds, type(message) if key is None else key))

    def cancel_timer(self, key: Hashable) -> None:
        """See ``Context.cancel_timer``."""
        check_key(repr(self.self), "cancel_timer", key)
        self.effects.append(CancelTimer(key))

    def spawn(
        self, actor_class: type[Any], *args: Any, name: str | None = None,
        supervision: Supervision | None = None, mailbox: Mailbox | None = None,
    ) -> Reference:
        """See ``Context.spawn``."""
        reference = self._new_child(self.self, actor_class, name)
        self.effects.append(Spawn(reference, actor_class, args, supervision, mailbox))
        return reference

    def stop(self, target: Reference | None = None) -> None:
        """See ``Context.stop``."""
        if target is not None:
            check_target(repr(self.self), "stop", target)
        self.effects.append(Stop(self.self if target is None else target))

    def watch(self, target: Reference) -> None:
        """See ``Context.watch``."""
        check_target(repr(self.self), "watch", target)
        self.effects.append(Watch(target))

    def unwatch(self, target: Reference) -> None:
        """See ``Context.unwatch``."""
        check_target(repr(self.self), "unwatch", target)
        self.effects.append(Watch(target, False))

    def ref(self, name: str, node: str | None = None) -> Reference:
        """See ``Context.ref``."""
        return Reference(node or self.node, name)

    def choose(self, options: Sequence[T]) -> T:
        """See ``Context.choose``."""
        return self._world.choose(self.self, options)

    def now(self) -> float:
        """See ``Context.now``."""
        return self._world.now(self.self)

    def buggify(self, place: str) -> bool:
        """See ``Context.buggify``."""
        return self._world.buggify(self.self, place)
