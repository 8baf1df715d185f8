"""Small batches are the event loop's to sync while the disk is fast: how long and how often a slow one holds it up."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
HEADERS = HERE.parents[1] / "core_ext" / "include"


class SlowDisk:
    """The syncer, compiled with a sync that takes as long as it is told to.

    Args:
        here: the owner syncs what is left to it at once, not when the eventfd tells it.
    """

    def __init__(self, library: ctypes.CDLL, folder: Path, here: bool) -> None:
        self._library = library
        self._here = here
        self._descriptors = [os.open(folder, os.O_RDONLY), os.open(folder / "segment", os.O_RDWR | os.O_CREAT)]
        self._disk = ctypes.c_void_p(library.disk_start(*self._descriptors))
        self._last = 0

    def run(self, count: int, slow_every: int = 0, microseconds: int = 0) -> tuple[int, float]:
        """Batches one after the other; how often the owner was held up, and for how many seconds in all."""
        held_ns = ctypes.c_uint64()
        held = self._library.disk_run(
            self._disk, ctypes.c_int(self._here), ctypes.c_uint64(self._last + 1), ctypes.c_uint64(self._last + count),
            ctypes.c_uint64(slow_every), ctypes.c_long(microseconds), ctypes.byref(held_ns),
        )
        self._last += count
        return held, held_ns.value / 1e9

    @property
    def owner_syncs(self) -> int:
        found: int = self._library.disk_owner_syncs(self._disk)
        return found

    def close(self) -> None:
        self._library.disk_finish(self._disk)  # closes the segment too
        os.close(self._descriptors[0])


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """``slow_disk.c`` with the syncer that is built into the log."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("a C compiler is needed: the disk's sync is replaced at compile time")
    made = tmp_path_factory.mktemp("slow_disk") / "slow_disk.so"
    subprocess.run(
        [*compiler.split(), "-std=gnu11", "-O1", "-shared", "-fPIC", "-pthread", f"-I{HEADERS}", "-o", str(made),
         str(HERE / "slow_disk.c")],
        check=True, timeout=60,
    )
    found = ctypes.CDLL(str(made))
    found.disk_start.restype = ctypes.c_void_p
    found.disk_owner_syncs.restype = ctypes.c_uint64
    return found


@pytest.fixture(params=[False, True], ids=["told", "at once"])
def disk(library: ctypes.CDLL, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SlowDisk]:
    """One syncer."""
    made = SlowDisk(library, tmp_path, request.param)
    yield made
    made.close()


def trusted(disk: SlowDisk) -> None:
    """A busy machine may make a sync look slow: go on until the owner syncs."""
    for _ in range(200):
        before = disk.owner_syncs
        disk.run(50)
        if disk.owner_syncs > before + 20:
            return
    raise AssertionError("10,000 fast syncs did not bring the owner to sync")


def test_a_disk_that_becomes_slow_holds_its_owner_up_once(disk: SlowDisk) -> None:
    trusted(disk)
    held, seconds = disk.run(30, slow_every=1, microseconds=30_000)
    assert held <= 1
    assert seconds <= 0.03


def test_a_disk_that_is_slow_now_and_then_is_soon_the_threads(disk: SlowDisk) -> None:
    trusted(disk)
    held, _ = disk.run(2000, slow_every=100, microseconds=15_000)
    assert held <= 4  # and not each of the 20
    before = disk.owner_syncs
    disk.run(300, slow_every=100, microseconds=15_000)
    assert disk.owner_syncs == before


def test_a_disk_that_is_somewhat_slow_now_and_then_stays_the_owners(disk: SlowDisk) -> None:
    trusted(disk)
    for _ in range(20):  # a busy machine may make other syncs look slow, too
        before = disk.owner_syncs
        disk.run(200, slow_every=10, microseconds=1_000)
        if disk.owner_syncs > before + 150:
            return
    raise AssertionError("a sync in ten that takes 1 ms left the others to the thread")


def test_a_disk_that_becomes_somewhat_slow_is_soon_the_threads(disk: SlowDisk) -> None:
    trusted(disk)
    before = disk.owner_syncs
    disk.run(200, slow_every=1, microseconds=2_000)
    assert disk.owner_syncs <= before + 6
    before = disk.owner_syncs
    disk.run(100, slow_every=1, microseconds=1_000)
    assert disk.owner_syncs == before


def test_a_disk_that_is_fast_again_is_trusted_again(disk: SlowDisk) -> None:
    trusted(disk)
    disk.run(400, slow_every=100, microseconds=15_000)
    trusted(disk)
