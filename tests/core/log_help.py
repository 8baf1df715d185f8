"""Small hands for the tests of the log: opening, filling, damaging."""

import random
from pathlib import Path
from typing import Any

from core_ext.log import Log
from core_ext.log_opening import wait_synced
from tests.core.log_disks import MemoryDisk

SEGMENT = 64 << 10


def open_memory(disk: MemoryDisk, alone: bool = False, stepped: bool = False, segment_bytes: int = SEGMENT) -> Log:
    return Log.open(
        "memory", cluster_id="c", node_id="n", disk=disk, alone=alone, stepped=stepped, segment_bytes=segment_bytes
    )


def open_folder(folder: Path, alone: bool = True, segment_bytes: int = 1 << 20) -> Log:
    return Log.open(folder, cluster_id="c", node_id="n", alone=alone, segment_bytes=segment_bytes)


def commit_and_wait(log: Log) -> int:
    number = log.commit()
    wait_synced(log)
    return number


def body_of(position: int, size: int = 30) -> bytes:
    return random.Random(position).randbytes(size)


def everything(log: Log) -> dict[str, Any]:
    """All that a log says of its streams, as plain values."""
    return {
        name: (log.first_position(stream), list(log.records(stream)), log.checkpoint_of(stream))
        for name, stream in log.streams().items()
    }


def last_segment(disk: MemoryDisk) -> str:
    return max(name for name in disk.files if name.startswith("wal-"))
