"""The session table: what makes a retried batch execute once (Ongaro's thesis, 6.3). Part of the replicated state: a
function of the commands applied, log time included. Knows no actor and no key.

Serials of a session apply without gaps. Replies above the client's floor are kept and given again to a repeated serial;
a session that was silent for its time by log time, or whose reply was dropped to stay within the bounds, is refused.
See session_table.pyi for the contract of each method.
"""

import heapq
import zlib

import msgspec

from cpython.bytes cimport PyBytes_GET_SIZE
from libc.stdint cimport INT64_MAX

cdef enum:
    DONE_ = 0
    GAP_ = 3
    SESSION_EXPIRED_ = 4

DONE, GAP, SESSION_EXPIRED = DONE_, GAP_, SESSION_EXPIRED_

cdef int64_t MIN_IDLE_MS = 10_000
cdef int64_t MAX_IDLE_MS = 24 * 3600 * 1000
DEFAULT_IDLE_MS = 600_000

cdef int64_t NEVER = INT64_MAX

# as a snapshot holds it: the last number given, and sessions in the order in which they were opened, each with its time
# of silence, the log time of its last command, its last serial, kept replies by serial, and their size
_SAVED = msgspec.msgpack.Decoder(tuple[int, dict[int, tuple[int, int, int, dict[int, bytes], int]]])


cdef inline int64_t later(int64_t time_ms, int64_t by_ms) noexcept:
    """So much later, or never: a leader's clock may show anything."""
    return time_ms + by_ms if time_ms < NEVER - by_ms else NEVER


cdef class Session:
    """One client of the log.

    Attributes:
        idle_ms: silent for so long in log time, it ends.
        seen_ms: log time of its last command.
        serial: the last one applied.
        kept: replies by serial, all above the floor, oldest first.
        kept_bytes: their size.
    """


cdef class SessionTable:
    """All sessions of one shard.

    ``ends`` is a heap of (not before this log time, session), brought up to date late; ``next_end`` its first time.
    """

    def __init__(
        self, *, Py_ssize_t max_sessions=4096, Py_ssize_t max_kept_replies=1024, Py_ssize_t max_kept_bytes=16 << 20,
        Py_ssize_t max_total_kept_bytes=64 << 20,
    ):
        self.max_sessions = max_sessions
        self.max_kept_replies = max_kept_replies
        self.max_kept_bytes = max_kept_bytes
        self.max_total_kept_bytes = max_total_kept_bytes
        self.sessions = {}
        self.ends = []
        self.next_end = NEVER
        self.answer = b""

    def __len__(self):
        return len(self.sessions)

    def open(self, int64_t now_ms, uint64_t idle_ms):
        return self.begin(now_ms, idle_ms)

    cdef uint64_t begin(self, int64_t now_ms, uint64_t idle_ms) except? 0:
        cdef Session session
        self.expire_due(now_ms)
        if len(self.sessions) >= self.max_sessions:
            self.finish(min([((<Session>each).seen_ms, number) for number, each in self.sessions.items()])[1])
        self.last_session += 1
        session = Session.__new__(Session)
        session.idle_ms = min(max(<int64_t>min(idle_ms, <uint64_t>MAX_IDLE_MS), MIN_IDLE_MS), MAX_IDLE_MS)
        session.seen_ms = now_ms
        session.kept = {}
        self.sessions[self.last_session] = session
        heapq.heappush(self.ends, (later(now_ms, session.idle_ms), self.last_session))
        self.find_next_end()
        return self.last_session

    def admit(self, int64_t now_ms, uint64_t number, uint64_t serial, uint64_t floor):
        cdef int status = self.judge(now_ms, number, serial, floor)
        return None if status == EXECUTE else (status, self.answer)

    cdef int judge(self, int64_t now_ms, uint64_t number, uint64_t serial, uint64_t floor) except -2:
        """EXECUTE, or the status to answer with; ``answer`` are the replies then."""
        cdef Session session = <Session>self.sessions.get(number)
        self.answer = b""
        if session is not None:
            session.seen_ms = now_ms
        if self.next_end <= now_ms:
            self.expire_due(now_ms)
        if session is None:
            return SESSION_EXPIRED_
        if session.kept:
            self.forget(session, floor)
        if serial == session.serial + 1:
            return EXECUTE
        if serial > session.serial:
            return GAP_
        replies = session.kept.get(serial)
        if replies is None:
            # executed, but its replies are gone: for the client the same as a session that it lost
            return SESSION_EXPIRED_
        self.answer = <bytes>replies
        return DONE_

    def keep(self, uint64_t number, uint64_t serial, bytes replies not None):
        self.note(number, serial, replies)

    cdef int note(self, uint64_t number, uint64_t serial, bytes replies) except -1:
        cdef Session session = <Session>self.sessions[number]
        session.serial = serial
        session.kept[serial] = replies
        session.kept_bytes += PyBytes_GET_SIZE(replies)
        self.kept_bytes += PyBytes_GET_SIZE(replies)
        while len(session.kept) > self.max_kept_replies or session.kept_bytes > self.max_kept_bytes:
            self.drop_oldest(session)
        while self.kept_bytes > self.max_total_kept_bytes:
            for other in self.sessions.values():
                if (<Session>other).kept:
                    self.drop_oldest(<Session>other)
                    break
        return 0

    cdef int forget(self, Session session, uint64_t floor) except -1:
        """Replies that have arrived."""
        cdef uint64_t oldest
        while session.kept:
            oldest = next(iter(session.kept))
            if oldest > floor:
                break
            self.drop_oldest(session)
        return 0

    cdef int drop_oldest(self, Session session) except -1:
        cdef Py_ssize_t size = len(<bytes>session.kept.pop(next(iter(session.kept))))
        session.kept_bytes -= size
        self.kept_bytes -= size
        return 0

    def expire(self, int64_t now_ms):
        self.expire_due(now_ms)

    cdef int expire_due(self, int64_t now_ms) except -1:
        cdef Session session
        cdef int64_t end_ms
        while self.next_end <= now_ms and self.next_end < NEVER:
            number = heapq.heappop(self.ends)[1]
            session = <Session>self.sessions.get(number)
            if session is not None:
                end_ms = later(session.seen_ms, session.idle_ms)
                if end_ms <= now_ms:
                    self.finish(number)
                else:
                    heapq.heappush(self.ends, (end_ms, number))
            self.find_next_end()
        return 0

    cdef int find_next_end(self) except -1:
        self.next_end = self.ends[0][0] if self.ends else NEVER
        return 0

    def end(self, uint64_t number):
        self.finish(number)

    cdef int finish(self, uint64_t number) except -1:
        cdef Session session = <Session>self.sessions.pop(number, None)
        if session is not None:
            self.kept_bytes -= session.kept_bytes
        return 0

    def snapshot(self):
        cdef Session session
        saved = {}
        for number, each in self.sessions.items():
            session = <Session>each
            saved[number] = session.idle_ms, session.seen_ms, session.serial, session.kept, session.kept_bytes
        return msgspec.msgpack.encode((self.last_session, saved))

    def restore(self, bytes saved not None):
        cdef Session session
        cdef uint64_t last_session
        cdef Py_ssize_t kept_bytes = 0
        sessions, ends = {}, []
        try:
            last_session, found = _SAVED.decode(saved)
            for number, (idle_ms, seen_ms, serial, kept, size) in found.items():
                session = Session.__new__(Session)
                session.idle_ms, session.seen_ms, session.serial = idle_ms, seen_ms, serial
                session.kept, session.kept_bytes = kept, size
                sessions[number] = session
                ends.append((later(session.seen_ms, session.idle_ms), number))
                kept_bytes += session.kept_bytes
        except (msgspec.MsgspecError, OverflowError) as error:
            raise ValueError(f"{len(saved)} bytes are not a session table ({error}); the table is unchanged") from error
        heapq.heapify(ends)
        self.last_session, self.sessions, self.ends, self.kept_bytes = last_session, sessions, ends, kept_bytes
        self.find_next_end()

    def digest(self):
        return zlib.crc32(self.snapshot())
