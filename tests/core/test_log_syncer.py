"""The syncer thread: it needs no GIL, syncs many commits at once, and counts what it does."""

import select
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

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
