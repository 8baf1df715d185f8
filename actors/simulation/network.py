"""The links between simulated nodes: what leaves one node arrives at another one, late, or never.

By default a link is as the real transport: in order and at most once per lane. Faults go beyond. A link that is cut for
longer than ``lost_after_seconds`` is lost: asks over it fail, who watches over it hears ``unreachable``, sends are
refused until it is mended. Knows nodes as ends of links; knows no message's content.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from actors.message import answer_type
from actors.simulation.envelope import FAILURE, OVERHEAD_BYTES, REPLY, CodecError, Envelope, Wire
from actors.simulation.ledger import SHOWN
from actors.trace import What
from core_ext.stage_link import StageLink, StageMail

if TYPE_CHECKING:
    from actors.simulation.faults import LinkFaults
    from actors.simulation.node import Node
    from actors.simulation.simulation import Simulation

class WireSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits and times of the links; the real transport's, where it has them.

    Attributes:
        max_frame_bytes: the largest message that is taken.
        queue_bytes: data under way to one peer before sends are refused.
        control_limit: control messages under way to one peer before sends are refused.
        lost_after_seconds: silence after which a peer is lost.
    """

    max_frame_bytes: int = 64 << 20
    queue_bytes: int = 80 << 20
    control_limit: int = 65_536
    lost_after_seconds: float = 1.5


class Link(StageLink):
    """One direction between two nodes.

    Attributes:
        changes: how often it was cut or mended.
    """

    source: Node
    target: Node

    def __init__(self, simulation: Simulation, source: Node, target: Node, settings: WireSettings) -> None:
        super().__init__(
            source, target, (source.name, target.name), settings.queue_bytes, settings.control_limit,
            settings.max_frame_bytes - OVERHEAD_BYTES,
        )
        self._simulation = simulation
        self.changes = 0

    def dropped(self, envelopes: list[Envelope]) -> None:
        """They never arrive."""
        self._simulation.counters["dropped"] += len(envelopes)
        if self._simulation.trace is not None:
            for posted in envelopes:
                self._simulation.note_message(What.DROP, self, posted)

    def trace_read(self, envelopes: list[Envelope]) -> None:
        """They arrive."""
        for posted in envelopes:
            self._simulation.note_message(What.DELIVER, self, posted)


class Links(dict[str, Link]):
    """The links that leave one node, by the other node's name: made when first asked for, as most pairs never speak.

    What is no other node's name has None.
    """

    def __init__(self, simulation: Simulation, node: Node, settings: WireSettings) -> None:
        super().__init__()
        self._simulation = simulation
        self._node = node
        self._settings = settings

    def __missing__(self, name: str) -> Link | None:
        target = self._simulation.nodes.get(name)
        if target is None or target is self._node:
            return None
        link = self[name] = Link(self._simulation, self._node, target, self._settings)
        return link


class Network(StageMail):
    """All links of a simulation."""

    omit_send: dict[Node, float]
    omit_receive: dict[Node, float]

    def __init__(self, simulation: Simulation, settings: WireSettings) -> None:
        super().__init__(simulation, simulation.tape.stream("network"))
        self._simulation = simulation
        self._settings = settings
        self._faults_stream = simulation.tape.stream("messages")
        self._lost_after = int(settings.lost_after_seconds * 1e9)
        self._number = 0
        bounded = simulation.delays.bounded
        if bounded is not None:
            self.low_ns, self.step_ns = bounded
            self.bounded = simulation.trace is None
        self.look(simulation.faults.links)

    def look(self, links: LinkFaults) -> None:
        """Other faults of links than before."""
        self.seen, self.single = links, links.any

    def links_of(self, node: Node) -> Links:
        """What a new node has for the others."""
        return Links(self._simulation, node, self._settings)

    def _peers(self, node: Node) -> Iterable[Node]:
        return [peer for peer in self._simulation.nodes.values() if peer is not node]

    # --- messages --------------------------------------------------------------------------------------------------

    def flush(self, node: Node, depart_ns: int) -> None:
        """What a turn put into the outbox leaves: one frame per peer and lane, or each message for itself. (The native
        half does it where all go plainly.)"""
        simulation = self._simulation
        faults = simulation.faults.links
        if faults is not self.seen:
            self.look(faults)
        single = simulation.adversarial or self.single or self.omit_send or self.omit_receive
        outbox, node.outbox = node.outbox, []
        for link, control in outbox:
            envelopes, size = link.take(control)
            if simulation.trace is not None:
                envelopes = [self._numbered(link, posted) for posted in envelopes]
            if not single:
                self._leave(link, control, envelopes, size, depart_ns, True)
                continue
            for posted in envelopes:
                self._leave_alone(link, control, posted, 0, depart_ns, faults)
            link.arrived(control, size)

    def _numbered(self, link: Link, posted: Envelope) -> Envelope:
        self._number += 1
        posted = (*posted[:6], self._number)
        self._simulation.note_message(What.SEND, link, posted)
        return posted

    def _leave_alone(
        self, link: Link, control: bool, posted: Envelope, size: int, depart_ns: int, faults: LinkFaults
    ) -> None:
        """One message, with the faults of single messages drawn."""
        draws = self._faults_stream
        simulation = self._simulation
        loss = max(faults.loss, self.omit_send.get(link.source, 0.0), self.omit_receive.get(link.target, 0.0))
        if draws.chance(loss):
            simulation.count("loss" if loss == faults.loss else "omission")
            link.dropped([posted])
            return
        if draws.chance(faults.late):
            simulation.count("late")
            depart_ns += int(draws.uniform(*faults.late_seconds) * 1e9)
        reorder = draws.chance(faults.reorder)
        if reorder:
            simulation.count("reorder")
        self._leave(link, control, [posted], size, depart_ns, not reorder)
        if draws.chance(faults.duplicate):
            simulation.count("duplicate")
            if simulation.trace is not None:
                simulation.note_message(What.DUPLICATE, link, posted)
            self._leave(link, control, [posted], 0, depart_ns, False)

    def _leave(
        self, link: Link, control: bool, envelopes: list[Envelope], size: int, depart_ns: int, ordered: bool
    ) -> None:
        delay = self._simulation.delays.delay_ns(link.key, depart_ns)
        if not link.leave(control, envelopes, size, depart_ns, delay, ordered):
            link.dropped(envelopes)

    # --- cuts ------------------------------------------------------------------------------------------------------

    def cut(self, source: Node, target: Node) -> None:
        """Nothing gets through in this direction until ``mend`` was called as often."""
        link = source.links[target.name]
        link.cut += 1
        if link.cut == 1:
            link.changes += 1
            self._simulation.at(self._simulation.now_ns + self._lost_after, self._still_cut, (link, link.changes))

    def mend(self, source: Node, target: Node) -> None:
        """One obstacle less in this direction."""
        link = source.links[target.name]
        if link.cut:
            link.cut -= 1
            if not link.cut:
                link.changes += 1
                self._connect(source, target)

    def heal(self) -> None:
        """Mend everything at once; nothing is slow, clogged or omitted any more."""
        self.omit_send.clear()
        self.omit_receive.clear()
        for node in self._simulation.nodes.values():
            for link in node.links.values():
                link.clogged_until = link.slow_until = 0
                if link.cut:
                    link.cut = 1
                    self.mend(node, link.target)

    def _still_cut(self, what: tuple[Link, int]) -> None:
        link, changes = what
        if link.cut and link.changes == changes:
            self._lose(link.source, link.target)
            self._lose(link.target, link.source)

    def _lose(self, node: Node, peer: Node) -> None:
        """A node takes a peer for lost."""
        link = node.links[peer.name]
        if not link.lost:
            link.lost = True
            node.peer_lost(peer.name)

    def _connect(self, one: Node, two: Node) -> None:
        there, back = one.links[two.name], two.links[one.name]
        if not (there.cut or back.cut) and one.up and two.up and not (one.paused or two.paused):
            there.lost = back.lost = False

    # --- nodes that come and go ------------------------------------------------------------------------------------

    def silent(self, node: Node) -> None:
        """A node is down or stands still: its peers notice after a while."""
        self._simulation.at(
            self._simulation.now_ns + self._lost_after, self._still_silent, (node, node.boots, node.paused)
        )

    def _still_silent(self, what: tuple[Node, int, bool]) -> None:
        node, boots, paused = what
        if node.boots == boots and (node.paused if paused else not node.up):
            for peer in self._peers(node):
                self._lose(peer, node)

    def started(self, node: Node) -> None:
        """A new process of a node introduces itself: what its peers had with the old one is lost."""
        for peer in self._peers(node):
            link = node.links[peer.name]
            self._lose(peer, node)
            link.lost = link.cut > 0
            link.connected()
            self._connect(node, peer)

    def resumed(self, node: Node) -> None:
        """A node goes on; peers that took it for lost have cut their side."""
        for peer in self._peers(node):
            if peer.links[node.name].lost:
                self._lose(node, peer)
            self._connect(node, peer)


def shown(wire: Wire, link: Link, posted: Envelope) -> str:
    """What an envelope carries, for people: read as its receiver will read it."""
    kind, correlation, content = posted[0], posted[4], posted[5]
    try:
        if kind == REPLY:
            ask = link.target.asks.pending.get(correlation)
            content = wire.unpack_value(Any if ask is None else answer_type(ask.request_type), content)
        else:
            content = wire.unpack(content)
    except CodecError as error:
        return f"cannot be read: {error}"[:SHOWN]
    if kind == FAILURE:
        return f"failed: {content[1]}"[:SHOWN]
    return repr(content)[:SHOWN]
