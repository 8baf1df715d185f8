"""The few things that a log asks of a disk, and the real one. Must not know records or recovery.

Tests and the simulated world implement ``Disk`` with faults; the log treats them all alike.
"""

import contextlib
import errno
import fcntl
import os
from pathlib import Path
from typing import Protocol

from core_ext.log_errors import LogFull, LogLocked

SPARE = "spare.tmp"
OPEN_FILES = 64


class Disk(Protocol):
    """One folder of flat file names. Every operation is complete when it returns; only ``sync`` makes it durable.

    Errors are ``OSError`` with the errno that a real disk gives.
    """

    def allocate(self, name: str, size: int) -> None:
        """Create (or empty) a file of ``size`` bytes that read as zeros, with room reserved for all of them."""

    def write_at(self, name: str, offset: int, data: bytes) -> None:
        """Write all of ``data`` at ``offset``, inside the file's size."""

    def sync(self, name: str) -> None:
        """Make everything written to the file durable."""

    def read(self, name: str, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes from ``offset``; fewer only at the end of the file."""

    def size(self, name: str) -> int:
        """The file's size in bytes."""

    def list(self) -> list[str]:
        """The names of all files."""

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, replacing what had it."""

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is fine."""

    def sync_directory(self) -> None:
        """Make creations, renames and removals durable."""


class RealDisk:
    """A folder of the file system.

    Args:
        directory: the folder; created, with its parents, when missing.
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        missing = [path for path in (self.directory, *self.directory.parents) if not path.exists()]
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in missing:  # a folder is durable once its parent is synced
            _sync_path(path.parent)
        self.descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._files: dict[str, int] = {}

    def open(self, name: str) -> int:
        """A descriptor of the file, kept open for later; at most ``OPEN_FILES`` are."""
        file = self._files.pop(name, None)
        if file is None:
            if len(self._files) >= OPEN_FILES:
                self.forget(next(iter(self._files)))
            file = os.open(name, os.O_RDWR | os.O_CLOEXEC, dir_fd=self.descriptor)
        self._files[name] = file
        return file

    def forget(self, name: str) -> None:
        """Close the file if it is open; the next use opens it again."""
        file = self._files.pop(name, None)
        if file is not None:
            os.close(file)

    def allocate(self, name: str, size: int) -> None:
        self.forget(name)
        file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600, dir_fd=self.descriptor)
        self._files[name] = file
        os.posix_fallocate(file, 0, size)

    def write_at(self, name: str, offset: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            done = os.pwrite(self.open(name), view, offset)
            view, offset = view[done:], offset + done

    def sync(self, name: str) -> None:
        os.fsync(self.open(name))

    def read(self, name: str, offset: int, length: int) -> bytes:
        data = os.pread(self.open(name), length, offset)
        while 0 < len(data) < length:
            more = os.pread(self.open(name), length - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def size(self, name: str) -> int:
        return os.fstat(self.open(name)).st_size

    def list(self) -> list[str]:
        return os.listdir(self.directory)

    def rename(self, old: str, new: str) -> None:
        os.rename(old, new, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
        self.forget(new)
        if old in self._files:
            self._files[new] = self._files.pop(old)

    def remove(self, name: str) -> None:
        self.forget(name)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.descriptor)

    def sync_directory(self) -> None:
        os.fsync(self.descriptor)

    def close(self) -> None:
        """Close every descriptor. The disk is not used any more."""
        while self._files:
            self.forget(next(iter(self._files)))
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class FolderLock:
    """Exclusive use of a data folder by one live process; released by ``close`` or by the end of the process.

    Raises:
        LogLocked: another process has it; the error names its pid.
    """

    def __init__(self, directory: str | Path) -> None:
        path = Path(directory) / "lock"
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise LogLocked(
                f"the data folder {os.fspath(directory)} is in use by the process with pid {holder}: "
                "stop that process, or give this node a folder of its own"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, b"%d\n" % os.getpid(), 0)

    def close(self) -> None:
        """Let others have the folder."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def explain(error: OSError, directory: str, what: str) -> Exception:
    """The error to raise for a failed disk operation while opening a log: says what to do where that is known."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return LogFull(f"the disk of {directory} is full ({what}): free some space, then start again")
    return error


def _sync_path(path: Path) -> None:
    file = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
