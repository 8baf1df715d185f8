"""The bytes of the write-ahead log: segment headers, and finding the records of a segment, damaged or not."""

import enum
from typing import NamedTuple

from typing_extensions import Buffer

MAGIC: bytes
VERSION: int
SECTOR: int
DATA_START: int
HEADER_BYTES: int
BODY_LIMIT: int
SUMMARY_BYTES: int

class RecordType(enum.IntEnum):
    """What a record says. Values are on disk: never reused."""

    DATA = 1
    COMMIT = 2
    STREAM = 3
    TRUNCATE = 4
    RESOLVE = 5
    CHECKPOINT = 6
    UNCERTAIN = 7
    DAMAGE = 8
    PAD = 9

class Flag(enum.IntFlag):
    """Marks on a record. Values are on disk: never reused."""

    CRITICAL = 1
    TWIN = 2
    COPY = 4

class FormatError(ValueError):
    """Bytes that are no segment header, or one that this build cannot read."""

class NewerVersion(FormatError):
    """A segment written by a newer version of the format."""

class SegmentHeader(NamedTuple):
    """Who a segment belongs to and where it stands in the log."""

    sequence: int
    salt: int
    first_lsn: int
    previous_crc: int
    folder_id: str
    cluster_id: str
    node_id: str

class FoundRecord(NamedTuple):
    """One record with a valid header; ``intact`` says whether its body is too."""

    offset: int
    type: int
    flags: int
    stream: int
    position: int
    tag: int
    note: int
    length: int
    intact: bool

class SegmentScan:
    """What stands in one segment; see the .pyx for each attribute."""

    count: int
    holes: list[tuple[int, int]]
    end: int
    dirty_end: int
    torn: bool

    def records(self) -> list[FoundRecord]:
        """Every record with a valid header, as values."""

def encode_segment_header(header: SegmentHeader) -> bytes:
    """The first ``DATA_START`` bytes of a segment: the header, twice."""

def decode_segment_header(data: Buffer) -> tuple[SegmentHeader, bool]:
    """(header, both copies are intact) of a segment's first bytes.

    Raises:
        NewerVersion: the format's version is above this build's.
        FormatError: no copy is readable.
    """

def scan(data: Buffer, salt: int, first_lsn: int, stop: int) -> SegmentScan:
    """Find the records of a segment that ends at offset ``stop``; total on any bytes."""

def body_torn(data: Buffer, offset: int, end: int) -> bool:
    """Whether a damaged record at ``offset``..``end`` looks half written: only zeros from a sector's edge on."""

def set_group(batch: bytearray, commit_at: int, salt: int, lsn: int, group_lsn: int) -> None:
    """Write into a batch's COMMIT where its sync group starts, and renew the COMMIT's header CRC.

    Raises:
        ValueError: no COMMIT fits at ``commit_at``.
    """
