"""The twins of core_ext.session_table and core_ext.applier: the same in plain Python, written from the contract."""

from __future__ import annotations

import heapq
import struct
import zlib
from typing import Any

import msgspec

from protocols.storage import command as commands
from protocols.storage.messages import SubmitStatus

_LENGTH = struct.Struct("<Q")
_OPENING = struct.Struct("<QQ")  # milliseconds of silence, session replaced
_NOT_A_BATCH = b"-ERR the command batch is malformed; nothing was executed\r\n"
_NOT_A_BATCH_REPLIES = struct.pack("<I", len(_NOT_A_BATCH)) + _NOT_A_BATCH

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

    def __init__(
        self, *, max_sessions: int = 4096, max_kept_replies: int = 1024, max_kept_bytes: int = 16 << 20,
        max_total_kept_bytes: int = 64 << 20,
    ) -> None:
        self._most = (max_sessions, max_kept_replies, max_kept_bytes, max_total_kept_bytes)
        self._last_session = 0
        self._sessions: dict[int, Session] = {}
        self._ends: list[tuple[int, int]] = []  # a heap of (not before this log time, session), brought up to date late
        self._kept_bytes = 0

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def kept_bytes(self) -> int:
        return self._kept_bytes

    def open(self, now_ms: int, idle_ms: int) -> int:
        self.expire(now_ms)
        if len(self._sessions) >= self._most[0]:
            self._end(min(self._sessions, key=lambda number: (self._sessions[number].seen_ms, number)))
        self._last_session += 1
        idle_ms = min(max(idle_ms, MIN_IDLE_MS), MAX_IDLE_MS)
        self._sessions[self._last_session] = Session(idle_ms, now_ms, 0, {}, 0)
        heapq.heappush(self._ends, (now_ms + idle_ms, self._last_session))
        return self._last_session

    def admit(self, now_ms: int, number: int, serial: int, floor: int) -> tuple[SubmitStatus, bytes] | None:
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
        session = self._sessions[number]
        session.serial = serial
        session.kept[serial] = replies
        session.kept_bytes += len(replies)
        self._kept_bytes += len(replies)
        while len(session.kept) > self._most[1] or session.kept_bytes > self._most[2]:
            self._drop(session, next(iter(session.kept)))
        while self._kept_bytes > self._most[3]:
            victim = next(other for other in self._sessions.values() if other.kept)
            self._drop(victim, next(iter(victim.kept)))

    def expire(self, now_ms: int) -> None:
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
        return msgspec.msgpack.encode(_Saved(self._last_session, self._sessions))

    def restore(self, saved: bytes) -> None:
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
        return zlib.crc32(self.snapshot())


Outcome = tuple[int, int, SubmitStatus, bytes, None, int]


def decode(command: bytes) -> tuple[int, int, int, int, int, bytes] | None:
    """A command's time (ms), session, serial, floor, origin and batch; None when the bytes are too few to be one."""
    if len(command) < commands.HEADER.size:
        return None
    return (*commands.HEADER.unpack_from(command), command[commands.HEADER.size:])


class Applier:
    def __init__(self, store: Any, sessions: SessionTable, statuses: tuple[Any, ...]) -> None:
        self._store, self._sessions = store, sessions

    def run(self, commands_: tuple[bytes, ...], wanted: bool) -> list[Outcome]:
        outcomes = [self._run(command) for command in commands_]
        return outcomes if wanted else []

    def _run(self, encoded: bytes) -> Outcome:
        command = decode(encoded)
        if command is None:
            return 0, 0, SubmitStatus.GAP, b"", None, 0
        time_ms, session, serial, floor, origin, batch = command
        now_ms = max(time_ms, self._store.log_time_ms)
        if session == commands.NO_SESSION:
            status, replies = SubmitStatus.DONE, b""
            if serial == commands.OPEN_SERIAL:
                idle_ms, replaced = _OPENING.unpack(batch) if len(batch) == _OPENING.size else (DEFAULT_IDLE_MS, 0)
                self._sessions.end(replaced)
                replies = _LENGTH.pack(self._sessions.open(now_ms, idle_ms))
            self._store.apply(now_ms, b"")
        else:
            verdict = self._sessions.admit(now_ms, session, serial, floor)
            if verdict is None:
                status, replies = SubmitStatus.DONE, self._execute(now_ms, batch)
                self._sessions.keep(session, serial, replies)
            else:
                status, replies = verdict
                self._store.apply(now_ms, b"")
        return session, serial, status, replies, None, origin

    def _execute(self, now_ms: int, batch: bytes) -> bytes:
        try:
            replies: bytes = self._store.apply(now_ms, batch)
        except ValueError:
            self._store.apply(now_ms, b"")
            return _NOT_A_BATCH_REPLIES
        return replies
