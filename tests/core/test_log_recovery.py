"""What recovery says after the disk lied or the power went: the rules of docs/log.md, one by one.

The property that every test here holds against: each record that was acknowledged is there, in order, or is reported;
nothing that was not written appears; the next start is quiet and finds the same.
"""

import random
from typing import Any

import pytest

from core_ext.log import Log
from core_ext.log_errors import LogCorrupted
from core_ext.log_format import DATA_START, RecordType, decode_segment_header, scan
from core_ext.log_reader import segment_name
from tests.core.log_disks import SECTOR, MemoryDisk
from tests.core.log_help import body_of, everything, last_segment, open_memory

CRITICAL_TAG, PLAIN_TAG = 9, 5


def records_of(disk: MemoryDisk, name: str) -> list[Any]:
    header, _ = decode_segment_header(disk.files[name])
    return list(scan(disk.files[name], header.salt, header.first_lsn, len(disk.files[name])).records())


def write_batches(disk: MemoryDisk, batches: int = 4, critical: bool = True) -> dict[str, Any]:
    """Some synced batches on two streams; what they hold."""
    log = open_memory(disk)
    a, b = log.stream("a"), log.stream("b")
    for batch in range(batches):
        for _ in range(3):
            log.append(a, PLAIN_TAG, log.next_position(a) + 1000, body_of(log.next_position(a), 21))
        if critical:
            log.append(b, CRITICAL_TAG, batch, b"term %d" % batch, critical=True)
        log.append(b, PLAIN_TAG, batch, body_of(batch, 40))
        log.commit()
    expected = everything(log)
    log.close()
    return expected


def last_batch(disk: MemoryDisk) -> tuple[str, int, int]:
    """(segment, start, end) of the newest batch."""
    name = last_segment(disk)
    records = records_of(disk, name)
    commits = [record for record in records if record.type == RecordType.COMMIT]
    start = next(r.offset for r in records if len(commits) < 2 or r.offset > commits[-2].offset)
    return name, start, commits[-1].offset + 40 + (commits[-1].length + 7) // 8 * 8


def check(disk: MemoryDisk, expected: dict[str, Any], alone: bool) -> Log:
    """Open; what is there must be a prefix of what was written, plus saved critical records; the rest is reported."""
    log = open_memory(disk, alone=alone)
    found = everything(log)
    recovery = log.recovery
    for name, (first, records, chunks) in expected.items():
        now_first, now, now_chunks = found.get(name, (1, [], []))
        assert (now_first, now_chunks) == (first, chunks) or name not in found
        kept = 0
        while kept < min(len(now), len(records)) and now[kept] == records[kept]:
            kept += 1
        for _, tag, note, body in now[kept:]:
            assert (tag, note, body) in [r[1:] for r in records[kept:]], "a record appeared that was not written"
            assert tag == CRITICAL_TAG
        if kept < len(records):
            assert recovery.cut or recovery.uncertain or recovery.corrupt, f"{name} lost records without a word"
    log.close()
    again = open_memory(disk, alone=alone)
    assert everything(again) == found, "a second start finds something else"
    assert again.recovery.clean or again.recovery.lost
    assert not again.recovery.cut
    for name, stream in again.streams().items():
        assert again.append(stream, 1, 2, b"goes on") == found[name][0] + len(found[name][1])
    again.commit()
    after = everything(again)
    again.close()
    third = open_memory(disk, alone=alone)
    assert everything(third) == after
    third.close()
    return log


@pytest.mark.parametrize("alone", [False, True])
def test_truncation_at_every_byte_of_the_last_batch(alone: bool) -> None:
    disk = MemoryDisk()
    expected = write_batches(disk, critical=False)
    name, start, end = last_batch(disk)
    before = {stream: (f, r[:-3] if stream == "a" else r[:-1], c) for stream, (f, r, c) in expected.items()}
    for at in range(start, end):
        if not any(disk.files[name][start:at]):
            continue  # a batch of which nothing reached the disk leaves no trace
        torn = disk.copy()
        torn.files[name][at:] = bytes(len(torn.files[name]) - at)
        log = check(torn, expected, alone)
        assert log.recovery.cut or log.recovery.uncertain or not any(disk.files[name][at:end])
        for stream, (_, records, _) in before.items():
            found = everything(open_memory(torn.copy(), alone=alone))[stream][1]
            assert found[: len(records)] == records, f"cut at {at}: an older batch was touched"


def test_an_unfinished_batch_is_cut_whole_zeroed_and_reported() -> None:
    disk = MemoryDisk()
    expected = write_batches(disk)
    log = open_memory(disk)
    a = log.stream("a")
    log.append(a, 1, 1, b"first of the batch" * 50)
    second = log.append(a, 1, 1, b"second of the batch")
    log.commit()
    log.close()
    name, start, end = last_batch(disk)
    commit = records_of(disk, name)[-1].offset
    disk.files[name][commit:end] = bytes(end - commit)
    log = open_memory(disk, alone=True)
    assert everything(log) == expected
    assert log.recovery.clean
    assert log.recovery.cut_bytes == commit - start
    assert [(r[0], r[1]) for cut in log.recovery.cut for r in cut.records] == [("a", second - 1), ("a", second)]
    assert not any(disk.files[name][start:])


def test_a_segment_whose_first_batch_was_cut_still_names_all_streams_when_older_ones_are_gone() -> None:
    disk = MemoryDisk()
    log = open_memory(disk, segment_bytes=32 << 10)
    a, b = log.stream("a"), log.stream("b")
    log.append(b, CRITICAL_TAG, 1, b"term", critical=True)
    while log.stats()["segment"] < 2:
        log.append(a, PLAIN_TAG, 0, body_of(log.next_position(a), 6000))
        log.commit()
    log.close()
    disk.files[segment_name(2)][DATA_START:] = bytes(len(disk.files[segment_name(2)]) - DATA_START)
    log = open_memory(disk, segment_bytes=32 << 10)
    assert log.recovery.clean
    while log.use.first < 2:
        log.append(a, PLAIN_TAG, 0, bytes(100))
        log.checkpoint(a, [(1, b"state")], log.next_position(a))
        log.commit()
    assert segment_name(1) not in disk.files
    expected = everything(log)
    assert expected["b"] == (1, [(1, CRITICAL_TAG, 1, b"term")], [])
    log.close()
    log = open_memory(disk, alone=True, segment_bytes=32 << 10)
    assert log.recovery.clean
    assert everything(log) == expected
    log.close()


@pytest.mark.parametrize("alone", [False, True])
def test_a_flipped_bit_anywhere_in_the_last_batch_is_harmless_or_reported(alone: bool) -> None:
    disk = MemoryDisk()
    expected = write_batches(disk)
    name, start, end = last_batch(disk)
    pads = [r for r in records_of(disk, name) if r.type == RecordType.PAD and r.offset >= start]
    rng = random.Random(7)
    for at in range(start, end):
        if any(pad.offset + 48 <= at < pad.offset + pad.length for pad in pads):
            continue
        flipped = disk.copy()
        flipped.files[name][at] ^= 1 << rng.randrange(8)
        check(flipped, expected, alone)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_flipped_bit_in_any_byte_of_the_log_is_harmless_or_reported() -> None:
    disk = MemoryDisk()
    expected = write_batches(disk)
    name, _, end = last_batch(disk)
    pads = [r for r in records_of(disk, name) if r.type == RecordType.PAD]
    rng = random.Random(11)
    for at in [*range(200), *range(4092, 4296), *range(8188, end)]:
        if any(pad.offset + 48 <= at < pad.offset + pad.length for pad in pads):
            continue
        for bit in rng.sample(range(8), 3):
            flipped = disk.copy()
            flipped.files[name][at] ^= 1 << bit
            check(flipped, expected, alone=False)


def test_a_damaged_body_in_the_last_batch_is_uncertain_in_a_group_and_cut_alone() -> None:
    disk = MemoryDisk()
    expected = write_batches(disk, critical=False)
    name, start, _ = last_batch(disk)
    victim = [r for r in records_of(disk, name) if r.offset >= start and r.type == RecordType.DATA][1]
    disk.files[name][victim.offset + 41] ^= 4
    group = open_memory(disk.copy())
    a = group.stream("a")
    assert [(d.file, d.offset, d.records[0][:2]) for d in group.recovery.uncertain] == [
        (name, victim.offset, ("a", victim.position))
    ]
    positions = range(victim.position, victim.position + 2)
    assert group.uncertain(a) == [(p, PLAIN_TAG, p + 1000) for p in positions]
    assert group.next_position(a) == victim.position
    assert list(group.records(a)) == expected["a"][1][:-2]
    group.close()
    alone = open_memory(disk.copy(), alone=True)
    assert alone.uncertain(a) == []
    assert dict(alone.recovery.removed) == {"a": [(p, PLAIN_TAG, p + 1000) for p in positions]}
    assert not alone.recovery.clean
    assert list(alone.records(a)) == expected["a"][1][:-2]


def test_a_damaged_header_in_the_last_batch_is_named_by_the_commit_record() -> None:
    disk = MemoryDisk()
    write_batches(disk, critical=False)
    name, start, _ = last_batch(disk)
    victim = [r for r in records_of(disk, name) if r.offset >= start and r.stream == 2 and r.type == RecordType.DATA][
        -1
    ]
    disk.files[name][victim.offset + 24] ^= 1
    log = open_memory(disk)
    assert log.uncertain(2) == [(victim.position, PLAIN_TAG, victim.note)]


def test_a_damaged_commit_record_loses_no_record_of_its_batch() -> None:
    for at in (0, 8, 30, 41):
        disk = MemoryDisk()
        expected = write_batches(disk)
        name, _, _ = last_batch(disk)
        disk.files[name][records_of(disk, name)[-1].offset + at] ^= 16
        log = check(disk, expected, alone=True)
        assert log.recovery.uncertain
        assert everything(open_memory(disk))["a"][1][: len(expected["a"][1])] == expected["a"][1]


def test_uncertain_positions_stay_so_over_restarts_and_rotation_until_resolved() -> None:
    disk = MemoryDisk()
    write_batches(disk, critical=False)
    name, start, _ = last_batch(disk)
    victim = next(r for r in records_of(disk, name) if r.offset >= start and r.type == RecordType.DATA)
    disk.files[name][victim.offset + 41] ^= 4
    log = open_memory(disk, segment_bytes=16 << 10)
    a = log.stream("a")
    uncertain = log.uncertain(a)
    assert len(uncertain) == 3
    for _ in range(20):
        log.append(log.stream("b"), 1, 1, bytes(5000))
        log.commit()
    assert log.stats()["segment"] > 2
    log.checkpoint(log.stream("b"), [], log.next_position(log.stream("b")))
    log.commit()
    log.close()
    log = open_memory(disk)
    assert log.recovery.clean
    assert log.uncertain(a) == uncertain
    assert log.append(a, 1, 1, b"from the leader") == uncertain[0][0]
    log.resolve(a)
    log.commit()
    log = open_memory(disk)
    assert log.uncertain(a) == []
    assert log.next_position(a) == uncertain[0][0] + 1


def test_damage_before_a_later_commit_is_corruption_refused_alone_and_uncertain_in_a_group() -> None:
    disk = MemoryDisk()
    expected = write_batches(disk)
    name = last_segment(disk)
    victim = [r for r in records_of(disk, name) if r.stream == 1 and r.type == RecordType.DATA][4]
    for offset in (victim.offset + 42, victim.offset + 25):
        bad = disk.copy()
        bad.files[name][offset] ^= 32
        with pytest.raises(
            LogCorrupted, match=rf"corrupt: {name} at offset {victim.offset}.*a\[5\].*actorum log repair"
        ):
            open_memory(bad, alone=True)
        assert bad.files[name][offset] == disk.files[name][offset] ^ 32, "refusing must not change the log"
        log = check(bad, expected, alone=False)
        assert [(d.file, d.offset) for d in log.recovery.corrupt] == [(name, victim.offset)]
        assert [p for p, _, _ in log.recovery.removed["a"]] == list(range(5, 13))
        assert log.recovery.lost == []
        open_memory(bad, alone=True).close()  # a damage that was dealt with is not reported again


def test_damage_in_a_sealed_segment_is_corruption() -> None:
    disk = MemoryDisk()
    log = open_memory(disk, segment_bytes=32 << 10)
    a = log.stream("a")
    for number in range(12):
        log.append(a, PLAIN_TAG, number, body_of(number, 6000))
        log.commit()
    expected = everything(log)
    log.close()
    first = segment_name(1)
    last = [r for r in records_of(disk, first) if r.type == RecordType.DATA][-1]
    for offset in (last.offset + 100, last.offset + 16, records_of(disk, first)[-1].offset + 3):
        bad = disk.copy()
        bad.files[first][offset] ^= 2
        with pytest.raises(LogCorrupted, match=f"{first} at offset"):
            open_memory(bad, alone=True)
        check(bad, expected, alone=False)


def test_critical_records_behind_a_hole_are_saved() -> None:
    disk = MemoryDisk()
    log = open_memory(disk)
    a = log.stream("a")
    for number in range(3):
        log.append(a, PLAIN_TAG, number, b"entry %d" % number)
        log.append(a, CRITICAL_TAG, number, b"term %d" % number, critical=True)
        log.commit()
    log.close()
    name = last_segment(disk)
    victim = next(r for r in records_of(disk, name) if r.position == 3 and r.type == RecordType.DATA)
    disk.files[name][victim.offset + 40] ^= 1
    log = open_memory(disk)
    assert [(tag, body) for _, tag, _, body in log.records(a)] == [
        (PLAIN_TAG, b"entry 0"), (CRITICAL_TAG, b"term 0"), (CRITICAL_TAG, b"term 1"), (CRITICAL_TAG, b"term 2"),
    ]  # fmt: skip
    assert not log.lost(a)
    assert log.uncertain(a) == [(3, 5, 1), (4, 9, 1), (5, 5, 2), (6, 9, 2)]


def test_critical_records_are_written_twice_in_different_sectors_and_one_copy_is_enough() -> None:
    disk = MemoryDisk()
    expected = write_batches(disk)
    name = last_segment(disk)
    copies = [r for r in records_of(disk, name) if r.stream == 2 and r.flags & 1 and r.position == 7]
    assert len(copies) == 2
    assert copies[1].offset - copies[0].offset >= 4096
    for copy in copies:
        bad = disk.copy()
        sector = copy.offset // SECTOR * SECTOR
        lost_whole = range(sector, sector + SECTOR)
        for at in range(copy.offset, copy.offset + 48):
            bad.files[name][at] ^= 0x55
        log = open_memory(bad)
        assert everything(log)["b"] == expected["b"]
        assert not log.lost(2)
        assert not log.recovery.clean
        assert copies[0].offset in lost_whole or copy is copies[1]
    both = disk.copy()
    for copy in copies:
        both.files[name][copy.offset + 40] ^= 1
    log = open_memory(both)
    assert log.lost(2)
    assert log.recovery.lost == ["b"]
    log = open_memory(both)
    assert log.lost(2), "a lost stream stays lost until it is resolved"
    log.resolve(2)
    log.commit()
    assert not open_memory(both).lost(2)


@pytest.mark.parametrize("size", range(0, 512, 24))
@pytest.mark.parametrize("between", [0, 4080, 5000])
def test_what_is_torn_off_before_a_commit_record_never_takes_both_copies_of_a_vote(size: int, between: int) -> None:
    """The disk keeps any sectors of a batch that is being written: also those of the COMMIT alone."""
    disk = MemoryDisk()
    log = open_memory(disk)
    stream = log.stream("a")
    log.append(stream, 7, 1, b"vote", critical=True)
    log.commit()
    log.append(stream, 1, 1, bytes(size))  # where in a sector the next batch begins
    log.commit()
    name = last_segment(disk)
    before = bytes(disk.files[name])
    log.append(stream, 7, 2, b"vote", critical=True)
    if between:
        log.append(stream, 1, 2, bytes(between))
    log.commit()
    after = disk.files[name]
    (commit,) = [found.offset for found in records_of(disk, name) if found.type == RecordType.COMMIT][-1:]
    kept = commit // SECTOR * SECTOR
    torn = disk.copy()
    torn.files[name][:] = before[:kept] + after[kept:]
    log.close()
    log = open_memory(torn)
    assert not log.lost(stream)
    newest = [(tag, note) for _, tag, note, _ in log.records(stream) if tag == 7][-1]
    assert newest == (7, 2)
    log.close()


def test_an_older_critical_record_may_be_unreadable_when_a_newer_one_is_whole() -> None:
    disk = MemoryDisk()
    write_batches(disk)
    name = last_segment(disk)
    for copy in [r for r in records_of(disk, name) if r.stream == 2 and r.flags & 1 and r.position == 3]:
        disk.files[name][copy.offset + 40] ^= 1
    log = open_memory(disk)
    assert not log.lost(2)
    assert [body for _, tag, _, body in log.records(2) if tag == CRITICAL_TAG] == [b"term 0", b"term 2", b"term 3"]


def test_a_lost_checkpoint_makes_its_stream_lost() -> None:
    disk = MemoryDisk()
    log = open_memory(disk)
    a = log.stream("a")
    for number in range(5):
        log.append(a, 1, number, b"entry")
    log.commit()
    log.checkpoint(a, [(1, b"state"), (2, bytes(100_000))], 4)
    log.commit()
    log.close()
    name = last_segment(disk)
    chunks = [r for r in records_of(disk, name) if r.type == RecordType.CHECKPOINT]
    assert len(chunks) == 3, "the small chunk is written twice, the large one once"
    small = disk.copy()
    small.files[name][chunks[0].offset + 40] ^= 1
    log = open_memory(small)
    assert not log.lost(a)
    assert [len(body) for _, body in log.checkpoint_of(a)] == [5, 100_000]
    large = disk.copy()
    large.files[name][chunks[1].offset + 50] ^= 1
    log = open_memory(large)
    assert log.lost(a)
    assert log.first_position(a) == 4


@pytest.mark.parametrize("victim", [1, 2, 3])
def test_an_unreadable_or_missing_segment_is_corruption(victim: int) -> None:
    disk = MemoryDisk()
    log = open_memory(disk, segment_bytes=32 << 10)
    a, b = log.stream("a"), log.stream("b")
    log.append(b, CRITICAL_TAG, 1, b"term", critical=True)
    while log.stats()["segment"] < 3:
        log.append(a, PLAIN_TAG, 0, body_of(log.next_position(a), 6000))
        log.commit()
    expected = everything(log)
    log.close()
    name = segment_name(victim)
    unreadable = disk.copy()
    unreadable.files[name][: DATA_START + 40] = bytes(DATA_START + 40)  # nor its first record: nothing tells the salt
    missing = disk.copy()
    missing.remove(name)
    for bad in (unreadable, missing):
        if victim == 3 and bad is missing:
            continue  # nothing points at what came after the newest segment that is there
        with pytest.raises(LogCorrupted):
            open_memory(bad, alone=True)
        log = check(bad, expected, alone=False)
        assert log.recovery.corrupt
        if victim == 1:
            assert log.recovery.lost == ["b"]


def test_one_damaged_copy_of_a_segment_header_is_healed() -> None:
    disk = MemoryDisk()
    expected = write_batches(disk)
    disk.files[last_segment(disk)][30] ^= 1
    log = open_memory(disk, alone=True)
    assert everything(log) == expected
    assert [d.verdict.value for d in log.recovery.healed] == ["healed"]


def test_a_log_without_any_readable_header_is_refused() -> None:
    disk = MemoryDisk()
    write_batches(disk)
    disk.files[last_segment(disk)][:DATA_START] = bytes(DATA_START)
    with pytest.raises(LogCorrupted, match=r"no segment header in memory is readable.*new member"):
        open_memory(disk)


def test_the_name_of_a_segment_that_kill_minus_nine_left_behind_is_durable_before_it_is_written_to() -> None:
    disk = MemoryDisk()
    expected = write_batches(disk)
    disk.names_synced = False  # the process died between the rename of its newest segment and the directory's sync
    log = open_memory(disk)
    assert disk.names_synced
    assert everything(log) == expected
    log.close()


def test_a_declaration_is_read_from_its_second_copy() -> None:
    disk = MemoryDisk()
    log = open_memory(disk, segment_bytes=32 << 10)
    idle, busy = log.stream("idle"), log.stream("busy")
    log.append(idle, PLAIN_TAG, 1, b"one")
    log.append(idle, PLAIN_TAG, 2, b"two")
    while log.use.first == 1:
        log.append(busy, PLAIN_TAG, 1, bytes(3000))
        log.checkpoint(busy, [], log.next_position(busy))
        log.commit()
    expected = everything(log)
    assert [body for _, _, _, body in expected["idle"][1]] == [b"one", b"two"]
    log.close()
    name = min(disk.files)
    declaration = next(r for r in records_of(disk, name) if r.type == RecordType.STREAM and r.stream == idle)
    disk.files[name][declaration.offset + 16] ^= 1
    log = open_memory(disk, segment_bytes=32 << 10)
    assert everything(log)["idle"] == expected["idle"]
    assert not log.lost(log.stream("idle"))
    log.close()
