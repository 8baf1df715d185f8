"""The offline tools: inspect and verify change nothing; repair makes a refused log start, and destroys nothing."""

from pathlib import Path

import pytest

from core_ext import log_tools
from core_ext.log_errors import LogCorrupted, LogError, LogLocked
from core_ext.log_reader import segment_name
from core_ext.log_recovery import Verdict
from tests.core.log_help import body_of, commit_and_wait, everything, open_folder


def make(folder: Path) -> dict[str, object]:
    log = open_folder(folder, segment_bytes=1 << 20)
    a, b = log.stream("a"), log.stream("b")
    for number in range(6):
        log.append(a, 1, number, body_of(number))
        log.append(b, 2, number, b"term", critical=True)
        commit_and_wait(log)
    expected = everything(log)
    log.close()
    return expected


def damage(folder: Path, needle: bytes) -> int:
    path = folder / segment_name(1)
    data = bytearray(path.read_bytes())
    at = data.index(needle)
    data[at] ^= 1
    path.write_bytes(data)
    return at


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("wal-*")}


def test_inspect_describes_segments_and_streams_without_changing_anything(tmp_path: Path) -> None:
    make(tmp_path)
    before = snapshot(tmp_path)
    seen = log_tools.inspect(tmp_path)
    assert (seen.cluster_id, seen.node_id, len(seen.folder_id)) == ("c", "n", 32)
    assert [(s.name, s.first_position, s.next_position, s.lost) for s in seen.streams] == [
        ("a", 1, 7, False), ("b", 1, 7, False),
    ]  # fmt: skip
    (segment,) = seen.segments
    assert segment.records["data"] == 6 + 2 * 6
    assert segment.records["commit"] == 6
    assert segment.size == 1 << 20
    assert 8192 < segment.used < segment.size
    assert log_tools.verify(tmp_path).ok
    assert snapshot(tmp_path) == before


def test_verify_names_every_damaged_place(tmp_path: Path) -> None:
    make(tmp_path)
    at = damage(tmp_path, body_of(2))
    seen = log_tools.verify(tmp_path)
    assert not seen.ok
    assert seen.refused_alone
    (place,) = seen.damages
    assert (place.file, place.offset + 40, place.verdict) == (segment_name(1), at, Verdict.CORRUPT)
    assert place.records == [("a", 3, 1, 2)]
    assert repr(place).startswith(f"corrupt: {segment_name(1)} at offset {at - 40}")


def test_repair_keeps_a_copy_and_makes_a_refused_log_start(tmp_path: Path) -> None:
    expected = make(tmp_path)
    damage(tmp_path, body_of(2))
    damaged = (tmp_path / segment_name(1)).read_bytes()
    with pytest.raises(LogCorrupted, match=f"actorum log repair {tmp_path}"):
        open_folder(tmp_path)
    done = log_tools.repair(tmp_path)
    assert done.removed == {"a": [(p, 1, p - 1) for p in range(3, 7)]}
    assert done.lost == []
    assert [(tmp_path / name).read_bytes() for name in done.copies] == [damaged]
    log = open_folder(tmp_path)
    assert log.recovery.clean
    found = everything(log)
    assert found["a"][1] == expected["a"][1][:2]  # type: ignore[index]
    assert found["b"] == expected["b"]
    log.append(log.stream("a"), 1, 1, b"goes on")
    commit_and_wait(log)
    log.close()
    again = log_tools.repair(tmp_path)
    assert (again.damages, again.copies) == ([], [])


def test_tools_refuse_what_is_no_log_and_repair_refuses_a_live_one(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="is no folder"):
        log_tools.inspect(tmp_path / "nowhere")
    with pytest.raises(LogError, match="holds no log"):
        log_tools.verify(tmp_path)
    make(tmp_path)
    log = open_folder(tmp_path)
    with pytest.raises(LogLocked, match="in use by the process with pid"):
        log_tools.repair(tmp_path)
    assert log_tools.verify(tmp_path).ok
    log.close()
