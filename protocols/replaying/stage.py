"""What a replay keeps outside of its actors: who is up, what is on its way, what clients did. Follows the rules of the
checked world (``actors.verification.actor_world``), in plain Python.

The actors themselves, their journals and what waits for a disk are the other world's. Knows neither of the two worlds'
machinery, and no script.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any, TypeVar

from actors.actor import Actor
from actors.context import Ticket
from actors.message import Lane, Message, Reason, Request, Terminated
from actors.verification.actor_events import Slot, means
from actors.verification.actor_local import Asked, Life, Local
from actors.verification.actor_model import ActorModel
from actors.verification.actor_network import Envelope, Network, Parcel
from actors.verification.actor_state import freeze
from actors.verification.actor_text import text_of
from actors.verification.actor_view import View
from actors.verification.errors import ModelError
from core_ext.mailbox import Reference
from protocols.replaying.messages import PROBE, UNWATCH, WATCH, Post, envelope_of

T = TypeVar("T")


class Diverged(AssertionError):
    """The replayed run is not the checked one; names the step."""


class Seat:
    """A place for an actor of the model, and what the script must know of whoever has it.

    Attributes:
        slot: who it is in the model.
        life: where it is in its life.
        incarnation: grows with every start.
        actor: the instance; None while it is not up.
        player: the reference, in the world of the replay, of who plays it; None while nobody does.
        timers: messages by key.
        asks: requests that have left and were not answered.
        asking: requests that have not left, by number.
        watches: whom it watches.
        next_ask, children: how many requests were made, and unnamed children spawned.
        made: (class, arguments, parent) of a spawned child.
    """

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.incarnation = 0
        self.made: tuple[type[Actor], tuple[Any, ...], Reference] | None = None
        self.left(Life.ABSENT)

    def left(self, life: Life) -> None:
        """It is not up: what was in its memory is gone."""
        self.life = life
        self.actor: Any = None
        self.player: Reference | None = None
        self.timers: dict[Hashable, Message] = {}
        self.asks: list[Asked] = []
        self.asking: dict[int, Asked] = {}
        self.watches: list[Reference] = []
        self.next_ask = 1
        self.children = 0

    @property
    def own(self) -> Reference:
        """Its reference, as the checked world counts incarnations."""
        return Reference(self.slot.reference.node, self.slot.reference.name, self.incarnation)

    @property
    def actor_class(self) -> type[Actor]:
        """What it is made of."""
        found = self.slot.actor_class if self.made is None else self.made[0]
        assert found is not None
        return found

    @property
    def args(self) -> tuple[Any, ...]:
        """Its constructor's arguments."""
        return self.slot.args if self.made is None else self.made[1]


class Stage:
    """One replay.

    Args:
        model: made with the same arguments as the one that was checked.

    Attributes:
        seats: by (node, name), in the model's order; children come after.
        held: what was sent and not delivered.
        history: what was recorded of the clients so far.
        choices: what ``context.choose`` gives in this step.
        failure: what a handler raised; empty while none has.
    """

    def __init__(self, model: ActorModel) -> None:
        self.model = model
        self.seats = {(slot.reference.node, slot.reference.name): Seat(slot) for slot in model.actors}
        self.held: list[Envelope] = []
        self.history: Any = model.history.initial if model.history is not None else None
        self.choices: list[Any] = []
        self.failure = ""
        self._probes: list[tuple[Reference, Reference, int]] = []
        self._asked: dict[tuple[Reference, int], type[Request[Any]]] = {}

    # --- what players tell -------------------------------------------------------------------------------------------

    def seat_of(self, reference: Reference) -> Seat | None:
        """Whose reference it is; None when the model has no such actor."""
        return self.seats.get((reference.node, reference.name))

    def began(self, seat: Seat, actor: Actor, player: Reference) -> None:
        """An actor is about to start."""
        seat.incarnation += 1
        seat.life = Life.UP
        seat.actor = actor
        seat.player = player

    def observed(self, seat: Seat) -> None:
        """One of its handlers has returned."""
        if self.model.history is not None:
            self._record(self.model.history.observed(seat.slot.text, seat.actor))

    def asks(self, seat: Seat, target: Reference, message: Request[Any], key: Hashable) -> int:
        """A request is made; its number."""
        model = self.model
        number = seat.next_ask
        if model.network is not Network.DUPLICATING and not model.lossy and not model.ask_timeouts:
            taken = {asked.number for asked in seat.asks} | set(seat.asking)
            number = next(free for free in range(1, len(taken) + 2) if free not in taken)
        else:
            seat.next_ask += 1
        seat.asking[number] = Asked(number, target, type(message), key)
        self._asked[seat.own, number] = type(message)
        return number

    def request_of(self, ticket: Ticket) -> type[Request[Any]] | None:
        """What a ticket's request was."""
        return None if ticket.asker is None else self._asked.get((ticket.asker, ticket.correlation))

    def came(self, post: Post) -> None:
        """Something has left its actor, and has arrived here."""
        if post.parcel in (WATCH, UNWATCH):
            self._watch(post, post.parcel == WATCH)
        elif post.parcel == PROBE:
            assert post.source is not None
            self._probes.append((post.source, post.target, post.number))
        else:
            self._asks(post)
            self.send(envelope_of(post))

    def follow(self) -> None:
        """All that a step tells actors is told: who asked or watched somebody who is not there hears of it."""
        probes, self._probes = self._probes, []
        for probe in probes:
            self._probe(*probe)

    def send(self, envelope: Envelope) -> None:
        """A message is on its way from now on, if the network of the model takes it."""
        model = self.model
        source, target = envelope.source, envelope.target
        seat = self.seat_of(target)
        if seat is None or (source is not None and (source.node, target.node) in model.cut):
            return
        if model.history is not None:
            self._record(model.history.sent(envelope))
        if seat.life is Life.DOWN and not model.recover:
            return
        if not self._local(envelope):
            if model.capacity is not None:
                channel = self._channel(envelope)
                if sum(self._channel(other) == channel for other in self.held) >= model.capacity:
                    return
            if model.network is Network.DUPLICATING and envelope in self.held:
                return
        self.held.append(envelope)

    # --- what the script does ----------------------------------------------------------------------------------------

    def take_out(self, envelope: Envelope, delivered: bool) -> None:
        """A message is delivered, or lost.

        Raises:
            Diverged: it is not on its way.
        """
        if envelope not in self.held:
            raise Diverged(f"{envelope.text()} from {envelope.source} to {envelope.target} is not on its way")
        if not (delivered and self.model.network is Network.DUPLICATING and not self._local(envelope)):
            self.held.remove(envelope)
        if delivered and self.model.history is not None:
            self._record(self.model.history.received(envelope))

    def reaches(self, envelope: Envelope) -> bool:
        """Is there somebody to take a message? One for nobody is taken out, and nothing happens."""
        seat = self.seat_of(envelope.target)
        assert seat is not None
        return seat.life is Life.UP and envelope.target.incarnation in (0, seat.incarnation)

    def crash(self, node: str) -> None:
        """Everything on a node is gone; who waits for it or watches it is told."""
        gone = [seat for seat in self.seats.values() if seat.slot.reference.node == node and seat.life is Life.UP]
        for seat in gone:
            seat.left(Life.DOWN)
            self._purge(seat.own, not self.model.recover)
        for seat in gone:
            self._gone(seat.own, Reason.UNREACHABLE)

    def stopped(self, seat: Seat) -> None:
        """An actor has stopped in order."""
        seat.left(Life.STOPPED)
        self._purge(seat.own, not self.model.recover)
        self._gone(seat.own, Reason.STOPPED)

    # --- the world of recorders --------------------------------------------------------------------------------------

    def choose(self, actor: Reference, options: Sequence[T]) -> T:
        """What the script says."""
        if not self.choices or self.choices[0] not in options:
            raise Diverged(f"{actor} chooses from {list(options)}, the checked run gives {self.choices[:1]}")
        wanted = self.choices.pop(0)
        return next(option for option in options if option == wanted)

    def now(self, actor: Reference) -> float:
        """Refused, as in the checked world."""
        raise ModelError(f"actor {actor} asks context.now(), which the checked world has not")

    def buggify(self, actor: Reference, place: str) -> bool:
        """False, as in the checked world."""
        return False

    def new_child(self, parent: Reference, actor_class: type[Actor], name: str | None) -> Reference:
        """The reference of a child, named as the checked world names it."""
        above = self.seat_of(parent)
        assert above is not None
        if name is None:
            above.children += 1
            name = f"{parent.name}/{actor_class.__name__}-{above.children}"
        seat = self.seats.setdefault((parent.node, name), Seat(Slot(Reference(parent.node, name), None, ())))
        return seat.slot.reference

    # --- comparing ---------------------------------------------------------------------------------------------------

    def difference(self, view: View) -> str:
        """What is not as in a state of the checked run, for people; empty when nothing is."""
        world = view.sight.world
        for place, slot in enumerate(world.slots):
            seat = self.seats.get((slot.reference.node, slot.reference.name))
            local = world.locals[view.vector[place]]
            found = _difference(seat, local, world.timers)
            if found:
                return f"{slot.text} {found}"
        here, there = Counter(self.held), Counter(view.network)
        if here != there:
            return f"on their way are {_listed(here)}, in the checked run {_listed(there)}"
        if self.model.history is not None and self.history != view.history:
            return f"the history is {self.history}, in the checked run {view.history}"
        return ""

    # --- parts -------------------------------------------------------------------------------------------------------

    def _record(self, addition: Any) -> None:
        if addition is not None and self.model.history is not None:
            self.history = self.model.history.after(self.history, addition)

    def _local(self, envelope: Envelope) -> bool:
        return envelope.source is None or envelope.source.node == envelope.target.node

    def _channel(self, envelope: Envelope) -> tuple[Any, ...]:
        source, target = envelope.source, envelope.target
        fifo = self._local(envelope) or self.model.network is Network.ORDERED
        lane = getattr(envelope.message, "lane", Lane.DATA) if fifo else Lane.DATA
        return source and (source.node, source.name), target.node, target.name, lane

    def _purge(self, own: Reference, everything: bool) -> None:
        """What was for one incarnation dies with it; the rest waits for the next, if there will be one."""
        self.held = [
            envelope for envelope in self.held
            if (envelope.target.node, envelope.target.name) != (own.node, own.name)
            or not (everything or envelope.target.incarnation)
        ]

    def _gone(self, gone: Reference, reason: Reason) -> None:
        for seat in self.seats.values():
            if seat.life is not Life.UP:
                continue
            for watched in seat.watches:
                if means(watched, gone):
                    self.send(Envelope(None, seat.own, Parcel.MESSAGE, Terminated(actor=watched, reason=reason)))
            for asked in seat.asks:
                if means(asked.target, gone):
                    self._fail(seat.own, gone, reason, asked.number)

    def _asks(self, post: Post) -> None:
        """A request has left, or what the world says instead: its answer is waited for from now on."""
        asker = post.source if post.parcel == Parcel.MESSAGE.value else post.target if post.source is None else None
        seat = None if asker is None else self.seat_of(asker)
        if seat is not None and seat.own == asker and post.number in seat.asking:
            seat.asks.append(seat.asking.pop(post.number))
            seat.asks.sort(key=lambda asked: asked.number)

    def _watch(self, post: Post, on: bool) -> None:
        assert post.source is not None
        seat = self.seat_of(post.source)
        assert seat is not None
        if not on:
            seat.watches[:] = [other for other in seat.watches if other != post.target]
        elif post.target not in seat.watches:
            seat.watches.append(post.target)
            if self.seat_of(post.target) is not None:
                self._probes.append((post.source, post.target, 0))

    def _probe(self, asker: Reference, target: Reference, number: int) -> None:
        seat = self.seat_of(target)
        if seat is not None and seat.life is Life.UP and target.incarnation in (0, seat.incarnation):
            return
        reason = Reason.STOPPED if seat is not None and seat.life is Life.STOPPED else Reason.UNREACHABLE
        if number:
            self._fail(asker, target, reason, number)
        else:
            self.send(Envelope(None, asker, Parcel.MESSAGE, Terminated(actor=target, reason=reason)))

    def _fail(self, asker: Reference, target: Reference, reason: Reason, number: int) -> None:
        self.send(Envelope(None, asker, Parcel.FAILURE, f"{target} is gone ({reason.value})", number))


def _difference(seat: Seat | None, local: Local, timers: Sequence[tuple[Any, Any]]) -> str:
    if seat is None:
        return "" if local.life is Life.ABSENT else "was never spawned"
    if seat.life is not local.life:
        return f"is {seat.life.value}, in the checked run {local.life.value}"
    if seat.life is not Life.UP:
        return ""
    fields, fields_there = text_of(freeze(seat.slot.text, seat.actor)), text_of(local.fields)
    set_there = dict(timers[number] for number in local.timers)
    for what, here, there in (
        ("fields are", fields, fields_there), ("timers are", seat.timers, set_there),
        ("open requests are", tuple(seat.asks), local.asks), ("watches are", tuple(seat.watches), local.watches),
        ("incarnation is", seat.incarnation, local.incarnation),
    ):
        if here != there:
            return f"is not as in the checked run: its {what} {here}, there {there}"
    return ""


def _listed(envelopes: Counter[Envelope]) -> str:
    lines = [f"{one.source} -> {one.target}: {one.text()}" for one in envelopes.elements()]
    return "; ".join(sorted(lines)) or "no messages"
