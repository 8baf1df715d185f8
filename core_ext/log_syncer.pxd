"""C view of the syncer thread."""

from libc.stdint cimport uint64_t

cdef extern from "log_syncer.h" nogil:
    ctypedef struct log_item:
        int kind
        char name[32]
        unsigned char *bytes
        uint64_t length
        uint64_t offset
        uint64_t commit_at
        uint64_t base
        uint64_t salt
        uint64_t number
    ctypedef struct log_syncer:
        int event
        const char *failed_step
        uint64_t synced
        uint64_t submitted
        uint64_t syncs
        uint64_t bytes
        uint64_t last_sync_end_ns
        uint64_t sync_ns
        uint64_t zeroed_bytes
        uint64_t owner_syncs

cdef class NativeSyncer:
    cdef log_syncer *syncer
    cdef object _disk
    cdef log_item *_item(self, int kind, str name) except NULL
    cdef int write(
        self, uint64_t number, unsigned char *bytes_, uint64_t length, uint64_t offset, uint64_t commit_at,
        uint64_t base, uint64_t salt, bint here,
    ) except -1
    cpdef rotate(self, str name, bytes header, uint64_t size)
    cpdef remove(self, str name)
    cdef int drain(self) except -1
    cdef uint64_t synced_now(self) noexcept
