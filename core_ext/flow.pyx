"""The sending end of a link's flow control, and the delivery of frames that came in: what is paid per envelope.

Knows frames and references; no socket, clock, actor or loop. An Outbox may have a window of bytes under way; the
receiver reports what it has taken in, as totals since the link came up, so that a lost or late report does no harm.
What exceeds the window waits in open frames, up to a limit in bytes; beyond that an envelope is refused, never blocked.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from core_ext.frames import ENVELOPE_OVERHEAD_BYTES, FRAME_OVERHEAD_BYTES, MAX_NAME_BYTES, CodecError

from core_ext.frames cimport Envelope, Frame, FrameWriter
from core_ext.mailbox cimport Reference

cdef enum:
    ENVELOPES_PER_FRAME = 4096  # one frame is a bounded piece of work for its receiver
    SENDERS_REMEMBERED = 4096
    ASK = 1  # kinds above it are answers

FRAME_ENVELOPES = ENVELOPES_PER_FRAME
cdef Py_ssize_t OVERHEAD = FRAME_OVERHEAD_BYTES + ENVELOPE_OVERHEAD_BYTES + 2 * MAX_NAME_BYTES


cdef class Outbox:
    """One lane of a link as its sender sees it: open frames, and what is under way.

    Args:
        incarnation: of the sending node.
        frame_bytes: size at which a frame is closed.
        queue_bytes: limit on bytes that wait here.
        window_bytes: limit on bytes under way, sent and not reported as taken in.
        window_count: limit on envelopes that wait or are under way together.
        max_frame_bytes: the largest frame that the peer takes.
    """

    def __init__(
        self, uint64_t incarnation, Py_ssize_t frame_bytes, Py_ssize_t queue_bytes, int64_t window_bytes,
        int64_t window_count, Py_ssize_t max_frame_bytes,
    ):
        self.incarnation = incarnation
        self.frame_bytes = frame_bytes
        self.queue_bytes = queue_bytes
        self.window_bytes = window_bytes
        self.window_count = window_count
        self.limit_frames(max_frame_bytes)
        self.full = []
        self.writer = FrameWriter(incarnation)

    def limit_frames(self, Py_ssize_t max_frame_bytes):
        """The peer takes no larger frame than this."""
        self.max_body_bytes = max_frame_bytes - OVERHEAD

    def reset(self):
        """The link is gone: forget what waits and what is under way. Returns how many envelopes were dropped."""
        dropped = self.waiting
        self.full = []
        self.full_bytes = self.full_count = 0
        self.writer = FrameWriter(self.incarnation)
        self.count_sent = self.count_acknowledged = 0
        self.bytes_sent = self.bytes_acknowledged = 0
        return dropped

    cdef Py_ssize_t count_waiting(self) noexcept:
        return self.full_count + self.writer.count

    @property
    def waiting(self):
        """Envelopes that wait here."""
        return self.count_waiting()

    @property
    def waiting_bytes(self):
        """Bytes that wait here."""
        return self.full_bytes + (self.writer.size if self.writer.count else 0)

    def add(self, int kind, tuple target not None, tuple sender, uint64_t correlation, uint32_t wire_id, body):
        """Put an envelope into the open frame.

        Args:
            kind: a ``core_ext.codec.Kind``.
            target, sender: (name, incarnation); sender None for outside code.
            correlation, wire_id, body: as in ``FrameWriter.add``.

        Returns:
            None when it was taken; otherwise why not.
        """
        cdef str sender_name = None
        cdef uint64_t sender_incarnation = 0
        if sender is not None:
            sender_name, sender_incarnation = sender
        return self.put(
            kind, target[0], target[1], sender_name, sender_incarnation, correlation, wire_id, body
        )

    cdef str put(
        self, int kind, str target_name, uint64_t target_incarnation, str sender_name, uint64_t sender_incarnation,
        uint64_t correlation, uint32_t wire_id, body,
    ):
        cdef Py_ssize_t size = len(body)
        cdef FrameWriter writer = self.writer
        if size > self.max_body_bytes:
            return f"too large: {size} bytes, the limit is {self.max_body_bytes}; send it in pieces"
        if self.full_bytes + writer.size + size > self.queue_bytes and writer.count + self.full_count:
            return f"out of credit: {self.waiting_bytes} bytes already wait for the peer; send less, or retry later"
        if self.count_sent - self.count_acknowledged + self.full_count + writer.count >= self.window_count:
            return f"out of credit: {self.window_count} envelopes are under way to the peer and not taken in yet"
        if writer.count and writer.size + size > self.frame_bytes:
            writer = self.close()
        try:
            writer.add(
                kind, target_name, target_incarnation, sender_name, sender_incarnation, correlation, wire_id, body
            )
        except CodecError as error:
            return str(error)
        if writer.count >= ENVELOPES_PER_FRAME:
            self.close()
        return None

    cdef FrameWriter close(self):
        cdef FrameWriter writer = self.writer
        self.full.append(writer)
        self.full_bytes += writer.size
        self.full_count += writer.count
        self.writer = FrameWriter(self.incarnation)
        return self.writer

    def next_frame(self, uint64_t receiver_incarnation):
        """Close and return the next frame that may go out now, as its parts; None when nothing waits or the window is
        full.

        A frame larger than the window goes out when nothing else is under way.
        """
        cdef FrameWriter writer = self.next_writer(receiver_incarnation)
        return None if writer is None else writer.finish()

    cdef FrameWriter next_writer(self, uint64_t receiver_incarnation):
        """The next frame that may go out now, as the writer that holds it, to be sent and emptied at once."""
        cdef FrameWriter writer = self.full[0] if self.full else self.writer
        cdef Py_ssize_t count = writer.count, size = writer.size
        cdef int64_t under_way = self.bytes_sent - self.bytes_acknowledged
        if count == 0 or (under_way and under_way + size > self.window_bytes):
            return None
        if self.full:
            self.full.pop(0)
            self.full_bytes -= size
            self.full_count -= count
        writer.receiver_incarnation = receiver_incarnation
        self.count_sent += count
        self.bytes_sent += size
        return writer

    def acknowledge(self, int64_t total_bytes, int64_t total_count):
        """The receiver has taken in this much since the link came up; what cannot be true is ignored."""
        if self.bytes_acknowledged < total_bytes <= self.bytes_sent:
            self.bytes_acknowledged = total_bytes
        if self.count_acknowledged < total_count <= self.count_sent:
            self.count_acknowledged = total_count


cdef class Senders:
    """The references of one peer's actors: the same object again for the same actor, as long as it is remembered.

    Args:
        node: the peer's name.
    """

    def __init__(self, str node not None):
        self.node = node
        self.nobody = Reference(node, "")
        self.known = {}

    cpdef Reference get(self, str name, uint64_t incarnation):
        """The reference of an actor there; None for outside code (no name)."""
        cdef Reference found = self.last
        if name is None:
            return None
        if found is not None and found.incarnation == incarnation and found.name == name:
            return found
        key = (name, incarnation)
        found = self.known.get(key)
        if found is None:
            if len(self.known) >= SENDERS_REMEMBERED:
                self.known.clear()
            found = self.known[key] = Reference(self.node, name, incarnation)
        self.last = found
        return found


cdef class Receiver:
    """Who takes what came in; native, because it is called for every envelope."""

    cdef int begin(self) except -1:
        """Something may have come in; ``finish`` follows in the same callback of the event loop."""
        return 0

    cdef int take(self, Envelope envelope, Reference sender, bint control) except -1:
        """An envelope came; ``sender`` is None for outside code, and says its node only when it answers."""
        raise NotImplementedError

    cdef int finish(self) except -1:
        """Everything that came in was handed over: handle it, and send what follows."""
        return 0


cdef class Callbacks(Receiver):
    """A receiver made of plain functions.

    Args:
        on_envelope: called with (kind, target name, target incarnation, sender, correlation, wire id, body, lane).
        lanes: what it calls them: data, control.
        finished: called after each wake-up.
    """

    cdef object on_envelope, finished
    cdef tuple lanes

    def __init__(self, on_envelope, tuple lanes not None, finished):
        self.on_envelope = on_envelope
        self.lanes = lanes
        self.finished = finished

    cdef int take(self, Envelope envelope, Reference sender, bint control) except -1:
        self.on_envelope(
            envelope.kind, envelope.target_name, envelope.target_incarnation, sender, envelope.correlation,
            envelope.wire_id, envelope.body, self.lanes[control],
        )
        return 0

    cdef int finish(self) except -1:
        self.finished()
        return 0


cdef Py_ssize_t deliver(Frame frame, Senders senders, Receiver receiver, bint control, on_error) except -1:
    """Hand a frame's envelopes over, in order.

    Args:
        control: its lane.
        on_error: called with (envelope, error) when the receiver raised; the next envelope follows.

    Returns:
        How many were handed over, failed ones included.
    """
    cdef Envelope envelope
    cdef Reference sender
    for envelope in frame.envelopes:
        try:
            if envelope.kind > ASK:
                sender = senders.nobody
            else:
                sender = senders.get(envelope.sender_name, envelope.sender_incarnation)
            receiver.take(envelope, sender, control)
        except Exception as error:
            on_error(envelope, error)
    return len(frame.envelopes)
