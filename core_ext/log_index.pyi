"""Where the live records of each stream stand: 16 bytes a record, in C."""

FIRST_POSITION: int

class SegmentUse:
    """How many bytes of each segment some stream still needs, from the oldest kept segment on."""

    first: int
    live_bytes: list[int]

    def __init__(self, first: int) -> None: ...
    def count(self, sequence: int, length: int) -> None:
        """Add ``length`` (bytes, may be negative) to what is needed of one segment."""

    def live(self, sequence: int) -> int:
        """Bytes of a segment that are still needed."""

    def forget_oldest(self) -> None:
        """The oldest segment is gone."""

class StreamIndex:
    """The positions ``first`` .. ``next - 1`` of one stream, its newest checkpoint, and what recovery said about it."""

    id: int
    name: str
    first: int
    next: int
    critical: int
    expected_critical: int
    last_note: int
    last_tag: int
    chunks: list[list[int]]
    uncertain: list[tuple[int, int, int]]
    lost: bool
    dirty: int

    def __init__(self, id: int, name: str, first: int = ..., next: int = ...) -> None: ...
    def entry(self, position: int) -> tuple[int, int, int, int] | None:
        """(segment, offset, length, tag) of a position, or None when the stream does not hold it."""

    def first_missing(self) -> int | None:
        """The smallest position that should be there and is not."""

    def positions_in(self, segment: int) -> list[int]:
        """The positions whose record stands in ``segment``."""
