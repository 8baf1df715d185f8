"""Disks for tests of the log: in memory, sector by sector, with crashes and faults drawn from a seed.

Must not know records. Every disk here has the interface of core_ext.log_disk.Disk.
"""

import errno
import random

SECTOR = 512


class MemoryDisk:
    """A folder in memory that knows what is durable and what a crash may lose.

    Attributes:
        files: what a reader sees, by name.
        full_at: refuse to allocate beyond that many bytes in all (ENOSPC).
        fail_syncs / fail_writes: numbers (from 0) of the calls that fail with EIO.
    """

    def __init__(self) -> None:
        self.names_synced = True  # no rename since the last sync of the directory
        self.files: dict[str, bytearray] = {}
        self.full_at: int | None = None
        self.fail_syncs: set[int] = set()
        self.fail_writes: set[int] = set()
        self.syncs = 0
        self.writes = 0
        self._durable: dict[str, bytearray] = {}  # by name; contents as of the last sync
        self._dirty: dict[str, set[int]] = {}  # sectors written since the last sync

    def allocate(self, name: str, size: int) -> None:
        used = sum(len(data) for other, data in self.files.items() if other != name)
        if self.full_at is not None and used + size > self.full_at:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.files[name] = bytearray(size)
        self._durable[name] = bytearray(size)
        self._dirty[name] = set()

    def write_at(self, name: str, offset: int, data: bytes) -> None:
        number, self.writes = self.writes, self.writes + 1
        if number in self.fail_writes:
            raise OSError(errno.EIO, "Input/output error")
        assert offset + len(data) <= len(self.files[name]), "the log wrote past the end of a file"
        self.files[name][offset : offset + len(data)] = data
        self._dirty[name].update(range(offset // SECTOR, (offset + len(data) + SECTOR - 1) // SECTOR))

    def sync(self, name: str) -> None:
        number, self.syncs = self.syncs, self.syncs + 1
        if number in self.fail_syncs:
            raise OSError(errno.EIO, "Input/output error")
        self._durable[name][:] = self.files[name]
        self._dirty[name].clear()

    def read(self, name: str, offset: int, length: int) -> bytes:
        return bytes(self.files[name][offset : offset + length])

    def size(self, name: str) -> int:
        return len(self.files[name])

    def list(self) -> list[str]:
        return list(self.files)

    def rename(self, old: str, new: str) -> None:
        for table in (self.files, self._durable, self._dirty):
            table[new] = table.pop(old)  # type: ignore[attr-defined]
        self.names_synced = False

    def remove(self, name: str) -> None:
        for table in (self.files, self._durable, self._dirty):
            table.pop(name, None)  # type: ignore[attr-defined]

    def sync_directory(self) -> None:
        """Directory operations are durable at once here; the real disk's order is covered by the kill tests."""
        self.names_synced = True

    def crash(self, rng: random.Random) -> "MemoryDisk":
        """The disk as it is after a power loss: each unsynced sector is there or is not."""
        after = MemoryDisk()
        for name, data in self.files.items():
            kept = bytearray(self._durable[name])
            for sector in sorted(self._dirty[name]):
                if rng.random() < 0.5:
                    kept[sector * SECTOR : (sector + 1) * SECTOR] = data[sector * SECTOR : (sector + 1) * SECTOR]
            after.files[name] = kept
            after._durable[name] = bytearray(kept)
            after._dirty[name] = set()
        return after

    def copy(self) -> "MemoryDisk":
        """An independent disk with the same content, all of it durable."""
        after = MemoryDisk()
        for name, data in self.files.items():
            after.files[name] = bytearray(data)
            after._durable[name] = bytearray(data)
            after._dirty[name] = set()
        return after
