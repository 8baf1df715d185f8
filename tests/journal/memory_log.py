"""A log in memory with the interface that journals use; its disk is fast, slow or broken as a test wants."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

Record = tuple[int, int, int, Any]


class MemoryLog:
    """Batches become durable when the test calls ``sync``."""

    def __init__(self) -> None:
        self.folder_id = "memory"
        self.failure: str | None = None
        self.closed = False
        self.names: dict[str, int] = {}
        self.kept: dict[int, list[Record]] = {}
        self.chunks: dict[int, list[tuple[int, Any]]] = {}
        self.first: dict[int, int] = {}
        self.next: dict[int, int] = {}
        self.doubtful: dict[int, list[tuple[int, int, int]]] = {}
        self.gone: set[int] = set()
        self.operations: list[tuple[Any, ...]] = []
        self._pending = False
        self._batch = 0
        self._synced = 0
        self._event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def stream(self, name: str) -> int:
        stream = self.names.setdefault(name, len(self.names) + 1)
        self.kept.setdefault(stream, [])
        self.first.setdefault(stream, 0)
        self.next.setdefault(stream, 0)
        return stream

    def records(self, stream: int, first: int | None = None) -> Iterator[Record]:
        return (record for record in list(self.kept[stream]) if first is None or record[0] >= first)

    def checkpoint_of(self, stream: int) -> list[tuple[int, Any]]:
        return self.chunks.get(stream, [])

    def first_position(self, stream: int) -> int:
        return self.first[stream]

    def next_position(self, stream: int) -> int:
        return self.next[stream]

    def uncertain(self, stream: int) -> list[tuple[int, int, int]]:
        return self.doubtful.get(stream, [])

    def lost(self, stream: int) -> bool:
        return stream in self.gone

    def append(self, stream: int, tag: int, note: int, body: Any, critical: bool = False) -> int:
        position = self.next[stream]
        self.next[stream] = position + 1
        self.kept[stream].append((position, tag, note, bytes(body)))
        self.operations.append(("append", stream, position, critical))
        self._pending = True
        return position

    def truncate(self, stream: int, from_position: int) -> None:
        self.kept[stream] = [record for record in self.kept[stream] if record[0] < from_position]
        self.next[stream] = from_position
        self.operations.append(("truncate", stream, from_position))
        self._pending = True

    def resolve(self, stream: int) -> None:
        self.doubtful.pop(stream, None)
        self.gone.discard(stream)
        self.operations.append(("resolve", stream))
        self._pending = True

    def checkpoint(self, stream: int, chunks: list[tuple[int, Any]], keep_from: int) -> None:
        self.chunks[stream] = list(chunks)
        self.kept[stream] = [record for record in self.kept[stream] if record[0] >= keep_from]
        self.first[stream] = keep_from
        self.operations.append(("checkpoint", stream, len(chunks), keep_from))
        self._pending = True

    def commit(self, here: bool = False) -> int:
        if not self._pending:
            return 0
        self._pending = False
        self._batch += 1
        return self._batch

    def synced(self) -> int:
        return self._synced

    def fileno(self) -> int:
        return self._event

    def drain_notification(self) -> None:
        try:
            os.eventfd_read(self._event)
        except BlockingIOError:
            return

    def read(self, stream: int, first: int, last: int, limit_bytes: int) -> list[Record]:
        found: list[Record] = []
        size = 0
        for record in self.kept[stream]:
            if first <= record[0] <= last:
                size += len(record[3])
                if found and size > limit_bytes:
                    break
                found.append(record)
        return found

    def stats(self) -> dict[str, Any]:
        return {"syncs": self._synced}

    def close(self) -> None:
        self.closed = True
        os.close(self._event)

    # --- the test's own hands ----------------------------------------------------------------------------------

    def sync(self) -> None:
        """Everything committed is on disk."""
        self._synced = self._batch
        os.eventfd_write(self._event, 1)

    def fail(self, reason: str) -> None:
        """The disk refused."""
        self.failure = reason
        os.eventfd_write(self._event, 1)
