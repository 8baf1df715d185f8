"""Under which conditions a figure was measured: code, versions, machine, file system, and what a sync costs there."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from actorum.node import link_address
from actorum.settings import NodeSection

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("pyzmq", "msgspec", "uvloop", "hiredis", "Cython", "pykka", "xoscar")
PROBE_SYNCS = 200
PROBE_BYTES = 4096


class UnfitFolder(Exception):
    """The data folder is on a file system on which a sync means nothing."""


def _output(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return (done.stdout or done.stderr).strip()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def file_system(folder: Path) -> str:
    """Type of the file system that a folder is on.

    Raises:
        UnfitFolder: it is in memory; nothing measured there says anything about durability.
    """
    kind, longest = "unknown", -1
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, found, *_ = line.split()
        if folder.is_relative_to(place) and len(place) > longest:
            kind, longest = found, len(place)
    if kind in ("tmpfs", "ramfs"):
        raise UnfitFolder(f"{folder} is on {kind}, where a sync is free; give a folder on a disk with --data")
    return kind


def sync_milliseconds(folder: Path) -> float:
    """Median time of fdatasync after overwriting 4 KiB of a preallocated file."""
    path = folder / "sync-probe"
    times = []
    with path.open("wb", buffering=0) as file:
        file.write(bytes(PROBE_BYTES * PROBE_SYNCS))
        os.fsync(file.fileno())
        for number in range(PROBE_SYNCS):
            os.pwrite(file.fileno(), b"\x5a" * PROBE_BYTES, number * PROBE_BYTES)
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - start)
    path.unlink()
    return sorted(times)[len(times) // 2] * 1e3


def cpu_model() -> str:
    """What /proc/cpuinfo calls the first processor."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def gather(folder: Path, seconds: float, value_bytes: int, key_space: int) -> dict[str, Any]:
    """All conditions, ready for JSON.

    Raises:
        UnfitFolder: the data folder is in memory.
    """
    changed = _output("git", "status", "--porcelain", "--untracked-files=no")
    return {
        "commit": (_output("git", "rev-parse", "--short", "HEAD") or "unknown") + (" + changes" if changed else ""),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "versions": {name: _version(name) for name in PACKAGES},
        "file_system": file_system(folder),
        "fsync": "on",
        "links": link_address(NodeSection(), NodeSection()).partition(":")[0],  # of nodes as a local cluster has them
        "sync_4KiB_p50_ms": round(sync_milliseconds(folder), 3),
        "seconds_per_row": seconds,
        "value_bytes": value_bytes,
        "key_space": key_space,
    }


def show(conditions: dict[str, Any]) -> str:
    """The conditions as lines of text."""
    versions = ", ".join(f"{name} {number}" for name, number in conditions["versions"].items())
    rest = {name: value for name, value in conditions.items() if name != "versions"}
    return "\n".join([*(f"  {name:18s} {value}" for name, value in rest.items()), f"  {'versions':18s} {versions}"])
