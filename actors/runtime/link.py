"""The link from this node to one peer: dialling, liveness, and what waits to be sent. Knows frames, not messages.

A link is one connected control socket and one connected data socket. It is down, dialling (Hello was sent), or up
(Welcome came). When it is lost both sockets are closed at once, with what they still held, and new ones dial later: a
frame never reaches another incarnation of the peer than the one that it was written for.
"""

from __future__ import annotations

import asyncio
import enum
import random
import secrets
from collections.abc import Sequence
from typing import Protocol

import zmq

from actors.errors import WireError
from actors.runtime.handshake import (
    MAX_LINK_MESSAGE_BYTES,
    Bye,
    Identity,
    Ping,
    Pong,
    Refused,
    Stranger,
    VersionMismatch,
    Welcome,
    decode,
    encode,
)
from actors.runtime.sockets import Connection, check_dialable
from actors.runtime.transport_settings import TransportSettings
from core_ext.flow import Outbox
from core_ext.outlet import Sending

CONTROL_SUFFIX = b"/c"
DATA_SUFFIX = b"/d"
_NO_COUNT_LIMIT = 1 << 62


class LinkState(enum.Enum):
    """Where a link stands."""

    DOWN = "down"
    DIALLING = "dialling"
    UP = "up"


class LinkOwner(Protocol):
    """What a link needs of its transport."""

    us: Identity
    settings: TransportSettings
    context: zmq.Context[zmq.Socket[bytes]]
    loop: asyncio.AbstractEventLoop
    counters: dict[str, int]
    random: random.Random

    def poll(self) -> int:
        """Take what has come in on the bound socket, where peers' own connections end."""

    def judge(self, link: Link, welcome: Welcome, version: int) -> str | None:
        """Why the node that was reached is refused; None when it is the right one."""

    def link_up(self, link: Link, welcome: Welcome) -> None:
        """Welcome came."""

    def link_lost(
        self, link: Link, reason: str, *, was_up: bool, cut_by_peer: bool, again: bool, left: bool
    ) -> None:
        """The link was up and is lost, or the first attempts to reach the peer failed for too long."""

    def link_refused(self, link: Link, reason: str, by_peer: bool) -> None:
        """One side does not accept the other."""

    def mark_dirty(self, link: Link) -> None:
        """The link has something to flush."""


class Link(Sending):
    """One peer, as this node reaches it; how its frames go out stands in the native base class.

    Args:
        owner: the transport.
        node: the peer's name.
        address: where it is dialled.
        configured: False for a peer that introduced itself; such a link is forgotten when it is lost.

    Attributes:
        failure: why the link is not up, for whoever is refused a send.
        outboxes: what waits and what is under way, by Lane.
    """

    def __init__(self, owner: LinkOwner, node: str, address: str, configured: bool) -> None:
        settings = owner.settings
        own = owner.us.incarnation
        super().__init__(
            Outbox(
                own, settings.frame_bytes, settings.send_queue_bytes, settings.credit_bytes, _NO_COUNT_LIMIT,
                settings.max_frame_bytes,
            ),
            Outbox(
                own, settings.frame_bytes, settings.send_queue_bytes, settings.send_queue_bytes,
                settings.control_limit, settings.max_frame_bytes,
            ),
            owner.counters,
        )
        self.node = node
        self.address = address
        self.configured = configured
        self.state = LinkState.DOWN
        self.failure = "not reached yet"
        self.taking = True
        self._owner = owner
        self._settings = settings
        self.outboxes = (self.data, self.control)
        self._routing_id = b""
        self._closed = False
        self._attempts = 0
        self._ticks = 0  # since the state changed
        self._silent_ticks = 0
        self._patience = settings.lost_after_ticks  # ticks that sends still wait for a first connection
        self._redial: asyncio.TimerHandle | None = None

    # --- sending -----------------------------------------------------------------------------------------------

    def credit_wanted(self) -> None:
        """Something waits for the peer's credit, which the next pong gives.

        Sending on the control connection may have swallowed its descriptor's wake-up. When nothing waits, the next
        tick is soon enough to notice.
        """
        control = self.control_connection
        if control is not None and control.readable():
            self._owner.loop.call_soon(self.read)

    def send_failed(self, connection: Connection) -> None:
        """A socket took no frame."""
        self._ended_soon(connection)

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for the link or for the peer's credit."""
        return self.data.waiting_bytes + self.control.waiting_bytes

    @property
    def under_way_bytes(self) -> int:
        """Bytes sent that the peer has not reported as taken in."""
        return sum(box.bytes_sent - box.bytes_acknowledged for box in self.outboxes)

    # --- dialling ----------------------------------------------------------------------------------------------

    def dial(self) -> None:
        """Open the control connection and say Hello."""
        if self._redial is not None:
            self._redial.cancel()
            self._redial = None
        if self._closed or self.state is not LinkState.DOWN:
            return
        self._routing_id = f"{self._owner.us.node}/{self._owner.us.incarnation:x}/{secrets.token_hex(8)}".encode()
        self.state = LinkState.DIALLING
        self._ticks = self._silent_ticks = 0
        self._owner.counters["dials"] += 1
        connection = self._connect(CONTROL_SUFFIX)
        if connection is None:
            return
        self.control_connection = connection
        if not connection.send([encode(self._owner.us.hello(self._owner.counters["dials"]))]):
            self.lost(f"cannot connect to {self.address}")
        elif connection.readable():
            self._owner.loop.call_soon(self.read)

    def be_patient(self) -> None:
        """The peer is known to be there: let sends wait for the link."""
        if self.state is not LinkState.UP and not self._closed:
            self._patience = self._settings.lost_after_ticks
            self.taking = True

    def encourage(self) -> None:
        """The peer has just introduced itself: dial at once, and let sends wait for the link."""
        if self.state is LinkState.DOWN:
            self._attempts = 0
            self.be_patient()
            self.dial()

    def _connect(self, suffix: bytes) -> Connection | None:
        unusable = check_dialable(self.address)
        if unusable is not None:
            self.lost(unusable)
            return None
        try:
            connection = Connection(
                self._owner.context,
                self._owner.loop,
                self.address,
                self._routing_id + suffix,
                timeout_seconds=self._settings.lost_after_seconds,
                max_part_bytes=MAX_LINK_MESSAGE_BYTES,
                on_readable=self.read if suffix == CONTROL_SUFFIX else None,
                on_lost=lambda: self._ended(connection),
            )
        except zmq.ZMQError as error:
            self.lost(f"cannot connect to {self.address}: {error.strerror}")
            return None
        return connection

    # --- hearing from the peer ---------------------------------------------------------------------------------

    def read(self) -> None:
        """Take everything that came on the control connection."""
        while self.control_connection is not None:
            part = self.control_connection.receive()
            if part is None:
                return
            try:
                message, version = decode(part)
            except VersionMismatch as error:
                self._refused(f"{self.address}: {error}")
                return
            except WireError as error:
                self._owner.counters["dropped_garbage"] += 1
                self.lost(f"{self.address} does not speak this protocol: {error}")
                return
            self._silent_ticks = 0
            match message:
                case Pong():
                    self._credited(message)
                case Welcome() if self.state is LinkState.DIALLING:
                    self._welcomed(message, version)
                case Refused(reason):
                    self._refused(reason, by_peer=True)
                case Stranger():
                    self.lost("the peer no longer knows this link", cut_by_peer=True, again=True)
                case Bye(reason):
                    self.left(reason)
                case _:
                    self._owner.counters["dropped_out_of_turn"] += 1

    def _welcomed(self, welcome: Welcome, version: int) -> None:
        refusal = self._owner.judge(self, welcome, version)
        if refusal is not None:
            self._refused(refusal)
            return
        connection = self._connect(DATA_SUFFIX)
        if connection is None:
            return
        self.data_connection = connection
        self.incarnation = welcome.incarnation
        for outbox in self.outboxes:
            outbox.limit_frames(min(self._settings.max_frame_bytes, welcome.max_frame_bytes))
        self.data.window_bytes = welcome.credit_bytes
        self.control.window_count = min(self._settings.control_limit, welcome.control_limit)
        self.state = LinkState.UP
        self.up = True
        self.failure = ""
        self.taking = True
        self._ticks = self._silent_ticks = 0
        self._patience = 0
        self._owner.link_up(self, welcome)
        self._owner.mark_dirty(self)

    def _credited(self, pong: Pong) -> None:
        self.data.acknowledge(pong.data_bytes, pong.data_count)
        self.control.acknowledge(pong.control_bytes, pong.control_count)
        if self.data.waiting or self.control.waiting:
            self.flush()

    # --- time and loss -----------------------------------------------------------------------------------------

    def tick(self) -> None:
        """One ping interval has passed. Silence is counted in ticks: a process that slept counts only one."""
        self.read()
        self._ticks += 1
        if self.state is LinkState.UP:
            self._silent_ticks += 1
            if self._ticks >= self._settings.lost_after_ticks:
                self._attempts = 0
            if self._silent_ticks > self._settings.lost_after_ticks:
                self.lost(f"silent for {self._settings.lost_after_seconds} s")
            else:
                self.ask_report()
            return
        if self.state is LinkState.DIALLING and self._ticks > self._settings.lost_after_ticks:
            self.lost(f"{self.address} did not answer within {self._settings.lost_after_seconds} s")
        if self._patience > 0:
            self._patience -= 1
            if self._patience == 0:
                self._give_up()

    def ask_report(self) -> None:
        """Ping; the pong tells that the peer lives, and what it has taken in."""
        connection = self.control_connection
        if connection is None:
            return
        if not connection.send([encode(Ping(self._ticks))]):
            self._ended_soon(connection)
        elif connection.readable():
            self._owner.loop.call_soon(self.read)

    def _ended_soon(self, connection: Connection) -> None:
        """Lose the link from the loop, not from within a send: the runtime's callbacks must not run in its turn."""
        self._owner.loop.call_soon(self._ended, connection)

    def _ended(self, connection: Connection) -> None:
        """A connection of this link has ended, if it is still one.

        The peer's own connections may hold what it sent before: its last messages, and the goodbye that says why.
        """
        if not self._is_ours(connection):
            return
        try:
            self._owner.poll()
        finally:
            if self._is_ours(connection):
                reached = self.state is LinkState.UP
                self.lost("the connection ended" if reached else f"cannot connect to {self.address}")

    def _is_ours(self, connection: Connection) -> bool:
        return connection is self.control_connection or connection is self.data_connection

    def left(self, reason: str) -> None:
        """The peer said goodbye: it stopped in order."""
        self.lost(reason, cut_by_peer=True, left=True)

    def lost(self, reason: str, *, cut_by_peer: bool = False, again: bool = False, left: bool = False) -> None:
        """Close the sockets with what they hold, and dial again later.

        Args:
            reason: for people.
            cut_by_peer: the peer ended it, and what it has introduced since stands.
            again: the peer is there and asks for a new introduction.
            left: the peer stopped in order.
        """
        if self.state is LinkState.DOWN:
            return
        was_up = self.state is LinkState.UP
        self._close_connections(0.0)
        self.state = LinkState.DOWN
        self.failure = reason
        if was_up:
            self.taking = False
            self._drop_waiting()
        low, high = self._settings.reconnect_low_seconds, self._settings.reconnect_high_seconds
        delay = min(high, low * 2.0 ** min(self._attempts, 16)) * self._owner.random.uniform(0.5, 1.0)
        self._attempts += 1
        if not self._closed:
            self._redial = self._owner.loop.call_later(low * 0.2 if again and self._attempts == 1 else delay, self.dial)
        if was_up:
            self._owner.link_lost(self, reason, was_up=True, cut_by_peer=cut_by_peer, again=again, left=left)

    def _refused(self, reason: str, by_peer: bool = False) -> None:
        self._attempts = 16  # nothing changes until somebody acts
        self._owner.link_refused(self, reason, by_peer)
        self.lost(reason, cut_by_peer=True)
        if self._patience > 0:
            self._patience = 0
            self._give_up()

    def _give_up(self) -> None:
        self.taking = False
        self._drop_waiting()
        self._owner.link_lost(self, self.failure, was_up=False, cut_by_peer=False, again=False, left=False)

    def _drop_waiting(self) -> None:
        dropped = self.data.reset() + self.control.reset()
        self._owner.counters["dropped_unreachable"] += dropped

    def close(self, farewell: Sequence[bytes] = (), linger_seconds: float = 0.0) -> None:
        """Close for good; ``farewell`` is sent on the control connection when the link is up."""
        self._closed = True
        if self._redial is not None:
            self._redial.cancel()
            self._redial = None
        if self.state is LinkState.UP and self.control_connection is not None:
            for part in farewell:
                self.control_connection.send([part])
        self._close_connections(linger_seconds if self.state is LinkState.UP else 0.0)
        self.state = LinkState.DOWN
        self.failure = "this node is stopping"
        self._patience = 0
        self.taking = False
        self._drop_waiting()

    def _close_connections(self, linger_seconds: float) -> None:
        self.up = False
        for connection in (self.control_connection, self.data_connection):
            if connection is not None:
                connection.close(linger_seconds)
        self.control_connection = self.data_connection = None
