"""C-level names of a node's links, for what sends through them."""

from core_ext.flow cimport Outbox
from libc.stdint cimport uint32_t, uint64_t

cdef class Sending:
    cdef readonly Outbox data, control
    cdef public object control_connection, data_connection
    cdef public uint64_t incarnation
    cdef public bint taking, up, dirty
    cdef dict counters
    cdef int flush_lanes(self) except -1
    cdef int flush_lane(self, Outbox outbox, connection) except -1

cdef class Outlet:
    cdef readonly dict links
    cdef list dirty
    cdef dict counts
    cdef str put(
        self, str node, bint control, int kind, str target_name, uint64_t target_incarnation, str sender_name,
        uint64_t sender_incarnation, uint64_t correlation, uint32_t wire_id, body,
    )
    cdef int flush_dirty(self) except -1
