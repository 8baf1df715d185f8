"""The syncer thread: it needs no GIL, syncs many commits at once, and counts what it does."""

import contextlib
import os
import random
import resource
import select
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core_ext.log import Log
from core_ext.log_errors import LogFailed
from tests.core.log_help import commit_and_wait, open_folder

READER = """
import os, struct, sys, time
fd = int(sys.argv[1])
os.set_blocking(fd, True)
os.write(1, bytes(8))
while True:
    os.read(fd, 8)
    os.write(1, struct.pack("<Q", time.monotonic_ns()))
"""


def notify_latencies(folder: Path, rounds: int) -> list[float]:
    """Seconds from the end of each fdatasync to the moment when another process sees the eventfd readable.

    The Python side of this process is saturated by a thread that never lets go of the GIL by itself: whatever needs
    the GIL waits for the switch interval, which is 10 ms here.
    """
    log = open_folder(folder)
    stream = log.stream("a")
    commit_and_wait(log)
    log.drain_notification()
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            sum(range(1000))

    spinner = threading.Thread(target=spin)
    interval = sys.getswitchinterval()
    result = []
    with subprocess.Popen(
        [sys.executable, "-S", "-E", "-c", READER, str(log.fileno())], stdout=subprocess.PIPE, pass_fds=[log.fileno()]
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.read(8) == bytes(8), "the reader did not start"
        spinner.start()
        sys.setswitchinterval(0.01)
        try:
            for number in range(rounds):
                log.append(stream, 1, number, b"x" * 100)
                log.commit()
                (seen,) = struct.unpack("<Q", reader.stdout.read(8))
                result.append((seen - log.stats()["last_sync_end_ns"]) / 1e9)
        finally:
            sys.setswitchinterval(interval)
            stop.set()
            spinner.join()
            reader.kill()
            reader.stdout.close()
    log.close()
    return result


def test_sync_to_notify_p99_is_under_a_millisecond_beside_a_saturated_interpreter(tmp_path: Path) -> None:
    worst = []
    for attempt in range(4):  # other processes of a busy machine may delay the reader; the GIL would delay every round
        latencies = sorted(notify_latencies(tmp_path / str(attempt), 100))
        assert latencies[0] >= 0
        worst.append(latencies[98])
        if worst[-1] < 0.001:
            return
    raise AssertionError(
        f"p99 of sync-to-notify was {[f'{seconds * 1e3:.2f} ms' for seconds in worst]}, not under 1 ms"
    )


def test_many_commits_share_syncs_and_the_histogram_counts_each_sync(tmp_path: Path) -> None:
    log = open_folder(tmp_path, segment_bytes=8 << 20)
    stream = log.stream("a")
    for number in range(3000):
        log.append(stream, 1, number, b"x" * 50)
        log.commit()
    last = commit_and_wait(log)
    assert last == 0
    stats = log.stats()
    assert stats["synced"] == stats["batches"] == 3000
    assert 3000 / 64 <= stats["syncs"] <= 3000
    assert sum(stats["sync_buckets"]) == stats["syncs"]
    assert stats["sync_seconds"] > 0
    assert (stats["queue"], stats["unsynced_bytes"]) == (0, 0)
    log.close()
    log = open_folder(tmp_path, segment_bytes=8 << 20)
    assert [note for _, _, note, _ in log.records(stream)] == list(range(3000))
    log.close()


def test_close_waits_for_everything_that_was_committed(tmp_path: Path) -> None:
    for round_ in range(5):
        log = open_folder(tmp_path, segment_bytes=256 << 10)
        stream = log.stream("a")
        for number in range(200):
            log.append(stream, 1, round_ * 200 + number, bytes(2000))
            log.commit()
        log.close()
    log = open_folder(tmp_path)
    assert log.recovery.clean
    assert [note for _, _, note, _ in log.records(stream)] == list(range(1000))
    log.close()


def by_owner(log: Log) -> int:
    found: int = log.stats()["owner_syncs"]
    return found


def serve(log: Log, number: int) -> None:
    """What an event loop does until a batch is durable."""
    deadline = time.monotonic() + 5
    while log.synced() < number:
        select.select([log.fileno()], [], [], max(0.0, deadline - time.monotonic()))
        log.drain_notification()
        assert time.monotonic() < deadline, "no notification within 5 s"


def trusted(log: Log, stream: int) -> None:
    """Commit and come, until a batch is left to the owner: when syncs are fast as a rule."""
    deadline = time.monotonic() + 20
    while not by_owner(log):
        log.append(stream, 1, 0, b"x" * 100)
        serve(log, log.commit())
        assert time.monotonic() < deadline, "syncs were not fast as a rule within 20 s"


@pytest.fixture
def fast_folder() -> Iterator[Path]:
    """On a file system in memory, where every sync is fast."""
    if not os.path.isdir("/dev/shm"):
        pytest.skip("/dev/shm is needed: what is tested here depends on how fast the disk is")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def test_an_owner_that_comes_syncs_small_batches_itself(fast_folder: Path) -> None:
    log = open_folder(fast_folder)
    stream = log.stream("a")
    trusted(log, stream)
    for _ in range(20):
        before = by_owner(log)
        log.append(stream, 1, 0, b"x" * 20_000)  # too large to hold an event loop up with
        serve(log, log.commit())
        assert by_owner(log) == before
    log.close()


def test_an_owner_that_asks_for_it_has_a_small_batch_durable_at_once_and_is_not_told_again(fast_folder: Path) -> None:
    log = open_folder(fast_folder)
    stream = log.stream("a")
    trusted(log, stream)
    at_once = 0
    for number in range(50):
        before = by_owner(log)
        log.append(stream, 1, number, b"x" * 100)
        batch = log.commit(here=True)
        if by_owner(log) > before:
            at_once += 1
            assert log.synced() == batch
            assert not select.select([log.fileno()], [], [], 0)[0]
        else:  # the thread was busy with zeros, or a sync was slow: it has this one
            serve(log, batch)
    assert at_once
    for _ in range(20):
        before = by_owner(log)
        log.append(stream, 1, 0, b"x" * 20_000)  # too large to hold an event loop up with
        serve(log, log.commit(here=True))
        assert by_owner(log) == before
    log.close()


def test_an_owner_that_does_not_come_is_not_waited_for(fast_folder: Path) -> None:
    log = open_folder(fast_folder)
    stream = log.stream("a")
    trusted(log, stream)
    served = by_owner(log)
    for _ in range(3):
        log.append(stream, 1, 0, b"x")
        number = log.commit()
        deadline = time.monotonic() + 5
        while log.synced() < number:
            assert time.monotonic() < deadline, "what was left to the owner was not taken back within 5 s"
            time.sleep(0.001)
    assert by_owner(log) == served
    trusted_again = number + 100
    while by_owner(log) == served:  # it comes again: so do the batches
        log.append(stream, 1, 0, b"x")
        serve(log, log.commit())
        assert log.stats()["batches"] < trusted_again
    log.close()


def test_a_second_batch_takes_the_first_one_to_the_thread(fast_folder: Path) -> None:
    log = open_folder(fast_folder)
    stream = log.stream("a")
    trusted(log, stream)
    served = by_owner(log)
    for _ in range(2):
        log.append(stream, 1, 0, b"x")
        number = log.commit()
    serve(log, number)
    assert by_owner(log) == served
    log.close()


def test_what_is_left_to_the_owner_is_written_when_the_log_is_closed(fast_folder: Path) -> None:
    log = open_folder(fast_folder)
    stream = log.stream("a")
    trusted(log, stream)
    log.append(stream, 1, 77, b"last")
    log.commit()
    log.close()
    log = open_folder(fast_folder)
    assert log.recovery.clean
    assert list(log.records(stream))[-1][2:] == (77, b"last")
    log.close()


def test_what_fails_in_the_owners_hands_is_final(fast_folder: Path) -> None:
    log = open_folder(fast_folder)
    stream = log.stream("a")
    trusted(log, stream)
    before = log.synced()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))  # no file may be written to behind its first 4 KiB
    try:
        log.append(stream, 1, 77, b"never")
        log.commit()
        log.drain_notification()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    deadline = time.monotonic() + 5
    while log.failure is None:  # the thread may have been faster
        assert time.monotonic() < deadline, "the failed write is not reported"
        time.sleep(0.001)
    for _ in range(3):  # neither of the two tries again
        assert select.select([log.fileno()], [], [], 0.02)
        log.drain_notification()
    assert log.synced() == before
    with contextlib.suppress(LogFailed):
        log.append(stream, 1, 78, b"nor this")
    with pytest.raises(LogFailed):
        log.commit()
    with contextlib.suppress(LogFailed):
        log.close()
    log = open_folder(fast_folder)
    assert log.recovery.clean
    assert list(log.records(stream))[-1][2] != 77
    log.close()


def test_owner_and_thread_take_turns_without_loss(fast_folder: Path) -> None:
    log = open_folder(fast_folder, segment_bytes=256 << 10)
    stream = log.stream("a")
    choices = random.Random(5)
    count = 0
    for _ in range(3000):
        for _ in range(choices.randrange(1, 3)):
            log.append(stream, 1, count, bytes(choices.choice((10, 100, 5000))))
            count += 1
        number = log.commit()
        if choices.random() < 0.9:
            serve(log, number)
        elif choices.random() < 0.1:
            time.sleep(0.012)
    assert by_owner(log)
    log.close()
    log = open_folder(fast_folder)
    assert log.recovery.clean
    assert [note for _, _, note, _ in log.records(stream)] == list(range(count))
    log.close()


def test_an_event_loop_can_wait_for_the_eventfd(tmp_path: Path) -> None:
    log = open_folder(tmp_path)
    log.stream("a")
    number = log.commit()
    deadline = time.monotonic() + 5
    while log.synced() < number:
        select.select([log.fileno()], [], [], max(0.0, deadline - time.monotonic()))
        log.drain_notification()
        assert time.monotonic() < deadline, "no notification within 5 s"
    log.close()
