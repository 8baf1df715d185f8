"""The transport of one node: what comes in on its one bound socket, and its links to its peers. Knows no actor.

The runtime queues envelopes with ``send`` and calls ``flush`` at the end of each turn: one frame per peer and lane goes
out. What comes in is handed to ``on_envelope``. docs/wire.md describes what travels.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import zmq

from actors.errors import WireError
from actors.message import Lane
from actors.runtime.admission import Admission
from actors.runtime.handshake import (
    MAX_LINK_MESSAGE_BYTES,
    Bye,
    Hello,
    Identity,
    Ping,
    Refused,
    Stranger,
    VersionMismatch,
    Welcome,
    decode,
    encode,
    is_link_message,
)
from actors.runtime.inbound import Peer, Registry
from actors.runtime.link import CONTROL_SUFFIX, DATA_SUFFIX, Link, LinkState
from actors.runtime.logs import RateLimited
from actors.runtime.sockets import TransportError, bind_router, check_dialable
from actors.runtime.transport_settings import TransportSettings
from core_ext.codec import WIRE_VERSION, CodecError, Envelope
from core_ext.flow import Callbacks, Receiver
from core_ext.inlet import Entrance, Inlet
from core_ext.mailbox import Reference
from core_ext.outlet import Outlet

DEFAULT_LISTEN = "tcp://127.0.0.1:*"
_ANSWERS_PER_TICK = 64  # refusals and the like to whoever is not introduced
_LINGER_SECONDS = 0.1

COUNTERS = (
    "envelopes_sent", "envelopes_received", "frames_sent", "frames_received", "bytes_sent", "bytes_received", "dials",
    "links_up", "links_lost", "hellos_accepted", "hellos_refused", "links_refused", "sends_refused",
    "dropped_garbage", "dropped_oversized", "dropped_stranger", "dropped_wrong_incarnation", "dropped_unreachable",
    "dropped_out_of_turn", "delivery_errors",
)


class OnEnvelope(Protocol):
    """Takes one envelope; ``body`` is still encoded, and ``lane`` says which way it came."""

    def __call__(
        self, kind: int, target_name: str, target_incarnation: int, sender: Reference | None, correlation: int,
        wire_id: int, body: bytes | memoryview, lane: Lane, /,
    ) -> None: ...


class Transport(Outlet):
    """Links to peers, and one bound socket.

    Args:
        node, incarnation: this node; the incarnation is new with every start.
        cluster_id: peers of another cluster are refused.
        folder_id: id of this node's data folder; empty without one.
        listen: where to bind; None binds a free loopback port.
        also_listen: further addresses to bind; peers are told of ``listen``.
        advertise: where peers find this node; the bound address when None.
        peers: names and addresses of the nodes that this one dials.
        settings: limits and times.
        loop: the event loop; everything happens in its thread.
        on_envelope: called for each envelope that comes in; or a native receiver, which also has a turn and a flush in
            the same wake-up.
        on_peer_up: (node, incarnation): it can be sent to.
        on_peer_down: (node, incarnation, reason): what was under way to it may be lost, and sends are refused until it
            is up again. Incarnation 0: it was never reached, and what waited for it was dropped.
        known_folders: data-folder ids that peers were accepted with before.
        remember_folder: keeps (node, folder id) of a configured peer for the next start.

    Attributes:
        address: the bound address, after ``start``.
        counters: what happened, by name (``COUNTERS``).
        refusals: node -> why this node and that one do not talk.
        refused_by: those of them in which the other one refuses this node.
    """

    def __init__(
        self,
        *,
        node: str,
        incarnation: int,
        cluster_id: str,
        folder_id: str = "",
        listen: str | None = None,
        also_listen: Sequence[str] = (),
        advertise: str | None = None,
        peers: Mapping[str, str] | None = None,
        settings: TransportSettings | None = None,
        loop: asyncio.AbstractEventLoop,
        on_envelope: OnEnvelope | Receiver,
        on_peer_up: Callable[[str, int], None],
        on_peer_down: Callable[[str, int, str], None],
        known_folders: Mapping[str, str] | None = None,
        remember_folder: Callable[[str, str], None] | None = None,
    ) -> None:
        if not 0 < len(node.encode()) <= 128:
            raise TransportError(f"node name {node!r} must have 1 to 128 bytes: it is part of what its peers see")
        self.counters: dict[str, int] = dict.fromkeys(COUNTERS, 0)
        super().__init__(self.counters)
        self.settings = settings if settings is not None else TransportSettings()
        self.loop = loop
        self.refusals: dict[str, str] = {}
        self.refused_by: dict[str, str] = {}
        self.address = ""
        self.us = Identity(node, incarnation, cluster_id, folder_id, advertise or "")
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.random = random.Random(incarnation)
        self._listen = (listen or DEFAULT_LISTEN, *also_listen)
        self._peers = dict(peers or {})
        self._registry = Registry()
        self._receiver = (
            on_envelope if isinstance(on_envelope, Receiver)
            else Callbacks(on_envelope, (Lane.DATA, Lane.CONTROL), self.flush)
        )
        self._on_peer_up = on_peer_up
        self._on_peer_down = on_peer_down
        self._known_folders = known_folders
        self._remember_folder = remember_folder
        self._inlet: Inlet | None = None
        self._tick_handle: asyncio.TimerHandle | None = None
        self._answers_left = _ANSWERS_PER_TICK
        self._log = RateLimited(logging.getLogger("actors.transport"))

    # --- life --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Bind, and begin to dial the peers.

        Raises:
            TransportError: the address cannot be bound, advertised, or a peer's address cannot be dialled.
        """
        try:
            for peer, address in self._peers.items():
                unusable = check_dialable(address)
                if unusable is not None:
                    raise TransportError(f"peer {peer!r}: {unusable}")
            self.context.set(zmq.MAX_SOCKETS, 4 * self.settings.max_peers + 16)
            limits = self.settings
            router, self.address = bind_router(self.context, self._listen, limits.max_frame_bytes)
            self._inlet = Inlet(
                router, self.loop, incarnation=self.us.incarnation, budget=(limits.poll_frames, limits.poll_bytes),
                max_frame_bytes=limits.max_frame_bytes, max_copied_bytes=MAX_LINK_MESSAGE_BYTES,
                entrances=self._registry.entrances, counters=self.counters, receiver=self._receiver,
                owner=self,
            )
            advertised = self.us.address or self.address
            unusable = check_dialable(advertised)
            if unusable is not None:
                raise TransportError(
                    f"node {self.us.node!r} listens on {self.address}: {unusable}; give it `advertise`"
                )
        except TransportError:
            if self._inlet is not None:
                self._inlet.close()
            self.context.term()
            raise
        us = self.us
        self.us = Identity(us.node, us.incarnation, us.cluster_id, us.folder_id, advertised)
        self._admission = Admission(
            self.us, self._peers, self.settings.accept_unknown_peers, self._known_folders, self._remember_folder
        )
        for peer, address in self._peers.items():
            if peer != us.node:
                self._add_link(peer, address, configured=True).dial()
        self._tick_handle = self.loop.call_later(self.settings.ping_interval_seconds, self._tick)

    async def close(self, flush_seconds: float = 0.0) -> None:
        """Say goodbye and close everything.

        Args:
            flush_seconds: how long what still waits may take to go out.
        """
        if self.context.closed:
            return
        if self._inlet is not None and flush_seconds > 0:
            await self._drain(flush_seconds)
        if self._tick_handle is not None:
            self._tick_handle.cancel()
        farewell = [encode(Bye(f"node {self.us.node!r} has stopped"))]
        linger = min(flush_seconds, _LINGER_SECONDS)
        for link in self.links.values():
            link.close(farewell, linger)
        if self._inlet is not None:
            self._inlet.close()
        self.context.term()

    async def _drain(self, seconds: float) -> None:
        deadline = self.loop.time() + seconds
        self.flush()
        while self.loop.time() < deadline and any(
            link.taking and (link.under_way_bytes or link.waiting_bytes) for link in self.links.values()
        ):
            for link in self.links.values():
                link.ask_report()
            await asyncio.sleep(0.002)
            self.flush()

    # --- receiving ---------------------------------------------------------------------------------------------

    def poll(self) -> int:
        """Take what has come in, within a budget; what is left has its turn after the event loop's.

        Returns:
            Envelopes handed to ``on_envelope``.
        """
        return 0 if self._inlet is None else self._inlet.poll()

    def message_came(self, identity: bytes, parts: list[Any]) -> None:
        """Something that cannot be a frame of an introduced peer: no parts when it was above the limit."""
        entrance = self._registry.entrances.get(identity)
        if not parts:
            self.counters["dropped_oversized"] += 1
            self._misbehaved(identity, entrance, f"a frame above the limit of {self.settings.max_frame_bytes} bytes")
        elif is_link_message(parts[0]):
            self._link_message(identity, entrance, parts[0])
        elif entrance is None:
            self._stranger(identity)
        else:
            self.damaged(identity, entrance, CodecError(f"no frame: it begins with {bytes(parts[0][:4])!r}"))

    def damaged(self, identity: bytes, entrance: Entrance, error: CodecError) -> None:
        """A frame cannot be read."""
        self.counters["dropped_garbage"] += 1
        self._misbehaved(identity, entrance, f"a frame that cannot be read: {error}")

    def credit_due(self, peers: list[Peer]) -> None:
        """These hear now what was taken in."""
        for peer in peers:
            self._answer(peer.routing_id + CONTROL_SUFFIX, encode(peer.report()))

    def undelivered(self, envelope: Envelope, error: Exception) -> None:
        """One bad envelope does not take the rest of its frame with it."""
        self.counters["delivery_errors"] += 1
        self._log.warning(
            ("delivery", envelope.target_name), "an envelope could not be delivered", target=envelope.target_name,
            sender=envelope.sender_name, wire_id=f"{envelope.wire_id:#010x}", error=repr(error),
        )

    def _link_message(self, identity: bytes, entrance: Entrance | None, part: bytes) -> None:
        try:
            message, version = decode(part)
        except VersionMismatch as error:
            self._refuse(identity, f"node {self.us.node!r} ({self.us.address}): {error}")
            return
        except WireError as error:
            self.counters["dropped_garbage"] += 1
            self._misbehaved(identity, entrance, str(error))
            return
        match message:
            case Hello() if self._registry.is_outdated(message):
                self.counters["dropped_out_of_turn"] += 1
            case Hello() if identity.endswith(CONTROL_SUFFIX):
                self._hello(identity, message, version)
            case _ if entrance is None:
                self._stranger(identity)
            case Ping(sequence):
                self._answer(identity, encode(entrance.peer.report(sequence)))
            case Bye(reason):
                self._registry.remove(entrance.peer.node)
                link = self.links.get(entrance.peer.node)
                if link is not None and link.incarnation == entrance.peer.incarnation:
                    link.left(reason)
            case _:
                self.counters["dropped_out_of_turn"] += 1

    def _hello(self, identity: bytes, hello: Hello, version: int) -> None:
        reason = self._admission.why_refused(hello, version) or self._make_room(hello)
        if reason is not None:
            self.counters["hellos_refused"] += 1
            key = ("hello", hello.node)
            self._log.warning(key, "peer refused", peer=hello.node, address=hello.address, reason=reason)
            if hello.node in self._peers:
                self.refusals[hello.node] = reason
            self._refuse(identity, reason)
            return
        link = self.links.get(hello.node) or self._add_link(hello.node, hello.address, configured=False)
        self._registry.admit(Peer(hello, identity[: -len(CONTROL_SUFFIX)], self.settings))
        self._admission.remember(hello)
        self.counters["hellos_accepted"] += 1
        us, limits = self.us, self.settings
        self._answer(
            identity,
            encode(
                Welcome(
                    us.node, us.incarnation, us.cluster_id, us.folder_id, limits.credit_bytes, limits.control_limit,
                    limits.max_frame_bytes,
                )
            ),
        )
        link.encourage()

    def _make_room(self, hello: Hello) -> str | None:
        """Settle what the new introduction means for a link that exists. Returns why it cannot be accepted."""
        link = self.links.get(hello.node)
        if link is not None and link.state is LinkState.UP and link.incarnation != hello.incarnation:
            if not link.configured and link.address != hello.address:
                return (
                    f"node {self.us.node!r} is connected to another node {hello.node!r} at {link.address}; give one of "
                    f"the two another name"
                )
            link.lost("it was started again", cut_by_peer=True)
            link = self.links.get(hello.node)
        if link is not None and not link.configured and link.address != hello.address:
            self._forget(link)
            link = None
        if link is None:
            if len(self.links) >= self.settings.max_peers:
                return f"node {self.us.node!r} has {len(self.links)} peers already; raise max_peers there"
            unusable = check_dialable(hello.address)
            if unusable is not None:
                return f"node {self.us.node!r} cannot answer {hello.node!r}: {unusable}; give it `advertise`"
        return None

    # --- answers through the bound socket ------------------------------------------------------------------------

    def _refuse(self, identity: bytes, reason: str) -> None:
        if self._answers_left > 0:
            self._answers_left -= 1
            self._answer(identity, encode(Refused(reason[:2048])))

    def _stranger(self, identity: bytes) -> None:
        self.counters["dropped_stranger"] += 1
        if self._answers_left > 0 and identity.endswith((CONTROL_SUFFIX, DATA_SUFFIX)):
            self._answers_left -= 1
            self._answer(identity[: -len(DATA_SUFFIX)] + CONTROL_SUFFIX, encode(Stranger()))

    def _misbehaved(self, identity: bytes, entrance: Entrance | None, what: str) -> None:
        """Garbage: counted, logged, and whoever sent it is no longer introduced."""
        name = entrance.peer.node if entrance is not None else "unknown"
        self._log.warning(("garbage", name), "garbage from a peer", peer=name, what=what)
        if entrance is not None:
            self._registry.remove(name)
            identity = entrance.peer.routing_id + CONTROL_SUFFIX
        self._refuse(identity, f"node {self.us.node!r} got {what}; run the same release of actorum on both")

    def _answer(self, identity: bytes, part: bytes) -> None:
        if self._inlet is None or not self._inlet.answer(identity, part):
            self.counters["dropped_unreachable"] += 1

    # --- what links report -------------------------------------------------------------------------------------

    def _add_link(self, node: str, address: str, configured: bool) -> Link:
        link = self.links[node] = Link(self, node, address, configured)
        return link

    def _forget(self, link: Link) -> None:
        if self.links.get(link.node) is link:
            del self.links[link.node]
        link.close()

    def judge(self, link: Link, welcome: Welcome, version: int) -> str | None:
        """Why the node that was reached is refused; None when it is the right one."""
        return self._admission.why_not(link.node, link.address, welcome, version)

    def link_up(self, link: Link, welcome: Welcome) -> None:
        """A peer said Welcome, and it is the right one."""
        self._admission.remember(welcome)
        self.counters["links_up"] += 1
        self.refusals.pop(link.node, None)
        self.refused_by.pop(link.node, None)
        self._log.info(("up", link.node), "peer up", peer=link.node, address=link.address)
        other = self._registry.get(link.node)
        if other is not None and other.incarnation != link.incarnation:
            self._registry.remove(link.node)
            self._refuse(
                other.routing_id + CONTROL_SUFFIX,
                f"node {self.us.node!r} finds another node {link.node!r} at {link.address}; give one of the two "
                f"another name, or dial again when this one was just started",
            )
        self._on_peer_up(link.node, link.incarnation)

    def link_lost(
        self, link: Link, reason: str, *, was_up: bool, cut_by_peer: bool, again: bool, left: bool
    ) -> None:
        """A link was up and is not any more, or could not be made for so long that nothing waits for it any longer."""
        self.counters["links_lost"] += 1
        say, event = (self._log.info, "peer left") if left else (self._log.warning, "peer lost")
        say(("lost", link.node), event, peer=link.node, address=link.address, reason=reason)
        if not cut_by_peer:
            # Both directions end together: asks of either side fail now, and both introduce themselves again.
            peer = self._registry.remove(link.node)
            if peer is not None and not was_up:
                self._refuse(
                    peer.routing_id + CONTROL_SUFFIX,
                    f"node {self.us.node!r} cannot answer at {link.address}: {reason}; give node {link.node!r} an "
                    f"`advertise` address that can be reached",
                )
        again = again and self._registry.get(link.node) is not None
        if not link.configured and not again:
            self._forget(link)
        self._on_peer_down(link.node, link.incarnation, reason)
        if again:  # the peer introduced itself while this side still took the old link for good
            link.be_patient()

    def link_refused(self, link: Link, reason: str, by_peer: bool) -> None:
        """This node does not accept the peer, or the peer this node."""
        self.counters["links_refused"] += 1
        self.refusals[link.node] = reason
        if by_peer:
            self.refused_by[link.node] = reason
        self._log.warning(("refused", link.node), "link refused", peer=link.node, address=link.address, reason=reason)

    def peers(self) -> dict[str, tuple[str, int, int]]:
        """Every peer: its link's state ("up", "dialling", "down"), bytes that wait for it, bytes under way to it."""
        return {
            node: (link.state.value, link.waiting_bytes, link.under_way_bytes) for node, link in self.links.items()
        }

    # --- the loop ----------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        self._tick_handle = self.loop.call_later(self.settings.ping_interval_seconds, self._tick)
        self._answers_left = _ANSWERS_PER_TICK
        for link in list(self.links.values()):
            link.tick()
        if self._inlet is not None:
            self._inlet.look_after_answers()


__all__ = ["COUNTERS", "DEFAULT_LISTEN", "OnEnvelope", "Transport", "TransportError", "WIRE_VERSION"]
