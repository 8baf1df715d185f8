"""C-level names of predicates for the engine."""

from libc.stdint cimport int32_t

from core_ext.interleave_steps cimport LocalSteps

cdef class Predicate:
    cdef object evaluate
    cdef list branches
    cdef list parts
    cdef readonly Py_ssize_t evaluations

    cdef int learn(self, LocalSteps engine, const int32_t* v, Py_ssize_t length) except -1
    cdef int holds(self, LocalSteps engine, const int32_t* v, Py_ssize_t length) except -1
