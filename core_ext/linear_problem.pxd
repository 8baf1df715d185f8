from libc.stdint cimport int32_t

from core_ext.linear_table cimport Table

cdef struct Entry:
    int32_t kind
    int32_t a
    int32_t b
    int32_t invoked
    int32_t returned
    int32_t source


cdef class Problem:
    cdef readonly Table table
    cdef readonly object key
    cdef readonly int32_t initial
    cdef readonly int32_t size
    cdef readonly int32_t optional
    cdef int32_t latest  # position of the last invocation
    cdef int32_t capacity
    cdef int32_t optional_capacity
    cdef Entry *done
    cdef Entry *open
    cdef int add(self, Entry entry) except -1
