"""The one bound socket of a node: reads what comes in, within a budget, and never misses a wake-up.

Frames of introduced peers are counted, checked and delivered here; everything else is the transport's. Knows routing
identities, entrances and frames; no link message, no link and no actor.
"""

import zmq

from core_ext.frames import CodecError

from core_ext.flow cimport Receiver, Senders, deliver
from core_ext.frames cimport Frame, is_frame, read_bytes, read_frame
from core_ext.wire cimport Message, Part, Wire, data_of, more_follows, release, size_of
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcmp

cdef extern from "<poll.h>" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    int poll(pollfd *descriptors, unsigned long count, int timeout_milliseconds)
    short READABLE "POLLIN"

cdef enum:
    PARTS_LIMIT = 1 << 16


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
    """

    cdef readonly object peer
    cdef readonly Intake intake
    cdef Senders senders
    cdef bint control
    cdef uint64_t incarnation

    def __init__(self, peer, uint64_t incarnation, Senders senders not None, lane, Intake intake not None):
        self.peer = peer
        self.incarnation = incarnation
        self.senders = senders
        self.control = lane != 0
        self.intake = intake


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
        counters: ``envelopes_received``, ``frames_received``, ``bytes_received``, ``dropped_wrong_incarnation``.
        receiver: takes the envelopes.
        owner: its ``undelivered`` (envelope, error) hears what the receiver raised; ``message_came`` (routing
            identity, parts) takes what cannot be a frame of an introduced peer, with no parts above the limit;
            ``damaged`` (routing identity, entrance, error) hears of a frame that cannot be read; ``credit_due`` (peers)
            is called at the end of a poll with those who should hear what was taken in.

    Attributes:
        descriptor: readable when something may have come in; edge-triggered.
        looks: the next poll looks, whatever the descriptor says: something may be there that it no longer tells of.
    """

    cdef dict entrances
    cdef object router, loop, owner, undelivered, wake_handle
    cdef Wire wire
    cdef Receiver receiver
    cdef dict counters
    cdef list due  # peers whose credit is to be reported at the end of the poll
    cdef bytes last_identity
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
        Py_ssize_t max_copied_bytes, dict entrances not None, dict counters not None, Receiver receiver not None, owner,
    ):
        self.router = router
        self.wire = Wire(router)
        self.loop = loop
        self.incarnation = incarnation
        self.budget_messages, self.budget_bytes = budget
        self.max_frame_bytes = max_frame_bytes
        self.max_copied_bytes = max_copied_bytes
        self.entrances = entrances
        self.counters = counters
        self.receiver = receiver
        self.owner = owner
        self.undelivered = owner.undelivered
        self.due = []
        self.last_identity = b""
        self.descriptor = router.getsockopt(zmq.FD)
        self.looks = True
        loop.add_reader(self.descriptor, self.wake)

    def poll(self):
        """Take what has come in, within the budget; the rest has its turn after the event loop's.

        Returns:
            How many envelopes came.
        """
        if self.closed or not (self.looks or self.descriptor_tells()):
            return 0
        return self.take_messages()

    cdef bint descriptor_tells(self) noexcept:
        cdef pollfd asked
        asked.fd = self.descriptor
        asked.events = READABLE
        asked.revents = 0
        return poll(&asked, 1, 0) > 0

    cdef Py_ssize_t take_messages(self) except -1:
        try:
            return self.take_some()
        except BaseException:  # one message's affair: the descriptor will not tell again of those behind it
            if not self.closed:
                self.wake_again()
            raise

    cdef Py_ssize_t take_some(self) except -1:
        cdef bint one = self.one_message
        cdef int messages = self.budget_messages
        cdef Py_ssize_t size = self.budget_bytes
        cdef Py_ssize_t delivered = 0
        cdef Message identity
        self.looks = False
        self.one_message = False
        while messages > 0 and size > 0:
            if not self.wire.receive(&identity):
                break
            messages -= 1
            try:
                delivered += self.take_message(self.name_of(&identity), &size)
            finally:
                release(&identity)
            if one:
                self.unsure = True
                break
        else:
            self.wake_again()
        self.burst = messages < self.budget_messages - 1
        if delivered:
            self.counters["envelopes_received"] += delivered
        if self.due:
            due = self.due
            self.due = []
            self.owner.credit_due(due)
        self.look_after_answers()
        return delivered

    cdef bytes name_of(self, Message *identity):
        """A routing identity as bytes; the same object for the same one again, whose hash is known."""
        cdef bytes last = self.last_identity
        cdef Py_ssize_t size = size_of(identity)
        if PyBytes_GET_SIZE(last) != size or memcmp(PyBytes_AS_STRING(last), data_of(identity), size) != 0:
            last = self.last_identity = PyBytes_FromStringAndSize(data_of(identity), size)
        return last

    cdef Py_ssize_t take_message(self, bytes identity, Py_ssize_t *budget) except -1:
        """Take the parts behind an identity. Returns how many envelopes were delivered."""
        cdef Entrance entrance
        cdef Message message
        cdef bytes part
        cdef list parts
        cdef Py_ssize_t length
        if not self.wire.receive(&message):
            return 0
        length = size_of(&message)
        if length <= self.max_copied_bytes and not more_follows(&message):
            part = PyBytes_FromStringAndSize(data_of(&message), length)
            release(&message)
            budget[0] -= length
            parts = None
        else:
            part = None
            parts, length = self.rest(self.adopt(&message))
            budget[0] -= length
        entrance = self.entrances.get(identity)
        if entrance is not None:
            if part is not None:
                if not entrance.control or is_frame(PyBytes_AS_STRING(part), length):
                    return self.take_frame(identity, entrance, part, None, length)
            elif parts:
                return self.take_frame(identity, entrance, None, parts, length)
        self.owner.message_came(identity, [part] if part is not None else parts)
        return 0

    cdef Part adopt(self, Message *message):
        cdef Part part = Part.__new__(Part)
        part.message = message[0]
        part.filled = True
        return part

    cdef object rest(self, Part part):
        """All parts of a message, small ones as bytes, and their size; above the limit no parts."""
        cdef list parts = []
        cdef Py_ssize_t length = 0
        cdef Py_ssize_t size
        while part is not None:
            size = len(part)
            length += size
            if length <= self.max_frame_bytes and len(parts) < PARTS_LIMIT:
                parts.append(bytes(part) if size <= self.max_copied_bytes else memoryview(part))
            else:
                parts.clear()
                length = self.max_frame_bytes + 1
            part = self.wire.receive_part() if more_follows(&part.message) else None
        return parts, length

    cdef Py_ssize_t take_frame(
        self, bytes identity, Entrance entrance, bytes part, list parts, Py_ssize_t length
    ) except -1:
        """Take a frame of an introduced peer, in one small part or in several. Returns how many were delivered."""
        cdef dict counters = self.counters
        cdef Frame frame
        cdef Py_ssize_t count
        try:
            frame = read_bytes(part) if part is not None else read_frame(parts, self.max_frame_bytes)
        except CodecError as error:
            self.owner.damaged(identity, entrance, error)
            return 0
        counters["frames_received"] += 1
        counters["bytes_received"] += length
        count = len(frame.envelopes)
        if entrance.intake.take(length, count) and entrance.peer not in self.due:
            self.due.append(entrance.peer)
        if frame.receiver_incarnation != self.incarnation or frame.sender_incarnation != entrance.incarnation:
            counters["dropped_wrong_incarnation"] += count
            return 0
        return deliver(frame, entrance.senders, self.receiver, entrance.control, self.undelivered)

    def answer(self, bytes identity not None, bytes part not None):
        """Send one part back to a routing identity; whether it is still connected shows elsewhere.

        Returns:
            False when it certainly did not go out.
        """
        self.answered = True
        return self.wire.send_parts((identity, part))

    cpdef look_after_answers(self):
        """Call after the last ``answer`` of a turn: sending may have swallowed the descriptor's wake-up."""
        if self.answered:
            self.answered = False
            if self.wire.readable():
                self.wake_again()

    def wake(self):
        """Something may have come in: take it, have it handled and what follows sent, in one go.

        A wake-up is mostly for one message. To look whether there is more takes microseconds that the answer to that
        message should not wait for, so it is done after the turn, until a look finds something.
        """
        self.wake_handle = None
        if self.closed:
            return
        self.one_message = not self.burst
        self.receiver.begin()
        try:
            self.take_messages()
        finally:
            try:
                self.receiver.finish()
            finally:
                if self.unsure and not self.closed:
                    self.unsure = False
                    if self.wire.readable():
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
        self.wire.close()
        self.router.close(0)
