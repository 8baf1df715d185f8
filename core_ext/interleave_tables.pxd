"""C-level names of the integer tables for the interleaving engine."""

from libc.stdint cimport int32_t, uint64_t

cdef uint64_t fingerprint(const int32_t* values, Py_ssize_t count) noexcept nogil

cdef class Ints:
    cdef int32_t* data
    cdef Py_ssize_t count
    cdef Py_ssize_t size
    cdef int reserve(self, Py_ssize_t more) except -1
    cdef int add(self, int32_t value) except -1

cdef class Steps:
    cdef uint64_t* keys
    cdef int32_t* values
    cdef Py_ssize_t mask
    cdef readonly Py_ssize_t count
    cdef int32_t find(self, uint64_t key) noexcept nogil
    cdef int put(self, uint64_t key, int32_t value) except -1
    cdef int grow(self) except -1
