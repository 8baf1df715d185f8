"""A segment's header: whatever damages it, it is read or told again, reported, and whole afterwards."""

import struct
from pathlib import Path
from typing import Any

import pytest

from core_ext import log_header, log_tools
from core_ext.log_errors import LogCorrupted
from core_ext.log_format import DATA_START, decode_segment_header, encode_segment_header
from core_ext.log_reader import segment_name
from tests.core.log_disks import MemoryDisk
from tests.core.log_help import body_of, everything, open_memory
from tests.core.test_log_tools import make, snapshot

COPY = DATA_START // 2
FIXED = struct.Struct("<8sIIQQQI16sHH")


def written(segments: int) -> tuple[MemoryDisk, dict[str, Any]]:
    disk = MemoryDisk()
    log = open_memory(disk, segment_bytes=(64 if segments == 1 else 32) << 10)
    a, votes = log.stream("a"), log.stream("votes")
    while log.stats()["segment"] < segments or log.next_position(a) < 3:
        log.append(a, 5, 1, body_of(log.next_position(a), 6000))
        log.append(votes, 9, 1, b"term", critical=True)
        log.commit()
    expected = everything(log)
    log.close()
    return disk, expected


def check_healed(disk: MemoryDisk, expected: dict[str, Any], name: str) -> None:
    """Read although a node alone is strict; reported; and the next start finds nothing to report."""
    log = open_memory(disk, alone=True, segment_bytes=32 << 10)
    assert everything(log) == expected
    assert [(damage.file, damage.offset) for damage in log.recovery.healed] == [(name, 0)]
    recovery = log.recovery
    assert [recovery.corrupt, recovery.uncertain, recovery.cut, recovery.lost] == [[], [], [], []]
    log.close()
    assert decode_segment_header(disk.files[name][:DATA_START])[1], "one copy is still damaged"
    log = open_memory(disk, alone=True, segment_bytes=32 << 10)
    assert log.recovery.clean
    assert everything(log) == expected
    log.close()


FIELDS = FIXED.size + len("c") + len("n")


@pytest.mark.parametrize("copies", [(0,), (COPY,), (0, COPY)], ids=["first", "second", "both"])
def test_every_flipped_bit_of_every_field_is_healed(copies: tuple[int, ...]) -> None:
    disk, expected = written(1)
    name = segment_name(1)
    header, _ = decode_segment_header(disk.files[name][:DATA_START])
    for at in (*range(FIELDS), COPY - 4, COPY - 1):
        for bit in range(8):
            data = bytearray(disk.files[name])
            for copy in copies:
                data[copy + at] ^= 1 << bit
            if len(copies) == 1:
                assert decode_segment_header(data[:DATA_START]) == (header, False)
            elif bit == at % 8:  # what opening does then, without the rest of it; a search takes a while
                assert log_header.rebuild(bytes(data), 1, None) == header
            if bit == at % 8 and at % 9 == 0:
                damaged = disk.copy()
                damaged.files[name] = data
                check_healed(damaged, expected, name)


def test_copies_that_are_damaged_at_different_places_are_one_whole_header() -> None:
    disk, expected = written(1)
    name = segment_name(1)
    for at in (3, 17, 30, 80):
        disk.files[name][at] ^= 0x55
    for at in (5, 21, 60):
        disk.files[name][COPY + at] ^= 0xFF
    check_healed(disk, expected, name)


@pytest.mark.parametrize("victim", [1, 2, 3])
@pytest.mark.parametrize("junk", [bytes(DATA_START), b"\xa5" * DATA_START])
def test_a_header_that_is_gone_altogether_is_told_by_the_records_behind_it(victim: int, junk: bytes) -> None:
    disk, expected = written(3)
    name = segment_name(victim)
    before, _ = decode_segment_header(disk.files[name][:DATA_START])
    disk.files[name][:DATA_START] = junk
    check_healed(disk, expected, name)
    after, _ = decode_segment_header(disk.files[name][:DATA_START])
    assert after._replace(salt=before.salt) == before  # of the salt, a CRC keeps 32 bits
    log = open_memory(disk, segment_bytes=32 << 10)  # and the log goes on in that segment
    log.append(log.stream("a"), 5, 1, b"more")
    log.commit()
    goes_on = everything(log)
    log.close()
    log = open_memory(disk, alone=True, segment_bytes=32 << 10)
    assert everything(log) == goes_on
    log.close()


def test_the_header_of_another_segment_or_of_nothing_is_not_made_up() -> None:
    disk, _ = written(3)
    data = bytes(disk.files[segment_name(2)])
    neighbour, _ = decode_segment_header(disk.files[segment_name(1)][:DATA_START])
    assert log_header.rebuild(bytes(len(data)), 2, neighbour) is None
    assert log_header.rebuild(bytes(DATA_START) + data[DATA_START:], 2, None) is None  # nobody knows whose it is
    broken = bytearray(bytes(DATA_START) + data[DATA_START:])
    broken[DATA_START + 20] ^= 1  # the salt that fits this record fits no other one
    assert log_header.rebuild(bytes(broken), 2, neighbour) is None


def test_a_log_whose_only_header_is_gone_altogether_is_refused() -> None:
    disk, _ = written(1)
    disk.files[segment_name(1)][:DATA_START] = bytes(DATA_START)
    with pytest.raises(LogCorrupted, match=r"no segment header in memory is readable"):
        open_memory(disk)


def test_the_tools_know_a_damaged_header_and_repair_mends_it(tmp_path: Path) -> None:
    make(tmp_path)
    path = tmp_path / segment_name(1)
    whole = path.read_bytes()
    data = bytearray(whole)
    data[30] ^= 1
    data[COPY + 40] ^= 4
    path.write_bytes(data)
    before = snapshot(tmp_path)
    seen = log_tools.inspect(tmp_path)
    assert (seen.cluster_id, seen.node_id) == ("c", "n")
    verified = log_tools.verify(tmp_path)
    assert [(damage.file, damage.offset, damage.verdict.value) for damage in verified.damages] == [
        (path.name, 0, "healed")
    ]
    assert not verified.ok
    assert not verified.refused_alone
    assert snapshot(tmp_path) == before
    done = log_tools.repair(tmp_path)
    assert [damage.file for damage in done.damages] == [path.name]
    assert done.copies == [f"{path.stem}.damaged"]
    assert log_tools.verify(tmp_path).ok
    assert path.read_bytes()[:DATA_START] == whole[:DATA_START] == encode_segment_header(
        decode_segment_header(whole[:DATA_START])[0]
    )
