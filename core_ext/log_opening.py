"""Opening a data folder: create it or recover it, refuse what must not be touched, and start the syncer.

Must not know record layouts (log_format does) nor what damage means (log_recovery does).
"""

import os
import select
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from core_ext import log_header
from core_ext.log import Log
from core_ext.log_disk import SPARE, Disk, FolderLock, RealDisk, explain
from core_ext.log_errors import LogCorrupted, LogFailed, LogForeign
from core_ext.log_format import (
    DATA_START,
    FormatError,
    NewerVersion,
    SegmentHeader,
    decode_segment_header,
    encode_segment_header,
)
from core_ext.log_reader import segment_name
from core_ext.log_recovery import Damage, Replay, Verdict
from core_ext.log_steps import SteppedSyncer
from core_ext.log_syncer import NativeSyncer

FIRST_LSN = DATA_START
SMALLEST_SEGMENT = 16 << 10
LARGEST_SEGMENT = 1 << 30


class Recovery(NamedTuple):
    """What opening a log found.

    Attributes:
        created: the folder was empty.
        corrupt: damaged places that had been durable; their positions are in the streams' uncertain lists.
        uncertain: damaged places in the last batch: never acknowledged, or damaged since.
        healed: damaged places whose second copy was intact; nothing is lost.
        cut: what was written after the last COMMIT, never acknowledged; it is zeros now.
        cut_bytes: how many bytes that were.
        removed: positions that each stream lost to damage, as (position, tag, note).
        lost: names of streams whose newest critical record (term, vote) or checkpoint is gone.
    """

    created: bool
    corrupt: list[Damage]
    uncertain: list[Damage]
    healed: list[Damage]
    cut: list[Damage]
    cut_bytes: int
    removed: Mapping[str, list[tuple[int, int, int]]]
    lost: list[str]

    @property
    def clean(self) -> bool:
        """Nothing was found damaged; an unfinished last batch that was cut is not damage."""
        return not (self.corrupt or self.uncertain or self.healed or self.lost)


class Parts(NamedTuple):
    """What a log holds besides its memory."""

    disk: Disk
    lock: FolderLock | None

    def forget(self, name: str) -> None:
        """The syncer thread removes a file: do not keep it open."""
        if isinstance(self.disk, RealDisk):
            self.disk.forget(name)

    def close(self) -> None:
        """Let go of the folder."""
        if isinstance(self.disk, RealDisk) and self.lock is not None:
            self.disk.close()
            self.lock.close()


class Found(NamedTuple):
    """One segment file: its header is None when neither copy is readable nor anything tells what it was; not
    ``header_intact``: a copy is damaged."""

    sequence: int
    name: str
    header: SegmentHeader | None
    header_intact: bool


def open_log(
    directory: str | Path,
    cluster_id: str,
    node_id: str,
    segment_bytes: int,
    disk: Disk | None,
    alone: bool,
    stepped: bool,
    repairing: bool = False,
) -> Log:
    """Create or recover a log; see ``Log.open``. ``repairing`` accepts what a node alone refuses."""
    if not SMALLEST_SEGMENT <= segment_bytes <= LARGEST_SEGMENT:
        raise ValueError(f"segment_bytes is {segment_bytes}: choose {SMALLEST_SEGMENT} to {LARGEST_SEGMENT}")
    folder = os.fspath(directory)
    lock = None
    if disk is None:
        real = RealDisk(directory)
        try:
            lock = FolderLock(directory)
        except BaseException:
            real.close()
            raise
        disk = real
    parts = Parts(disk, lock)
    try:
        disk.remove(SPARE)
        found = find_segments(disk, folder)
        if not found:
            return _create(parts, folder, cluster_id, node_id, segment_bytes, stepped)
        check_identity(found, folder, cluster_id, node_id)
        return _recover(parts, folder, found, segment_bytes, alone and not repairing, not alone, stepped)
    except OSError as error:
        parts.close()
        raise explain(error, folder, "opening the log") from error
    except BaseException:
        parts.close()
        raise


def find_segments(disk: Disk, folder: str) -> list[Found]:
    """The segments of a folder, oldest first; a name that is missing in the sequence is listed without a header."""
    sequences = sorted(int(name[4:-4], 16) for name in disk.list() if name.startswith("wal-") and name.endswith(".log"))
    found = []
    for sequence in range(sequences[0], sequences[-1] + 1) if sequences else ():
        name = segment_name(sequence)
        header, intact = None, False
        if sequence in sequences:
            try:
                header, intact = decode_segment_header(disk.read(name, 0, DATA_START))
            except NewerVersion as error:
                raise LogForeign(f"{os.path.join(folder, name)} cannot be opened: {error}") from None
            except FormatError:
                header = None
            if header is not None and header.sequence != sequence:
                header, intact = None, False
        found.append(Found(sequence, name, header, intact))
    neighbour = next((segment.header for segment in found if segment.header is not None), None)
    for at, segment in enumerate(found):
        if segment.header is None and segment.sequence in sequences:
            data = disk.read(segment.name, 0, disk.size(segment.name))
            found[at] = segment._replace(header=log_header.rebuild(data, segment.sequence, neighbour))
    return found


def check_identity(found: list[Found], folder: str, cluster_id: str, node_id: str) -> None:
    """Refuse the folder of another node or cluster."""
    for segment in found:
        header = segment.header
        if header is not None and (header.cluster_id, header.node_id) != (cluster_id, node_id):
            raise LogForeign(
                f"the data folder {folder} belongs to node {header.node_id!r} of cluster {header.cluster_id!r}, "
                f"and was opened for node {node_id!r} of cluster {cluster_id!r}: give this node its own folder"
            )
    if all(segment.header is None for segment in found):
        raise LogCorrupted(
            f"no segment header in {folder} is readable: nothing of this log can be recovered. "
            "Put the folder aside and start this node as a new member with an empty one"
        )


def replay_segments(disk: Disk, found: list[Found], alone: bool = False) -> Replay:
    """Read every segment and understand the whole. What a header lacks is filled in, in ``found``."""
    replay = Replay(found[0].sequence)
    for at, segment in enumerate(found):
        last = at + 1 == len(found)
        header = segment.header
        if header is None:
            size = disk.size(segment.name) if segment.name in disk.list() else 0
            replay.missing_segment(segment.name, segment.sequence, size)
            continue
        if header.previous_crc == log_header.UNKNOWN:
            header = header._replace(previous_crc=replay.last_commit_crc)
            found[at] = segment._replace(header=header)
        size = disk.size(segment.name)
        following = None if last else found[at + 1].header
        stop = size if following is None else following.first_lsn - header.first_lsn + DATA_START
        data = disk.read(segment.name, 0, min(size, stop))
        replay.segment(segment.name, header, data, stop, last, following is not None)
        if not segment.header_intact:
            replay.header_copy(segment.name, segment.sequence)
    replay.finish(alone)
    return replay


def _create(parts: Parts, folder: str, cluster_id: str, node_id: str, segment_bytes: int, stepped: bool) -> Log:
    header = SegmentHeader(1, _random(8), FIRST_LSN, 0, os.urandom(16).hex(), cluster_id, node_id)
    _new_segment(parts.disk, header, segment_bytes)
    replay = Replay(1)
    syncer = _start(parts, header, DATA_START, 0, stepped)
    recovery = Recovery(True, [], [], [], [], 0, {}, [])
    segments = {1: (header.salt, header.first_lsn - DATA_START)}
    return Log(
        parts.disk, header, replay, segments, segment_bytes, DATA_START, segment_bytes, syncer, recovery, parts, folder
    )


def _recover(
    parts: Parts, folder: str, found: list[Found], segment_bytes: int, refuse: bool, in_group: bool, stepped: bool
) -> Log:
    disk = parts.disk
    replay = replay_segments(disk, found, not in_group)
    by_verdict: dict[Verdict, list[Damage]] = {verdict: [] for verdict in Verdict}
    for damage in replay.damages:
        by_verdict[damage.verdict].append(damage)
    if refuse and by_verdict[Verdict.CORRUPT]:
        first = by_verdict[Verdict.CORRUPT][0]
        raise LogCorrupted(
            f"{len(by_verdict[Verdict.CORRUPT])} damaged places in the log, the first is {first!r}. These records "
            f"were acknowledged, and a node alone has nobody to fetch them from. To cut what cannot be read, and keep "
            f"a copy of it, run: actorum log repair {folder}"
        )
    _mend_headers(disk, found)
    readable = [segment for segment in found if segment.header is not None]
    newest = readable[-1]
    assert newest.header is not None
    ends_unreadable = newest is not found[-1]
    header, offset, size = newest.header, replay.end, disk.size(newest.name)
    if ends_unreadable:
        lengths = sum(disk.size(segment.name) for segment in found[found.index(newest) :])
        header = _successor(header, found[-1].sequence + 1, lengths, replay.last_commit_crc)
        size, offset = max(segment_bytes, SMALLEST_SEGMENT), DATA_START
        _new_segment(disk, header, size)
    else:
        _put_back(disk, replay)
        _clear(disk, newest.name, replay.end, replay.clear_to)
        disk.sync(newest.name)  # what kill -9 left in the page cache only is made durable before it counts
        disk.sync_directory()  # and so is the name of a segment that was begun just before
    segments = {
        segment.sequence: (segment.header.salt, segment.header.first_lsn - DATA_START)
        for segment in readable
        if segment.header is not None
    }
    segments[header.sequence] = (header.salt, header.first_lsn - DATA_START)
    syncer = _start(parts, header, offset, replay.batch, stepped)
    new = [damage for verdict in (Verdict.CORRUPT, Verdict.UNCERTAIN, Verdict.HEALED) for damage in by_verdict[verdict]]
    cut = by_verdict[Verdict.CUT]
    removed: dict[str, list[tuple[int, int, int]]] = {}
    lost = [stream.name for stream in replay.streams.values() if stream.lost]
    recovery = Recovery(
        False, by_verdict[Verdict.CORRUPT], by_verdict[Verdict.UNCERTAIN], by_verdict[Verdict.HEALED], cut,
        sum(damage.length for damage in cut), removed, lost,
    )  # fmt: skip
    log = Log(disk, header, replay, segments, size, offset, segment_bytes, syncer, recovery, parts, folder)
    try:
        places = [(damage.sequence, damage.offset) for damage in new if not _is_mended_header(damage)]
        # Every segment begins with what all streams are: older ones may go. One whose first batch was cut does not.
        restate = ends_unreadable or replay.end == DATA_START
        removed.update(log.settle(places, replay.note_of, in_group, restate))
        wait_synced(log)
    except BaseException:
        log.close()
        raise
    return log


def _is_mended_header(damage: Damage) -> bool:
    return damage.verdict is Verdict.HEALED and damage.offset == 0


def wait_synced(log: Log) -> None:
    """Block until everything committed is durable.

    Raises:
        LogFailed: the disk failed.
    """
    target = log.stats()["batches"]
    while log.synced() < target:
        if log.failure is not None:
            raise LogFailed(log.failure)
        if not log.step():
            select.select([log.fileno()], [], [], 1.0)
            log.drain_notification()


def _start(parts: Parts, header: SegmentHeader, offset: int, batch: int, stepped: bool) -> Any:
    if isinstance(parts.disk, RealDisk) and not stepped:
        return NativeSyncer(parts.disk, segment_name(header.sequence), offset, batch)
    return SteppedSyncer(parts.disk, batch, automatic=not stepped)


def _new_segment(disk: Disk, header: SegmentHeader, size: int) -> None:
    disk.allocate(SPARE, size)
    disk.write_at(SPARE, 0, encode_segment_header(header))
    disk.sync(SPARE)
    disk.rename(SPARE, segment_name(header.sequence))
    disk.sync_directory()


def _successor(header: SegmentHeader, sequence: int, length: int, previous_crc: int) -> SegmentHeader:
    return header._replace(
        sequence=sequence, salt=_random(8), first_lsn=header.first_lsn + length, previous_crc=previous_crc
    )


def _mend_headers(disk: Disk, found: list[Found]) -> None:
    """Both copies are whole again."""
    for segment in found:
        if segment.header is not None and not segment.header_intact:
            disk.write_at(segment.name, 0, encode_segment_header(segment.header))
            disk.sync(segment.name)


def _put_back(disk: Disk, replay: Replay) -> None:
    """Before what stood elsewhere is cleared there."""
    for name, offset, group in replay.misplaced:
        disk.write_at(name, offset, group)
        disk.sync(name)


def _clear(disk: Disk, name: str, start: int, stop: int) -> None:
    while start < stop:
        length = min(stop - start, 1 << 20)
        disk.write_at(name, start, bytes(length))
        start += length


def _random(length: int) -> int:
    return int.from_bytes(os.urandom(length), "little")
