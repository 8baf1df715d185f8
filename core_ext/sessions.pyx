"""What one connection of the Redis door is owed, in the order in which it asked. Must not know requests, batches or
sockets: a transport is whatever can write and close.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from core_ext.resp cimport buffer_free

cdef extern from "<sys/socket.h>" nogil:
    Py_ssize_t send(int descriptor, const void *data, size_t size, int flags)
    int MSG_DONTWAIT, MSG_NOSIGNAL

cdef enum:
    SLOT_BYTES = 64  # what a reply costs beside its bytes


@cython.final
cdef class Command:
    """One row of the command table."""


@cython.final
@cython.freelist(1024)
cdef class Slot:
    """What one connection is owed next: ``count`` replies of a batch, or (count 0) a reply that is known already."""

    cdef Slot unlink(self):
        """The next slot; a long chain must not be freed by one slot freeing the next, which would use up the stack."""
        cdef Slot following = self.next
        self.next = None
        return following


@cython.final
cdef class Session:
    """One connection as the door sees it.

    Args:
        owner: what local command handlers receive as their first argument.
        transport: has ``write(bytes)``, ``close()``, ``abort()``, ``pause_reading()``, ``resume_reading()`` and
            ``get_write_buffer_size()``, as an asyncio transport has.
        authenticated: False when a password is wanted first.
        descriptor: of the transport's socket, which replies are written to at once while the transport holds nothing
            back, instead of when the event loop has its next turn. -1: there is none that may be written to.
        close: called once, when everything that was taken is answered and nothing more is taken; None: the transport's.

    Attributes:
        protocol: 2 or 3, for the replies to what comes next.
        authenticated: whether commands are let through.
    """

    def __cinit__(self, object owner, object transport, bint authenticated, int descriptor=-1, object close=None):
        self.descriptor = descriptor
        self.owner = owner
        self.transport = transport
        self.write = transport.write
        self.close = transport.close if close is None else close
        self.protocol = 2
        self.authenticated = authenticated
        self.ready = []

    def __dealloc__(self):
        buffer_free(&self.input)

    @property
    def last_command(self) -> str:
        """Name of the newest command in lower case, or "" before the first."""
        return "" if self.last is None else self.last.name.decode("ascii", "replace").lower()

    @property
    def input_bytes(self) -> int:
        """What has arrived and is not parsed yet."""
        return self.input.size - self.start

    @property
    def unanswered(self) -> int:
        """Commands sent to the store and not answered yet."""
        return self.reads + self.writes

    @property
    def output_overflowed(self) -> bool:
        """Whether the connection was aborted because its client left too many replies unread."""
        return self.overflowed

    def close_after_replies(self) -> None:
        """For a command's own handler: take no more commands, and close once everything taken is answered."""
        self.finishing = True

    def finish(self) -> None:
        """From outside of a handler: take no more commands, and close once everything taken is answered."""
        self.finishing = True
        self.close_if_done()

    def abort(self) -> None:
        """Cut the connection off. No reply is written any more: the transport drops what it held back, which a later
        reply on the socket would overtake."""
        self.closed = self.finishing = True
        if self.transport is not None:
            self.transport.abort()

    cdef int close_if_done(self) except -1:
        if self.head is None and not self.closed and (self.finishing or (self.ended and not self.held)):
            self.closed = True
            self.close()
        return 0

    cdef int add(self, Slot slot) except -1:
        """Owe what the slot says, after everything else."""
        if self.tail is None:
            self.head = slot
        else:
            self.tail.next = slot
        self.tail = slot
        return 0

    cdef int reply(self, bytes reply) except -1:
        """Owe a reply that is known already."""
        cdef Slot slot
        self.local_bytes += SLOT_BYTES + PyBytes_GET_SIZE(reply)
        if self.head is None:
            self.ready.append(reply)
        else:
            slot = Slot.__new__(Slot)
            slot.session = self
            slot.known = reply
            self.add(slot)
        return 0

    cdef Py_ssize_t flush(self, size_t max_output_bytes) except -1:
        """Write what is known, in order, in one piece; returns its length in bytes."""
        cdef Slot slot = self.head
        cdef list ready = self.ready
        cdef bytes data
        cdef Py_ssize_t written = 0
        for data in ready:
            self.local_bytes -= SLOT_BYTES + PyBytes_GET_SIZE(data)
        while slot is not None and slot.known is not None:
            ready.append(slot.known)
            if slot.count == 0:
                self.local_bytes -= SLOT_BYTES + PyBytes_GET_SIZE(slot.known)
            slot = slot.unlink()
        self.head = slot
        if slot is None:
            self.tail = None
        if ready:
            data = ready[0] if len(ready) == 1 else b"".join(ready)
            ready.clear()
            if not self.closed:
                written = PyBytes_GET_SIZE(data)
                if self.descriptor < 0 or self.transport.get_write_buffer_size() or not self.sent_directly(data):
                    self.write(data)
                if self.blocked:
                    self.limit_output(max_output_bytes)
        if self.finishing or self.ended:
            self.close_if_done()
        return written

    cdef bint sent_directly(self, bytes data) except -1:
        """Give the socket what it takes now, and the transport the rest. False: it takes nothing; if something is wrong
        with it, the transport finds out."""
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        cdef int flags = MSG_DONTWAIT | MSG_NOSIGNAL
        cdef Py_ssize_t sent = send(self.descriptor, PyBytes_AS_STRING(data), <size_t>size, flags)
        if sent <= 0:
            return False
        if sent < size:
            self.write(data[sent:])
        return True

    cdef int limit_output(self, size_t max_output_bytes) except -1:
        """Abort the connection when its client has left more than so much unread."""
        if not self.closed and self.transport.get_write_buffer_size() > max_output_bytes:
            self.closed = self.finishing = self.overflowed = True
            self.transport.abort()
        return 0

    cdef int forget(self) except -1:
        """The connection is gone: let go of everything but what its batches still count on."""
        cdef Slot slot = self.head
        while slot is not None:
            slot = slot.unlink()
        self.head = self.tail = None
        self.ready.clear()
        self.closed = self.finishing = True
        self.transport = self.write = self.close = None
        self.descriptor = -1
        self.held = False
        self.start = 0
        buffer_free(&self.input)
        return 0
