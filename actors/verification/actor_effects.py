"""What becomes of the effects of one handler in the checked world: a new local state, messages, and what follows.

The output gate stands here. Knows the world only as who numbers messages; knows no search.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from actors.errors import ContractError
from actors.message import JournalEntries
from actors.recording import (
    Append,
    Ask,
    CancelTimer,
    Checkpoint,
    Read,
    Reply,
    Resolve,
    Send,
    SetTimer,
    Spawn,
    Stop,
    Truncate,
    Watch,
)
from actors.verification.actor_local import Asked, Batch, Local
from actors.verification.actor_network import Envelope, Parcel
from actors.verification.errors import ModelError
from core_ext.mailbox import Reference

if TYPE_CHECKING:
    from actors.verification.actor_world import World

MAX_SENDS = 1024  # messages of one handler
_WRITES = frozenset((Append, Truncate, Checkpoint, Resolve))


class Released(NamedTuple):
    """What a handler's effects come to.

    Attributes:
        local: the actor afterwards, its fields not yet taken.
        sends: events of the messages that leave now.
        follows: (slot, event) pairs that happen at once; slot -1 means every one.
    """

    local: Local
    sends: tuple[int, ...]
    follows: tuple[tuple[int, int], ...]


class Release:
    """Takes the effects of one handler in order.

    Args:
        world: numbers messages, timers and events.
        own: the actor.
        local: as the handler found it.
    """

    def __init__(self, world: World, own: Reference, local: Local) -> None:
        self.world = world
        self.own = own
        self.timers = dict.fromkeys(local.timers)
        self.asks = list(local.asks)
        self.next_ask = local.next_ask
        self.watches = list(local.watches)
        self.pending = list(local.pending)
        self.stream = local.stream
        self.operations: list[Any] = []
        self.writing = False  # something of this batch must be on disk before what follows is seen
        self.sends: list[int] = []
        self.follows: list[tuple[int, int]] = []
        # behind the running handler's own records, by the field of its batch
        self.gated: dict[str, list[Any]] = {"sends": [], "follows": [], "watches": [], "asks": []}

    def take(self, effects: list[Any]) -> None:
        """Every effect of one handler or hook, in order. Those of one that writes wait for the disk, also what it did
        before it wrote: effects are released together."""
        self.writing = self.writing or any(type(effect) in _WRITES for effect in effects)
        for effect in effects:
            kind = type(effect)
            if kind is Send:
                self.send(Envelope(self.own, effect.target, Parcel.MESSAGE, effect.message), effect.now)
            elif kind is SetTimer:
                self.forget_timer(effect.key)
                self.timers[self.world.timer_number(effect.key, effect.message)] = None
            elif kind is CancelTimer:
                self.forget_timer(effect.key)
            elif kind in _WRITES:
                self.operations.append(effect)
            elif kind is Reply:
                self.reply(effect)
            elif kind is Ask:
                self.ask(effect)
            elif kind is Watch:
                self.watch(effect)
            elif kind is Read:
                self.read(effect)
            elif kind is Spawn:
                self.spawn(effect)
            else:
                assert kind is Stop, effect
                self.send(Envelope(self.own, effect.target, Parcel.STOP, None), False)
        if len(self.sends) + len(self.gated["sends"]) > MAX_SENDS:
            raise ContractError(f"one handler sends more than {MAX_SENDS} messages")

    def done(self, local: Local) -> Released:
        """The actor behind its gate."""
        if self.operations:
            self.pending.append(Batch(
                tuple(self.operations), **{field: tuple(found) for field, found in self.gated.items()}
            ))
        sends, follows, stream = self.sends, self.follows, self.stream
        if self.world.sync_at_once:
            for batch in self.pending:
                assert stream is not None
                stream = stream.after(batch.operations)
                sends = [*sends, *batch.sends]
                self.asks += batch.asks
                follows = [*follows, *batch.follows, *begin_watches(self.world, self.own, self.watches, batch.watches)]
            self.pending = []
        changed = local._replace(
            timers=tuple(sorted(self.timers)), asks=in_order(self.asks), next_ask=self.next_ask, stream=stream,
            watches=tuple(self.watches), pending=tuple(self.pending),
        )
        return Released(changed, tuple(sends), tuple(follows))

    # --- one effect --------------------------------------------------------------------------------------------------

    def waits(self, field: str, effect: Any) -> bool:
        """Whether an effect waits for records, the running handler's own or earlier ones; then it is put behind them.

        Args:
            field: of ``Batch``, where such effects are.
            effect: to be put there.
        """
        if self.writing:
            self.gated[field].append(effect)
        elif self.pending:
            last = self.pending[-1]
            self.pending[-1] = last._replace(**{field: (*getattr(last, field), effect)})
        else:
            return False
        return True

    def send(self, envelope: Envelope, now: bool) -> None:
        """A message leaves at once, or waits for the records before it."""
        event = self.world.send_event(envelope)
        if event is not None and (now or not self.waits("sends", event)):
            self.sends.append(event)

    def follow(self, slot: int, event: int) -> None:
        """Something happens to another actor, behind the gate like a message."""
        if not self.waits("follows", (slot, event)):
            self.follows.append((slot, event))

    def forget_timer(self, key: Any) -> None:
        """A key has at most one timer."""
        for number in self.timers:
            if self.world.timers[number][0] == key:
                del self.timers[number]
                return

    def reply(self, effect: Reply) -> None:
        asker, number = effect.ticket
        if asker is None:
            return  # from outside of the model
        parcel, value = (Parcel.ANSWER, effect.value) if effect.failure is None else (Parcel.FAILURE, effect.failure)
        try:
            hash(value)
        except TypeError as error:
            raise ModelError(
                f"actor {self.own}: it replies with {value!r}, which cannot enter the checked world: it is compared "
                f"and hashed while it travels ({error})"
            ) from error
        self.send(Envelope(self.own, asker, parcel, value, number), effect.now)

    def ask(self, effect: Ask) -> None:
        number = self.next_ask
        if self.world.answers_are_unique:
            # an answered number can be given again: nothing with it is on its way any more
            waiting = [asked for batch in self.pending for asked in batch.asks]
            taken = {asked.number for asked in (*self.asks, *waiting, *self.gated["asks"])}
            number = next(free for free in range(1, len(taken) + 2) if free not in taken)
        else:
            self.next_ask += 1
        asked = Asked(number, effect.target, type(effect.message), effect.key)
        if not self.waits("asks", asked):
            self.asks.append(asked)
        target = self.world.slot_of(effect.target)
        if target is None:
            failure = Envelope(None, self.own, Parcel.FAILURE, f"{effect.target} does not exist", number)
            self.send(failure, False)
            return
        self.send(Envelope(self.own, effect.target, Parcel.MESSAGE, effect.message, number), False)
        self.follow(target, self.world.probe_event(target, self.own, effect.target, number))

    def watch(self, effect: Watch) -> None:
        if not self.waits("watches", effect):
            self.follows += begin_watches(self.world, self.own, self.watches, (effect,))

    def read(self, effect: Read) -> None:
        assert self.stream is not None
        stream = self.stream
        for operations in (*(batch.operations for batch in self.pending), tuple(self.operations)):
            stream = stream.after(operations)
        records = stream.records[effect.first - stream.first : effect.last + 1 - stream.first]
        if effect.first < stream.first:
            records = ()
        found = JournalEntries(key=effect.key, first=effect.first, records=records)
        self.send(Envelope(None, self.own, Parcel.MESSAGE, found), True)

    def spawn(self, effect: Spawn) -> None:
        reference = effect.reference
        slot, event = self.world.start_event(reference, (effect.actor_class, effect.args, self.own))
        self.follow(slot, event)


def begin_watches(
    world: World, own: Reference, watches: list[Reference], effects: Iterable[Watch]
) -> list[tuple[int, int]]:
    """Watches begin and end.

    Args:
        world: numbers events.
        own: the watcher.
        watches: whom it watches; changed.
        effects: in order.

    Returns:
        What follows: whoever is watched from now on is asked whether it is there.
    """
    follows = []
    for target, on in effects:
        if not on:
            watches[:] = [watched for watched in watches if watched != target]
        elif target not in watches:
            watches.append(target)
            slot = world.slot_of(target)
            if slot is not None:
                follows.append((slot, world.probe_event(slot, own, target, 0)))
    return follows


def in_order(asks: Iterable[Asked]) -> tuple[Asked, ...]:
    """Requests by their numbers."""
    return tuple(sorted(asks, key=lambda asked: asked.number))
