"""Segments: the log moves on to new ones, old ones go when no stream needs them, and idle streams do not pin them."""

import select
import time
from pathlib import Path

from core_ext.log_format import RecordType, decode_segment_header, scan
from core_ext.log_reader import segment_name
from tests.core.log_disks import MemoryDisk
from tests.core.log_help import body_of, commit_and_wait, everything, open_folder, open_memory

SMALL = 32 << 10


def fill(log, stream: int, records: int, size: int = 3000) -> None:  # type: ignore[no-untyped-def]
    for _ in range(records):
        log.append(stream, 1, 1, body_of(log.next_position(stream), size))
        log.commit()


def test_rotation_keeps_order_and_every_segment_names_all_streams(tmp_path: Path) -> None:
    log = open_folder(tmp_path, segment_bytes=SMALL)
    busy, idle = log.stream("busy"), log.stream("idle")
    log.append(idle, 1, 2, b"kept")
    fill(log, busy, 60)
    expected = everything(log)
    commit_and_wait(log)
    log.close()
    names = sorted(path.name for path in tmp_path.glob("wal-*.log"))
    assert len(names) > 4
    previous_end = None
    for name in names:
        data = (tmp_path / name).read_bytes()
        header, intact = decode_segment_header(data)
        assert intact
        found = scan(data, header.salt, header.first_lsn, len(data))
        assert previous_end in (None, header.first_lsn), "the segments' sequence numbers leave no gap"
        previous_end = header.first_lsn + found.end - 8192
        declared = {r.stream for r in found.records() if r.type == RecordType.STREAM}
        assert declared == {busy, idle}
    log = open_folder(tmp_path, segment_bytes=SMALL)
    assert log.recovery.clean
    assert everything(log) == expected
    log.close()


def test_a_segment_goes_when_no_stream_needs_it(tmp_path: Path) -> None:
    log = open_folder(tmp_path, segment_bytes=SMALL)
    stream = log.stream("a")
    fill(log, stream, 60)
    commit_and_wait(log)
    before = len(list(tmp_path.glob("wal-*.log")))
    log.checkpoint(stream, [(1, b"state")], 55)
    commit_and_wait(log)
    fill(log, stream, 1)
    expected = everything(log)
    log.close()
    after = len(list(tmp_path.glob("wal-*.log")))
    assert before > 5
    assert after <= 3
    log = open_folder(tmp_path, segment_bytes=SMALL)
    assert log.recovery.clean
    assert everything(log) == expected
    assert log.first_position(stream) == 55
    log.close()


def test_idle_streams_are_copied_forward_and_do_not_pin_old_segments() -> None:
    disk = MemoryDisk()
    log = open_memory(disk, segment_bytes=SMALL)
    busy, idle, state = log.stream("busy"), log.stream("idle"), log.stream("state")
    for number in range(5):
        log.append(idle, 7, number, b"vote %d" % number, critical=True)
    log.truncate(idle, 5)
    log.append(state, 1, 1, b"gone")
    log.checkpoint(state, [(3, b"small state"), (4, b"")], 2)
    for round_ in range(1, 8):
        fill(log, busy, 30)
        log.checkpoint(busy, [(1, b"round %d" % round_)], log.next_position(busy))
        log.commit()
        assert log.stats()["segments"] <= 4 + 30 * 3100 // (SMALL - 8192)
    fill(log, busy, 12)
    assert log.use.first > 5
    assert log.stats()["segments"] <= 4
    expected = everything(log)
    assert [(p, note, body) for p, _, note, body in expected["idle"][1]] == [
        (number + 1, number, b"vote %d" % number) for number in range(4)
    ]
    assert expected["state"] == (2, [], [(3, b"small state"), (4, b"")])
    log.close()
    for _ in range(3):
        log = open_memory(disk, alone=True, segment_bytes=SMALL)
        assert log.recovery.clean
        assert everything(log) == expected
        assert not log.lost(idle)
        log.close()


def test_a_copied_critical_record_still_has_two_copies() -> None:
    disk = MemoryDisk()
    log = open_memory(disk, segment_bytes=SMALL)
    busy, idle = log.stream("busy"), log.stream("idle")
    log.append(idle, 7, 1, b"vote", critical=True)
    while log.use.first == 1:
        fill(log, busy, 10)
        log.checkpoint(busy, [], log.next_position(busy))
        log.commit()
    expected = everything(log)
    log.close()
    copies = []
    for name, data in disk.files.items():
        header, _ = decode_segment_header(data)
        copies += [
            (name, r.offset)
            for r in scan(data, header.salt, header.first_lsn, len(data)).records()
            if r.stream == idle and r.type == RecordType.DATA
        ]
    assert len(copies) == 2
    for name, offset in copies:
        bad = disk.copy()
        bad.files[name][offset + 40] ^= 1
        log = open_memory(bad, alone=True, segment_bytes=SMALL)
        assert everything(log) == expected
        assert log.recovery.healed
        log.close()


def test_space_is_reserved_and_zeroed_ahead_of_use(tmp_path: Path) -> None:
    log = open_folder(tmp_path, segment_bytes=4 << 20)
    path = tmp_path / segment_name(1)
    assert path.stat().st_size == 4 << 20
    assert path.stat().st_blocks * 512 >= 4 << 20
    stream = log.stream("a")
    fill(log, stream, 20)
    commit_and_wait(log)
    deadline = time.monotonic() + 20
    while log.stats()["zeroed_bytes"] < 1 << 20:
        assert time.monotonic() < deadline, "an idle log did not prepare room for what comes"
        select.select([], [], [], 0.01)
    data = path.read_bytes()
    header, _ = decode_segment_header(data)
    end = scan(data, header.salt, header.first_lsn, len(data)).end
    assert not any(data[end:])
    log.close()
