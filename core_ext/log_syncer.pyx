"""The syncer thread as an object: starts it, hands it work, reads its counters. Must not know records or streams."""

import os

from libc.errno cimport errno
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, strncpy

cdef extern from "log_syncer.h" nogil:
    void crc32c_prepare()
    int LOG_ITEM_WRITE, LOG_ITEM_ROTATE, LOG_ITEM_REMOVE, LOG_SYNC_BUCKETS
    log_syncer *log_syncer_start(int, int, uint64_t, uint64_t, uint64_t, uint64_t)
    int log_syncer_submit(log_syncer *, log_item *, int)
    void log_syncer_take(log_syncer *)
    void log_syncer_drain(log_syncer *)
    void log_syncer_finish(log_syncer *)
    void log_syncer_free(log_syncer *)
    uint64_t log_syncer_bucket(log_syncer *, int)
    uint64_t log_syncer_synced(log_syncer *)
    int log_syncer_failure(log_syncer *)

crc32c_prepare()


cdef class NativeSyncer:
    """The thread that makes batches durable.

    Args:
        disk: the RealDisk of the log's folder.
        name: the current segment.
        position: offset after its last record, in bytes.
        synced: number of the newest durable batch.
    """

    def __init__(self, disk, str name, uint64_t position, uint64_t synced):
        cdef int file = os.dup(disk.open(name))
        self._disk = disk
        self.syncer = log_syncer_start(disk.descriptor, file, position, position, disk.size(name), synced)
        if self.syncer == NULL:
            os.close(file)
            raise OSError(errno, f"the log's syncer thread cannot start: {os.strerror(errno)}")

    def __dealloc__(self):
        self.close()

    cdef log_item *_item(self, int kind, str name) except NULL:
        cdef log_item *item = <log_item *>calloc(1, sizeof(log_item))
        if item == NULL:
            raise MemoryError()
        item.kind = kind
        encoded = name.encode("ascii")
        strncpy(item.name, <const char *>encoded, sizeof(item.name) - 1)
        return item

    cdef int write(
        self, uint64_t number, unsigned char *bytes_, uint64_t length, uint64_t offset, uint64_t commit_at,
        uint64_t base, uint64_t salt, bint here,
    ) except -1:
        """Queue one batch; with ``here`` it may be made durable at once. ``bytes_`` stays the caller's, and untouched
        until the batch is synced."""
        cdef log_item *item = <log_item *>calloc(1, sizeof(log_item))
        if item == NULL:
            raise MemoryError()
        item.kind = LOG_ITEM_WRITE
        item.number = number
        item.bytes = bytes_
        item.length = length
        item.offset = offset
        item.commit_at = commit_at
        item.base = base
        item.salt = salt
        if log_syncer_submit(self.syncer, item, here) and here:
            with nogil:
                log_syncer_take(self.syncer)
        return 0

    cpdef rotate(self, str name, bytes header, uint64_t size):
        """Queue the creation of a segment."""
        cdef log_item *item = self._item(LOG_ITEM_ROTATE, name)
        item.bytes = <unsigned char *>malloc(len(header))
        if item.bytes == NULL:
            free(item)
            raise MemoryError()
        memcpy(item.bytes, <const char *>header, len(header))
        item.length = len(header)
        item.offset = size
        log_syncer_submit(self.syncer, item, False)

    cpdef remove(self, str name):
        """Queue the removal of a segment."""
        log_syncer_submit(self.syncer, self._item(LOG_ITEM_REMOVE, name), False)

    cdef int drain(self) except -1:
        """Take the eventfd's notice, and make durable what the thread has left to its owner."""
        with nogil:
            log_syncer_drain(self.syncer)
        return 0

    cdef uint64_t synced_now(self) noexcept:
        return log_syncer_synced(self.syncer)

    @property
    def synced(self):
        """Number of the newest durable batch."""
        return log_syncer_synced(self.syncer)

    @property
    def failure(self):
        """(errno, text) of the first failed operation, or None."""
        cdef int number = log_syncer_failure(self.syncer)
        if number == 0:
            return None
        return number, f"{(<bytes>self.syncer.failed_step).decode()}: {os.strerror(number)}"

    def fileno(self):
        """The eventfd that becomes readable when a batch is durable or the log failed."""
        return self.syncer.event

    def depth(self):
        """Batches that wait for the disk, the running one included."""
        return self.syncer.submitted - log_syncer_synced(self.syncer)

    def counters(self):
        """Counts since the start, made in C."""
        return {
            "syncs": self.syncer.syncs,
            "bytes": self.syncer.bytes,
            "sync_seconds": self.syncer.sync_ns / 1e9,
            "last_sync_end_ns": self.syncer.last_sync_end_ns,
            "zeroed_bytes": self.syncer.zeroed_bytes,
            "owner_syncs": self.syncer.owner_syncs,
            "sync_buckets": [log_syncer_bucket(self.syncer, i) for i in range(LOG_SYNC_BUCKETS)],
        }

    def finish(self):
        """Wait until everything queued is done (or failed), and end the thread; the counters stay readable."""
        with nogil:
            log_syncer_finish(self.syncer)

    def close(self):
        """Let go of everything; ``finish`` first."""
        if self.syncer != NULL:
            with nogil:
                log_syncer_free(self.syncer)
            self.syncer = NULL
