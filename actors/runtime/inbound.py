"""Who has introduced itself to this node, and through which routing identities its frames come. Knows no socket."""

from __future__ import annotations

from actors.message import Lane
from actors.runtime.handshake import Hello, Pong
from actors.runtime.link import CONTROL_SUFFIX, DATA_SUFFIX
from actors.runtime.transport_settings import TransportSettings
from core_ext.flow import Senders
from core_ext.inlet import Entrance, Intake


class Peer:
    """One introduced peer: the only source from which envelopes of its name are taken.

    Attributes:
        node, incarnation: who it is.
        dial: which of its dials made this link.
        routing_id: of its link, without the lane's suffix.
        data, control: what was taken in on each lane.
        senders: references of its actors.
    """

    def __init__(self, hello: Hello, routing_id: bytes, settings: TransportSettings) -> None:
        self.node = hello.node
        self.incarnation = hello.incarnation
        self.dial = hello.dial
        self.routing_id = routing_id
        self.data = Intake(settings.credit_bytes, 1 << 62)
        self.control = Intake(settings.send_queue_bytes, settings.control_limit)
        self.senders = Senders(hello.node)

    def report(self, sequence: int = 0) -> Pong:
        """What was taken in, for the peer's credit."""
        return Pong(sequence, *self.data.report(), *self.control.report())


class Registry:
    """All introduced peers; one per name, the newest."""

    def __init__(self) -> None:
        self._peers: dict[str, Peer] = {}
        self.entrances: dict[bytes, Entrance] = {}

    def get(self, node: str) -> Peer | None:
        """The introduced peer of this name."""
        return self._peers.get(node)

    def is_outdated(self, hello: Hello) -> bool:
        """Has the same incarnation introduced itself through a later dial already?"""
        peer = self._peers.get(hello.node)
        return peer is not None and peer.incarnation == hello.incarnation and peer.dial > hello.dial

    def admit(self, peer: Peer) -> None:
        """From now on frames are taken from this peer, and no longer from an older one of its name."""
        self.remove(peer.node)
        self._peers[peer.node] = peer
        for suffix, lane, intake in ((CONTROL_SUFFIX, Lane.CONTROL, peer.control), (DATA_SUFFIX, Lane.DATA, peer.data)):
            self.entrances[peer.routing_id + suffix] = Entrance(peer, peer.incarnation, peer.senders, lane, intake)

    def remove(self, node: str) -> Peer | None:
        """Take nothing more from this peer until it introduces itself again."""
        peer = self._peers.pop(node, None)
        if peer is not None:
            del self.entrances[peer.routing_id + CONTROL_SUFFIX]
            del self.entrances[peer.routing_id + DATA_SUFFIX]
        return peer
