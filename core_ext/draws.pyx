"""Draws of a simulated run, recorded as small integers, 0 being the benign one; a replay gives them back.

``random`` is any function that returns numbers from 0 up to, and without, 1. Knows nothing of what is drawn for.
"""

cdef enum:
    STEPS_ = 1024

STEPS = STEPS_  # a real number is drawn as one of so many equal steps of its range


cdef class Draws:
    """One stream of draws. See draws.pyi for the contract of each method."""

    def __init__(self, str label not None, random, given=()):
        self.label = label
        self.recorded = []
        self.random = random
        self.given = tuple(given)

    cdef long long next_given(self) except -1:
        cdef Py_ssize_t place = self.place
        if place >= len(self.given):
            return 0
        self.place = place + 1
        return self.given[place]

    cpdef long long below(self, long long n) except -1:
        cdef long long value
        if n < 1:
            raise ValueError(f"stream {self.label!r}: below({n}); there is nothing to draw from, give 1 or more")
        if self.random is not None:
            value = <long long>(<double>self.random() * n)
        else:
            value = min(self.next_given(), n - 1)
        self.recorded.append(value)
        return value

    def choice(self, options):
        return options[self.below(len(options))]

    cpdef double uniform(self, double low, double high) except? -1.0:
        return low + (high - low) * self.below(STEPS_) / STEPS_

    cpdef bint chance(self, double p) except -1:
        cdef bint value
        if p <= 0.0:
            return False
        if self.random is not None:
            value = <double>self.random() < p
        else:
            value = self.next_given() > 0
        self.recorded.append(1 if value else 0)
        return value

    def shuffled(self, items):
        rest = list(items)
        return [rest.pop(self.below(len(rest))) for _ in range(len(rest))]
