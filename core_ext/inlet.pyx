"""The one bound socket of a node: reads what comes in, within a budget, and never misses a wake-up.

Frames of introduced peers are counted, checked and delivered here; everything else is the transport's. Knows routing
identities, entrances and frames; no link message, no link and no actor.
"""

import select

import zmq

from core_ext.flow import deliver
from core_ext.frames import CodecError

from core_ext.frames cimport Frame, read_frame
from libc.stdint cimport int64_t, uint64_t

cdef enum:
    PARTS_LIMIT = 1 << 16

# Plain integers: arithmetic on pyzmq's enums costs more than the calls that they go to.
cdef object NOBLOCK = int(zmq.NOBLOCK)
cdef object NOBLOCK_MORE = int(zmq.NOBLOCK) | int(zmq.SNDMORE)
cdef object EVENTS = int(zmq.EVENTS)
cdef int POLLIN = int(zmq.POLLIN)


cdef class Intake:
    """One lane of a link as its receiver sees it: what was taken in, and what the sender knows of that.

    Args:
        window_bytes: the sender's window; a report is due when a quarter of it was taken in.
        window_count: the sender's limit on envelopes; likewise.
    """

    cdef readonly int64_t total_bytes, total_count
    cdef int64_t reported_bytes, reported_count, step_bytes, step_count

    def __init__(self, int64_t window_bytes, int64_t window_count):
        self.step_bytes = window_bytes // 4
        self.step_count = window_count // 4

    cpdef bint take(self, int64_t size, int64_t count):
        """A frame of ``size`` bytes and ``count`` envelopes was taken in. Returns whether a report is due."""
        self.total_bytes += size
        self.total_count += count
        return (
            self.total_bytes - self.reported_bytes >= self.step_bytes
            or self.total_count - self.reported_count >= self.step_count
        )

    def report(self):
        """The totals to send now: (bytes, envelopes)."""
        self.reported_bytes = self.total_bytes
        self.reported_count = self.total_count
        return self.total_bytes, self.total_count


cdef class Entrance:
    """One routing identity: the peer behind it, and the lane that it carries.

    Args:
        peer: who it is; for the transport.
        incarnation: the peer's.
        senders: references of the peer's actors.
        lane: of the frames that come here.
        intake: counts them.
        only_frames: no link messages come here.
    """

    cdef readonly object peer, senders, lane
    cdef readonly Intake intake
    cdef readonly bint only_frames
    cdef uint64_t incarnation

    def __init__(self, peer, uint64_t incarnation, senders, lane, Intake intake not None, bint only_frames):
        self.peer = peer
        self.incarnation = incarnation
        self.senders = senders
        self.lane = lane
        self.intake = intake
        self.only_frames = only_frames


cdef class Inlet:
    """A bound ROUTER socket in the event loop.

    Args:
        router: the socket; from now on the inlet's.
        loop: where ``on_wake`` is called.
        incarnation: of this node; frames for another one are dropped.
        budget: (messages, bytes) that one poll takes.
        max_frame_bytes: of all parts of a message; larger ones are dropped.
        max_copied_bytes: parts up to this size are copied out of ZeroMQ's memory.
        entrances: who has introduced itself, by routing identity; the transport keeps it.
        counters: ``frames_received``, ``bytes_received``, ``dropped_wrong_incarnation``.
        owner: its ``envelope_came`` takes an envelope; ``undelivered`` (envelope, error) hears what that raised;
            ``message_came`` (routing identity, parts, bytes) takes what is no frame of a data lane, with no parts
            above the limit, and returns how many envelopes it held; ``damaged`` (routing identity, entrance, error)
            hears of a frame that cannot be read; ``woken`` is called when something may have come in, and is
            expected to poll; ``credit_due`` (peer) is called when the peer should hear what was taken in.

    Attributes:
        descriptor: readable when something may have come in; edge-triggered.
        looks: the next poll looks, whatever the descriptor says: something may be there that it no longer tells of.
    """

    cdef dict entrances
    cdef object router, receive, send, get, loop, owner, probe, wake_handle
    cdef object envelope_came, undelivered, message_came
    cdef dict counters
    cdef readonly int descriptor
    cdef uint64_t incarnation
    cdef int budget_messages
    cdef Py_ssize_t budget_bytes, max_frame_bytes, max_copied_bytes
    cdef readonly bint looks
    cdef bint burst  # the last poll found more than one message
    cdef bint one_message  # the next poll takes one, and ``wake`` looks for more after the turn
    cdef bint unsure  # it did
    cdef bint answered
    cdef bint closed

    def __init__(
        self, router, loop, *, uint64_t incarnation, tuple budget, Py_ssize_t max_frame_bytes,
        Py_ssize_t max_copied_bytes, dict entrances not None, dict counters not None, owner,
    ):
        self.router = router
        native = super(zmq.Socket, router)  # without the layer of conveniences
        self.receive, self.send, self.get = native.recv, native.send, native.get
        self.loop = loop
        self.incarnation = incarnation
        self.budget_messages, self.budget_bytes = budget
        self.max_frame_bytes = max_frame_bytes
        self.max_copied_bytes = max_copied_bytes
        self.entrances = entrances
        self.counters = counters
        self.owner = owner
        self.envelope_came = owner.envelope_came
        self.undelivered = owner.undelivered
        self.message_came = owner.message_came
        self.descriptor = router.getsockopt(zmq.FD)
        self.probe = select.poll()
        self.probe.register(self.descriptor, select.POLLIN)
        self.looks = True
        loop.add_reader(self.descriptor, self.wake)

    cpdef Py_ssize_t poll(self) except -1:
        """Take what has come in, within the budget; the rest has its turn after the event loop's.

        Returns:
            How many envelopes came.
        """
        if self.closed or not (self.looks or self.probe.poll(0)):
            return 0
        self.looks = False
        cdef bint one = self.one_message
        cdef int messages = self.budget_messages
        cdef Py_ssize_t size = self.budget_bytes
        cdef Py_ssize_t delivered = 0
        cdef Py_ssize_t length
        self.one_message = False
        while messages > 0 and size > 0:
            try:
                identity = self.receive(NOBLOCK)
            except zmq.Again:
                break
            part = self.receive(NOBLOCK, False)
            length = len(part)
            if length <= self.max_copied_bytes and not part.more:
                parts = [part.bytes]
            else:
                parts, length = self.rest(part)
            messages -= 1
            size -= length
            delivered += self.take(identity, parts, length)
            if one:
                self.unsure = True
                break
        else:
            self.wake_again()
        self.burst = messages < self.budget_messages - 1
        return delivered

    cdef object rest(self, object part):
        """All parts of a message, small ones as bytes, and their size; above the limit only the size."""
        cdef list parts = []
        cdef Py_ssize_t length = 0
        cdef Py_ssize_t size
        while True:
            size = len(part)
            length += size
            if length <= self.max_frame_bytes and len(parts) < PARTS_LIMIT:
                parts.append(part.bytes if size <= self.max_copied_bytes else part.buffer)
            else:
                parts.clear()
                length = self.max_frame_bytes + 1
            if not part.more:
                return parts, length
            part = self.receive(NOBLOCK, False)

    cdef Py_ssize_t take(self, object identity, list parts, Py_ssize_t length) except -1:
        cdef Entrance entrance = self.entrances.get(identity)
        if entrance is not None and entrance.only_frames and parts:
            return self.frame(identity, entrance, parts, length)
        return self.message_came(identity, parts, length)

    cpdef Py_ssize_t frame(self, identity, Entrance entrance, list parts, Py_ssize_t length) except -1:
        """Take a frame of an introduced peer. Returns how many envelopes were delivered."""
        cdef dict counters = self.counters
        cdef Frame frame
        cdef Py_ssize_t count
        try:
            frame = read_frame(parts, self.max_frame_bytes)
        except CodecError as error:
            self.owner.damaged(identity, entrance, error)
            return 0
        counters["frames_received"] += 1
        counters["bytes_received"] += length
        count = len(frame.envelopes)
        if entrance.intake.take(length, count):
            self.owner.credit_due(entrance.peer)
        if frame.receiver_incarnation != self.incarnation or frame.sender_incarnation != entrance.incarnation:
            counters["dropped_wrong_incarnation"] += count
            return 0
        return deliver(frame, entrance.senders, self.envelope_came, entrance.lane, self.undelivered)

    def answer(self, identity, part):
        """Send one part back to a routing identity; whether it is still connected shows elsewhere.

        Returns:
            False when it certainly did not go out.
        """
        self.answered = True
        try:
            self.send(identity, NOBLOCK_MORE)
            self.send(part, NOBLOCK)
        except zmq.ZMQError:
            return False
        return True

    cpdef look_after_answers(self):
        """Call after the last ``answer`` of a turn: sending may have swallowed the descriptor's wake-up."""
        if self.answered:
            self.answered = False
            if self.readable():
                self.wake_again()

    cdef bint readable(self) except -1:
        return (<int>self.get(EVENTS) & POLLIN) != 0

    def wake(self):
        """Something may have come in.

        A wake-up is mostly for one message. To look whether there is more takes microseconds that the answer to that
        message should not wait for, so it is done after the turn, until a look finds something.
        """
        self.wake_handle = None
        if self.closed:
            return
        self.looks = True
        self.one_message = not self.burst
        self.owner.woken()
        self.one_message = False
        if self.unsure and not self.closed:
            self.unsure = False
            if self.readable():
                self.burst = True
                self.wake_again()

    cdef int wake_again(self) except -1:
        self.looks = True
        if self.wake_handle is None:
            self.wake_handle = self.loop.call_soon(self.wake)
        return 0

    def close(self):
        """Unbind at once."""
        if self.closed:
            return
        self.closed = True
        if self.wake_handle is not None:
            self.wake_handle.cancel()
        self.loop.remove_reader(self.descriptor)
        self.router.close(0)
