"""One Redis that syncs every write, not replicated. Needs Debian's redis-server."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from actorum.client import Client, NotReachable, ReplyError
from actorum.cluster import free_ports
from bench.timing import RunFailed

INSTALL = "apt-get install redis-server redis-tools"
START_SECONDS = 600.0  # it may have an append-only file to load


def installed() -> bool:
    """Whether Redis is here."""
    return shutil.which("redis-server") is not None


class Redis:
    """One server; a context manager.

    Args:
        folder: where its append-only file goes.
        fsync: ``always``, or ``everysec`` to fill it quickly.
    """

    def __init__(self, folder: Path, fsync: str = "always") -> None:
        self.folder = folder
        self.port = free_ports(1)[0]
        self.fsync = fsync
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start the server and wait until it answers a GET; the seconds that took."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [
            "redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", "",
            "--appendonly", "yes", "--appendfsync", self.fsync, "--aof-use-rdb-preamble", "no",
            "--auto-aof-rewrite-percentage", "0",
        ]
        start = time.perf_counter()
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        first_answer(self.port, START_SECONDS)
        return time.perf_counter() - start

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def first_answer(port: int, limit_seconds: float, name: bytes = b"key:000000000000") -> bytes | None:
    """Ask a Redis door for a key until it answers with no error; the value.

    Raises:
        RunFailed: it did not within the limit.
    """
    deadline = time.monotonic() + limit_seconds
    with Client("127.0.0.1", port, timeout_seconds=10.0) as client:
        while True:
            try:
                return client.get(name)
            except (NotReachable, ReplyError) as error:
                if time.monotonic() > deadline:
                    raise RunFailed(f"port {port} does not answer after {limit_seconds:g} s: {error}") from error
            time.sleep(0.005)
