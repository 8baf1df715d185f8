# Durations counted in buckets, for whoever measures in C.


cdef class Durations:
    cdef list buckets
    cdef double first_seconds, log_growth
    cdef readonly double total_seconds

    cdef int count(self, double seconds) except -1


cdef double monotonic() noexcept nogil
