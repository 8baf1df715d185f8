"""C-level names of the local steps for the engine and its predicates."""

from libc.stdint cimport int32_t

from core_ext.interleave_tables cimport Ints, Steps

cdef enum:
    # places behind the history in a vector; the messages begin behind them
    CRASHES = 1
    DROPS = 2
    HEADER = 3
    # flags of a local state
    UP = 1
    DOWN = 2
    WITHHELD = 4            # a timer that is not offered any more
    # flags of an outcome
    PURGE = 1               # messages to this incarnation are lost
    FAILED = 2
    # flags of a message
    FIFO = 1
    LOCAL = 2               # between actors of one node: never lost, never doubled
    PINNED = 4              # to one incarnation

cdef struct Outcome:
    int32_t local
    int32_t sends
    int32_t send_count
    int32_t follows
    int32_t follow_count
    int32_t flags
    int32_t note            # what it adds to the history; -1: nothing

cdef struct Message:
    int32_t slot            # -1: nobody, it is lost
    int32_t source          # slot of the sender; -1: the world
    int32_t channel
    int32_t flags
    int32_t kind            # of its content, for predicates that look for one kind
    int32_t received        # what its delivery adds to the history; -1: nothing
    int32_t sent

cdef class LocalSteps:
    cdef readonly Py_ssize_t slots
    cdef readonly Py_ssize_t local_steps
    cdef object world
    cdef Steps steps, records
    cdef Ints step_first, step_count, pool, local_flags, offers, offer_at, offer_count
    cdef Outcome* outcomes
    cdef Py_ssize_t outcome_count, outcome_size
    cdef Message* messages
    cdef Py_ssize_t message_size

    cdef int32_t step_of(self, int32_t local, int32_t event) except -1
    cdef int add_outcome(self, tuple outcome) except -1
    cdef int32_t record(self, int32_t history, int32_t event) except -1
    cdef tuple in_flight(self, const int32_t* v, Py_ssize_t length, Py_ssize_t kind)
    cdef tuple as_tuple(self, const int32_t* v, Py_ssize_t length)
