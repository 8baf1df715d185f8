"""Durations counted in buckets that grow geometrically: one addition per duration. Must not know what is measured."""

from libc.math cimport ceil, log
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec


cdef double monotonic() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec + now.tv_nsec * 1e-9


cdef class Durations:
    """A histogram of durations since it was made.

    Args:
        first_seconds: upper bound of the first bucket.
        growth: each bucket's upper bound is this times the one before.
        buckets: how many; the last one counts longer durations too.
    """

    def __init__(self, double first_seconds, double growth, int buckets):
        if not (first_seconds > 0 and growth > 1 and buckets > 0):
            raise ValueError(f"{buckets} buckets from {first_seconds} s that grow by {growth}: nothing can be counted")
        self.first_seconds = first_seconds
        self.log_growth = log(growth)
        self.buckets = [0] * buckets

    @property
    def counts(self):
        """Durations by bucket."""
        return self.buckets

    cdef int count(self, double seconds) except -1:
        cdef Py_ssize_t last = len(self.buckets) - 1
        cdef double bucket = ceil(log(seconds / self.first_seconds) / self.log_growth) if seconds > 0 else 0
        cdef Py_ssize_t at = last if bucket > last else <Py_ssize_t>bucket if bucket > 0 else 0
        self.buckets[at] += 1
        self.total_seconds += seconds
        return 0

    def add(self, double seconds):
        """Count one duration."""
        self.count(seconds)
