"""C-level names of the disk side of the stage of the simulated world."""

from core_ext.stage cimport StageCell, StageNode

cdef class StageStream:
    cdef public long long first
    cdef public list records
    cdef public tuple chunks

cdef class StageLog:
    cdef public dict durable
    cdef public dict present
    cdef readonly list opened
    cdef readonly list batches
    cdef readonly long long committed
    cdef readonly long long synced
    cdef long long syncing
    cdef object kinds
    cdef object truncated
    cdef object checkpointed
    cpdef int apply(self, str name, object operation, object prepared) except -1
    cdef int change(self, StageStream stream, object operation) except -1
    cpdef long long commit(self) except -1
    cpdef int harden(self, Py_ssize_t batches) except -1

cdef class StageGates:
    cdef readonly StageNode node
    cdef public object store
    cdef public dict gated
    cdef public bint syncing
    cdef public bint unsynced
    cdef object on_synced
    cpdef int close_gate(self, StageCell cell) except -1
    cdef long long sync_ns(self) except -1
