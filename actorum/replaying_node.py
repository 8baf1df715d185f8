"""A real node that a script leads: its disk syncs when it is told to, and it can crash without its process ending.

Knows the real world; no script and no model.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from actors.runtime.system import ActorSystem
from core_ext.log import Log
from core_ext.log_disk import RealDisk

SEGMENT_BYTES = 1 << 20
CLUSTER = "replay"


class PulledDisk(RealDisk):
    """A folder, until the plug is pulled: from then on nothing reaches it.

    Attributes:
        pulled: it was.
    """

    pulled = False

    def allocate(self, name: str, size: int) -> None:
        """See ``Disk.allocate``."""
        if not self.pulled:
            super().allocate(name, size)

    def write_at(self, name: str, offset: int, data: bytes) -> None:
        """See ``Disk.write_at``."""
        if not self.pulled:
            super().write_at(name, offset, data)

    def sync(self, name: str) -> None:
        """See ``Disk.sync``."""
        if not self.pulled:
            super().sync(name)

    def rename(self, old: str, new: str) -> None:
        """See ``Disk.rename``."""
        if not self.pulled:
            super().rename(old, new)

    def remove(self, name: str) -> None:
        """See ``Disk.remove``."""
        if not self.pulled:
            super().remove(name)


class ScriptedNode:
    """One node of the model: its system, and what outlives a crash of it.

    Args:
        name: of the node.
        address: where it listens.
        peers: where other nodes listen.
        folder: of its log; None for a node without a durable actor.

    Attributes:
        system: of this life; None while it is down.
    """

    def __init__(self, name: str, address: str, peers: Mapping[str, str], folder: Path | None) -> None:
        self.name = name
        self.address = address
        self.system: ActorSystem | None = None
        self._peers = peers
        self._folder = folder
        self._disk: PulledDisk | None = None
        self._log: Log | None = None

    async def open(self) -> ActorSystem:
        """Begin a life of the node."""
        system = ActorSystem(
            self.name, listen=self.address, peers=self._peers, cluster_id=CLUSTER, data=self._folder,
            open_log=self._open_log,
        )
        await system.start()
        self.system = system
        return system

    def _open_log(self, data: Path, **options: Any) -> Log:
        self._disk = PulledDisk(data)
        options["segment_bytes"] = SEGMENT_BYTES
        self._log = Log.open(data, disk=self._disk, stepped=True, **options)
        return self._log

    def sync_oldest(self) -> bool:
        """The oldest batch that waits for the disk reaches it; False when none waits."""
        log = self._log
        if log is None:
            return False
        before = log.synced()
        while log.synced() == before and log.step(1):
            pass  # a new segment comes before its first batch
        return log.synced() > before

    async def close(self) -> None:
        """The end of a life of the node: nothing more of it is seen, and nothing more reaches its disk."""
        system, self.system = self.system, None
        disk, self._disk, self._log = self._disk, None, None
        if disk is not None:
            disk.pulled = True
        if system is not None:
            await system.stop(grace_seconds=0.0)
        if disk is not None:
            disk.close()
