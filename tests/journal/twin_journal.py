"""What an actor's journal does, in plain Python: the oracle of the native staging."""

from __future__ import annotations

from typing import Any

from actors.message import Message
from core_ext.codec import MessageCodec
from tests.journal.memory_log import MemoryLog


class TwinJournal:
    """Everything that a handler does is a note, which ``release`` carries out and ``discard`` throws away."""

    def __init__(self, log: MemoryLog, codec: MessageCodec, name: str) -> None:
        self._log = log
        self._codec = codec
        self._stream = log.stream(name)
        self._notes: list[tuple[str, tuple[Any, ...]]] = []
        self.dirty = False
        self.batch = 0
        self.first = log.first_position(self._stream)
        self.next = log.next_position(self._stream)
        self._before = (self.first, self.next)

    def append(self, record: Message, note: int, critical: bool) -> int:
        self._notes.append(("append", (record.wire_id, note, self._codec.encode(record), critical)))
        self.next += 1
        return self.next - 1

    def truncate(self, position: int) -> None:
        self._notes.append(("truncate", (position,)))
        self.next = position

    def checkpoint(self, chunks: list[Message], keep_from: int) -> None:
        self._notes.append(("checkpoint", ([(one.wire_id, self._codec.encode(one)) for one in chunks], keep_from)))
        self.first = keep_from

    def read(self, first: int, last: int) -> None:
        self._notes.append(("read", (first, last)))

    def staged(self) -> bool:
        return any(what != "read" for what, _ in self._notes)

    def release(self) -> list[int]:
        """How many records each read found."""
        found = []
        if self.staged():
            self._before = (self.first, self.next)
            self.dirty = True
        for what, arguments in self._notes:
            if what == "read":
                first, last = arguments
                kept = range(self._log.first_position(self._stream), self._log.next_position(self._stream))
                found.append(0 if first not in kept else min(last, kept[-1]) - first + 1)
            else:
                getattr(self._log, what)(self._stream, *arguments)
        self._notes = []
        return found

    def discard(self) -> None:
        self._notes = []
        self.first, self.next = self._before

    def committed(self, batch: int) -> None:
        if self.dirty:
            self.dirty = False
            self.batch = batch
