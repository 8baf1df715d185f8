"""Requests that wait for their answers, of outside code and of actors. Knows endpoints, no scheduler and no event loop.

Time-outs cost nothing while answers come: asks with the same time-out stand in one queue, oldest first, and only the
oldest of each has an alarm.
"""

cimport cython
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from core_ext.mailbox cimport Reference


cdef inline double monotonic() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec + now.tv_nsec * 1e-9


@cython.freelist(1024)
cdef class Ask:
    """One request that waits: for outside code (``future``) or for an actor (``owner``, ``key``).

    Attributes:
        correlation: its number; ties an answer from elsewhere to it.
        cause: correlation of the request that the owner was handling when it made this one (0: none).
    """

    def settle(self, value, failure):
        """Give the answer, or the error, once; later ones are ignored."""
        self.give(value, failure)

    cdef int give(self, object value, object failure) except -1:
        cdef AskQueue queue = self.queue
        if queue is None:
            return 0
        self.queue = None
        queue.unlink(self)
        self.table.pending.pop(self.correlation, None)
        if self.owner is not None:
            self.owner.take_answer(self, self.generation, self.correlation, value, failure)
        else:
            self.future.settle(value, failure)
            self.future = None
        if self.held is not None:
            self.held.pop(self.correlation, None)
            self.held = None
        return 0


cdef class AskQueue:
    """Pending asks with the same time-out; their deadlines stand in order without a heap."""

    def __init__(self, double seconds):
        self.seconds = seconds

    cdef void link(self, Ask ask) noexcept:
        ask.previous = self.tail
        if self.tail is None:
            self.head = ask
        else:
            self.tail.following = ask
        self.tail = ask

    cdef void unlink(self, Ask ask) noexcept:
        cdef Ask previous = ask.previous
        cdef Ask following = ask.following
        if previous is None:
            self.head = following
        else:
            previous.following = following
        if following is None:
            self.tail = previous
        else:
            following.previous = previous
        ask.previous = None
        ask.following = None


cdef class Asks:
    """The asks of one system.

    Attributes:
        pending: correlation -> Ask.
        arm: called with (queue, deadline) to have ``expire`` called then.
    """

    def __init__(self, double default_seconds):
        self.default_seconds = default_seconds
        self.pending = {}
        self.queues = {}

    cdef Ask new(self, Reference target, object request_type, object timeout_seconds):
        """An ask that is not yet under way."""
        cdef double seconds = self.default_seconds
        cdef Ask ask
        if timeout_seconds is not None:
            seconds = timeout_seconds
            if not seconds > 0:
                raise ValueError(f"ask {target!r}: timeout_seconds must be more than 0, it is {timeout_seconds!r}")
        self.next_correlation += 1
        ask = Ask.__new__(Ask)
        ask.table = self
        ask.correlation = self.next_correlation
        ask.target = target
        ask.request_type = request_type
        ask.deadline = seconds  # relative until it is registered
        return ask

    def register(self, Ask ask not None):
        """An ask sets out: its time-out runs from now on."""
        self.set_out(ask)

    cdef int set_out(self, Ask ask) except -1:
        cdef double seconds = ask.deadline
        cdef AskQueue queue = self.last
        if queue is None or queue.seconds != seconds:
            queue = self.queues.get(seconds)
            if queue is None:
                queue = self.queues[seconds] = AskQueue(seconds)
            self.last = queue
        ask.deadline = monotonic() + seconds
        ask.queue = queue
        queue.link(ask)
        self.pending[ask.correlation] = ask
        if not queue.armed:
            queue.armed = True
            self.arm(queue, ask.deadline)
        return 0

    def expire(self, AskQueue queue not None):
        """The oldest ask of a queue may have timed out: returns those that did, and arms the queue again."""
        cdef double now = monotonic()
        cdef Ask ask = queue.head
        expired = []
        while ask is not None and ask.deadline <= now:
            expired.append(ask)
            ask = ask.following
        if ask is not None:
            self.arm(queue, ask.deadline)
        else:
            # The next ask with this time-out makes a new queue: kept ones would pile up where each time-out is another.
            self.queues.pop(queue.seconds, None)
            if self.last is queue:
                self.last = None
        return expired
