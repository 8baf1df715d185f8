"""A journal in memory that loses what was not synced: the durable half of the test world. Knows no Raft."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from actors.context import Uncertain
from actors.message import Message


class Disk:
    """What survives a crash of one node: the operations of its journal, up to the last sync."""

    def __init__(self) -> None:
        self.operations: list[tuple[Any, ...]] = []
        self.synced = 0
        self.previous_sync = 0
        self.lost = False

    def sync(self, upto: int) -> None:
        """Everything up to operation ``upto`` is durable."""
        if upto > self.synced:
            self.previous_sync, self.synced = self.synced, upto

    def crash(self) -> None:
        """Lose what is not synced."""
        del self.operations[self.synced :]

    def damage(self, operation: int) -> None:
        """The disk ruins a record of the last synced batch. As the log does at its next start: everything from there
        on is cut and stays uncertain, critical records have a second copy and are written again."""
        if not self.previous_sync <= operation < self.synced or self.operations[operation][0] != "append":
            return
        gone = self.operations[operation : self.synced]
        if self.operations[operation][3] or any(kind != "append" for kind, *_ in gone):
            return
        claims = [(type(record).wire_id, note) for _, record, note, _ in gone]
        kept = [each for each in gone if each[3]]
        self.operations = [*self.operations[:operation], ("uncertain", claims), *kept]
        self.synced = self.previous_sync = len(self.operations)


class MemoryJournal:
    """``context.journal`` over a Disk, as it is after recovery."""

    def __init__(self, disk: Disk, read: Callable[[int, int, int, int], None]) -> None:
        self.disk = disk
        self.read = read
        self.first_position = 1
        self.next_position = 1
        self.records: dict[int, Message] = {}
        self.chunks: list[Message] = []
        self._uncertain: list[Uncertain] = []
        self.staged: list[tuple[Any, ...]] = []
        for operation in disk.operations:
            self._apply(operation)

    @property
    def uncertain(self) -> tuple[Uncertain, ...]:
        return tuple(self._uncertain)

    @property
    def lost(self) -> bool:
        return self.disk.lost

    def recovered(self) -> list[Message]:
        """What ``recover`` gets: the checkpoint, then the records."""
        return [*self.chunks, *(self.records[position] for position in sorted(self.records))]

    def append(self, record: Message, note: int = 0, critical: bool = False) -> int:
        position = self.next_position
        self._stage(("append", record, note, critical))
        return position

    def resolve(self) -> None:
        self._stage(("resolve",))

    def checkpoint(self, chunks: Iterable[Message], keep_from: int) -> None:
        self._stage(("checkpoint", list(chunks), keep_from))

    def release(self) -> None:
        """The handler has returned."""
        self.disk.operations.extend(self.staged)
        self.staged.clear()

    def _stage(self, operation: tuple[Any, ...]) -> None:
        self.staged.append(operation)
        self._apply(operation)

    def _apply(self, operation: tuple[Any, ...]) -> None:
        kind = operation[0]
        if kind == "append":
            self.records[self.next_position] = operation[1]
            self.next_position += 1
        elif kind == "uncertain":
            self._uncertain += [
                Uncertain(self.next_position + at, tag, note) for at, (tag, note) in enumerate(operation[1])
            ]
        elif kind == "resolve":
            self._uncertain = []
        else:
            _, self.chunks, keep_from = operation
            self.first_position = keep_from
            for position in [position for position in self.records if position < keep_from]:
                del self.records[position]
