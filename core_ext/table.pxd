"""C-level names of the table of cells, for the dispatch loop and for what comes from other nodes."""

from core_ext.asks cimport Ask
from core_ext.cell cimport Cell, Host, u64
from core_ext.mailbox cimport Reference

cdef class Table(Host):
    cdef readonly dict names  # name -> Cell
    cdef dict references  # by (name, node): handlers ask for the same few
    cdef object cell_class
    cdef u64 incarnation_base
    cdef u64 serial  # of the newest actor
    cdef dict types  # message type -> lane | request << 1
    cdef public bint refusing  # outside code may no longer tell and ask
    cdef unsigned long thread
    cdef int deliver_to(
        self, str name, u64 incarnation, object message, object sender, u64 correlation, int kind, bint control
    ) except -1
