"""Just-in-time search: all configurations side by side, from return to return. Knows no model.

After Lowe (2017), section 5: at each return only as much is placed as is needed to place the operation that returns. Of
the past only the configurations that are possible now are kept, so that memory is bounded by them; and where an
operation cannot be placed, it is the first such in the history, and the operations up to it are a violation by
themselves.
"""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from core_ext.linear_layout cimport Layout, monotonic, never_changes
from core_ext.linear_memory cimport Memory, forget, mask_of, prepare, recalls, release, remember, state_of
from core_ext.linear_problem cimport Entry
from core_ext.linear_table cimport REFUSED, Table, step

from core_ext.linear_search import BUDGET_SPENT, LINEARIZABLE, MEMORY_FULL, NOT_LINEARIZABLE, TIME_OVER

cdef enum:
    STEPS_PER_CLOCK = 8192


@cython.final
cdef class Sweep:
    """One sweep; goes on where it stopped when it is run again.

    Args:
        layout: of the problem.
        memory_bytes: limit of the configurations that are kept.

    Attributes:
        first: how many operations, by return, are placed; where the sweep ended with NOT_LINEARIZABLE, the next one
            is the first that cannot be.
        steps: taken so far.
        cut: the latest position, a return, after which only one configuration was possible; -1 at first.
        cut_state: the state then.
        cut_placed: indices, in the history, of the operations that were placed then and had not returned.
    """

    cdef Layout layout
    cdef Table table
    cdef Memory now
    cdef Memory after
    cdef int64_t at  # the configurations of ``now`` before it are done
    cdef int32_t *open_now
    cdef int32_t open_count, invoked
    cdef uint64_t *mask
    cdef uint64_t *base
    cdef int64_t memory_limit
    cdef bint full
    cdef readonly int32_t first
    cdef readonly int64_t steps
    cdef readonly int32_t cut
    cdef readonly int32_t cut_state
    cdef readonly object cut_placed

    def __cinit__(self, Layout layout, int64_t memory_bytes=1 << 30):
        cdef size_t width = layout.words + layout.optional_words + 1
        self.layout, self.table = layout, layout.problem.table
        self.memory_limit = memory_bytes // 2
        prepare(&self.now, layout.words, layout.optional_words)
        prepare(&self.after, layout.words, layout.optional_words)
        self.open_now = <int32_t *> malloc((layout.size + 1) * sizeof(int32_t))
        self.mask = <uint64_t *> malloc(width * sizeof(uint64_t))
        self.base = <uint64_t *> malloc(width * sizeof(uint64_t))
        if self.open_now == NULL or self.mask == NULL or self.base == NULL:
            raise MemoryError("no memory for a sweep")
        memset(self.mask, 0, width * sizeof(uint64_t))
        self.cut, self.cut_state, self.cut_placed = -1, layout.problem.initial, []
        remember(&self.after, 0, layout.problem.initial, self.mask, self.memory_limit)
        if layout.size:
            self.next_return()

    def __dealloc__(self):
        release(&self.now)
        release(&self.after)
        free(self.open_now)
        free(self.mask)
        free(self.base)

    def run(self, int64_t budget, deadline=None):
        """Go on.

        Args:
            budget: of steps, from now on.
            deadline: by the monotonic clock, or None.

        Returns:
            LINEARIZABLE, NOT_LINEARIZABLE, BUDGET_SPENT, TIME_OVER or MEMORY_FULL.
        """
        cdef double end = 0.0 if deadline is None else deadline
        cdef bint limited = deadline is not None
        cdef int64_t next_clock = self.steps + STEPS_PER_CLOCK
        budget += self.steps
        while self.first < self.layout.size:
            while self.at < self.now.size:
                if self.steps >= next_clock:
                    next_clock = self.steps + STEPS_PER_CLOCK
                    PyErr_CheckSignals()
                    if limited and monotonic() > end:
                        return TIME_OVER
                if self.steps >= budget:
                    return BUDGET_SPENT
                self.expand(self.at)
                if self.full:
                    return MEMORY_FULL
                self.at += 1
            if self.after.size == 0:
                return NOT_LINEARIZABLE
            self.first += 1
            self.note_cut()
            if self.first < self.layout.size:
                self.next_return()
                if self.full:
                    return MEMORY_FULL
        return LINEARIZABLE

    def stuck(self):
        """Index, in the history, of the operation that the next return is of."""
        return self.layout.done[self.layout.order[self.first]].source

    def states(self):
        """The states that are possible before the next return, as values, in no order."""
        cdef int64_t at
        return [self.table.value_of(state) for state in {state_of(&self.now, at) for at in range(self.now.size)}]

    cdef int next_return(self) except -1:
        """Make what is possible after one return what is possible before the next."""
        cdef Memory kept = self.now
        cdef int32_t limit = self.layout.done[self.layout.order[self.first]].returned
        cdef int32_t left = 0, operation, number
        cdef int64_t at
        self.now = self.after
        self.after = kept
        forget(&self.after)
        for number in range(self.open_count):
            operation = self.open_now[number]
            if self.layout.done[operation].returned >= limit:
                self.open_now[left] = operation
                left += 1
        while self.invoked < self.layout.size and self.layout.done[self.invoked].invoked < limit:
            self.open_now[left] = self.invoked
            left += 1
            self.invoked += 1
        self.open_count = left
        # What never changes anything is placed at once; `after` lends its room for it.
        for at in range(self.now.size):
            memcpy(self.mask, mask_of(&self.now, at), self.width())
            self.keep(state_of(&self.now, at), &self.after)
        kept = self.now
        self.now = self.after
        self.after = kept
        forget(&self.after)
        self.at = 0
        return 0

    cdef inline size_t width(self) noexcept:
        return (self.layout.words + self.layout.optional_words) * sizeof(uint64_t)

    cdef int keep(self, int32_t state, Memory *place) except -1:
        """Place what never changes anything, and keep the configuration (``state`` and ``mask``) if it is new."""
        cdef int32_t number, bit
        cdef Entry *entry
        for number in range(self.open_count):
            bit = self.layout.slot[self.open_now[number]]
            entry = &self.layout.done[self.open_now[number]]
            if self.mask[bit >> 6] >> (bit & 63) & 1 or not never_changes(entry):
                continue
            self.steps += 1
            if step(self.table, state, entry.kind, entry.a, entry.b) == state:
                self.mask[bit >> 6] |= <uint64_t> 1 << (bit & 63)
        if not recalls(place, 0, state, self.mask):
            if not remember(place, 0, state, self.mask, self.memory_limit):
                self.full = True
        return 0

    cdef int expand(self, int64_t at) except -1:
        """Where the operation that returns is placed, move on; else place every other that can be."""
        cdef int32_t state = state_of(&self.now, at), after, number, bit, group
        cdef int32_t last = self.layout.slot[self.layout.order[self.first]]
        cdef int32_t limit = self.layout.done[self.layout.order[self.first]].returned
        cdef Entry *entry
        memcpy(self.base, mask_of(&self.now, at), self.width())
        self.steps += 1
        if self.base[last >> 6] >> (last & 63) & 1:
            self.base[last >> 6] &= ~(<uint64_t> 1 << (last & 63))
            if not recalls(&self.after, 0, state, self.base):
                if not remember(&self.after, 0, state, self.base, self.memory_limit):
                    self.full = True
            return 0
        for number in range(self.open_count):
            bit = self.layout.slot[self.open_now[number]]
            entry = &self.layout.done[self.open_now[number]]
            if self.base[bit >> 6] >> (bit & 63) & 1 or never_changes(entry):
                continue
            self.steps += 1
            after = step(self.table, state, entry.kind, entry.a, entry.b)
            if after != REFUSED:
                memcpy(self.mask, self.base, self.width())
                self.mask[bit >> 6] |= <uint64_t> 1 << (bit & 63)
                self.keep(after, &self.now)
        for group in range(self.layout.classes):
            number = self.layout.class_start[group]
            while number < self.layout.class_start[group + 1] and self.is_used(number):
                number += 1
            if number == self.layout.class_start[group + 1] or self.layout.open[number].invoked > limit:
                continue
            entry = &self.layout.open[number]
            self.steps += 1
            after = step(self.table, state, entry.kind, entry.a, entry.b)
            if after != REFUSED and after != state:
                memcpy(self.mask, self.base, self.width())
                self.mask[self.layout.words + (number >> 6)] |= <uint64_t> 1 << (number & 63)
                self.keep(after, &self.now)
        return 0

    cdef inline bint is_used(self, int32_t optional) noexcept:
        return self.base[self.layout.words + (optional >> 6)] >> (optional & 63) & 1

    cdef int note_cut(self) except -1:
        """Note it when there is one configuration."""
        cdef int32_t number, bit, operation
        if self.after.size != 1:
            return 0
        self.cut = self.layout.done[self.layout.order[self.first - 1]].returned
        self.cut_state = state_of(&self.after, 0)
        memcpy(self.base, mask_of(&self.after, 0), self.width())
        self.cut_placed = [
            self.layout.open[number].source for number in range(self.layout.optional) if self.is_used(number)
        ]
        for number in range(self.open_count):
            operation = self.open_now[number]
            bit = self.layout.slot[operation]
            if self.layout.done[operation].returned > self.cut and self.base[bit >> 6] >> (bit & 63) & 1:
                self.cut_placed.append(self.layout.done[operation].source)
        return 0
