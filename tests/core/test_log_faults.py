"""A disk that fails, fills up, is slow, or loses what was not synced: nothing acknowledged is lost, nothing retried."""

import errno
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_ext.log import Log
from core_ext.log_errors import LogFailed, LogFull
from core_ext.log_opening import wait_synced
from tests.core.log_disks import MemoryDisk
from tests.core.log_help import body_of, everything, open_memory


@pytest.mark.parametrize("which", ["fail_syncs", "fail_writes"])
def test_after_a_failed_write_or_sync_nothing_is_acknowledged_nor_retried(which: str) -> None:
    disk = MemoryDisk()
    log = open_memory(disk, stepped=True)
    stream = log.stream("a")
    log.append(stream, 1, 1, b"durable")
    first = log.commit()
    log.step()
    getattr(disk, which).add(disk.syncs if which == "fail_syncs" else disk.writes)
    log.append(stream, 1, 1, b"not durable")
    log.commit()
    log.step()
    assert log.synced() == first
    assert log.failure is not None
    assert "Input/output error" in log.failure
    assert "Nothing is acknowledged any more" in log.failure
    calls = (disk.syncs, disk.writes)
    assert not log.step()
    assert (disk.syncs, disk.writes) == calls, "a failed write or sync must never be retried"
    log.append(stream, 1, 1, b"more")
    with pytest.raises(LogFailed, match="Input/output error"):
        log.commit()
    with pytest.raises(LogFailed):
        wait_synced(log)
    log.close()
    assert log.synced() == first


def test_a_failed_sync_while_opening_is_an_error() -> None:
    disk = MemoryDisk()
    log = open_memory(disk)
    log.stream("a")
    log.commit()
    log.close()
    disk.fail_syncs = {disk.syncs}
    with pytest.raises(OSError, match="Input/output error"):
        open_memory(disk)


def test_a_full_disk_is_told_at_opening_and_stops_a_running_log() -> None:
    disk = MemoryDisk()
    disk.full_at = 1000
    with pytest.raises(LogFull, match=r"the disk of memory is full.*free some space"):
        open_memory(disk)
    disk.full_at = 100 << 10
    log = open_memory(disk, segment_bytes=64 << 10)
    stream = log.stream("a")
    while log.failure is None:
        log.append(stream, 1, 1, body_of(log.next_position(stream), 5000))
        log.commit()
    assert "No space left on device" in log.failure
    durable = log.synced()
    kept = everything(log)["a"][1][:durable]
    log.close()
    disk.full_at = None
    log = open_memory(disk)
    assert list(log.records(stream)) == kept
    assert len(kept) > 5
    log.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_the_syncer_thread_stops_at_the_first_error(tmp_path: Path) -> None:
    import resource
    import signal

    log = Log.open(tmp_path, cluster_id="c", node_id="n", segment_bytes=32 << 10)
    stream = log.stream("a")
    log.append(stream, 1, 1, b"durable")
    log.commit()
    wait_synced(log)
    durable = log.synced()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40 << 10, hard))
        log.append(stream, 1, 1, bytes(100_000))  # needs a segment above the limit
        log.commit()
        with pytest.raises(LogFailed, match="new segment: File too large"):
            wait_synced(log)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)
    log.append(stream, 1, 1, b"")
    with pytest.raises(LogFailed):
        log.commit()
    assert log.synced() == durable
    log.close()
    log = Log.open(tmp_path, cluster_id="c", node_id="n", segment_bytes=32 << 10, alone=True)
    assert [body for _, _, _, body in log.records(stream)] == [b"durable"]
    log.close()


def test_commits_that_wait_for_a_slow_sync_are_synced_together_in_order() -> None:
    disk = MemoryDisk()
    log = open_memory(disk, stepped=True)
    stream = log.stream("a")
    numbers = []
    for number in range(10):
        log.append(stream, 1, number, b"x")
        numbers.append(log.commit())
    assert numbers == list(range(1, 11))
    syncs = disk.syncs
    assert (log.synced(), disk.writes) == (0, 1), "only the segment's header was written"
    assert log.step()
    assert log.synced() == 10
    assert disk.syncs == syncs + 1
    assert not log.step()
    log.close()


class CrashingDisk(MemoryDisk):
    """The power goes when ``crash_at`` operations are done."""

    crash_at = -1
    operations = 0

    def _count(self) -> None:
        self.operations += 1
        if self.operations == self.crash_at:
            raise OSError(errno.EIO, "the power went")

    def sync(self, name: str) -> None:
        self._count()
        super().sync(name)

    def write_at(self, name: str, offset: int, data: bytes) -> None:
        super().write_at(name, offset, data)
        self._count()

    def rename(self, old: str, new: str) -> None:
        self._count()
        super().rename(old, new)


def run_until_crash(seed: int) -> tuple[CrashingDisk, dict[str, Any], dict[int, dict[str, Any]]]:
    """A random history until the power goes: (disk, the acknowledged state, all states from there on, by batch)."""
    rng = random.Random(seed)
    disk = CrashingDisk()
    disk.crash_at = rng.randrange(4, 60)
    log = open_memory(disk, stepped=True, segment_bytes=32 << 10)
    streams = [log.stream(name) for name in ("a", "b", "c")]
    states: dict[int, dict[str, Any]] = {0: {}}
    while log.failure is None:
        for _ in range(rng.randrange(4)):
            stream = rng.choice(streams)
            action = rng.random()
            if action < 0.8:
                critical = rng.random() < 0.2
                log.append(
                    stream, 9 if critical else 5, rng.randrange(99), rng.randbytes(rng.choice([0, 9, 700])), critical
                )
            elif action < 0.9:
                first, following = log.first_position(stream), log.next_position(stream)
                log.truncate(stream, rng.randrange(max(first, following - 2), following + 1))
            else:
                first, following = log.first_position(stream), log.next_position(stream)
                log.checkpoint(stream, [(1, rng.randbytes(50))], rng.randrange(first, following + 1))
        number = log.commit()
        if number:
            states[number] = everything(log)
        while rng.random() < 0.6 and log.step():
            pass
    acknowledged = states[log.synced()]
    later = {number: state for number, state in states.items() if number >= log.synced()}
    log.close()
    return disk, acknowledged, later


def go_on_until_old_segments_are_gone(log: Log) -> None:
    newest = log.stats()["segment"]
    while log.use.first < newest:
        for stream in log.streams().values():
            log.append(stream, 5, 1, bytes(2000))
            if log.next_position(stream) - log.first_position(stream) > 2:
                log.checkpoint(stream, [(1, b"later")], log.next_position(stream) - 2)
        log.commit()


@given(st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_after_a_power_loss_the_log_is_as_after_some_batch_that_was_not_before_the_acknowledged_one(seed: int) -> None:
    disk, acknowledged, later = run_until_crash(seed)
    after = disk.crash(random.Random(seed + 1))
    log = open_memory(after, alone=False, segment_bytes=32 << 10)
    found = everything(log)
    uncertain = {name: log.uncertain(stream) for name, stream in log.streams().items()}
    assert log.recovery.corrupt == []
    assert log.recovery.lost == [] or log.recovery.uncertain
    if log.recovery.clean:
        assert found in later.values(), "neither the acknowledged state nor one of those written after it"
    else:
        for name, (first, records, _) in acknowledged.items():
            held = {r[0] for r in found[name][1]} | {p for p, _, _ in uncertain[name]} | set(range(1, found[name][0]))
            wanted = [r for r in records if all(r in state[name][1] for state in later.values())]  # not cut on purpose
            assert first <= found[name][0]
            assert all(r in found[name][1] or r[0] in held for r in wanted)
    log.close()
    log = open_memory(after, alone=True, segment_bytes=32 << 10)
    assert everything(log) == found
    go_on_until_old_segments_are_gone(log)
    found = everything(log)
    log.close()
    log = open_memory(after, alone=True, segment_bytes=32 << 10)
    assert everything(log) == found
    assert log.recovery.clean or log.recovery.lost
    log.close()
