"""The write-ahead log of a node: streams of records in, durable batches out. See docs/log.md for the format."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from typing_extensions import Buffer

from core_ext.log_disk import Disk
from core_ext.log_opening import Recovery
from core_ext.log_reader import LogReader

DEFAULT_SEGMENT_BYTES: int

class Log(LogReader):
    """One node's log, shared by all its streams. Not thread-safe: one thread owns it."""

    folder_id: str
    """Random id (32 hex digits) made when the folder was created."""
    recovery: Recovery
    """What opening found."""

    def __init__(
        self,
        disk: Disk,
        identity: Any,
        replay: Any,
        segments: dict[int, tuple[int, int]],
        size: int,
        offset: int,
        segment_bytes: int,
        syncer: Any,
        recovery: Recovery,
        parts: Any,
        directory: str,
    ) -> None:
        """Used by core_ext.log_opening only; call ``Log.open``."""

    @staticmethod
    def open(
        directory: str | Path,
        *,
        cluster_id: str,
        node_id: str,
        segment_bytes: int = ...,
        disk: Disk | None = None,
        alone: bool = False,
        stepped: bool = False,
    ) -> Log:
        """Create or recover the log of a data folder.

        Args:
            directory: the folder; created when missing. With ``disk`` it is a name for messages only.
            cluster_id: which cluster the folder belongs to.
            node_id: which node of it.
            segment_bytes: size of new segments, 16 KiB to 1 GiB; a larger batch gets a segment of its own.
            disk: where to write instead of the real disk; batches are then written inside ``commit``.
            alone: no other node has a copy: refuse corruption, and cut what is uncertain.
            stepped: nothing is written before ``step`` is called (simulation); no thread.

        Raises:
            LogLocked: another live process has the folder; names its pid.
            LogForeign: the folder of another node or cluster, or of a newer version.
            LogCorrupted: durable records are unreadable, and the node is alone (or no header is readable at all).
            LogFull: no room on the disk.
            LogFailed: the disk failed while recovery wrote down what it decided.
        """

    def stream(self, name: str) -> int:
        """The number of a named stream (1 to 1024 bytes); a new one is declared in the current batch."""

    def streams(self) -> dict[str, int]:
        """Every stream's number by name."""

    def append(self, stream: int, tag: int, note: int, body: Buffer, critical: bool = False) -> int:
        """Put one record at the end of a stream; buffered in memory until ``commit``.

        Args:
            tag: 32 bits, what the body is.
            note: 64 bits that stay readable when the body is damaged.
            body: up to 64 MiB; copied.
            critical: write it twice, in different sectors (term and vote).

        Returns:
            Its position: 1 for the first record of a stream, then dense.

        Raises:
            RecordTooLarge: the body is above the limit.
            LogOverloaded: more than 1 GiB waits for the disk.
        """

    def truncate(self, stream: int, from_position: int) -> None:
        """Drop ``from_position`` and everything after it, critical records included; the next append gets it."""

    def resolve(self, stream: int) -> None:
        """Forget the stream's uncertain positions, and that it was lost."""

    def checkpoint(self, stream: int, chunks: Iterable[tuple[int, Buffer]], keep_from: int) -> None:
        """Replace the previous checkpoint, and all positions before ``keep_from``, by ``chunks`` of (tag, body).

        Chunks up to 64 KiB are written twice. ``keep_from`` lies between first_position and next_position.
        """

    def commit(self, here: bool = False) -> int:
        """Hand everything since the last commit to the syncer as one batch, all of it or nothing after a crash.

        Args:
            here: a small batch that would be left to the owner (see ``drain_notification``) is written and synced
                before this returns, without the GIL; ``synced`` has moved then, and ``fileno`` does not tell of it.

        Returns:
            The batch's number, 1 more than the last one's; 0 when there is nothing to do.

        Raises:
            LogFailed: the disk failed before.
        """

    def fileno(self) -> int:
        """An eventfd, readable when ``synced`` moved, ``drain_notification`` is to move it, or the log failed."""

    def drain_notification(self) -> None:
        """Make ``fileno`` unreadable until the next event.

        A small batch that found the syncer's thread idle may be left to the owner while the disk is fast: it is written
        and synced here, in the time of one sync, without the GIL. An owner that does not call this within 10 ms is not
        waited for, nor asked again soon.
        """

    @property
    def failure(self) -> str | None:
        """Why nothing is acknowledged any more, after a failed write or sync; it is never retried."""

    def settle(
        self,
        damages: list[tuple[int, int]],
        note_of: Callable[[int, int], tuple[int, int]],
        keep_uncertain: bool,
        restate: bool,
    ) -> dict[str, list[tuple[int, int, int]]]:
        """Used by core_ext.log_opening only: write down what recovery decided, so that the next start is clean."""

    def step(self, most: int = 0) -> bool:
        """With ``stepped``: do the next piece of disk work (one sync group, rotation or removal); False: none left.

        Args:
            most: batches in a sync group, when it is above 0.
        """

    def stats(self) -> dict[str, Any]:
        """Counters: batches, synced, unsynced_bytes, segments, live_bytes, queue (batches waiting), syncs, bytes,
        sync_seconds, last_sync_end_ns (CLOCK_MONOTONIC), and sync_buckets, where bucket b counts syncs that took less
        than 16 * 2**b microseconds."""

    def close(self) -> None:
        """Wait for every committed batch (or the failure), and let go of the folder. What was not committed is gone."""
