"""The checked world: runs one handler of one actor, once per distinct local step, and numbers everything it meets.

``step`` is what the engine asks. Local states, messages, timers and histories become small integers in the order in
which they are met, so equal runs give equal numbers. Knows no search and no property.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from actors.actor import Actor
from actors.context import Ticket
from actors.errors import FAILURES, AskFailed, AskTimeout, ContractError
from actors.message import Answer, Lane, Reason, Request, Terminated
from actors.recording import JournalView, Recorder
from actors.verification.actor_class import check_class
from actors.verification.actor_effects import Release, begin_watches, in_order
from actors.verification.actor_events import (
    DOWN,
    FAILED,
    FIFO,
    LOCAL,
    NOBODY,
    PINNED,
    PURGE,
    UP,
    WITHHELD,
    Chooser,
    ClockRefused,
    Event,
    Found,
    HandlerFailure,
    Happening,
    Slot,
    means,
)
from actors.verification.actor_history import History
from actors.verification.actor_local import Life, Local, Stream
from actors.verification.actor_network import Envelope, Network, Parcel
from actors.verification.actor_state import freeze, thaw
from actors.verification.errors import ModelError
from core_ext.interleave import Interleaving
from core_ext.mailbox import Reference

T = TypeVar("T")

Outcome = tuple[int, tuple[int, ...], tuple[tuple[int, int], ...], int, int]

BYTES_PER_NUMBERED = 600
AUDITED = 256  # local steps that run twice, to see whether they can; later ones at each doubling


class World:
    """Numbers and local steps of one model.

    Args:
        actors: those of the model, in order.
        network: between nodes.
        lossy: messages between nodes may be lost.
        sync_at_once: what a handler journals is on disk when it returns.
        timers: per actor of the model how often its timers may fire; None = any number. Those of children: as for the
            last one.
        max_children: places for spawned actors.
        ask_timeouts: whether a request may time out.
        history: what is recorded of clients; None = nothing.
        cut: (from, to) nodes between which every message is lost.
    """

    def __init__(
        self, actors: Sequence[Slot], *, network: Network, lossy: bool,
        sync_at_once: bool, timers: Sequence[int | None], max_children: int, ask_timeouts: bool,
        history: History[Any] | None, cut: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        self.slots = list(actors)
        self.actors = len(self.slots)  # the others are children
        self.by_name = {(slot.reference.node, slot.reference.name): i for i, slot in enumerate(self.slots)}
        self.capacity = len(self.slots) + max_children
        self.network = network
        self.sync_at_once = sync_at_once
        self._max_fires = timers
        self.ask_timeouts = ask_timeouts
        self.answers_are_unique = network is not Network.DUPLICATING and not lossy and not ask_timeouts
        self.history = history
        self.cut = cut
        self.engine: Interleaving | None = None
        self.locals: list[Local] = []
        self._local_slots: list[int] = []
        self._local_numbers: dict[tuple[int, Local], int] = {}
        self.events = [Event(-1, Happening.FAULT), Event(-1, Happening.ROUND)]
        self._event_numbers = {event: number for number, event in enumerate(self.events)}
        self.timers: list[tuple[Any, Any]] = []
        self._timer_numbers: dict[tuple[Any, Any], int] = {}
        self._channels: dict[tuple[Any, ...], int] = {}
        self.histories: list[Any] = []
        self._history_numbers: dict[Any, int] = {}
        self.operations: list[Any] = []
        self._operation_numbers: dict[Any, int] = {}
        self._kind_numbers: dict[tuple[Parcel, type[Any]], int] = {}
        self.failures: dict[tuple[int, int], HandlerFailure] = {}
        self.choices: dict[tuple[int, int], list[tuple[Any, ...]]] = {}
        self._chooser = Chooser()
        self._steps = 0
        self._running: tuple[int, Local] | None = None
        self._children = 0

    # --- numbers -----------------------------------------------------------------------------------------------------

    def slot_of(self, reference: Reference) -> int | None:
        """Which place a reference means; None when the model has no such actor."""
        return self.by_name.get((reference.node, reference.name))

    def local_number(self, slot: int, local: Local) -> int:
        """The number of a local state, announced to the engine when it is new."""
        key = (slot, local)
        number = self._local_numbers.get(key)
        if number is None:
            number = self._local_numbers[key] = len(self.locals)
            self.locals.append(local)
            self._local_slots.append(slot)
            flags = {Life.UP: UP, Life.DOWN: DOWN}.get(local.life, 0)
            offers: list[int] = []
            if local.life is Life.UP:
                if local.pending:
                    offers.append(self.event_number(Event(slot, Happening.SYNC)))
                most = self.max_fires(slot)
                if most is None or local.fires < most:
                    offers += [self.event_number(Event(slot, Happening.TIMER, timer)) for timer in local.timers]
                elif local.timers:
                    flags |= WITHHELD
                if self.ask_timeouts:
                    offers += [self.event_number(Event(slot, Happening.EXPIRE, ask.number)) for ask in local.asks]
            assert self.engine is not None
            announced = self.engine.add_local(flags, offers)
            assert announced == number
        return number

    def local_slot(self, number: int) -> int:
        """Whose local state it is."""
        return self._local_slots[number]

    def max_fires(self, slot: int) -> int | None:
        """How often the timers of an actor may fire."""
        return self._max_fires[min(slot, len(self._max_fires) - 1)]

    def event_number(self, event: Event) -> int:
        """The number of an event."""
        number = self._event_numbers.get(event)
        if number is None:
            number = self._event_numbers[event] = len(self.events)
            self.events.append(event)
        return number

    def timer_number(self, key: Any, message: Any) -> int:
        """The number of a timer, by its key and message."""
        number = self._timer_numbers.get((key, message))
        if number is None:
            number = self._timer_numbers[key, message] = len(self.timers)
            self.timers.append((key, message))
        return number

    def send_event(self, envelope: Envelope) -> int | None:
        """The event of a message's delivery; None when it is for nobody here. Such a message is lost; when the history
        hears of it nevertheless, it has an event that is never delivered.

        Raises:
            ContractError: the message cannot be hashed.
        """
        slot = self.slot_of(envelope.target)
        if slot is None or (envelope.source is not None and (envelope.source.node, envelope.target.node) in self.cut):
            if self.history is None or self.history.sent(envelope) is None:
                return None
            slot = NOBODY
        event = Event(slot, Happening.DELIVER, envelope)
        try:
            number = self._event_numbers.get(event)
        except TypeError as error:
            raise ContractError(f"message {envelope.message!r} cannot be hashed: {error}") from error
        if number is None:
            number = self.event_number(event)
            source = envelope.source
            flags = PINNED if envelope.target.incarnation else 0
            local = source is None or source.node == envelope.target.node
            if local:
                flags |= LOCAL | FIFO
            elif self.network is Network.ORDERED:
                flags |= FIFO
            lane = getattr(envelope.message, "lane", Lane.DATA) if flags & FIFO else Lane.DATA
            sender = (source.node, source.name) if source is not None else ("", "")
            channel = self._channels.setdefault((sender, slot, lane), len(self._channels))
            received = sent = -1
            if self.history is not None:
                received = self.operation_number(self.history.received(envelope))
                sent = self.operation_number(self.history.sent(envelope))
            assert self.engine is not None
            kind = self.kind_number((envelope.parcel, type(envelope.message)))
            origin = self.slot_of(source) if source is not None else None
            sender_slot = -1 if origin is None else origin
            self.engine.add_message(number, slot, sender_slot, channel, flags, kind, received, sent)
        return number

    def kind_number(self, kind: tuple[Parcel, type[Any]]) -> int:
        """The number of a kind of messages."""
        return self._kind_numbers.setdefault(kind, len(self._kind_numbers))

    def probe_event(self, slot: int, asker: Reference, target: Reference, ask: int) -> int:
        """The event that tells ``asker`` when the target is not there."""
        return self.event_number(Event(slot, Happening.PROBE, (asker, target, ask)))

    def start_event(self, reference: Reference, made: tuple[type[Any], tuple[Any, ...], Reference]) -> tuple[int, int]:
        """The place and event of a child's start."""
        slot = self.slot_of(reference)
        assert slot is not None
        return slot, self.event_number(Event(slot, Happening.START, made))

    def operation_number(self, operation: Any) -> int:
        """The number of what a history takes; -1 for nothing."""
        if operation is None:
            return -1
        number = self._operation_numbers.get(operation)
        if number is None:
            number = self._operation_numbers[operation] = len(self.operations)
            self.operations.append(operation)
        return number

    def history_number(self, history: Any) -> int:
        """The number of a history."""
        number = self._history_numbers.get(history)
        if number is None:
            number = self._history_numbers[history] = len(self.histories)
            self.histories.append(history)
        return number

    def record(self, history: int, operation: int) -> int:
        """The history after one more operation began or ended."""
        assert self.history is not None
        return self.history_number(self.history.after(self.histories[history], self.operations[operation]))

    @property
    def object_bytes(self) -> int:
        """Memory of what has numbers, about: measured with small actors, where it hardly depends on the fields."""
        return BYTES_PER_NUMBERED * (len(self.locals) + len(self.events) + len(self.histories))

    # --- for recorders -----------------------------------------------------------------------------------------------

    def choose(self, actor: Reference, options: Sequence[T]) -> T:
        """Every option, one after the other: the handler runs once for each."""
        return self._chooser.choose(actor, options)

    def now(self, actor: Reference) -> float:
        """Refused: no decision may depend on a clock (contract rule 5)."""
        raise ClockRefused(
            f"actor {actor} asks context.now(), which the checked world has not: every order of events is tried, so "
            f"there is no time between them. Decide by timer messages (context.set_timer), or leave labels out"
        )

    def buggify(self, actor: Reference, place: str) -> bool:
        """False: every interleaving is tried anyway."""
        return False

    def new_child(self, parent: Reference, actor_class: type[Any], name: str | None) -> Reference:
        """The reference of a child, which takes a place of its own."""
        if name is None:
            self._children += 1
            name = f"{parent.name}/{actor_class.__name__}-{self._children}"
        if (parent.node, name) not in self.by_name:
            if len(self.slots) == self.capacity:
                raise ModelError(
                    f"actor {parent} spawns {name!r} ({actor_class.__qualname__}), and the model has no place left for "
                    f"spawned actors: give ActorModel(max_children=...) the most there can be over all runs"
                )
            self.by_name[parent.node, name] = len(self.slots)
            self.slots.append(Slot(Reference(parent.node, name), None, ()))
        slot = self.by_name[parent.node, name]
        if self.slots[slot].actor_class is not None:
            raise ContractError(f"actor {parent} spawns {name!r}, which is an actor of the model already")
        return self.slots[slot].reference

    # --- local steps -------------------------------------------------------------------------------------------------

    def step(self, local_number: int, event_number: int) -> list[Outcome]:
        """What an event does to an actor: one outcome per choice; none when it changes nothing."""
        found = self._found(local_number, event_number)
        self._steps += 1
        if self._steps <= AUDITED or not self._steps & (self._steps - 1):
            self._audit(local_number, event_number, found)
        return self._changes(local_number, event_number, found)

    def _audit(self, local_number: int, event_number: int, found: list[Found]) -> None:
        """A handler runs once per local step, which is right only if it would do the same again."""
        if self._found(local_number, event_number) != found:
            _, happening, payload = event = self.events[event_number]
            what = payload.text() if isinstance(payload, Envelope) else happening.value
            raise ModelError(
                f"actor {self.slots[event.slot].text} met {what!r} twice in the same state, and did not do the same. A "
                f"handler must use no clock, no randomness but context.choose, iterate no set, and use nothing that "
                f"changes outside of its own fields"
            )

    def _found(self, local_number: int, event_number: int) -> list[Found]:
        event = self.events[event_number]
        local = self.locals[local_number]
        slot = event.slot
        happening = event.happening
        if happening is Happening.DELIVER:
            found = self._deliver(slot, local, event.payload)
        elif happening is Happening.TIMER:
            found = self._fire(slot, local, event.payload)
        elif happening is Happening.START:
            found = self._start(slot, local, event.payload)
        elif happening is Happening.SYNC:
            found = self._sync(slot, local)
        elif happening is Happening.CRASH:
            found = self._crash(slot, local, event.payload)
        elif happening is Happening.RECOVER:
            found = self._start(slot, local, None) if local.life is Life.DOWN else []
        elif happening is Happening.GONE:
            found = self._gone(slot, local, event.payload)
        elif happening is Happening.PROBE:
            found = self._probe(slot, local, *event.payload)
        else:
            found = self._expire(slot, local, event.payload)
        return found

    def _changes(self, local_number: int, event_number: int, found: list[Found]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        slot = self.events[event_number].slot
        for local, sends, follows, flags, failure, chosen, note in found:
            number = self.local_number(slot, local)
            outcomes.append((number, sends, follows, flags, note))
            if failure:
                self.failures[local_number, event_number] = HandlerFailure(
                    self.slots[slot].text, self.events[event_number], failure
                )
            if chosen:
                self.choices.setdefault((local_number, event_number), []).append(chosen)
        if len(outcomes) == 1 and outcomes[0][:4] == (local_number, (), (), 0):
            return []
        return outcomes

    def _deliver(self, slot: int, local: Local, envelope: Envelope) -> list[Found]:
        if local.life is not Life.UP:
            return []
        if envelope.target.incarnation not in (0, local.incarnation):
            return []  # for one that is gone
        if envelope.parcel is Parcel.STOP:
            return self._stop(slot, local)
        if envelope.parcel is not Parcel.MESSAGE:
            failure = AskFailed(envelope.message) if envelope.parcel is Parcel.FAILURE else None
            value = envelope.message if failure is None else None
            return self._answered(slot, local, envelope.number, value, failure, envelope.source)
        message = envelope.message
        if isinstance(message, Terminated):
            if message.actor not in local.watches:
                return []
            local = local._replace(watches=tuple(other for other in local.watches if other != message.actor))
        handler = self._class(slot, local).handlers.get(type(message))
        if handler is None:
            sender = envelope.source or "the world"
            text = f"{self.slots[slot].text} has no handler for {type(message).__qualname__}, sent by {sender}"
            return [Found(local, (), (), FAILED, text)]
        ticket = None
        if isinstance(message, Request):
            ticket = Ticket(envelope.source if envelope.number else None, envelope.number)
        return self._run(slot, local, lambda actor, hands: handler(actor, message, hands), envelope.source, ticket)

    def _fire(self, slot: int, local: Local, number: int) -> list[Found]:
        message = self.timers[number][1]
        if local.life is not Life.UP or number not in local.timers:
            return []
        handler = self._class(slot, local).handlers.get(type(message))
        if handler is None:
            text = f"{self.slots[slot].text} has no handler for its timer {type(message).__qualname__}"
            return [Found(local, (), (), FAILED, text)]
        left = local._replace(timers=tuple(timer for timer in local.timers if timer != number))
        found = self._run(slot, left, lambda actor, hands: handler(actor, message, hands), None, None)
        if self.max_fires(slot) is None:
            return found
        # a firing that changes nothing but sets itself again is not counted
        counted = []
        for outcome in found:
            if outcome.local == local and not outcome.sends and not outcome.follows:
                counted.append(outcome)
            else:
                counted.append(outcome._replace(local=outcome.local._replace(fires=local.fires + 1)))
        return counted

    def _start(self, slot: int, local: Local, made: Any) -> list[Found]:
        if local.life is Life.UP:
            return []
        actor_class, args, parent = made if made is not None else (*self.slots[slot][1:3], None)
        if actor_class is None:
            return []
        check_class(self.slots[slot].text, actor_class)
        stream = local.stream
        if stream is None and actor_class.is_durable:
            stream = Stream(records=self.slots[slot].journal)
        fresh = Local(
            Life.UP, None, fires=local.fires, incarnation=local.incarnation + 1, stream=stream, made=made,
        )

        def begin(actor: Any, hands: Recorder) -> None:
            if stream is not None:
                for record in (*stream.chunks, *stream.records):
                    actor.recover(record)
            actor.start(hands)

        def make() -> Any:
            return actor_class(*args)

        found = self._run(slot, fresh, begin, None, None, make=make, parent=parent, batch=False)
        if made is None and local.life is Life.ABSENT:
            for outcome in found:
                if outcome.failure:
                    raise ModelError(f"{outcome.failure} when it starts, in the initial state")
        return found

    def _sync(self, slot: int, local: Local) -> list[Found]:
        if not local.pending or local.stream is None:
            return []
        batch, *rest = local.pending
        watches = list(local.watches)
        follows = (*batch.follows, *begin_watches(self, self._own(slot, local), watches, batch.watches))
        stream = local.stream.after(batch.operations)
        asks = in_order((*local.asks, *batch.asks))
        changed = local._replace(stream=stream, pending=tuple(rest), watches=tuple(watches), asks=asks)
        return [Found(changed, batch.sends, follows, 0)]

    def _crash(self, slot: int, local: Local, node: str | None) -> list[Found]:
        """The node of an actor crashes; ``node`` is its name when the actor may be a child there."""
        if local.life is not Life.UP or node not in (None, self.slots[slot].reference.node):
            return []
        own = self.slots[slot].reference.node
        changed = Local(Life.DOWN, None, fires=local.fires, incarnation=local.incarnation, stream=local.stream)
        # children are gone with their node, and come back when somebody spawns them again
        children = tuple(
            (other, self.event_number(Event(other, Happening.CRASH, own)))
            for other in range(self.actors, self.capacity) if node is None
        )
        gone = self._gone_everywhere(slot, local, Reason.UNREACHABLE)
        return [Found(changed, (), (*children, *gone), PURGE)]

    def _stop(self, slot: int, local: Local) -> list[Found]:
        def stopped(actor: Any, hands: Recorder) -> None:
            hook = getattr(actor, "stopped", None)
            if hook is not None:
                hook(hands)

        left = local._replace(timers=(), asks=(), watches=())
        found = []
        for outcome in self._run(slot, left, stopped, None, None, batch=False):
            after = Local(Life.STOPPED, None, incarnation=local.incarnation, made=local.made)
            follows = (*outcome.follows, *self._gone_everywhere(slot, local, Reason.STOPPED))
            found.append(outcome._replace(local=after, follows=follows, flags=outcome.flags | PURGE))
        return found

    def _gone_everywhere(self, slot: int, local: Local, reason: Reason) -> tuple[tuple[int, int], ...]:
        own = self.slots[slot].reference
        gone = Reference(own.node, own.name, local.incarnation)
        return tuple(
            (other, self.event_number(Event(other, Happening.GONE, (gone, reason))))
            for other in range(self.capacity) if other != slot
        )

    def _gone(self, slot: int, local: Local, payload: tuple[Reference, Reason]) -> list[Found]:
        gone, reason = payload
        if local.life is not Life.UP:
            return []
        own = self._own(slot, local)
        sends = []
        for watched in local.watches:
            if means(watched, gone):
                note = Envelope(None, own, Parcel.MESSAGE, Terminated(actor=watched, reason=reason))
                sends.append(self.send_event(note))
        for asked in local.asks:
            if means(asked.target, gone):
                failed = Envelope(None, own, Parcel.FAILURE, f"{gone} is gone ({reason.value})", asked.number)
                sends.append(self.send_event(failed))
        return [Found(local, tuple(event for event in sends if event is not None), (), 0)]

    def _probe(self, slot: int, local: Local, asker: Reference, target: Reference, ask: int) -> list[Found]:
        if local.life is Life.UP and target.incarnation in (0, local.incarnation):
            return []
        reason = Reason.STOPPED if local.life is Life.STOPPED else Reason.UNREACHABLE
        if ask:
            note = Envelope(None, asker, Parcel.FAILURE, f"{target} is gone ({reason.value})", ask)
        else:
            note = Envelope(None, asker, Parcel.MESSAGE, Terminated(actor=target, reason=reason))
        event = self.send_event(note)
        return [Found(local, () if event is None else (event,), (), 0)]

    def _expire(self, slot: int, local: Local, number: int) -> list[Found]:
        if local.life is not Life.UP:
            return []
        return self._answered(slot, local, number, None, AskTimeout("no answer in time"), None)

    def _answered(
        self, slot: int, local: Local, number: int, value: Any, failure: Exception | None, source: Reference | None
    ) -> list[Found]:
        for asked in local.asks:
            if asked.number == number:
                break
        else:
            return []  # an answer that came too late
        left = local._replace(asks=tuple(other for other in local.asks if other.number != number))
        handler = self._class(slot, local).answer_handlers[asked.request]
        answer = Answer(asked.key, value, failure)
        return self._run(slot, left, lambda actor, hands: handler(actor, answer, hands), source, None)

    # --- one handler -------------------------------------------------------------------------------------------------

    def _class(self, slot: int, local: Local) -> type[Actor]:
        found = local.made[0] if local.made is not None else self.slots[slot].actor_class
        assert found is not None
        return found

    def _own(self, slot: int, local: Local) -> Reference:
        own = self.slots[slot].reference
        return Reference(own.node, own.name, local.incarnation)

    def _run(
        self, slot: int, local: Local, call: Callable[[Any, Recorder], None], sender: Reference | None,
        ticket: Ticket | None, make: Callable[[], Any] | None = None, parent: Reference | None = None,
        batch: bool = True,
    ) -> list[Found]:
        """Run a handler, then ``after_batch`` (a batch is one message here), once for each combination of choices."""
        own = self._own(slot, local)
        actor_class = self._class(slot, local)
        if local.made is not None:
            parent = local.made[2]
        after_batch = getattr(actor_class, "after_batch", None) if batch else None
        found = []
        for _ in self._chooser.branches(self.slots[slot].text):
            hands = Recorder(self, own, parent, actor_class.answer_handlers)
            hands.begin(sender, ticket)
            if local.stream is not None:
                journal = local.view()
                hands.view = JournalView(hands.effects, journal.first, journal.next)
            self._children = local.children
            failed = ""
            actor: Any = None
            try:
                actor = make() if make is not None else thaw(local.fields)  # type: ignore[arg-type]
                call(actor, hands)
                left = hands.unanswered()
                if left is not None:
                    hands.fail(f"{self.slots[slot].text} returned without an answer")
                release = Release(self, own, local)
                release.take(hands.effects)
                if after_batch is not None:
                    hands.effects.clear()
                    hands.begin(None)
                    after_batch(actor, hands)
                    release.take(hands.effects)
            except ModelError:
                raise
            except FAILURES as error:
                failed = f"{self.slots[slot].text} raised {type(error).__name__}: {error}"
            if failed:
                found.append(Found(local, (), (), FAILED, failed, self._chooser.labels()))
                continue
            fields = freeze(self.slots[slot].text, actor)
            note = -1
            if self.history is not None:
                note = self.operation_number(self.history.observed(self.slots[slot].text, actor))
            after, sends, follows = release.done(local._replace(fields=fields, children=self._children))
            found.append(Found(after, sends, follows, 0, "", self._chooser.labels(), note))
        return found
