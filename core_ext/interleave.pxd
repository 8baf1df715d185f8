"""C-level names of the interleaving engine for the orders of search that derive from it."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from core_ext.explore cimport StateStore
from core_ext.explore_graph cimport Graph
from core_ext.interleave_steps cimport LocalSteps, Message
from core_ext.interleave_tables cimport Ints
from core_ext.interleave_twins cimport Twins

cdef enum:
    MAX_IN_FLIGHT = 4096    # more is a flood, not a model
    MAX_LEVELS = 64         # actors that one action may touch one after the other with a choice each
    MAX_PLAN = 4096
    FAULT = 0               # the label of what no run is obliged to do; the world's first event stands for it
    ROUND = 1               # the label of the end of a round; the world's second event

cdef class Interleaving(LocalSteps):
    cdef readonly StateStore states
    cdef readonly uint64_t generated
    cdef readonly bint cut                # the boundary refused a state
    cdef readonly bint withheld           # a timer was not offered
    cdef readonly object failure          # (state, action number) of a handler that failed; None
    cdef public object boundary           # a Predicate; None
    cdef public list watched              # Predicates whose truth is kept per state, at most 32
    cdef public int32_t once              # bits of those that are asked until they hold in one state
    cdef int32_t found
    cdef public Twins twins               # one state stands for all its images; None
    cdef public object unequal            # called with (predicate, or -1 for the boundary; a state); raises
    cdef readonly Graph graph             # labelled with events; None when it is not kept
    cdef list nodes
    cdef bint duplicating, lossy
    cdef bint final, rounds
    cdef int crashes, down, drops, capacity
    cdef Ints bits
    cdef int32_t* levels[MAX_LEVELS]
    cdef Py_ssize_t lengths[MAX_LEVELS]
    cdef int32_t plan_slot[MAX_PLAN]
    cdef int32_t plan_event[MAX_PLAN]
    cdef uint32_t current
    cdef uint32_t ordinal
    cdef int32_t label
    cdef int32_t detail                   # the event of a delivery, loss or own doing; -1 - node for crash and recovery
    cdef int32_t branches[MAX_LEVELS][3]  # by level: local state, event, and which of its outcomes
    cdef list listing                     # successors are listed here instead of being stored
    cdef readonly list failing            # of the successors listed last, those in which a handler failed

    cdef int send(self, int level, int32_t event) except -1
    cdef void take_out(self, int level, Py_ssize_t place) noexcept
    cdef void purge(self, int level, int32_t slot) noexcept
    cdef int begin(self, const int32_t* v, Py_ssize_t length, int level) except -1
    cdef int plan(self, int tail, int32_t slot, int32_t event) except -1
    cdef int apply(self, int level, int32_t slot, Py_ssize_t number, int tail) except -1
    cdef int settle(self, int level, int head, int tail) except -1
    cdef int emit(self, int level) except -1
    cdef int64_t store(self, const int32_t* v, Py_ssize_t length, uint32_t ordinal) except? -1
    cdef int audit(self, uint32_t number, const int32_t* v, Py_ssize_t length, int32_t bits) except -1
    cdef int32_t judge(self, const int32_t* v, Py_ssize_t length) except? -1
    cdef int expand(self, const int32_t* v, Py_ssize_t length) except -1
    cdef int deliveries(self, const int32_t* v, Py_ssize_t length) except -1
    cdef bint may_lose(self, const int32_t* v, const Message* message) noexcept
    cdef int own_events(self, const int32_t* v, Py_ssize_t length) except -1
    cdef int faults(self, const int32_t* v, Py_ssize_t length) except -1
