"""Links of the simulated world: what one node has for another, what is under way, and when it arrives.

Knows two nodes by what a link must know of them; no actor, no mailbox and no fault by name.
"""

cimport cython

from core_ext.draws import STEPS as _STEPS

cdef long long STEPS = _STEPS

cdef enum:
    ENVELOPE_BYTES = 64


cdef class StagePeer:
    """What a link knows of the nodes at its ends; the stage's node is its subclass.

    Attributes:
        world: the clockwork.
        boots: how often the node was started: a frame is for one life of it.
        up: it runs.
        paused: it stands still, with everything that it holds.
        traced: what it reads is noted.
    """

    cdef int read_frame(self, StagePeer source, list envelopes, bint control) except -1:
        raise NotImplementedError("a node that takes in no frames")


cdef class Parcel:
    """One message on the wire; copies for several receivers share it, and its bytes are decoded once.

    Attributes:
        wire_id: of the message.
        body: its bytes.
        message: what they stand for; None until somebody asked.
    """

    def __init__(self, unsigned int wire_id, bytes body not None):
        self.wire_id = wire_id
        self.body = body


@cython.freelist(256)
cdef class Frame:
    """Envelopes under way together on one lane of a link, from one life of a node to one life of another."""

    cdef int happen(self) except -1:
        return self.link.come(self)


cdef class StageLink:
    """What one node has for another one: what waits for the end of the turn, and what is under way.

    Attributes:
        key: the names of both nodes.
        cut: how many obstacles stand in the way; nothing gets through while there is one.
        clogged_until, slow_until: times up to which it holds back, or is slower by ``slow_factor``.
        lost: the sending side takes the peer for lost.
        bytes_under_way, controls_under_way: data in bytes, control messages in number.
        waiting: envelopes of the running turn, by lane.
        waiting_bytes: of the data among them.
    """

    def __init__(
        self, StagePeer source not None, StagePeer target not None, tuple key not None, long long queue_bytes,
        long long control_limit, long long max_body_bytes,
    ):
        self.source = source
        self.target = target
        self.key = key
        self.slow_factor = 1.0
        self.queue_bytes = queue_bytes
        self.control_limit = control_limit
        self.max_body_bytes = max_body_bytes
        self.waiting = ([], [])

    cdef bint takes(self, tuple posted, bint control) except -1:
        """Is there room? What it refuses is explained by ``why_refused``."""
        cdef long long size = ENVELOPE_BYTES
        if self.lost:
            return False
        if control:
            if self.controls_under_way + len(<list>(<tuple>self.waiting)[1]) >= self.control_limit:
                return False
            return True
        content = posted[5]
        if type(content) is Parcel:
            size += len((<Parcel>content).body)
            if size > self.max_body_bytes or self.bytes_under_way + self.waiting_bytes + size > self.queue_bytes:
                return False
        self.waiting_bytes += size
        return True

    def take(self, bint control):
        """(envelopes, size) that wait in a lane; they are under way from now on, until ``arrived`` says so."""
        cdef long long size = self.size_of(control)
        return self.take_lane(control), size

    cdef long long size_of(self, bint control) noexcept:
        """Of what waits in a lane: data in bytes, control messages in number."""
        return len(<list>(<tuple>self.waiting)[1]) if control else self.waiting_bytes

    cdef list take_lane(self, bint control):
        """What waits in a lane; so much is under way from now on."""
        cdef tuple waiting = <tuple>self.waiting
        cdef list envelopes = <list>waiting[control]
        if control:
            self.waiting = (waiting[0], [])
            self.controls_under_way += len(envelopes)
        else:
            self.waiting = ([], waiting[1])
            self.bytes_under_way += self.waiting_bytes
            self.waiting_bytes = 0
        return envelopes

    def leave(self, bint control, list envelopes not None, long long size, long long depart_ns, long long delay_ns,
              bint ordered):
        """What leaves now arrives when its delay, and what goes before it in its lane, allow; False when cut.

        Args:
            size: what ``take`` counted; given back on arrival.
            ordered: whether it keeps its place in its lane.
        """
        return self.depart(control, envelopes, size, depart_ns, delay_ns, ordered)

    cdef bint depart(self, bint control, list envelopes, long long size, long long depart_ns, long long delay_ns,
                     bint ordered) except -1:
        cdef Frame frame
        cdef long long due
        if self.cut:
            self.give_back(control, size)
            return False
        if depart_ns < self.slow_until:
            # slower while it is slow, and no longer: what an adversary delays by seconds must not take minutes
            delay_ns = min(<long long>(delay_ns * self.slow_factor), self.slow_until - depart_ns + delay_ns)
        due = max(depart_ns + delay_ns, self.clogged_until)
        if ordered:
            if control:
                due = self.control_due = max(due, self.control_due)
            else:
                due = self.data_due = max(due, self.data_due)
        frame = Frame.__new__(Frame)
        frame.link = self
        frame.envelopes = envelopes
        frame.control = control
        frame.size = size
        frame.sender_boots = self.source.boots
        frame.receiver_boots = self.target.boots
        self.source.world.put(due, None, frame)
        return True

    cdef int come(self, Frame frame) except -1:
        """A frame is there: it is read, waits in the sockets of a node that stands still, or is gone."""
        self.give_back(frame.control, frame.size)
        if self.cut or not self.target.up or (
            self.target.boots != frame.receiver_boots or self.source.boots != frame.sender_boots
        ):
            self.dropped(frame.envelopes)
        elif self.target.paused:
            self.target.hold(self.read_frame, frame)
        else:
            self.deliver(frame)
        return 0

    def read_frame(self, Frame frame not None):
        """The receiver takes a frame in."""
        self.deliver(frame)

    cdef int deliver(self, Frame frame) except -1:
        if self.target.traced:
            self.trace_read(frame.envelopes)
        return self.target.read_frame(self.source, frame.envelopes, frame.control)

    def connected(self):
        """Both ends have begun anew: nothing that is under way holds up what comes."""
        self.data_due = self.control_due = 0

    def arrived(self, bint control, long long size):
        """So much is no longer under way."""
        self.give_back(control, size)

    cdef void give_back(self, bint control, long long size) noexcept:
        if control:
            self.controls_under_way -= size
        else:
            self.bytes_under_way -= size


cdef class StageMail:
    """All links of a world: how what leaves a node travels when nothing special is done to single messages.

    Args:
        world: the clockwork; its ``faults.links`` say what is done to single messages.
        draws: of the delays.

    Attributes:
        omit_send, omit_receive: nodes that lose some of what they send or should receive.
        seen: the ``faults.links`` that were looked at last.
        single: they, or an observer, want every message by itself.
        bounded, low_ns, step_ns: a delay is low_ns and up to ``STEPS`` steps more, whatever the link.
    """

    def __init__(self, Agenda world not None, Draws draws not None):
        self.world = world
        self.draws = draws
        self.omit_send = {}
        self.omit_receive = {}

    cdef bint plain(self) except -1:
        """What a turn sent to one lane of one peer may travel as one frame, with a bounded delay."""
        cdef object faults
        if not self.bounded or self.world.adversarial or self.omit_send or self.omit_receive:
            return False
        faults = self.world.faults.links
        if faults is not self.seen:
            self.look(faults)
        return not self.single

    cdef int leave_frames(self, list outbox, long long depart_ns) except -1:
        """One frame per peer and lane, each with a drawn delay."""
        cdef StageLink link
        cdef bint control
        cdef long long delay, size
        cdef list envelopes
        for found, lane in outbox:
            link, control = <StageLink>found, lane
            size = link.size_of(control)
            envelopes = link.take_lane(control)
            delay = self.low_ns + self.draws.below(STEPS) * self.step_ns
            if not link.depart(control, envelopes, size, depart_ns, delay, True):
                link.dropped(envelopes)
        return 0
