"""C-level names of a state's images under permutations of actors, for the interleaving engine."""

from libc.stdint cimport int32_t

from core_ext.interleave_steps cimport LocalSteps

cdef class Twins:
    cdef object world
    cdef readonly Py_ssize_t count
    cdef list places                # per permutation: Ints, by place
    cdef list locals, events, histories  # per permutation: Ints, by number; -1 = not asked yet
    cdef int32_t* image
    cdef int32_t* least
    cdef Py_ssize_t room

    cdef int32_t known(self, Py_ssize_t number, list tables, int32_t value, str kind) except -1
    cdef int of_actors(self, LocalSteps engine, const int32_t* v, Py_ssize_t number) except -1
    cdef int of_messages(self, LocalSteps engine, const int32_t* v, Py_ssize_t length, Py_ssize_t number) except -1
    cdef int reserve(self, Py_ssize_t length) except -1
    cdef const int32_t* representative(self, LocalSteps engine, const int32_t* v, Py_ssize_t length) except NULL
    cdef const int32_t* twin(
        self, LocalSteps engine, const int32_t* v, Py_ssize_t length, Py_ssize_t number
    ) except NULL
