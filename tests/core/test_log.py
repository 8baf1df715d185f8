"""The log through its front door: what is appended is read back, before it is durable and after a restart."""

import gc
import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_ext.log import Log
from core_ext.log_errors import LogError, LogForeign, LogLocked, RecordTooLarge
from core_ext.log_format import DATA_START
from tests.core import log_twin
from tests.core.log_disks import MemoryDisk
from tests.core.log_help import commit_and_wait, everything, open_folder, open_memory


def test_records_come_back_after_a_restart(tmp_path: Path) -> None:
    log = open_folder(tmp_path / "deep" / "data")
    assert log.recovery.created
    stream = log.stream("raft-0")
    assert [log.append(stream, 7, 2**63 + i, b"record %d" % i) for i in range(10)] == list(range(1, 11))
    assert commit_and_wait(log) == 1
    folder_id = log.folder_id
    log.close()
    log = open_folder(tmp_path / "deep" / "data")
    assert log.recovery.clean
    assert not log.recovery.created
    assert log.folder_id == folder_id
    assert log.stream("raft-0") == stream
    assert list(log.records(stream)) == [(i + 1, 7, 2**63 + i, b"record %d" % i) for i in range(10)]
    assert list(log.records(stream, 9)) == [(9, 7, 2**63 + 8, b"record 8"), (10, 7, 2**63 + 9, b"record 9")]
    log.close()


def test_commit_with_nothing_to_do_returns_zero_and_batches_are_numbered_on(tmp_path: Path) -> None:
    log = open_folder(tmp_path)
    stream = log.stream("a")
    assert commit_and_wait(log) == 1
    assert log.commit() == 0
    log.append(stream, 1, 1, b"")
    assert commit_and_wait(log) == 2
    log.close()
    log = open_folder(tmp_path)
    assert log.synced() == 2
    log.append(log.stream("a"), 1, 1, memoryview(b"x"))
    assert commit_and_wait(log) == 3
    log.close()
    assert log.synced() == 3


def test_synced_and_eventfd_tell_when_a_batch_is_durable(tmp_path: Path) -> None:
    log = open_folder(tmp_path)
    log.stream("a")
    log.drain_notification()
    number = log.commit()
    poller = select.poll()
    poller.register(log.fileno(), select.POLLIN)
    while log.synced() < number:
        assert poller.poll(5000), "no notification came within 5 s"
        log.drain_notification()
    log.drain_notification()
    assert not poller.poll(0)
    log.close()


def test_reading_sees_pending_committed_and_durable_records_alike() -> None:
    disk = MemoryDisk()
    log = open_memory(disk, stepped=True)
    stream, other = log.stream("a"), log.stream("b")
    expected = []
    for number in range(1, 13):
        body = bytes([number]) * number
        log.append(stream, number, number * 10, body)
        log.append(other, 1, 1, b"between")
        expected.append((number, number, number * 10, body))
        if number in (4, 8):
            log.commit()
        if number == 6:
            log.step()
    assert (log.synced(), log.stats()["queue"]) == (1, 1)
    assert list(log.records(stream)) == expected
    assert log.read(stream, 3, 9, 10**6) == expected[2:9]
    assert log.read(stream, 1, 12, 1 + 2 + 3) == expected[:3]
    assert log.read(stream, 5, 12, 0) == expected[4:5], "one record comes also above the limit"
    assert log.read(stream, 13, 20, 100) == []
    log.close()


def test_truncate_frees_positions_and_checkpoint_replaces_the_past() -> None:
    disk = MemoryDisk()
    log = open_memory(disk)
    stream = log.stream("a")
    for number in range(10):
        log.append(stream, 1, number, b"old %d" % number)
    log.truncate(stream, 8)
    assert log.append(stream, 2, 99, b"new") == 8
    log.checkpoint(stream, [(5, b"first chunk"), (6, b"x" * 70_000)], 4)
    log.commit()
    again = open_memory(disk)
    for one in (log, again):
        assert (one.first_position(stream), one.next_position(stream)) == (4, 9)
        assert [position for position, _, _, _ in one.records(stream)] == [4, 5, 6, 7, 8]
        assert one.read(stream, 8, 8, 100) == [(8, 2, 99, b"new")]
        assert one.checkpoint_of(stream) == [(5, b"first chunk"), (6, b"x" * 70_000)]
    log = again
    log.checkpoint(stream, [], 9)
    log.commit()
    log = open_memory(disk)
    assert (log.first_position(stream), log.next_position(stream), log.checkpoint_of(stream)) == (9, 9, [])
    assert log.append(stream, 1, 1, b"") == 9
    log.close()


def test_wrong_arguments_are_refused_with_the_bounds() -> None:
    log = open_memory(MemoryDisk())
    stream = log.stream("a")
    log.append(stream, 1, 1, b"")
    with pytest.raises(ValueError, match=r"stream a holds positions 1 to 1.*from 3"):
        log.truncate(stream, 3)
    with pytest.raises(ValueError, match="cannot keep it from 3"):
        log.checkpoint(stream, [], 3)
    with pytest.raises(LogError, match="stream 9 does not exist"):
        log.append(9, 1, 1, b"")
    with pytest.raises(ValueError, match="1 to 1024 bytes"):
        log.stream("")
    with pytest.raises(RecordTooLarge, match="does not fit a segment: the limit is 67108864 bytes"):
        log.append(stream, 1, 1, bytes((64 << 20) + 1))
    assert log.next_position(stream) == 2
    log.close()
    with pytest.raises(LogError, match="closed"):
        log.append(stream, 1, 1, b"")


def test_a_record_larger_than_a_segment_gets_a_segment_of_its_own(tmp_path: Path) -> None:
    log = open_folder(tmp_path, segment_bytes=64 << 10)
    stream = log.stream("a")
    bodies = [b"small", bytes(range(256)) * 4096, b"after"]
    for body in bodies:
        log.append(stream, 1, 1, body)
        commit_and_wait(log)
    log.close()
    log = open_folder(tmp_path, segment_bytes=64 << 10)
    assert [body for _, _, _, body in log.records(stream)] == bodies
    log.close()


def test_a_folder_in_use_is_refused_with_the_pid_that_has_it(tmp_path: Path) -> None:
    code = (
        "import sys; from core_ext.log import Log\n"
        f"log = Log.open({str(tmp_path)!r}, cluster_id='c', node_id='n', segment_bytes=1 << 20)\n"
        "print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(LogLocked, match=f"in use by the process with pid {other.pid}: stop that process"):
            open_folder(tmp_path)
        other.kill()
        other.communicate()
    open_folder(tmp_path).close()


def test_the_folder_of_another_node_or_cluster_is_refused(tmp_path: Path) -> None:
    open_folder(tmp_path).close()
    with pytest.raises(LogForeign, match=r"belongs to node 'n' of cluster 'c'.*node 'm' of cluster 'c'"):
        Log.open(tmp_path, cluster_id="c", node_id="m")
    with pytest.raises(LogForeign, match="cluster 'd'"):
        Log.open(tmp_path, cluster_id="d", node_id="n")
    open_folder(tmp_path).close()


def test_the_folder_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    open_folder(tmp_path).close()
    path = next(tmp_path.glob("wal-*.log"))
    data = bytearray(path.read_bytes())
    for start in (0, 4096):
        data[start + 8 : start + 12] = (7).to_bytes(4, "little")
        crc = log_twin.crc32c(bytes(data[start : start + 4092]))
        data[start + 4092 : start + 4096] = crc.to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(LogForeign, match=r"version 7 of the log format.*install"):
        open_folder(tmp_path)


def test_closing_leaks_no_descriptor_and_no_thread(tmp_path: Path) -> None:
    def held() -> set[str]:
        return {f"{kind} {name}" for kind in ("fd", "task") for name in os.listdir(f"/proc/self/{kind}")}

    gc.collect()  # what earlier tests left to the collector is not this test's affair
    before = held()
    for _ in range(3):
        log = open_folder(tmp_path, segment_bytes=32 << 10)
        stream = log.stream("a")
        for _ in range(40):
            log.append(stream, 1, 1, bytes(5000))
            log.commit()
        assert sum(1 for _ in log.records(stream)) >= 40
        log.close()
        log.close()
    deadline = time.monotonic() + 10
    while left := held() - before:  # a thread that was joined is still listed for a moment
        assert time.monotonic() < deadline, left
        time.sleep(0.001)


operations = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 2), st.binary(max_size=200), st.booleans()),
        st.tuples(st.just("truncate"), st.integers(0, 2), st.integers(0, 9)),
        st.tuples(
            st.just("checkpoint"), st.integers(0, 2), st.integers(0, 9), st.lists(st.binary(max_size=60), max_size=3)
        ),
        st.tuples(st.just("commit")),
        st.tuples(st.just("reopen")),
        st.tuples(st.just("fill"), st.integers(0, 2)),
    ),
    max_size=40,
)


@given(operations)
@settings(max_examples=120, deadline=None)
def test_the_log_behaves_as_lists_do_and_its_bytes_say_the_same_to_the_twin(steps: list[tuple]) -> None:  # type: ignore[type-arg]
    disk = MemoryDisk()
    log = open_memory(disk, segment_bytes=16 << 10)
    names = ["x", "y", "z"]
    model = {name: log_twin.Stream(name) for name in names}
    for name in names:
        log.stream(name)
    for step in [*steps, ("reopen",)]:
        stream = names[step[1]] if len(step) > 1 else ""
        held = model[stream] if stream else None
        if step[0] == "append":
            assert held is not None
            assert log.append(log.stream(stream), 3, held.next, step[2], step[3]) == held.next
            held.records[held.next] = (3, held.next, step[2])
            held.next += 1
        elif step[0] == "fill":
            assert held is not None
            body = bytes(3000)
            log.append(log.stream(stream), 4, 0, body)
            held.records[held.next] = (4, 0, body)
            held.next += 1
        elif step[0] == "truncate":
            assert held is not None
            position = max(held.first, held.next - step[2])
            log.truncate(log.stream(stream), position)
            held.records = {p: r for p, r in held.records.items() if p < position}
            held.next = position
        elif step[0] == "checkpoint":
            assert held is not None
            position = min(held.next, held.first + step[2])
            chunks = [(9, body) for body in step[3]]
            log.checkpoint(log.stream(stream), chunks, position)
            held.records = {p: r for p, r in held.records.items() if p >= position}
            held.first, held.chunks = position, chunks
        elif step[0] == "commit":
            log.commit()
        else:
            log.commit()
            log.close()
            log = open_memory(disk, alone=True, segment_bytes=16 << 10)
            assert log.recovery.clean
            assert not log.recovery.cut
            twin = log_twin.replay({name: bytes(data) for name, data in disk.files.items()})
            assert {name: (s.first, s.next, s.records, s.chunks) for name, s in twin.items()} == {
                name: (s.first, s.next, s.records, s.chunks) for name, s in model.items()
            }
        assert everything(log) == {
            name: (s.first, [(p, *r) for p, r in sorted(s.records.items())], s.chunks) for name, s in model.items()
        }
    assert all(len(data) >= DATA_START for data in disk.files.values())
    log.close()
