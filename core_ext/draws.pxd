"""C-level names of a stream of draws for the stage of the simulated world."""

cdef class Draws:
    cdef readonly str label
    cdef readonly list recorded
    cdef object random
    cdef tuple given
    cdef Py_ssize_t place
    cdef long long next_given(self) except -1
    cpdef long long below(self, long long n) except -1
    cpdef double uniform(self, double low, double high) except? -1.0
    cpdef bint chance(self, double p) except -1
