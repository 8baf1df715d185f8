"""C-level names of the dispatch loop for what comes from other nodes."""

from core_ext.cell cimport Cell, u64
from core_ext.effects cimport Effect
from core_ext.journal cimport Journals
from core_ext.table cimport Table

cdef class Scheduler(Table):
    cdef Cell first
    cdef Cell last
    cdef list lifecycle
    cdef object call_soon
    cdef object run_callback
    cdef public object answer_class
    cdef public Journals journals
    cdef public object flush
    cdef public bint turn_end_wanted
    cdef readonly bint closed
    cdef bint scheduled
    cdef bint in_turn
    cdef int inline_turns  # since the event loop last ran one
    cdef double scheduled_at
    cdef double turn_seconds
    cdef double slow_seconds
    cdef u64 news  # the newest log batch that a commit of this turn has made durable at once
    cdef readonly u64 turns
    cdef public u64 slow_handlers
    cdef public double stall_max_seconds
    cdef int have_turn(self) except -1
    cdef int gather_turn(self) except -1
    cdef int have_turn_end(self) except -1
    cdef int run_turn(self) except -1
    cdef int resume_waiting(self) except -1
    cdef int turn(self, double deadline) except -1
    cdef int serve_all(self, double deadline) except -1
    cdef int end_turn(self) except -1
    cdef int flush_turn(self) except -1
    cdef int run_lifecycle(self) except -1
    cdef int serve(self, Cell cell) except -1
    cdef int deliver(self, Cell cell, object message, object sender, u64 correlation, int kind) except -1
    cdef int release(self, Cell cell) except -1
    cdef int release_durable(self, Cell cell) except -1
    cdef int number_gates(self) except -1
    cdef int apply(self, Cell cell, Effect* effect) except -1
