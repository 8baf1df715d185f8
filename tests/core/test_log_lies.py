"""A disk that lies: one write is acknowledged and never happens, or goes to another place of its file.

Every write of a history is the victim once. What was acknowledged is there, or is named as uncertain, or its stream is
lost, or the log is refused; what was never written, or was cut, does not appear. The lost write is never the last one:
of that no log can know (docs/log.md).
"""

import random
from collections.abc import Callable
from typing import Any

import pytest

from core_ext.log import Log
from core_ext.log_errors import LogCorrupted, LogError
from tests.core.log_disks import SECTOR, MemoryDisk
from tests.core.log_help import everything, open_memory

SEGMENT = 32 << 10
Lie = Callable[[bytearray, int, bytes], None]


class LyingDisk(MemoryDisk):
    """One write, by its number, is done by ``lie`` instead."""

    victim = -1
    lie: Lie
    struck = ""

    def write_at(self, name: str, offset: int, data: bytes) -> None:
        if self.writes != self.victim:
            super().write_at(name, offset, data)
            return
        self.writes += 1
        self.struck = name
        self.lie(self.files[name], offset, data)


def lost(file: bytearray, offset: int, data: bytes) -> None:
    pass


def misdirected(sectors: int) -> Lie:
    def lie(file: bytearray, offset: int, data: bytes) -> None:
        room = (len(file) - len(data) - offset) // SECTOR
        place = offset + max(-(offset // SECTOR), min(sectors, room)) * SECTOR
        file[place : place + len(data)] = data

    return lie


Record = tuple[int, int, bytes]
Written = dict[str, dict[int, set[Record]]]
Model = dict[str, tuple[int, dict[int, Record]]]
NAMES = ("a", "b", "votes")


def play(disk: LyingDisk, seed: int, batches: int) -> tuple[Model, Written]:
    """A history on three streams, each batch synced: what was acknowledged at last, by stream (first position, records
    by position); and what was ever written at each position. It ends early when the log cannot read what it wrote."""
    rng = random.Random(seed)
    log = open_memory(disk, segment_bytes=SEGMENT)
    written: Written = {name: {} for name in NAMES}
    streams = {name: log.stream(name) for name in NAMES}
    acknowledged: Model = {name: (1, {}) for name in NAMES}
    for _ in range(batches):
        name = rng.choice(["a", "a", "b", "votes"])
        stream = streams[name]
        first, records = acknowledged[name][0], dict(acknowledged[name][1])
        following = log.next_position(stream)
        action = rng.random()
        if action < 0.25 and name == "b":
            following = rng.randrange(max(first, following - 2), following + 1)
            log.truncate(stream, following)
        elif action < 0.3:
            first = rng.randrange(first, following + 1)
            log.checkpoint(stream, [(1, rng.randbytes(50))], first)
        records = {position: record for position, record in records.items() if first <= position < following}
        for _ in range(rng.randrange(4)):
            record = (rng.randrange(1, 9), rng.randrange(99), rng.randbytes(rng.choice([0, 9, 700, 3000])))
            position = log.append(stream, *record, critical=name == "votes")
            records[position] = record
            written[name].setdefault(position, set()).add(record)
        try:
            log.commit()
        except LogError:
            break
        acknowledged[name] = first, records
    log.close()
    return acknowledged, written


def judge(disk: MemoryDisk, acknowledged: Model, written: Written, where: str) -> str:
    """Open, and hold it against what was acknowledged; a word for what it found."""
    try:
        log = open_memory(disk, segment_bytes=SEGMENT)
    except LogCorrupted:
        return "refused"
    streams = {name: log.stream(name) for name in acknowledged}
    recovery = log.recovery
    found = everything(log)
    for name, (first, records) in acknowledged.items():
        stream = streams[name]
        if log.lost(stream):
            continue
        now_first, now, _ = found.get(name, (1, [], []))
        assert now_first <= first, f"{where}: {name} begins at {now_first} and not at {first}"
        # from the first uncertain one on, critical records are appended again, at other places than their own
        sure = min((position for position, _, _ in log.uncertain(stream)), default=1 << 62)
        held = {record[0]: record[1:] for record in now if record[0] < sure}
        for position, record in records.items():
            assert position >= sure or held.get(position) == record, f"{where}: {name}[{position}] is gone or another"
        for position, record in held.items():
            assert position in records or position < first, f"{where}: {name}[{position}] was cut"
            assert record in written[name][position], f"{where}: {name}[{position}] is from nowhere"
    log.close()
    again = open_memory(disk, segment_bytes=SEGMENT)
    after = everything(again)
    assert {name: after[name] for name in found} == found, f"{where}: a second start finds something else"
    assert all(again.lost(again.stream(name)) == (name in lost_names(recovery, found)) for name in acknowledged), where
    again.close()
    if recovery.lost:
        return "lost"
    if recovery.corrupt or recovery.uncertain:
        return "uncertain"
    return "healed" if recovery.healed else "whole"


def lost_names(recovery: Any, found: dict[str, Any]) -> set[str]:
    """Streams that count as lost, those among them of which even the name is gone."""
    unnamed = any(name.startswith("#") for name in recovery.lost)
    return {name for name in NAMES if name in recovery.lost or (unnamed and name not in found)}


LIES = {"lost": lost} | {f"{sectors:+d} sectors": misdirected(sectors) for sectors in (-9, -2, 1, 7)}


@pytest.mark.parametrize("kind", LIES)
@pytest.mark.parametrize("seed", range(2))
def test_what_was_acknowledged_is_there_or_is_named(kind: str, seed: int) -> None:
    plain = LyingDisk()
    play(plain, seed, 30)
    seen = set()
    for victim in range(plain.writes - (kind == "lost")):
        disk = LyingDisk()
        disk.victim, disk.lie = victim, LIES[kind]
        acknowledged, written = play(disk, seed, 30)
        seen.add(judge(disk, acknowledged, written, f"write {victim} of {plain.writes}, in {disk.struck}, {kind}"))
    assert seen & {"uncertain", "lost", "healed"}


def write_one(log: Log, stream: int, body: bytes, critical: bool = False) -> None:
    log.append(stream, 5, 1, body, critical)
    log.commit()


def test_a_batch_that_cut_a_stream_and_is_gone_does_not_bring_back_what_it_replaced() -> None:
    disk = LyingDisk()
    disk.lie = lost
    log = open_memory(disk)
    stream, other = log.stream("a"), log.stream("b")
    for body in (b"1", b"2", b"old 3", b"old 4"):
        write_one(log, stream, body)
    write_one(log, other, b"other")
    disk.victim = disk.writes
    log.truncate(stream, 3)
    log.append(stream, 5, 1, b"new 3")
    write_one(log, stream, b"new 4")
    write_one(log, stream, b"5")
    log.close()
    log = open_memory(disk)
    assert log.lost(stream), "the old records look as if they still counted"
    log.resolve(stream)  # and once is enough
    log.resolve(other)
    log.commit()
    log.close()
    log = open_memory(disk)
    assert not log.lost(stream)
    assert not log.recovery.corrupt
    log.close()


def test_streams_of_which_not_even_the_name_is_left_are_lost_by_whatever_name_they_are_asked_for() -> None:
    disk = LyingDisk()
    disk.lie = lost
    disk.victim = 1  # the first one is the segment's header
    log = open_memory(disk)
    a, b = log.stream("a"), log.stream("b")
    write_one(log, b, b"a vote", critical=True)
    write_one(log, a, b"1")
    log.close()
    for _ in range(2):
        log = open_memory(disk)
        assert set(log.streams()) == {"#1", "#2"}
        log.close()
    log = open_memory(disk)
    assert log.lost(log.stream("b")), "it would begin anew and forget its vote"
    log.commit()
    log.close()
    log = open_memory(disk)
    assert log.lost(log.stream("b"))
    log.close()


def test_a_misdirected_write_over_the_last_commit_is_no_unfinished_batch() -> None:
    disk = LyingDisk()
    disk.lie = misdirected(-1)
    log = open_memory(disk)
    stream = log.stream("a")
    write_one(log, stream, b"first")
    write_one(log, stream, bytes(700))
    disk.victim = disk.writes
    write_one(log, stream, bytes(3000))
    log.close()
    cut = disk.copy()
    log = open_memory(disk)
    assert log.lost(stream), "cut without a word"
    log.close()
    log = open_memory(cut, alone=True)  # nobody else has it: what is left goes on
    assert not log.lost(stream)
    assert log.recovery.uncertain
    assert [body for _, _, _, body in log.records(stream)] == [b"first"]
    log.close()


def test_a_misdirected_write_at_the_end_is_put_back_and_reported() -> None:
    disk = LyingDisk()
    disk.lie = misdirected(3)
    log = open_memory(disk)
    stream = log.stream("a")
    write_one(log, stream, b"first")
    disk.victim = disk.writes
    write_one(log, stream, b"astray")
    log.close()
    for found in (["healed"], []):
        log = open_memory(disk, alone=True)
        assert [body for _, _, _, body in log.records(stream)] == [b"first", b"astray"]
        assert [damage.verdict.value for damage in log.recovery.healed] == found
        log.close()


def test_a_power_failure_in_the_middle_of_a_group_is_no_lie() -> None:
    """What a crash leaves of writes that were never acknowledged is cut, whichever of its sectors are there."""
    for seed in range(60):
        rng = random.Random(seed)
        disk = MemoryDisk()
        log = open_memory(disk, stepped=True)
        a, b = log.stream("a"), log.stream("votes")
        log.append(a, 5, 1, b"durable")
        log.append(b, 9, 1, b"term 1", critical=True)
        log.commit()
        log.step()
        synced = disk.copy()
        for _ in range(rng.randrange(1, 4)):
            log.append(a, 5, 1, rng.randbytes(rng.choice([0, 300, 1500])))
            log.commit()
        log.step()
        log.close()
        (name,) = disk.files
        for sector in range(len(disk.files[name]) // SECTOR):
            place = slice(sector * SECTOR, (sector + 1) * SECTOR)
            if disk.files[name][place] != synced.files[name][place] and rng.random() < 0.5:
                disk.files[name][place] = synced.files[name][place]
        log = open_memory(disk)
        assert not log.recovery.lost
        assert not log.recovery.corrupt
        assert next(log.records(a))[3] == b"durable"
        log.close()
