"""What goes out of a node: envelopes into its links' outboxes, and once per turn each outbox's frames into a socket.

What is paid per message and per turn. Links are dialled, watched and lost by the runtime's subclasses.
"""

from core_ext.flow cimport Outbox
from core_ext.frames cimport FrameWriter
from core_ext.wire cimport Wire
from libc.stdint cimport int64_t, uint32_t, uint64_t


cdef class Sending:
    """The sending end of a link.

    Args:
        data, control: the outboxes of its two lanes.
        counters: ``frames_sent``, ``bytes_sent``, ``envelopes_sent``.

    Attributes:
        incarnation: of the peer, once known; 0 before.
        taking: whether sends are taken: the link is up, or still waits for a first connection.
        up: whether frames may go out.
        dirty: envelopes were put into an outbox since the last flush.
        control_connection, data_connection: None when there is none; their ``wire`` is what is sent on.
    """

    def __init__(self, Outbox data not None, Outbox control not None, dict counters not None):
        self.data = data
        self.control = control
        self.counters = counters

    def flush(self):
        """Send what waits, control first, as far as the peer's credit goes."""
        self.flush_lanes()

    cdef int flush_lanes(self) except -1:
        self.dirty = False
        if not self.up:
            return 0
        if self.control.count_waiting() and self.control_connection is not None:
            self.flush_lane(self.control, self.control_connection)
        if self.data.count_waiting() and self.data_connection is not None:
            self.flush_lane(self.data, self.data_connection)
        if self.control.count_waiting() or self.data.count_waiting():
            self.credit_wanted()
        return 0

    cdef int flush_lane(self, Outbox outbox, connection) except -1:
        cdef dict counters = self.counters
        cdef int64_t sent_before = outbox.count_sent
        cdef int64_t bytes_before = outbox.bytes_sent
        cdef int64_t frames = 0
        cdef Wire wire = connection.wire
        cdef FrameWriter writer = outbox.next_writer(self.incarnation)
        cdef Py_ssize_t left
        cdef bint sent
        while writer is not None:
            writer.seal()
            left = len(writer.own_parts)
            sent = wire.send(writer.buffer, writer.used, left > 0)
            if sent and left:
                sent = wire.send_parts(writer.own_parts)
            writer.empty()
            if not sent:
                self.send_failed(connection)
                return 0
            frames += 1
            writer = outbox.next_writer(self.incarnation)
        counters["frames_sent"] += frames
        counters["bytes_sent"] += outbox.bytes_sent - bytes_before
        counters["envelopes_sent"] += outbox.count_sent - sent_before
        return 0


cdef class Outlet:
    """All links of a node.

    Args:
        counters: ``sends_refused``.

    Attributes:
        links: by the peer's name; the transport keeps it.
    """

    def __init__(self, dict counters not None):
        self.links = {}
        self.dirty = []
        self.counts = counters

    def send(
        self, str node not None, int lane, int kind, tuple target not None, tuple sender, uint64_t correlation,
        uint32_t wire_id, body,
    ):
        """Queue one envelope for the next flush; never blocks.

        Args:
            node: where to.
            lane: control is sent first, on a connection of its own.
            kind: a ``core_ext.codec.Kind``.
            target: (name, incarnation) of the actor there.
            sender: (name, incarnation) of the actor here; None for outside code.
            correlation: ties a reply to its ask.
            wire_id: the message's type.
            body: the encoded message.

        Returns:
            None when it was accepted (not: delivered), else why it was refused.
        """
        cdef str sender_name = None
        cdef uint64_t sender_incarnation = 0
        if sender is not None:
            sender_name, sender_incarnation = sender
        return self.put(
            node, lane != 0, kind, target[0], target[1], sender_name, sender_incarnation, correlation, wire_id, body
        )

    cdef str put(
        self, str node, bint control, int kind, str target_name, uint64_t target_incarnation, str sender_name,
        uint64_t sender_incarnation, uint64_t correlation, uint32_t wire_id, body,
    ):
        cdef Sending link = self.links.get(node)
        cdef Outbox outbox
        cdef str refusal
        if link is None:
            known = ", ".join(sorted(self.links)) or "none"
            refusal = f"unknown node: {node!r} is none of the peers ({known})"
        elif not link.taking:
            refusal = f"unreachable: {link.failure}"
        else:
            outbox = link.control if control else link.data
            refusal = outbox.put(
                kind, target_name, target_incarnation, sender_name, sender_incarnation, correlation, wire_id, body
            )
            if refusal is None:
                if not link.dirty:
                    link.dirty = True
                    self.dirty.append(link)
                return None
        self.counts["sends_refused"] += 1
        return refusal

    def flush(self):
        """The end of a turn: one frame per peer and lane goes out, more only when a frame has grown full."""
        self.flush_dirty()

    cdef int flush_dirty(self) except -1:
        cdef Sending link
        if self.dirty:
            dirty = self.dirty
            self.dirty = []
            for link in dirty:
                link.flush_lanes()
        return 0

    def mark_dirty(self, Sending link not None):
        """The link has something to flush."""
        self.dirty.append(link)
