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
        self.damaged: set[int] = set()  # numbers of operations whose body is unreadable

    def sync(self, upto: int) -> None:
        """Everything up to operation ``upto`` is durable."""
        if upto > self.synced:
            self.previous_sync, self.synced = self.synced, upto

    def crash(self) -> None:
        """Lose what is not synced."""
        del self.operations[self.synced :]

    def damage_from(self, operation: int) -> None:
        """The disk damages the uncritical records of the last synced batch from this operation on."""
        for number in range(max(operation, self.previous_sync), self.synced):
            kind, *rest = self.operations[number]
            if kind == "append" and not rest[2]:
                self.damaged.add(number)


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
        for number, operation in enumerate(disk.operations):
            self._apply(operation, number in disk.damaged)

    @property
    def uncertain(self) -> tuple[Uncertain, ...]:
        return tuple(self._uncertain)

    @property
    def lost(self) -> bool:
        return self.disk.lost

    def recovered(self) -> list[Message]:
        """What ``recover`` gets: the checkpoint, then the records before the first uncertain one."""
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
        self._apply(operation, damaged=False)

    def _apply(self, operation: tuple[Any, ...], damaged: bool) -> None:
        kind = operation[0]
        if kind == "append":
            _, record, note, _ = operation
            if damaged or self._uncertain:
                self._uncertain.append(Uncertain(self.next_position, type(record).wire_id, note))
            else:
                self.records[self.next_position] = record
            self.next_position += 1
        elif kind == "resolve":
            if self._uncertain:
                self.next_position = self._uncertain[0].position
            self._uncertain = []
        else:
            _, self.chunks, keep_from = operation
            self.first_position = keep_from
            for position in [position for position in self.records if position < keep_from]:
                del self.records[position]
