"""Plays an actor of a model in another world: runs its handlers when the script says, and lets the world do the rest.

A player is a real actor of that world, with that world's journal, output gate, crashes and recovery. What its actor
sends goes to the *office*, an actor on a node of its own, where it waits for its step. So the world decides what leaves
when, and the script decides what arrives when. Knows the contract and the stage; no world and no script.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors.actor import Actor, on
from actors.context import Context, Ticket
from actors.errors import AskFailed, AskTimeout
from actors.message import Answer, JournalEntries, Message, Request, Terminated
from actors.recording import (
    Append,
    Ask,
    CancelTimer,
    Checkpoint,
    JournalView,
    Read,
    Recorder,
    Reply,
    Resolve,
    Send,
    SetTimer,
    Spawn,
    Stop,
    Truncate,
    Watch,
)
from actors.verification.actor_local import Life
from actors.verification.actor_network import Envelope, Parcel
from core_ext.mailbox import Reference
from protocols.replaying.messages import PROBE, UNWATCH, WATCH, Cue, Does, Post, packed, unpacked
from protocols.replaying.stage import Diverged, Seat, Stage

OFFICE = Reference("replaying-office", "office")


class Office(Actor):
    """Where everything that has left its actor waits.

    Args:
        stage: of the replay.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    @on(Post)
    def post(self, message: Post, context: Context) -> None:
        self.stage.came(message)

    @on(Cue)
    def cue(self, message: Cue, context: Context) -> None:
        context.reply(True)  # what came before it is on the stage


class Player(Actor):
    """Plays one actor.

    Args:
        stage: of the replay.
        seat: whom it plays.
    """

    def __init__(self, stage: Stage, seat: Seat) -> None:
        self.stage = stage
        self.seat = seat
        self.actor = seat.actor_class(*seat.args)
        self._cue: Ticket | None = None
        self._ran = False  # a handler, since the last batch

    def start(self, context: Context) -> None:
        self.stage.began(self.seat, self.actor, context.self)
        self._run(self.actor.start, context)
        self.stage.observed(self.seat)
        self._ran = False

    @on(Cue)
    def cue(self, message: Cue, context: Context) -> None:
        self._cue = context.defer()
        if message.does is Does.TAKE:
            self._take(message, Parcel(message.parcel), context)
        elif message.does is Does.FIRE:
            self._fire(unpacked(Parcel.MESSAGE, message.tag, message.body), context)
        elif message.does is Does.EXPIRE:
            self._answered(message.number, None, AskTimeout("no answer in time"), None, context)

    @on(JournalEntries)
    def entries(self, message: JournalEntries, context: Context) -> None:
        self.stage.send(Envelope(None, self.seat.own, Parcel.MESSAGE, message))

    def after_batch(self, context: Context) -> None:
        """A batch is one cue."""
        cue, self._cue = self._cue, None
        if cue is None:
            return
        if self._ran and self.seat.life is Life.UP:
            after_batch = getattr(self.actor, "after_batch", None)
            if after_batch is not None:
                self._run(after_batch, context)
            self.stage.observed(self.seat)
            self._ran = False
        context.reply_now(True, to=cue)

    # --- cues --------------------------------------------------------------------------------------------------------

    def _take(self, cue: Cue, parcel: Parcel, context: Context) -> None:
        content = unpacked(parcel, cue.tag, cue.body)
        if parcel is Parcel.STOP:
            stopped = getattr(self.actor, "stopped", None)
            if stopped is not None:
                self._run(stopped, context)
            self.stage.observed(self.seat)
            self.stage.stopped(self.seat)
        elif parcel is Parcel.MESSAGE:
            ticket = Ticket(cue.source if cue.number else None, cue.number) if isinstance(content, Request) else None
            self._handle(content, cue.source, ticket, context)
        else:
            failure = AskFailed(content) if parcel is Parcel.FAILURE else None
            self._answered(cue.number, None if failure else content, failure, cue.source, context)

    def _handle(
        self, message: Message, sender: Reference | None, ticket: Ticket | None, context: Context
    ) -> None:
        if isinstance(message, Terminated):
            if message.actor not in self.seat.watches:
                return
            self.seat.watches.remove(message.actor)
        handler = self.seat.actor_class.handlers.get(type(message))
        if handler is None:
            raise self._failed(f"{self.seat.slot.text} has no handler for {type(message).__qualname__}")
        self._run(lambda hands: handler(self.actor, message, hands), context, sender, ticket)

    def _fire(self, message: Message, context: Context) -> None:
        timers = self.seat.timers
        for key, timer in timers.items():
            if timer == message:
                del timers[key]
                self._handle(message, None, None, context)
                return

    def _answered(
        self, number: int, value: Any, failure: Exception | None, sender: Reference | None, context: Context
    ) -> None:
        asked = next((one for one in self.seat.asks if one.number == number), None)
        if asked is None:
            return  # an answer that came too late
        self.seat.asks.remove(asked)
        handler = self.seat.actor_class.answer_handlers[asked.request]
        answer = Answer(asked.key, value, failure)
        self._run(lambda hands: handler(self.actor, answer, hands), context, sender)

    # --- one handler -------------------------------------------------------------------------------------------------

    def _run(
        self, call: Callable[[Any], object], context: Context, sender: Reference | None = None,
        ticket: Ticket | None = None,
    ) -> None:
        """Run a handler with hands that only write down; when it has returned, do what it did, in this world."""
        self._ran = True
        seat = self.seat
        parent = None if seat.made is None else seat.made[2]
        hands = Recorder(self.stage, seat.own, parent, seat.actor_class.answer_handlers)
        hands.begin(sender, ticket)
        if seat.actor_class.is_durable:
            journal = context.journal
            hands.view = JournalView(
                hands.effects, journal.first_position, journal.next_position, tuple(journal.uncertain), journal.lost
            )
        try:
            call(hands)
        except Diverged:
            raise
        except Exception as error:
            raise self._failed(f"{seat.slot.text} raised {type(error).__name__}: {error}") from error
        if hands.unanswered() is not None:
            hands.fail(f"{seat.slot.text} returned without an answer")
        for effect in hands.effects:
            self._do(effect, context)

    def _failed(self, text: str) -> Diverged:
        """As in the checked world: the run ends here, and nothing of this handler happens."""
        self.stage.failure = text
        return Diverged(text)

    def _do(self, effect: Any, context: Context) -> None:
        seat = self.seat
        match effect:
            case Send(target, message, now):
                self._post(context, target, Parcel.MESSAGE, message, now=now)
            case SetTimer(message, _, key):
                seat.timers.pop(key, None)
                seat.timers[key] = message
            case CancelTimer(key):
                seat.timers.pop(key, None)
            case Reply(ticket, value, reason, now):
                if ticket.asker is not None:
                    parcel, content = (Parcel.ANSWER, value) if reason is None else (Parcel.FAILURE, reason)
                    request = self.stage.request_of(ticket)
                    self._post(context, ticket.asker, parcel, content, ticket.correlation, request, now)
            case Ask(target, message, key, _):
                self._ask(context, target, message, key)
            case Watch(target, watched):
                context.send(OFFICE, Post(seat.own, target, WATCH if watched else UNWATCH, 0, 0, b""))
            case Stop(target):
                self._post(context, target, Parcel.STOP, None)
            case Spawn(reference, actor_class, args, supervision, mailbox):
                self._spawn(context, reference, (actor_class, args, seat.own), supervision, mailbox)
            case Append(_, record, note, critical):
                context.journal.append(record, note, critical)
            case Truncate(position):
                context.journal.truncate(position)
            case Checkpoint(chunks, keep_from):
                context.journal.checkpoint(chunks, keep_from)
            case Resolve():
                context.journal.resolve()
            case Read(first, last, limit_bytes, key):
                context.journal.read(first, last, limit_bytes, key)

    def _post(
        self, context: Context, target: Reference, parcel: Parcel, content: Any, number: int = 0,
        request: type[Request[Any]] | None = None, now: bool = False,
    ) -> None:
        tag, body = packed(parcel, content, request)
        post = Post(self.seat.own, target, parcel.value, number, tag, body)
        (context.send_now if now else context.send)(OFFICE, post)

    def _ask(self, context: Context, target: Reference, message: Request[Any], key: Any) -> None:
        number = self.stage.asks(self.seat, target, message, key)
        if self.stage.seat_of(target) is None:
            body = f"{target} does not exist".encode()
            context.send(OFFICE, Post(None, self.seat.own, Parcel.FAILURE.value, number, 0, body))
            return
        self._post(context, target, Parcel.MESSAGE, message, number)
        context.send(OFFICE, Post(self.seat.own, target, PROBE, number, 0, b""))

    def _spawn(
        self, context: Context, reference: Reference, made: tuple[type[Actor], tuple[Any, ...], Reference],
        supervision: Any, mailbox: Any,
    ) -> None:
        seat = self.stage.seat_of(reference)
        assert seat is not None
        seat.made = made
        name = reference.name if made[0].is_durable else None  # of the script's own: the world's names have no slash
        context.spawn(player_of(seat), self.stage, seat, name=name, supervision=supervision, mailbox=mailbox)


class DurablePlayer(Player):
    """Plays an actor with a journal."""

    def recover(self, record: Message) -> None:
        self.actor.recover(record)  # type: ignore[attr-defined]


class Scribe(Actor):
    """Writes the journal that an actor of the model begins with.

    Args:
        records: of it.
    """

    def __init__(self, records: tuple[Message, ...]) -> None:
        self.records = records

    def start(self, context: Context) -> None:
        for record in self.records:
            context.journal.append(record)

    def recover(self, record: Message) -> None:
        """It is there to write."""


def player_of(seat: Seat) -> type[Player]:
    """The class that plays an actor."""
    return DurablePlayer if seat.actor_class.is_durable else Player
