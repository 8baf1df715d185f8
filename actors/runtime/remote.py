"""Between the world and its transport: messages to bytes and back, and what comes in to the right mailbox.

Knows the transport's interface, not its sockets. A world without a transport refuses what is for other nodes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from actors.errors import AskError, AskFailed, AskRejected
from actors.message import Lane, Message, Rejected, Request, Terminated, answer_type, check_fields, message_type
from actors.runtime.watching import Unwatch, Watch
from core_ext.asks import Ask
from core_ext.cell import FULL_, NOBODY_, TAKEN_
from core_ext.codec import CodecError, Kind, MessageCodec
from core_ext.mailbox import Reference

if TYPE_CHECKING:
    from actors.runtime.cell import ActorCell
    from actors.runtime.world import World

OUTSIDE = "$outside"  # stands for code that is not an actor, as the sender of its asks
WORLD = "$world"  # stands for the world itself, as the sender of its messages to other worlds
_OUTSIDE_ADDRESS = (OUTSIDE, 0)
_WORLD_ADDRESS = (WORLD, 0)
_TELL, _ASK = int(Kind.TELL), int(Kind.ASK)
_WORLD_MESSAGES = (Watch, Unwatch, Terminated)
_MAX_FAILURE_TEXT = 2000
Address = tuple[str, int]


class Carrier(Protocol):
    """What the world needs of a transport (``actors.runtime.transport.Transport``)."""

    def send(
        self, node: str, lane: Lane, kind: int, target: Address, sender: Address | None, correlation: int,
        wire_id: int, body: bytes,
    ) -> str | None: ...
    def flush(self) -> None: ...
    def poll(self) -> int: ...


class Remote:
    """The far side of one world."""

    def __init__(self, world: World) -> None:
        self.codec = MessageCodec(message_type, check_fields)
        self.carrier: Carrier | None = None
        self.refused = 0
        self.undecodable = 0
        self._world = world
        self._last: tuple[Message | None, bytes] = (None, b"")

    def poll(self) -> int:
        """Read the sockets now; says how many envelopes came."""
        return 0 if self.carrier is None else self.carrier.poll()

    def flush(self) -> None:
        """The turn is over: what it sent goes out."""
        if self.carrier is not None:
            self.carrier.flush()

    def wake(self) -> None:
        """Something may have come in: read it, handle it and send what follows, in one go."""
        if self.carrier is not None:
            self._world.gather()
            try:
                self.carrier.poll()
            finally:
                self._world.run()
            self.flush()

    # --- out ---------------------------------------------------------------------------------------------------------

    def encode(self, message: Message) -> bytes:
        """A message's body; the same message sent to several peers is encoded once."""
        if self._last[0] is not message:
            self._last = (message, self.codec.encode(message))
        return self._last[1]

    def prepare_tell(
        self, sender: ActorCell | None, target: Reference, message: Message
    ) -> tuple[Callable[..., object], tuple[Any, ...]]:
        """The effect that sends a message to another node: what to call, with what."""
        origin = None
        if sender is not None:
            own = sender.self
            origin = own.name, own.incarnation
        return self._post, (target, message, origin, self.encode(message))

    def _post(self, target: Reference, message: Message, origin: Address | None, body: bytes) -> None:
        refused = self._send(target, message.lane, _TELL, origin, 0, message.wire_id, body)
        if refused is not None:
            sender = None if origin is None else Reference(self._world.node, *origin)
            self._world.dead_letters.add(target, message, sender, refused)

    def ask(self, body: bytes, sender: ActorCell | None, ask: Ask, message: Request[Any]) -> None:
        """Send a request's envelope; a refused one fails at once."""
        own = None if sender is None else sender.self
        origin = _OUTSIDE_ADDRESS if own is None else (own.name, own.incarnation)
        refused = self._send(ask.target, message.lane, _ASK, origin, ask.correlation, message.wire_id, body)
        if refused is not None:
            ask.settle(None, AskRejected(f"{ask.target!r} was not asked {type(message).__qualname__}: {refused}"))

    def prepare_answer(
        self, asker: Reference, correlation: int, value: object, failure: Exception | None
    ) -> tuple[Reference, int, Kind, bytes]:
        """Arguments for ``send_answer``; a value that cannot travel fails here, in the handler that gave it."""
        if failure is None:
            return asker, correlation, Kind.REPLY, self.codec.encode_value(value)
        text = str(failure)[:_MAX_FAILURE_TEXT]
        return asker, correlation, Kind.FAILURE, self.codec.encode_value((isinstance(failure, AskRejected), text))

    def send_answer(self, asker: Reference, correlation: int, kind: Kind, body: bytes) -> None:
        """Send an answer's envelope; the asker's time-out covers a refused one."""
        refused = self._send(asker, Lane.DATA, kind, None, correlation, 0, body)
        if refused is not None:
            self._world.trouble.write(logging.WARNING, "an answer to %r was not sent: %s", asker, refused)

    def answer(self, asker: Reference, correlation: int, value: object, failure: Exception | None) -> None:
        """Answer a request from another node."""
        self.send_answer(*self.prepare_answer(asker, correlation, value, failure))

    def system_message(self, target: Reference, message: Message) -> str | None:
        """A message from world to world; says why when it was refused."""
        body = self.codec.encode(message)
        return self._send(target, Lane.CONTROL, _TELL, _WORLD_ADDRESS, 0, message.wire_id, body)

    def _send(
        self, target: Reference, lane: Lane, kind: int, origin: Address | None, correlation: int, wire_id: int,
        body: bytes,
    ) -> str | None:
        carrier = self.carrier
        if carrier is None:
            refused: str | None = (
                f"system {self._world.node!r} talks to no other node; give it listen='tcp://...' and peers={{...}}"
            )
        else:
            address = target.name, target.incarnation
            refused = carrier.send(target.node, lane, kind, address, origin, correlation, wire_id, body)
        if refused is not None:
            self.refused += 1
        elif not self._world.turn_end_wanted:
            self._world.want_turn_end()
        return refused

    # --- in ----------------------------------------------------------------------------------------------------------

    def on_envelope(
        self, kind: int, target_name: str, target_incarnation: int, sender: Reference | None, correlation: int,
        wire_id: int, body: bytes | memoryview, lane: Lane,
    ) -> None:
        """An envelope came from a peer: into its mailbox, or back to whom it concerns."""
        if kind > _ASK:
            self._answered(kind, sender, correlation, body)
            return
        try:
            message = self.codec.decode(wire_id, body)
        except CodecError as error:
            self._unreadable(kind, target_name, sender, correlation, error)
            return
        if kind == _ASK and sender is None:  # nobody to answer: no node of ours sends this
            self.undecodable += 1
            return
        if sender is not None and sender.name == WORLD:
            if isinstance(message, _WORLD_MESSAGES):
                self._world.watches.from_peer(message, sender.node)
                return
            sender = None
        accepted = self._world.put(
            target_name, target_incarnation, message, sender, correlation, kind, lane is Lane.CONTROL
        )
        if accepted != TAKEN_:
            self._not_taken(accepted, Reference(self._world.node, target_name, target_incarnation), kind, message,
                            sender, correlation)

    def _not_taken(
        self, accepted: int, target: Reference, kind: int, message: Message, sender: Reference | None, correlation: int
    ) -> None:
        if kind == _ASK:
            self._world.refuse_ask(target, message, sender, correlation, accepted)
        elif accepted == NOBODY_:
            self._world.dead_letters.add(target, message, sender, self._world.why_nobody(target))
        elif accepted == FULL_ and sender is not None:
            self.system_message(sender, Rejected(target, type(message).__qualname__))

    def _unreadable(
        self, kind: int, target_name: str, sender: Reference | None, correlation: int, error: CodecError
    ) -> None:
        self.undecodable += 1
        target = Reference(self._world.node, target_name)
        self._world.trouble.write(logging.WARNING, "a message from %r to %r cannot be read: %s", sender, target, error)
        if kind == _ASK and sender is not None:
            self.answer(sender, correlation, None, AskRejected(f"{target!r}: the request cannot be read: {error}"))

    def _answered(self, kind: int, sender: Reference | None, correlation: int, body: bytes | memoryview) -> None:
        ask = self._world.asks.pending.get(correlation)
        if ask is None or sender is None or sender.node != ask.target.node:  # only who was asked may answer
            self._world.late_answers += 1
            return
        try:
            if kind == Kind.REPLY:
                ask.settle(self.codec.decode_as(answer_type(ask.request_type), body), None)
                return
            rejected, text = self.codec.decode_as(tuple[bool, str], body)
            failure: AskError = AskRejected(text) if rejected else AskFailed(text)
        except CodecError as error:
            self.undecodable += 1
            what = f"the answer of {ask.target!r} to {ask.request_type.__qualname__}"
            failure = AskFailed(f"{what} cannot be read: {error}")
        ask.settle(None, failure)

    def peer_down(self, node: str, incarnation: int, reason: str) -> None:
        """A node is lost: its actors are gone for who watches them, and asks to it fail at once."""
        self._world.watches.node_lost(node)
        for ask in [ask for ask in self._world.asks.pending.values() if ask.target.node == node]:
            ask.settle(None, AskFailed(
                f"{ask.target!r} was asked {ask.request_type.__qualname__}, then its node was lost ({reason}); whether "
                f"it was handled is unknown"
            ))

    def peer_up(self, node: str, incarnation: int) -> None:
        """A link to a node is up; an earlier incarnation of it was reported lost before."""
        self._world.log.info("node %r is connected", node)
