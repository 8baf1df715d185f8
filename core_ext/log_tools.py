"""What `actorum log inspect|verify|repair DIR` do: look at the log of a node that is not running. No printing here.

``inspect`` and ``verify`` only read, and may run beside a live node (its newest batch then looks unfinished).
"""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

from core_ext.log_disk import FolderLock, RealDisk
from core_ext.log_errors import LogError
from core_ext.log_format import DATA_START, RecordType, SegmentHeader, scan
from core_ext.log_opening import Found, find_segments, open_log, replay_segments
from core_ext.log_recovery import Damage, Verdict


class SegmentReport(NamedTuple):
    """One segment file.

    Attributes:
        file: its name.
        header: who it belongs to; None when it is unreadable.
        size: of the file, in bytes.
        used: bytes up to the end of the last record.
        records: number of records by kind, lower-case names of RecordType.
    """

    file: str
    header: SegmentHeader | None
    size: int
    used: int
    records: dict[str, int]


class StreamReport(NamedTuple):
    """One stream: what it holds, and what recovery would say of it."""

    name: str
    stream: int
    first_position: int
    next_position: int
    checkpoint_chunks: int
    uncertain: int
    lost: bool


class Inspection(NamedTuple):
    """A whole log."""

    cluster_id: str
    node_id: str
    folder_id: str
    segments: list[SegmentReport]
    streams: list[StreamReport]


class Verification(NamedTuple):
    """The verdict on every damaged or unfinished place.

    Attributes:
        damages: each with file, offset, length in bytes, verdict, and the records that stood there.
        lost: names of the streams whose newest critical record or checkpoint is gone.
        ok: nothing that was durable is unreadable. An unfinished last batch is what kill -9 leaves, and is ok.
        refused_alone: a node without peers would refuse to start; ``repair`` makes it start.
    """

    damages: list[Damage]
    lost: list[str]

    @property
    def ok(self) -> bool:
        harmless = (Verdict.CUT, Verdict.KNOWN)
        return not self.lost and all(damage.verdict in harmless for damage in self.damages)

    @property
    def refused_alone(self) -> bool:
        return any(damage.verdict is Verdict.CORRUPT for damage in self.damages)


class Repair(NamedTuple):
    """What ``repair`` did.

    Attributes:
        damages: the places it dealt with.
        removed: positions that each stream lost, as (position, tag, note).
        lost: names of the streams whose newest critical record or checkpoint is gone.
        copies: files that hold the damaged segments as they were.
    """

    damages: list[Damage]
    removed: dict[str, list[tuple[int, int, int]]]
    lost: list[str]
    copies: list[str]


def inspect(directory: str | Path) -> Inspection:
    """Describe the log of a data folder, segment by segment and stream by stream.

    Raises:
        LogError: the folder holds no log, or one of a newer version.
    """
    disk, found = _open(directory)
    try:
        headers = [segment.header for segment in found if segment.header is not None]
        if not headers:
            raise LogError(f"no segment header in {os.fspath(directory)} is readable: this log cannot be inspected")
        replay = replay_segments(disk, found)
        streams = [
            StreamReport(
                stream.name, stream.id, stream.first, stream.next, len(stream.chunks), len(stream.uncertain),
                bool(stream.lost),
            )
            for _, stream in sorted(replay.streams.items())
        ]  # fmt: skip
        return Inspection(
            headers[0].cluster_id, headers[0].node_id, headers[0].folder_id,
            [_describe(disk, segment) for segment in found], streams,
        )  # fmt: skip
    finally:
        disk.close()


def verify(directory: str | Path) -> Verification:
    """Check every byte that matters, without changing any.

    Raises:
        LogError: the folder holds no log, or one of a newer version.
    """
    disk, found = _open(directory)
    try:
        replay = replay_segments(disk, found)
        return Verification(replay.damages, [stream.name for stream in replay.streams.values() if stream.lost])
    finally:
        disk.close()


def repair(directory: str | Path) -> Repair:
    """Make a log openable again: cut each stream before its first unreadable record, keeping critical records.

    Every segment with a damage is first copied to a file beside it that ends in ``.damaged``; nothing is destroyed.

    Raises:
        LogError: the folder holds no log, or one of a newer version.
        LogLocked: a live process has the folder open.
        LogCorrupted: no segment header is readable; nothing can be repaired.
    """
    lock = FolderLock(directory)
    try:
        found, copies = _copy_damaged(directory)
    finally:
        lock.close()
    header = next((segment.header for segment in found if segment.header is not None), None)
    log = open_log(
        directory,
        header.cluster_id if header else "",
        header.node_id if header else "",
        64 << 20,
        None,
        alone=True,
        stepped=False,
        repairing=True,
    )
    try:
        recovery = log.recovery
        damages = [*recovery.corrupt, *recovery.uncertain, *recovery.healed, *recovery.cut]
        return Repair(damages, dict(recovery.removed), recovery.lost, copies)
    finally:
        log.close()


def _copy_damaged(directory: str | Path) -> tuple[list[Found], list[str]]:
    disk, found = _open(directory)
    copies = []
    try:
        replay = replay_segments(disk, found)
        names = sorted({damage.file for damage in replay.damages if damage.verdict is not Verdict.KNOWN})
        for name in names:
            source = Path(directory) / name
            if not source.exists():
                continue
            copy, number = source.with_suffix(".damaged"), 1
            while copy.exists():
                number += 1
                copy = source.with_suffix(f".{number}.damaged")
            shutil.copyfile(source, copy)
            disk.sync(copy.name)
            copies.append(copy.name)
        disk.sync_directory()
    finally:
        disk.close()
    return found, copies


def _open(directory: str | Path) -> tuple[RealDisk, list[Found]]:
    if not Path(directory).is_dir():
        raise LogError(f"{os.fspath(directory)} is no folder: name a node's data folder")
    disk = RealDisk(directory)
    try:
        found = find_segments(disk, os.fspath(directory))
        if not found:
            raise LogError(f"{os.fspath(directory)} holds no log (no wal-*.log file): name a node's data folder")
    except BaseException:
        disk.close()
        raise
    return disk, found


def _describe(disk: RealDisk, segment: Found) -> SegmentReport:
    if segment.name not in disk.list():
        return SegmentReport(segment.name, None, 0, 0, {})
    size = disk.size(segment.name)
    if segment.header is None:
        return SegmentReport(segment.name, None, size, 0, {})
    data = disk.read(segment.name, 0, size)
    found = scan(data, segment.header.salt, segment.header.first_lsn, size)
    kinds: dict[str, int] = {}
    for record in found.records():
        kind = RecordType(record.type).name.lower()
        kinds[kind] = kinds.get(kind, 0) + 1
    return SegmentReport(segment.name, segment.header, size, max(found.end, DATA_START), kinds)
