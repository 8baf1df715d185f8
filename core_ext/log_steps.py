"""What the syncer thread does, done in the caller's thread on any Disk: for tests and the simulated world.

Must not know streams or recovery. Same rules as log_syncer.h: items in order, consecutive writes synced together, a
failure never retried.
"""

import os
from collections import deque
from typing import NamedTuple

from core_ext.log_disk import SPARE, Disk
from core_ext.log_format import set_group


class _Write(NamedTuple):
    number: int
    name: str
    batch: bytearray
    offset: int
    commit_at: int
    base: int
    salt: int


class _Rotate(NamedTuple):
    name: str
    header: bytes
    size: int


class _Remove(NamedTuple):
    name: str


class SteppedSyncer:
    """A queue of disk work that moves when told to.

    Args:
        disk: where to write.
        synced: number of the newest batch that is durable already.
        automatic: do everything at once when it is submitted; otherwise only ``step`` does it.
    """

    def __init__(self, disk: Disk, synced: int, automatic: bool) -> None:
        self._disk = disk
        self._automatic = automatic
        self._queue: deque[_Write | _Rotate | _Remove] = deque()
        self._event = -1  # made when somebody asks for it: a simulated node needs none
        self.synced = synced
        self.syncs = 0
        self.bytes = 0
        self.failure: tuple[int, str] | None = None

    def fileno(self) -> int:
        """The eventfd that becomes readable when a batch is durable or the log failed."""
        if self._event < 0:
            self._event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        return self._event

    def write(
        self, number: int, name: str, batch: bytearray, offset: int, commit_at: int, base: int, salt: int
    ) -> None:
        """Queue one batch; its COMMIT at ``commit_at`` is completed when its sync group is known."""
        self._submit(_Write(number, name, batch, offset, commit_at, base, salt))

    def rotate(self, name: str, header: bytes, size: int) -> None:
        """Queue the creation of a segment."""
        self._submit(_Rotate(name, header, size))

    def remove(self, name: str) -> None:
        """Queue the removal of a segment."""
        self._submit(_Remove(name))

    def depth(self) -> int:
        """Items that wait."""
        return len(self._queue)

    def counters(self) -> dict[str, int]:
        """Counts since the start."""
        return {"syncs": self.syncs, "bytes": self.bytes}

    def step(self, most: int = 0) -> bool:
        """Do the next piece of work: one sync group, one rotation or one removal. False when there is none.

        Args:
            most: batches in the group, when it is above 0: those that waited when the disk began.
        """
        if not self._queue or self.failure is not None:
            return False
        try:
            self._do(self._queue[0], most)
        except OSError as error:
            self.failure = (error.errno or 0, error.strerror or str(error))
        if self._event >= 0:
            os.eventfd_write(self._event, 1)
        return True

    def finish(self) -> None:
        """Do what is left."""
        while self.step():
            pass

    def close(self) -> None:
        """Let go of the eventfd."""
        if self._event >= 0:
            os.close(self._event)
            self._event = -1

    def _submit(self, item: _Write | _Rotate | _Remove) -> None:
        self._queue.append(item)
        if self._automatic:
            while self.step():
                pass

    def _do(self, item: _Write | _Rotate | _Remove, most: int) -> None:
        if isinstance(item, _Rotate):
            self._disk.allocate(SPARE, item.size)
            self._disk.write_at(SPARE, 0, item.header)
            self._disk.sync(SPARE)
            self._disk.rename(SPARE, item.name)
            self._disk.sync_directory()
            self._queue.popleft()
        elif isinstance(item, _Remove):
            self._disk.remove(item.name)
            self._disk.sync_directory()
            self._queue.popleft()
        else:
            self._write_group(item, most)

    def _write_group(self, first: _Write, most: int) -> None:
        group: list[_Write] = []
        for item in self._queue:
            if not isinstance(item, _Write) or (most and len(group) == most):
                break
            group.append(item)
        for item in group:
            place = item.base + item.offset + item.commit_at
            set_group(item.batch, item.commit_at, item.salt, place, first.base + first.offset)
        data = b"".join(item.batch for item in group)
        self._disk.write_at(first.name, first.offset, data)
        self._disk.sync(first.name)
        for _ in group:
            self._queue.popleft()
        self.syncs += 1
        self.bytes += len(data)
        self.synced = group[-1].number
