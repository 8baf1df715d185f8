"""The log's format and replay in plain Python, written from docs/log.md: the oracle for core_ext.log_format/_recovery.

Slow and simple on purpose. Must not import the core.
"""

import struct
from dataclasses import dataclass, field

DATA_START = 8192
HEADER = struct.Struct("<IIIBBHIIQQ")
FIXED = struct.Struct("<8sIIQQQI16sHH")
DATA, COMMIT, STREAM, TRUNCATE, RESOLVE, CHECKPOINT, UNCERTAIN, DAMAGE, PAD = range(1, 10)
CRITICAL, TWIN, COPY = 1, 2, 4

_TABLE = []
for _byte in range(256):
    _crc = _byte
    for _ in range(8):
        _crc = (_crc >> 1) ^ (0x82F63B78 if _crc & 1 else 0)
    _TABLE.append(_crc)


def crc32c(data: bytes, crc: int = 0) -> int:
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


@dataclass
class Record:
    offset: int
    type: int
    flags: int
    stream: int
    position: int
    tag: int
    note: int
    body: bytes
    intact: bool

    @property
    def end(self) -> int:
        return self.offset + HEADER.size + (len(self.body) + 7) // 8 * 8


@dataclass
class Scan:
    records: list[Record] = field(default_factory=list)
    holes: list[tuple[int, int]] = field(default_factory=list)
    end: int = DATA_START
    dirty_end: int = DATA_START
    torn: bool = True


def encode(
    salt: int, lsn: int, type_: int, flags: int, stream: int, position: int, tag: int, note: int, body: bytes
) -> bytes:
    rest = HEADER.pack(0, crc32c(body), len(body), type_, flags, 0, stream, tag, position, note)[4:]
    crc = crc32c(struct.pack("<QQ", salt, lsn) + rest)
    return struct.pack("<I", crc) + rest + body + bytes(-len(body) % 8)


def record_at(data: bytes, offset: int, stop: int, salt: int, base: int) -> Record | None:
    if offset + HEADER.size > stop:
        return None
    crc, body_crc, length, type_, flags, reserved, stream, tag, position, note = HEADER.unpack_from(data, offset)
    if not DATA <= type_ <= PAD or reserved or offset + HEADER.size + (length + 7) // 8 * 8 > stop:
        return None
    if crc32c(struct.pack("<QQ", salt, base + offset) + data[offset + 4 : offset + HEADER.size]) != crc:
        return None
    body = data[offset + HEADER.size : offset + HEADER.size + length]
    return Record(offset, type_, flags, stream, position, tag, note, body, crc32c(body) == body_crc)


def scan(data: bytes, salt: int, first_lsn: int, stop: int) -> Scan:
    result = Scan()
    stop = min(stop, len(data)) // 8 * 8
    base = first_lsn - DATA_START
    offset = DATA_START
    while offset + HEADER.size <= stop:
        record = record_at(data, offset, stop, salt, base)
        if record is None:
            later = offset + 8
            while later + HEADER.size <= stop and record_at(data, later, stop, salt, base) is None:
                later += 8
            if later + HEADER.size > stop:
                break
            result.holes.append((offset, later))
            offset = later
            continue
        result.records.append(record)
        offset = result.end = record.end
    tail = data[result.end : stop].rstrip(b"\0")
    result.dirty_end = result.end + (len(tail) + 7) // 8 * 8
    missing = min(result.end + 48, stop)
    edge = (result.end + 511) // 512 * 512
    result.torn = not any(data[result.end : missing]) or (edge < missing and not any(data[edge:missing]))
    return result


@dataclass
class Header:
    sequence: int
    salt: int
    first_lsn: int
    previous_crc: int
    folder_id: str
    cluster_id: str
    node_id: str


def header_of(data: bytes) -> Header:
    """The first copy of a segment's header; the twin reads whole ones only."""
    block = data[:4096]
    assert crc32c(block[:-4]) == int.from_bytes(block[-4:], "little")
    magic, version, start, sequence, salt, first_lsn, previous, folder, n_cluster, n_node = FIXED.unpack_from(block)
    assert (magic, version, start) == (b"ACTRMLOG", 1, DATA_START)
    names = block[FIXED.size : FIXED.size + n_cluster + n_node]
    return Header(
        sequence, salt, first_lsn, previous, folder.hex(), names[:n_cluster].decode(), names[n_cluster:].decode()
    )


@dataclass
class Stream:
    name: str
    first: int = 1
    records: dict[int, tuple[int, int, bytes]] = field(default_factory=dict)
    next: int = 1
    chunks: list[tuple[int, bytes]] = field(default_factory=list)


def replay(files: dict[str, bytes]) -> dict[str, Stream]:
    """What an undamaged log says (its last batch may be unfinished): streams by name."""
    streams: dict[int, Stream] = {}
    names = sorted(name for name in files if name.startswith("wal-"))
    headers = {name: header_of(files[name]) for name in names}
    for at, name in enumerate(names):
        header = headers[name]
        stop = len(files[name])
        if at + 1 < len(names):
            stop = headers[names[at + 1]].first_lsn - header.first_lsn + DATA_START
        found = scan(files[name], header.salt, header.first_lsn, stop).records
        whole = max((i + 1 for i, record in enumerate(found) if record.type == COMMIT and record.intact), default=0)
        for record in found[:whole]:
            _apply(streams, record)
    return {stream.name: stream for stream in streams.values()}


def _apply(streams: dict[int, Stream], record: Record) -> None:
    assert record.intact, f"the twin replays whole logs only: {record}"
    stream = streams.get(record.stream)
    if record.type == STREAM and not record.flags & TWIN:
        first, following, _, _ = struct.unpack_from("<QQQI", record.body)
        stream = streams.setdefault(record.stream, Stream(record.body[28:].decode()))
        _cut(stream, following)
        _drop(stream, first)
        stream.next = following
    elif record.flags & TWIN or stream is None:
        return
    elif record.type == DATA:
        if record.position < stream.first:
            return
        if not record.flags & COPY:
            _cut(stream, record.position)
            stream.next = record.position + 1
        elif record.position >= stream.next:
            return
        stream.records[record.position] = (record.tag, record.note, record.body)
    elif record.type == TRUNCATE:
        _cut(stream, record.position)
        stream.next = max(record.position, stream.first)
    elif record.type == CHECKPOINT:
        number, total = record.note >> 32, record.note & 0xFFFFFFFF
        if number == 0:
            stream.chunks = []
        if total:
            stream.chunks.append((record.tag, record.body))
        if number + 1 >= total and not record.flags & COPY:
            _drop(stream, record.position)


def _cut(stream: Stream, position: int) -> None:
    for held in [held for held in stream.records if held >= position]:
        del stream.records[held]


def _drop(stream: Stream, position: int) -> None:
    for held in [held for held in stream.records if held < position]:
        del stream.records[held]
    stream.first = max(stream.first, position)
    stream.next = max(stream.next, position)
