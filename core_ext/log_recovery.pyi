"""What a log means: from the records found in its segments to streams, and a verdict on every damaged place."""

import enum
import struct

from typing_extensions import Buffer

from core_ext.log_format import SegmentHeader
from core_ext.log_index import SegmentUse, StreamIndex

SUMMARY: struct.Struct
STATE: struct.Struct
START: struct.Struct

class Verdict(enum.Enum):
    """What a damaged place is taken for; the rules stand in docs/log.md."""

    CORRUPT = "corrupt"
    UNCERTAIN = "uncertain"
    HEALED = "healed"
    KNOWN = "known"
    CUT = "cut"

class Damage:
    """One unreadable or unfinished place of the log.

    Attributes:
        file: name of the segment.
        sequence: its number.
        offset: in the segment, in bytes.
        length: in bytes.
        verdict: what it is taken for.
        records: (stream name, position, tag, note) of the records that are known to have stood there.
    """

    file: str
    sequence: int
    offset: int
    length: int
    verdict: Verdict
    records: list[tuple[str, int, int, int]]

class Replay:
    """Streams as the log describes them: feed every segment, oldest first, then call ``finish`` once.

    Attributes:
        truncations: how often the writer had cut a stream, from 1 on.
        misplaced: (file, offset, bytes) of sync groups that stood elsewhere, to be written where they belong.
    """

    streams: dict[int, StreamIndex]
    use: SegmentUse
    damages: list[Damage]
    known: set[tuple[int, int]]
    batch: int
    last_commit_crc: int
    truncations: int
    misplaced: list[tuple[str, int, bytes]]
    end: int
    clear_to: int

    def __init__(self, first_sequence: int) -> None: ...
    def missing_segment(self, file: str, sequence: int, length: int = 0) -> None:
        """A segment of the sequence is not there, or nothing of it can be read."""

    def header_copy(self, file: str, sequence: int) -> None:
        """One of the two copies of a segment's header is damaged; the other one serves."""

    def segment(
        self, file: str, header: SegmentHeader, data: Buffer, stop: int, last: bool, exact: bool = True
    ) -> None:
        """Replay one segment that ends at offset ``stop``; not ``exact``: ``stop`` is only a bound."""

    def note_of(self, stream: int, position: int) -> tuple[int, int]:
        """(tag, note) of a record whose body, or all of it, is unreadable; (0, 0) when they are not known either."""

    def finish(self, alone: bool = False) -> None:
        """Give every damage its verdict, and mark the streams whose critical records are gone.

        Args:
            alone: no other node has a copy; what is left is all there is, and doubts help nobody.
        """
