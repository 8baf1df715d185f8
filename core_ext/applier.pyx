"""What an entry of the replicated log does: its commands, run in order on a store and a session table.

Deterministic: nothing but the commands and the state decides what happens. Knows no actor, no log and no key. See
applier.pyi for the contract; formats are described in ``protocols/storage/command.py`` and ``messages.py``.
"""

import struct

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from core_ext.session_table cimport EXECUTE, SessionTable

from core_ext.session_table import DEFAULT_IDLE_MS as _DEFAULT_IDLE_MS

cdef enum:
    DONE = 0
    GAP = 3
    NO_SESSION = 0
    OPEN_SERIAL = 0

cdef extern from "<endian.h>" nogil:
    uint64_t le64toh(uint64_t number)
    uint64_t htole64(uint64_t number)

cdef struct Header:
    uint64_t time_ms, session, serial, floor, origin

cdef uint64_t DEFAULT_IDLE_MS = _DEFAULT_IDLE_MS
_NOT_A_BATCH = b"-ERR the command batch is malformed; nothing was executed\r\n"
cdef bytes NOT_A_BATCH_REPLIES = struct.pack("<I", len(_NOT_A_BATCH)) + _NOT_A_BATCH


cdef inline uint64_t number_at(const char *at) noexcept:
    cdef uint64_t number
    memcpy(&number, at, sizeof(uint64_t))
    return le64toh(number)


cdef class Applier:
    """Runs commands on one shard's state."""

    cdef object store
    cdef SessionTable sessions
    cdef tuple statuses

    def __init__(self, store not None, SessionTable sessions not None, tuple statuses not None):
        self.store = store
        self.sessions = sessions
        self.statuses = statuses

    def run(self, tuple commands not None, bint wanted):
        cdef Header header
        cdef bytes command
        cdef list outcomes = []
        for each in commands:
            command = <bytes?>each
            if PyBytes_GET_SIZE(command) < <Py_ssize_t>sizeof(Header):
                if wanted:
                    outcomes.append((0, 0, self.statuses[GAP], b"", None, 0))
                continue
            memcpy(&header, PyBytes_AS_STRING(command), sizeof(Header))
            status, replies = self.one(
                <int64_t>le64toh(header.time_ms), le64toh(header.session), le64toh(header.serial),
                le64toh(header.floor), command[sizeof(Header):],
            )
            if wanted:
                outcomes.append((
                    le64toh(header.session), le64toh(header.serial), self.statuses[status], replies, None,
                    le64toh(header.origin),
                ))
        return outcomes

    cdef tuple one(self, int64_t time_ms, uint64_t session, uint64_t serial, uint64_t floor, bytes batch):
        """One command; its status and replies. Time comes with every one, and never goes back."""
        cdef int64_t now_ms = max(time_ms, <int64_t>self.store.log_time_ms)
        cdef int status
        cdef bytes replies
        if session == NO_SESSION:
            replies = self.open(now_ms, batch) if serial == OPEN_SERIAL else b""
            self.store.apply(now_ms, b"")
            return DONE, replies
        status = self.sessions.judge(now_ms, session, serial, floor)
        if status != EXECUTE:
            replies = self.sessions.answer
            self.store.apply(now_ms, b"")
            return status, replies
        try:
            replies = self.store.apply(now_ms, batch)
        except ValueError:
            self.store.apply(now_ms, b"")
            replies = NOT_A_BATCH_REPLIES
        self.sessions.note(session, serial, replies)
        return DONE, replies

    cdef bytes open(self, int64_t now_ms, bytes batch):
        """Open a session; the batch says how long it may be silent, and which one it replaces."""
        cdef uint64_t idle_ms = DEFAULT_IDLE_MS
        cdef uint64_t number
        if PyBytes_GET_SIZE(batch) == 2 * sizeof(uint64_t):
            idle_ms = number_at(PyBytes_AS_STRING(batch))
            self.sessions.finish(number_at(PyBytes_AS_STRING(batch) + sizeof(uint64_t)))
        number = htole64(self.sessions.begin(now_ms, idle_ms))
        return (<char *>&number)[:sizeof(uint64_t)]
