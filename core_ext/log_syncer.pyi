"""The syncer thread as an object: starts it, hands it work, reads its counters."""

from typing import Any

from core_ext.log_disk import RealDisk

class NativeSyncer:
    """The C thread that makes batches durable and never takes the GIL. Batches are handed over in C only."""

    def __init__(self, disk: RealDisk, name: str, position: int, synced: int) -> None: ...
    def rotate(self, name: str, header: bytes, size: int) -> None:
        """Queue the creation of a segment."""

    def remove(self, name: str) -> None:
        """Queue the removal of a segment."""

    @property
    def synced(self) -> int:
        """Number of the newest durable batch."""

    @property
    def failure(self) -> tuple[int, str] | None:
        """(errno, text) of the first failed operation."""

    def fileno(self) -> int:
        """The eventfd that becomes readable when a batch is durable, is left to the owner, or the log failed."""

    def depth(self) -> int:
        """Batches that wait for the disk, the running one included."""

    def counters(self) -> dict[str, Any]:
        """Counts since the start, made in C."""

    def finish(self) -> None:
        """Wait until everything queued is done (or failed), and end the thread; the counters stay readable."""

    def close(self) -> None:
        """Let go of everything; ``finish`` first."""
