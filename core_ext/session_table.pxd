"""C-level names of the session table for the loop that runs commands on it."""

from libc.stdint cimport int64_t, uint64_t

cdef enum:
    EXECUTE = -1  # where else a status stands

cdef class Session:
    cdef int64_t idle_ms
    cdef int64_t seen_ms
    cdef uint64_t serial
    cdef dict kept
    cdef Py_ssize_t kept_bytes

cdef class SessionTable:
    cdef dict sessions
    cdef list ends
    cdef int64_t next_end
    cdef uint64_t last_session
    cdef readonly Py_ssize_t kept_bytes
    cdef readonly Py_ssize_t max_sessions, max_kept_replies, max_kept_bytes, max_total_kept_bytes
    cdef bytes answer
    cdef uint64_t begin(self, int64_t now_ms, uint64_t idle_ms) except? 0
    cdef int judge(self, int64_t now_ms, uint64_t number, uint64_t serial, uint64_t floor) except -2
    cdef int note(self, uint64_t number, uint64_t serial, bytes replies) except -1
    cdef int forget(self, Session session, uint64_t floor) except -1
    cdef int drop_oldest(self, Session session) except -1
    cdef int finish(self, uint64_t number) except -1
    cdef int expire_due(self, int64_t now_ms) except -1
    cdef int find_next_end(self) except -1
