"""A library of lies: wraps any actor so that it says what a Byzantine one may say. Knows messages only by their fields.

``lying(ActorClass, Equivocate(), Silence(10))`` is an actor class like any other: spawn it in the honest one's place.
It lies when it sends and answers; its own handlers stay honest, so that its lies fit the protocol's course. All its
choices are ``context.choose``, and the first option is always the truth.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import msgspec

from actors.actor import Actor
from actors.context import Context, Ticket
from actors.message import Message
from actors.other_values import corrupted, other_value
from core_ext.mailbox import Reference

T = TypeVar("T")
Sent = list[tuple[Reference, Message]]

REMEMBERED = 256  # messages that a replaying or delaying liar keeps


class Lie(msgspec.Struct, frozen=True):
    """Base of all lies.

    Attributes:
        percent: how many of a hundred messages it is told about.
    """

    percent: int = 30

    def tell(self, liar: Liar, target: Reference, message: Message) -> Sent | None:
        """What goes out instead of one message; None: this lie does not apply to it."""
        raise NotImplementedError


class Silence(Lie, frozen=True):
    """It says nothing."""

    def tell(self, liar: Liar, target: Reference, message: Message) -> Sent | None:
        return []


class Corrupt(Lie, frozen=True):
    """One field is another one: a wrong digest, term, index or value.

    Attributes:
        fields: only these; any field when empty.
    """

    fields: tuple[str, ...] = ()

    def tell(self, liar: Liar, target: Reference, message: Message) -> Sent | None:
        wrong = corrupted(message, liar.choose, self.fields)
        return None if wrong is None else [(target, wrong)]


class Equivocate(Lie, frozen=True):
    """Two stories: some receivers of a message get it, others a different one, always the same different one.

    Attributes:
        fields: in which the stories differ; any field when empty.
    """

    fields: tuple[str, ...] = ()

    def tell(self, liar: Liar, target: Reference, message: Message) -> Sent | None:
        if liar.story is None or liar.story[0] is not message:
            other = corrupted(message, liar.choose, self.fields)
            if other is None:
                return None
            liar.story = (message, other)
        return [(target, liar.story[1])]


class Replay(Lie, frozen=True):
    """An old message goes out once more, behind the true one, to anybody."""

    def tell(self, liar: Liar, target: Reference, message: Message) -> Sent | None:
        if not liar.past:
            return None
        _, old = liar.choose(tuple(liar.past))
        return [(target, message), (target, old)]


class Forge(Lie, frozen=True):
    """A certificate with one vote more than was given: a made-up copy of one of its parts under another name."""

    def tell(self, liar: Liar, target: Reference, message: Message) -> Sent | None:
        for field in message.__struct_fields__:
            parts = getattr(message, field)
            if isinstance(parts, tuple) and parts and all(isinstance(part, Message) for part in parts):
                forged = corrupted(liar.choose(parts), liar.choose)
                if forged is not None:
                    return [(target, msgspec.structs.replace(message, **{field: (*parts, forged)}))]
        return None


class Delay(Lie, frozen=True):
    """It is sent only after so many later messages.

    Attributes:
        messages: how many.
    """

    messages: int = 5

    def tell(self, liar: Liar, target: Reference, message: Message) -> Sent | None:
        if len(liar.late) >= REMEMBERED:
            return None
        liar.late.append((liar.count + self.messages, target, message))
        return []


EVERY_LIE: tuple[Lie, ...] = (Silence(), Corrupt(), Equivocate(), Replay(), Forge(), Delay())


class Liar:
    """What one lying actor remembers of what it has said.

    Attributes:
        past: messages sent lately, with their receivers.
        late: messages held back, with the count at which they go out.
        story: the message that two stories are told about now, and the other story.
        count: messages so far.
        choose: ``context.choose`` of the running handler.
    """

    def __init__(self, lies: Sequence[Lie]) -> None:
        self.lies = lies
        self.past: deque[tuple[Reference, Message]] = deque(maxlen=REMEMBERED)
        self.late: list[tuple[int, Reference, Message]] = []
        self.story: tuple[Message, Message] | None = None
        self.count = 0
        self.choose: Callable[[Sequence[Any]], Any] = _first

    def out(self, target: Reference, message: Message, context: Context) -> Sent:
        """What really goes out for one message."""
        self.choose = context.choose
        self.count += 1
        sent: Sent = [(target, message)]
        for lie in self.lies:
            if self._tells(lie.percent):
                told = lie.tell(self, target, message)
                if told is not None:
                    sent = told
                    _note(context, type(lie).__name__.lower())
                    break
        self.past.append((target, message))
        due = [entry for entry in self.late if entry[0] <= self.count]
        self.late = [entry for entry in self.late if entry[0] > self.count]
        return [*sent, *((to, held) for _, to, held in due)]

    def value(self, value: Any, context: Context) -> Any:
        """What is answered instead of a value."""
        self.choose = context.choose
        for lie in self.lies:
            if isinstance(lie, (Corrupt, Equivocate)) and self._tells(lie.percent):
                wrong = other_value(value, self.choose)
                if wrong is not None:
                    _note(context, type(lie).__name__.lower())
                    return wrong
        return value

    def _tells(self, percent: int) -> bool:
        return percent >= 100 or bool(self.choose(range(100)) >= 100 - percent)


def _first(options: Sequence[T]) -> T:
    return options[0]


def _note(context: Context, kind: str) -> None:
    injected = getattr(context, "injected", None)
    if injected is not None:  # the simulated world counts; others do not
        injected(f"lie:{kind}")


class _LyingContext:
    """A context whose sends and answers are the liar's; everything else is the true one's."""

    def __init__(self, context: Context, liar: Liar) -> None:
        self._context = context
        self._liar = liar

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def send(self, target: Reference, message: Message) -> None:
        for to, said in self._liar.out(target, message, self._context):
            self._context.send(to, said)

    def send_now(self, target: Reference, message: Message) -> None:
        for to, said in self._liar.out(target, message, self._context):
            self._context.send_now(to, said)

    def reply(self, value: Any, to: Ticket | None = None) -> None:
        self._context.reply(self._liar.value(value, self._context), to)

    def reply_now(self, value: Any, to: Ticket | None = None) -> None:
        self._context.reply_now(self._liar.value(value, self._context), to)


_made: dict[tuple[type[Actor], tuple[Lie, ...]], type[Actor]] = {}


def lying(actor_class: type[Actor], *lies: Lie) -> type[Actor]:
    """An actor class that behaves like another one and lies.

    Args:
        actor_class: the honest one; its constructor's arguments stay the same.
        lies: tried in this order for each message; the first one that is told counts.
    """
    key = (actor_class, lies)
    found = _made.get(key)
    if found is None:
        found = _made[key] = _make(actor_class, lies)
    return found


def _make(actor_class: type[Actor], lies: tuple[Lie, ...]) -> type[Actor]:
    def construct(self: Any, *args: Any, **options: Any) -> None:
        actor_class.__init__(self, *args, **options)
        self._liar = Liar(lies)

    def lie_in(handler: Callable[..., Any]) -> Callable[..., Any]:
        def handle(self: Any, message: Any, context: Context) -> None:
            handler(self, message, _LyingContext(context, self._liar))

        return handle

    def lie_in_hook(hook: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Any, context: Context) -> None:
            hook(self, _LyingContext(context, self._liar))

        return call

    members: dict[str, Any] = {"__init__": construct, "__doc__": f"A lying {actor_class.__qualname__}."}
    for name in ("start", "after_batch", "stopped"):
        hook = getattr(actor_class, name, None)
        if hook is not None:
            members[name] = lie_in_hook(hook)
    made: Any = type(f"Lying{actor_class.__name__}", (actor_class,), members)
    made.handlers = {kind: lie_in(handler) for kind, handler in actor_class.handlers.items()}
    made.answer_handlers = {kind: lie_in(handler) for kind, handler in actor_class.answer_handlers.items()}
    return cast(type[Actor], made)
