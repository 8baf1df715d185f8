"""Between the world and its transport, what happens rarely; what is paid per message stands in the native base class.

Knows the transport's interface, not its sockets. A world without a transport refuses what is for other nodes.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from actors.errors import AskFailed, AskRejected
from actors.message import Lane, Message, Rejected, Terminated, answer_type, check_fields, message_type
from actors.runtime.watching import Unwatch, Watch
from core_ext.asks import Ask
from core_ext.cell import FULL_, NOBODY_
from core_ext.codec import CodecError, Kind, MessageCodec
from core_ext.mailbox import Reference
from core_ext.post import Post

if TYPE_CHECKING:
    from actors.runtime.world import World

_ASK = int(Kind.ASK)
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


class Remote(Post):
    """The far side of one world."""

    def __init__(self, world: World) -> None:
        super().__init__(world, MessageCodec(message_type, check_fields), answer_type, (Lane.DATA, Lane.CONTROL))
        self._world = world

    def poll(self) -> int:
        """Read the sockets now; says how many envelopes came."""
        return 0 if self.carrier is None else self.carrier.poll()

    # --- out ---------------------------------------------------------------------------------------------------------

    def tell_refused(self, target: Reference, message: Message, sender: Reference | None, refused: str) -> None:
        """The transport did not take a message."""
        self._world.dead_letters.add_refused(target, message, sender, refused)

    def ask_refused(self, ask: Ask, refused: str) -> None:
        """The transport did not take a request."""
        ask.settle(None, AskRejected(f"{ask.target!r} was not asked {ask.request_type.__qualname__}: {refused}"))

    def failure_body(self, failure: Exception) -> bytes:
        """What travels of an error."""
        return self.codec.encode_value((isinstance(failure, AskRejected), str(failure)[:_MAX_FAILURE_TEXT]))

    def answer_refused(self, asker: Reference, correlation: int, refused: str) -> None:
        """The transport did not take an answer: the asker hears of that, on the lane that data does not delay."""
        failure = AskFailed(f"the request was handled on node {self._world.node!r}, its answer was not sent: {refused}")
        if self.send_urgently(asker, correlation, failure) is not None:
            self._world.trouble.write(logging.WARNING, "an answer to %r was not sent: %s", asker, refused)

    # --- in ----------------------------------------------------------------------------------------------------------

    def for_world(self, message: Message, node: str) -> bool:
        """A message in another world's name; False when it is not of those that worlds send each other."""
        if not isinstance(message, _WORLD_MESSAGES):
            return False
        self._world.watches.from_peer(message, node)
        return True

    def not_taken(
        self, accepted: int, target_name: str, target_incarnation: int, kind: int, message: Message,
        sender: Reference | None, correlation: int,
    ) -> None:
        """A mailbox here did not take what came, or there is none."""
        target = Reference(self._world.node, target_name, target_incarnation)
        if kind == _ASK:
            self._world.refuse_ask(target, message, sender, correlation, accepted)
        elif accepted == NOBODY_:
            self._world.dead_letters.add(target, message, sender, self._world.why_nobody(target))
        elif accepted == FULL_ and sender is not None:
            self.send_as_world(sender, Rejected(target, type(message).__qualname__))

    def unreadable(
        self, kind: int, target_name: str, sender: Reference | None, correlation: int, error: CodecError
    ) -> None:
        """A message came that this process cannot decode."""
        self.undecodable += 1
        target = Reference(self._world.node, target_name)
        self._world.trouble.write(logging.WARNING, "a message from %r to %r cannot be read: %s", sender, target, error)
        if kind == _ASK and sender is not None:
            self.send_answer(sender, correlation, None, AskRejected(f"{target!r}: the request cannot be read: {error}"))

    def failure_came(self, ask: Ask, body: bytes | memoryview) -> None:
        """The answer is an error."""
        try:
            rejected, text = self.codec.decode_as(tuple[bool, str], body)
        except CodecError as error:
            self.answer_unreadable(ask, error)
            return
        ask.settle(None, AskRejected(text) if rejected else AskFailed(text))

    def answer_unreadable(self, ask: Ask, error: CodecError) -> None:
        """An answer came that is not of the request's type."""
        self.undecodable += 1
        what = f"the answer of {ask.target!r} to {ask.request_type.__qualname__}"
        ask.settle(None, AskFailed(f"{what} cannot be read: {error}"))

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
