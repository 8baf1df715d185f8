"""The session table: what makes a retried batch execute once (Ongaro's thesis, 6.3). Part of the replicated state: a
function of the commands applied, log time included. Knows no actor and no key.

Serials of a session apply without gaps. Replies above the client's floor are kept and given again to a repeated serial;
a session that was silent for its time by log time, or whose reply was dropped to stay within the bounds, is refused.
The bounds below are part of the state machine: replicas must not differ in them.
"""

from __future__ import annotations

import heapq
import zlib

import msgspec

from protocols.storage.messages import SubmitStatus

MAX_SESSIONS = 4096
MAX_KEPT_REPLIES = 1024
MAX_KEPT_BYTES = 16 << 20
MAX_TOTAL_KEPT_BYTES = 64 << 20
MIN_IDLE_MS = 10_000
MAX_IDLE_MS = 24 * 3600 * 1000
DEFAULT_IDLE_MS = 600_000


class Session(msgspec.Struct, array_like=True):
    """One client of the log.

    Attributes:
        idle_ms: silent for so long in log time, it ends.
        seen_ms: log time of its last command.
        serial: the last one applied.
        kept: replies by serial, all above the floor, oldest first.
        kept_bytes: their size.
    """

    idle_ms: int
    seen_ms: int
    serial: int
    kept: dict[int, bytes]
    kept_bytes: int


class _Saved(msgspec.Struct, array_like=True):
    """The table as a snapshot holds it; sessions in the order in which they were opened."""

    last_session: int
    sessions: dict[int, Session]


class SessionTable:
    """All sessions of one shard."""

    def __init__(self) -> None:
        self._last_session = 0
        self._sessions: dict[int, Session] = {}
        self._ends: list[tuple[int, int]] = []  # a heap of (not before this log time, session), brought up to date late
        self._kept_bytes = 0

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def kept_bytes(self) -> int:
        """Memory of all kept replies."""
        return self._kept_bytes

    def open(self, now_ms: int, idle_ms: int) -> int:
        """Open a session; the one that was silent longest ends when there are too many.

        Args:
            now_ms: log time.
            idle_ms: silent for so long in log time, the session ends; brought within bounds.

        Returns:
            Its number, never used before.
        """
        self.expire(now_ms)
        if len(self._sessions) >= MAX_SESSIONS:
            self._end(min(self._sessions, key=lambda number: (self._sessions[number].seen_ms, number)))
        self._last_session += 1
        idle_ms = min(max(idle_ms, MIN_IDLE_MS), MAX_IDLE_MS)
        self._sessions[self._last_session] = Session(idle_ms, now_ms, 0, {}, 0)
        heapq.heappush(self._ends, (now_ms + idle_ms, self._last_session))
        return self._last_session

    def admit(self, now_ms: int, number: int, serial: int, floor: int) -> tuple[SubmitStatus, bytes] | None:
        """May this serial be executed now?

        A session's own command counts as a sign of life before time is looked at.

        Args:
            now_ms: log time, this command's included.
            number: the session.
            serial: of the command.
            floor: every reply up to here has arrived at the client.

        Returns:
            None: execute it, then call ``keep``. Otherwise what to answer instead.
        """
        session = self._sessions.get(number)
        if session is not None:
            session.seen_ms = now_ms
        if self._ends and self._ends[0][0] <= now_ms:
            self.expire(now_ms)
        if session is None:
            return SubmitStatus.SESSION_EXPIRED, b""
        if session.kept:
            self._forget(session, floor)
        if serial == session.serial + 1:
            return None
        if serial > session.serial:
            return SubmitStatus.GAP, b""
        replies = session.kept.get(serial)
        if replies is None:
            # executed, but its replies are gone: for the client the same as a session that it lost
            return SubmitStatus.SESSION_EXPIRED, b""
        return SubmitStatus.DONE, replies

    def keep(self, number: int, serial: int, replies: bytes) -> None:
        """An admitted serial was executed with these replies."""
        session = self._sessions[number]
        session.serial = serial
        session.kept[serial] = replies
        session.kept_bytes += len(replies)
        self._kept_bytes += len(replies)
        while len(session.kept) > MAX_KEPT_REPLIES or session.kept_bytes > MAX_KEPT_BYTES:
            self._drop(session, next(iter(session.kept)))
        while self._kept_bytes > MAX_TOTAL_KEPT_BYTES:
            victim = next(other for other in self._sessions.values() if other.kept)
            self._drop(victim, next(iter(victim.kept)))

    def expire(self, now_ms: int) -> None:
        """End every session that has been silent for its time."""
        while self._ends and self._ends[0][0] <= now_ms:
            _, number = heapq.heappop(self._ends)
            session = self._sessions.get(number)
            if session is None:
                continue
            end_ms = session.seen_ms + session.idle_ms
            if end_ms <= now_ms:
                self._end(number)
            else:
                heapq.heappush(self._ends, (end_ms, number))

    def end(self, number: int) -> None:
        """End a session now, if it is there: nothing of it that is still on its way to the log executes any more."""
        if number in self._sessions:
            self._end(number)

    def _end(self, number: int) -> None:
        self._kept_bytes -= self._sessions.pop(number).kept_bytes

    def _forget(self, session: Session, floor: int) -> None:
        kept = session.kept
        while kept:
            oldest = next(iter(kept))
            if oldest > floor:
                return
            size = len(kept.pop(oldest))
            session.kept_bytes -= size
            self._kept_bytes -= size

    def _drop(self, session: Session, serial: int) -> None:
        size = len(session.kept.pop(serial))
        session.kept_bytes -= size
        self._kept_bytes -= size

    def snapshot(self) -> bytes:
        """The whole table; equal tables give equal bytes."""
        return msgspec.msgpack.encode(_Saved(self._last_session, self._sessions))

    def restore(self, saved: bytes) -> None:
        """Replace the table.

        Raises:
            ValueError: these bytes are not a table; nothing changed.
        """
        try:
            found = msgspec.msgpack.decode(saved, type=_Saved)
        except msgspec.MsgspecError as error:
            raise ValueError(f"{len(saved)} bytes are not a session table ({error}); the table is unchanged") from error
        self._last_session = found.last_session
        self._sessions = found.sessions
        self._ends = [(session.seen_ms + session.idle_ms, number) for number, session in found.sessions.items()]
        heapq.heapify(self._ends)
        self._kept_bytes = sum(session.kept_bytes for session in found.sessions.values())

    def digest(self) -> int:
        """32 bits over the whole table, computed anew each time."""
        return zlib.crc32(self.snapshot())
