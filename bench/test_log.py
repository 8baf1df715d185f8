"""The log beside the plainest one that keeps the same promise: 100 records of 1 KiB in one synced batch."""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core_ext.log import Log

RECORDS = 100
BODY = b"x" * 1024
HEADER = struct.Struct("<IIIQ")


class PlainLog:
    """Header, checksum and body, one after the other in one file."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("wb")
        self.appended = 0

    def batch(self) -> int:
        for _ in range(RECORDS):
            self.appended += 1
            self.file.write(HEADER.pack(len(BODY), zlib.crc32(BODY), 1, self.appended) + BODY)
        self.file.flush()
        os.fdatasync(self.file.fileno())
        return self.appended

    def close(self) -> None:
        self.file.close()


class NativeLog:
    """The node's log, waited for as nobody does outside a benchmark."""

    def __init__(self, path: Path) -> None:
        self.log = Log.open(path, cluster_id="bench", node_id="bench", alone=True)
        self.stream = self.log.stream("bench")

    def batch(self) -> int:
        position = 0
        for _ in range(RECORDS):
            position = self.log.append(self.stream, 1, 0, BODY)
        number = self.log.commit()
        while self.log.synced() < number:
            time.sleep(0)
        return position

    def close(self) -> None:
        self.log.close()


@pytest.fixture(params=[NativeLog, PlainLog])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made: Callable[[Path], Any] = request.param
    opened = made(tmp_path / "log")
    yield opened
    opened.close()


@pytest.mark.benchmark(group="append 100 records of 1 KiB, one sync")
def test_append(benchmark: Any, log: Any) -> None:
    rounds = 0

    def batch() -> int:
        nonlocal rounds
        rounds += 1
        return int(log.batch())

    assert benchmark(batch) == rounds * RECORDS
