"""A simulated disk under the real write-ahead log: sectors that a crash loses or tears, and every disk fault.

Implements ``core_ext.log_disk.Disk``. Knows no record, no node and no time.
"""

from __future__ import annotations

import errno
from typing import NamedTuple

from actors.simulation.tape import Stream

SECTOR_BYTES = 512


class _Write(NamedTuple):
    """One write, which did not happen."""

    name: str
    offset: int
    data: bytes


class SimulatedDisk:
    """One folder of files, of one life of a node; ``crash`` gives the disk of the next one.

    Attributes:
        full: nothing can be allocated or written.
        fail_sync: the next sync fails.
        lose_write: the next write is acknowledged and does not happen; once something that was written later is synced,
            it never will. Until then the drive may still have it: a crash finds it done, unless ``forgets``.
        misdirect: the next write goes so many sectors further, or back when negative (0: where it should).
        forgets: a lost write stays lost although nothing was written after it. No log can tell such a disk from one
            that was never written to (docs/log.md).
        dead: the node that used this object is gone: it can do nothing any more.
    """

    def __init__(self) -> None:
        self.full = False
        self.fail_sync = False
        self.lose_write = False
        self.misdirect = 0
        self.forgets = False
        self.dead = False
        self._files: dict[str, bytearray] = {}
        self._unsynced: dict[str, dict[int, bytes]] = {}  # by file: what dirty sectors held when they were last synced
        self._owed: _Write | None = None  # a lost write, while nothing that was written later is synced
        self._owed_is_synced = self._wrote_since = False

    # --- what the log asks for -------------------------------------------------------------------------------------

    def allocate(self, name: str, size: int) -> None:
        """See ``Disk.allocate``."""
        self._check_room()
        self._files[name] = bytearray(size)
        self._unsynced[name] = {}

    def write_at(self, name: str, offset: int, data: bytes) -> None:
        """See ``Disk.write_at``."""
        self._check_alive()
        if self.lose_write:
            self.lose_write = False
            self._owed, self._owed_is_synced, self._wrote_since = _Write(name, offset, bytes(data)), False, False
            return
        self._wrote_since = True
        file = self._files[name]
        if self.misdirect:
            room = (len(file) - len(data) - offset) // SECTOR_BYTES
            offset += max(-(offset // SECTOR_BYTES), min(self.misdirect, room)) * SECTOR_BYTES
            self.misdirect = 0
        unsynced = self._unsynced[name]
        for sector in range(offset // SECTOR_BYTES, (offset + len(data) + SECTOR_BYTES - 1) // SECTOR_BYTES):
            if sector not in unsynced:
                unsynced[sector] = bytes(file[sector * SECTOR_BYTES : (sector + 1) * SECTOR_BYTES])
        file[offset : offset + len(data)] = data

    def sync(self, name: str) -> None:
        """See ``Disk.sync``; after a failed one the written sectors may or may not be there after a crash."""
        self._check_alive()
        if self.fail_sync:
            self.fail_sync = False
            raise OSError(errno.EIO, "Input/output error")
        self._unsynced[name].clear()
        if self._wrote_since:
            self._owed = None
        elif self._owed is not None and self._owed.name == name:
            self._owed_is_synced = True

    def read(self, name: str, offset: int, length: int) -> bytes:
        """See ``Disk.read``."""
        return bytes(self._files[name][offset : offset + length])

    def size(self, name: str) -> int:
        """See ``Disk.size``."""
        return len(self._files[name])

    def list(self) -> list[str]:
        """See ``Disk.list``."""
        return list(self._files)

    def rename(self, old: str, new: str) -> None:
        """See ``Disk.rename``."""
        self._check_alive()
        self._files[new] = self._files.pop(old)
        self._unsynced[new] = self._unsynced.pop(old)
        if self._owed is not None and self._owed.name == old:
            self._owed = self._owed._replace(name=new)

    def remove(self, name: str) -> None:
        """See ``Disk.remove``."""
        self._check_alive()
        self._files.pop(name, None)
        self._unsynced.pop(name, None)

    def sync_directory(self) -> None:
        """See ``Disk.sync_directory``; names are durable at once here."""
        self._check_alive()

    def _check_alive(self) -> None:
        if self.dead:
            raise OSError(errno.EIO, "the simulated node is gone")

    def _check_room(self) -> None:
        self._check_alive()
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")

    # --- what the simulation does ----------------------------------------------------------------------------------

    def mend(self) -> None:
        """No fault is left that was to come: there is room, syncs and writes succeed. What was damaged stays so."""
        self.full = self.fail_sync = self.lose_write = False
        self.misdirect = 0

    def crash(self, draws: Stream) -> SimulatedDisk:
        """Power off: sectors that were not synced are there or not, as drawn, and a lost write that nothing followed is
        done after all. This object is dead from now on.

        Args:
            draws: 0 loses everything unsynced.
        """
        keep = draws.below(3) if any(self._unsynced.values()) else 0  # nothing, everything, or sector by sector
        for name, unsynced in self._unsynced.items():
            file = self._files[name]
            for sector, before in unsynced.items():
                if keep == 0 or (keep == 2 and not draws.below(2)):
                    file[sector * SECTOR_BYTES : sector * SECTOR_BYTES + len(before)] = before
        owed = self._owed
        if owed is not None and self._owed_is_synced and not self.forgets and owed.name in self._files:
            self._files[owed.name][owed.offset : owed.offset + len(owed.data)] = owed.data
        after = SimulatedDisk()
        after.forgets = self.forgets
        after._files = self._files
        after._unsynced = {name: {} for name in self._files}
        self._files, self._unsynced = {}, {}
        self.dead = True
        return after

    def flip_bit(self, draws: Stream) -> str | None:
        """Flip one bit of a file, where something was written; says where, None when there is nothing."""
        written = [name for name, file in self._files.items() if any(file[:SECTOR_BYTES])]
        if not written:
            return None
        name = written[draws.below(len(written))]
        file = self._files[name]
        end = len(file.rstrip(b"\0")) or 1
        # what was written last is hit as often as all the rest: nobody else may have a copy of it yet
        at = end - 1 - draws.below(min(end, 2 * SECTOR_BYTES)) if draws.below(2) else draws.below(end)
        bit = draws.below(8)
        file[at] ^= 1 << bit
        return f"{name} byte {at} bit {bit}"
