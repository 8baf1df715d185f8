"""What the process-level tests share: a client that remembers what was acknowledged, and `actorum` as a command."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from actorum.client import Client, NotReachable, ReplyError
from actorum.cluster import Cluster, wait_for

COMMAND = [sys.executable, "-m", "actorum"]
DOOR_ERRORS = ("CLUSTERDOWN", "UNKNOWN")


def actorum(*arguments: str | Path, timeout_seconds: float = 30) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=timeout_seconds, check=False
    )


class Up:
    """`actorum up --json` as a process, and the lines that it prints."""

    def __init__(self, *arguments: str | Path) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "up", "--json", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._buffer = b""

    def line(self, timeout_seconds: float = 30) -> dict[str, Any]:
        """The next line; fails when it does not come."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + timeout_seconds
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            assert left > 0, f"no line after {timeout_seconds} s"
            if select.select([self.process.stdout], [], [], left)[0]:
                data = os.read(self.process.stdout.fileno(), 65_536)
                assert data, f"the launcher ended: {self.finish()}"
                self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return dict(json.loads(line))

    def finish(self, timeout_seconds: float = 30) -> tuple[int, str]:
        """Wait for its end: exit code and what it said on standard error."""
        _, errors = self.process.communicate(timeout=timeout_seconds)
        return self.process.returncode, errors.decode()

    def stop(self) -> tuple[int, str]:
        """SIGTERM, and wait for its end."""
        self.process.terminate()
        return self.finish()


@contextlib.contextmanager
def up(*arguments: str | Path) -> Iterator[Up]:
    """`actorum up --json`, stopped at the end whatever happens."""
    launcher = Up(*arguments)
    try:
        yield launcher
    finally:
        if launcher.process.poll() is None:
            launcher.stop()
        for stream in (launcher.process.stdout, launcher.process.stderr):
            if stream is not None:
                stream.close()


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def eventually(condition: Callable[[], bool], why: str, timeout_seconds: float = 20) -> None:
    """Wait until a condition holds."""
    wait_for(lambda: condition() or None, timeout_seconds, why, lambda: "")


class Writer(threading.Thread):
    """Writes 1, 2, 3, … to a key of its own through any door, without ever repeating a number, and remembers.

    After any number of crashes the key holds a number that was tried, and not one below the last acknowledged.
    """

    def __init__(self, cluster: Cluster, number: int) -> None:
        super().__init__(name=f"writer-{number}")
        self.key = f"writer-{number}"
        self.tried = 0
        self.acknowledged = 0
        self.errors: set[str] = set()
        self._cluster = cluster
        self._door = number
        self._done = threading.Event()

    def run(self) -> None:
        """Write until told to stop."""
        client = self._next_door()
        while not self._done.is_set():
            self.tried += 1
            try:
                reply = client.execute("SET", self.key, self.tried)
                assert reply == b"OK", reply
                self.acknowledged = self.tried
            except ReplyError as error:
                self.errors.add(str(error))
                client = self._next_door(client)
            except NotReachable:
                client = self._next_door(client)
                time.sleep(0.01)
        client.close()

    def _next_door(self, before: Client | None = None) -> Client:
        if before is not None:
            before.close()
        self._door += 1
        return self._cluster.client(self._door % len(self._cluster.nodes), timeout_seconds=10)

    def stop(self) -> None:
        """Stop writing."""
        self._done.set()
        self.join()


@contextlib.contextmanager
def load(cluster: Cluster, writers: int = 4) -> Iterator[list[Writer]]:
    """Writers at work while the block runs."""
    threads = [Writer(cluster, number) for number in range(writers)]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        for thread in threads:
            thread.stop()


def check_nothing_lost(cluster: Cluster, writers: list[Writer]) -> None:
    """Every node reads every writer's key, and finds nothing older than what was acknowledged."""
    for writer in writers:
        strange = [error for error in writer.errors if not error.startswith(DOOR_ERRORS)]
        assert not strange, f"errors that are not of the promised kinds: {strange}"
    for node in cluster.live():
        with node.client() as client:
            for writer in writers:
                found = int(read(client, writer.key) or 0)
                assert writer.acknowledged <= found <= writer.tried, (
                    f"{node.name} reads {writer.key} = {found}; acknowledged {writer.acknowledged}, "
                    f"tried {writer.tried}"
                )


def read(client: Client, key: str, timeout_seconds: float = 20) -> bytes | None:
    """GET, repeated while the cluster says that it cannot serve."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            return client.get(key)
        except ReplyError as error:
            if error.code not in DOOR_ERRORS or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def progress(writers: list[Writer], more: int, timeout_seconds: float = 20) -> None:
    """Wait until every writer has so many more acknowledgements than now: the cluster serves."""
    goals = [writer.acknowledged + more for writer in writers]
    eventually(
        lambda: all(writer.acknowledged >= goal for writer, goal in zip(writers, goals, strict=True)),
        f"every writer gets {more} more acknowledgements; errors so far {[writer.errors for writer in writers]}",
        timeout_seconds,
    )
