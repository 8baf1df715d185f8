"""Reading a log back: from the disk, or from the memory of what is not durable yet."""

from collections.abc import Iterator

def segment_name(sequence: int) -> str:
    """The file name of a segment."""

class LogReader:
    """The streams of a log, and where the bytes of each record are; the reading half of ``Log``."""

    directory: str

    def synced(self) -> int:
        """Number of the newest durable batch; all before it are durable too. Never waits."""

    def first_position(self, stream: int) -> int:
        """Position of the oldest kept record."""

    def next_position(self, stream: int) -> int:
        """Position that the next append returns. Uncertain positions do not count: they are free again."""

    def uncertain(self, stream: int) -> list[tuple[int, int, int]]:
        """(position, tag, note) of the records that damage took from the stream's end, until ``resolve``.

        Positions are those that the records had; next_position is at or after the first of them. Tag and note are 0
        when the record's header was damaged too. Kept over restarts.
        """

    def lost(self, stream: int) -> bool:
        """The newest critical record or checkpoint of the stream is gone, until ``resolve``."""

    def read(self, stream: int, first: int, last: int, limit_bytes: int) -> list[tuple[int, int, int, bytes]]:
        """(position, tag, note, body) of the records first..last that exist, at most ``limit_bytes`` of bodies.

        At least one record when one exists, also above the limit; records that are not committed yet included.

        Raises:
            LogCorrupted: a record has become unreadable since the log was opened.
        """

    def records(self, stream: int, first: int | None = None) -> Iterator[tuple[int, int, int, bytes]]:
        """Like ``read``, from ``first`` (default: the oldest) to the end."""

    def checkpoint_of(self, stream: int) -> list[tuple[int, bytes]]:
        """(tag, body) of the newest checkpoint's chunks; empty when there is none."""
