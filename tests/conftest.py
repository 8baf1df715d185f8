"""What holds for every test: hypothesis is deterministic, and whoever leaks a process, thread, descriptor or
temporary folder fails.
"""

from __future__ import annotations

import gc
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import uvloop

SETTLE_SECONDS = 3.0

hypothesis.settings.register_profile("fast", derandomize=True, database=None, deadline=None, max_examples=100)
hypothesis.settings.register_profile("slow", derandomize=False, database=None, deadline=None, max_examples=3000)
hypothesis.settings.load_profile(os.environ.get("ACTORUM_HYPOTHESIS", "fast"))


def _descriptors() -> set[str]:
    """What this process holds open that a test could have forgotten: sockets, pipes, event and poll descriptors."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue  # the listing's own descriptor
        if target.startswith(("socket:", "pipe:", "anon_inode:")):
            found.add(f"{name} -> {target}")
    return found


def _children() -> set[int]:
    """Process ids of this process's children that still run (zombies do not count: they hold nothing)."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        try:
            pids = [int(pid) for pid in (task / "children").read_text().split()]
        except OSError:
            continue
        for pid in pids:
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if state != "Z":
                found.add(pid)
    return found


def _threads() -> set[str]:
    return {f"{thread.name} ({thread.ident})" for thread in threading.enumerate()}


@pytest.fixture(scope="session", autouse=True)
def _temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where this run's ``tempfile`` users write, so that what they leave behind can be seen; and what lives once."""
    uvloop.new_event_loop().close()  # libuv opens one pipe per process with its first loop, and keeps it
    before = tempfile.tempdir
    folder = tmp_path_factory.mktemp("temporary")
    tempfile.tempdir = str(folder)
    os.environ["TMPDIR"] = str(folder)
    yield folder
    tempfile.tempdir = before


@pytest.fixture(autouse=True)
def no_leaks(_temporary_folder: Path) -> Iterator[None]:
    """Fail a test that leaves a thread, process, descriptor or temporary folder behind."""
    before = (_threads(), _children(), _descriptors(), set(os.listdir(_temporary_folder)))
    yield
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        after = (_threads(), _children(), _descriptors(), set(os.listdir(_temporary_folder)))
        left = {
            kind: sorted(map(str, now - then))
            for kind, then, now in zip(
                ("threads", "processes", "descriptors", "temporary files"), before, after, strict=True
            )
            if now - then
        }
        if not left:
            return
        if time.monotonic() > deadline:
            pytest.fail(f"the test left behind: {left}; close, join or remove them before it ends", pytrace=False)
        gc.collect()
        time.sleep(0.02)
