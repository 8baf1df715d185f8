"""Depth-first search for a linearization of one problem. Knows no model: states are numbers, steps a table.

After Wing and Gong (1993) with the memoisation of Lowe (2017), on a window: a configuration is the first return that is
not yet placed, the operations open there that are placed early, the optional operations used, and the state. Its size
is that of the concurrency, not of the history.

What prunes, and why nothing is lost:

- An operation that never changes anything is placed as soon as it is right: what could follow before can follow after.
- Of equal optional operations the earliest invoked is used first, and optional ones are tried last.
- A configuration that failed is remembered; one like it that used a superset of optional operations fails too.
- A step away from a state that a later operation needs, and that nothing can bring back, is not taken.
"""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from core_ext.linear_layout cimport NEVER, Layout, monotonic, never_changes
from core_ext.linear_memory cimport Memory, prepare, recalls, release, remember
from core_ext.linear_needs cimport Needs
from core_ext.linear_problem cimport Entry
from core_ext.linear_table cimport REFUSED, Table, step

from core_ext.linear_needs import countable

cdef enum:
    STEPS_PER_CLOCK = 8192
    LINEARIZABLE_ = 1
    NOT_LINEARIZABLE_ = 0
    BUDGET_SPENT_ = -1
    TIME_OVER_ = -2
    MEMORY_FULL_ = -3

LINEARIZABLE = LINEARIZABLE_
NOT_LINEARIZABLE = NOT_LINEARIZABLE_
BUDGET_SPENT = BUDGET_SPENT_
TIME_OVER = TIME_OVER_
MEMORY_FULL = MEMORY_FULL_


cdef struct Frame:
    int32_t operation  # optional ones count on from the completed ones
    int32_t state  # before it
    int32_t first  # before it
    int32_t forced


@cython.final
cdef class Search:
    """One search; may be run again with another order or a larger budget, and remembers what failed.

    Args:
        layout: of the problem.
        memory_bytes: limit of what is remembered.

    Attributes:
        furthest: how many operations, in order of their returns, were placed at best; when there is no linearization,
            the next one in that order is the first that cannot be placed.
        steps: taken so far.
    """

    cdef Layout layout  # whose arrays are named again here
    cdef Table table
    cdef Entry *done
    cdef Entry *open
    cdef int32_t *order
    cdef int32_t *slot
    cdef int32_t size, words
    cdef int32_t *next  # completed operations not placed, by invocation; a ring through ``size``
    cdef int32_t *previous
    cdef int32_t *used  # of each class of optional operations
    cdef uint64_t *mask  # open operations that are placed; then the optional ones used
    cdef Frame *frames
    cdef int32_t depth, first, state, target
    cdef Needs needs  # None where it is not known what operations need, or not yet worth finding out
    cdef bint known, appends
    cdef Memory memory
    cdef int64_t memory_limit
    cdef readonly int32_t furthest
    cdef readonly int64_t steps

    def __cinit__(self, Layout layout, int64_t memory_bytes=1 << 30):
        self.layout, self.table = layout, layout.problem.table
        self.done, self.open, self.order, self.slot = layout.done, layout.open, layout.order, layout.slot
        self.size, self.words = layout.size, layout.words
        self.memory_limit = memory_bytes
        prepare(&self.memory, layout.words, layout.optional_words)
        cdef size_t n = layout.size, m = layout.optional
        self.next = <int32_t *> malloc((n + 1) * sizeof(int32_t))
        self.previous = <int32_t *> malloc((n + 1) * sizeof(int32_t))
        self.used = <int32_t *> malloc((m + 1) * sizeof(int32_t))
        self.frames = <Frame *> malloc((n + m + 1) * sizeof(Frame))
        self.mask = <uint64_t *> malloc((layout.words + layout.optional_words + 1) * sizeof(uint64_t))
        if (
            self.next == NULL or self.previous == NULL or self.used == NULL or self.frames == NULL
            or self.mask == NULL
        ):
            raise MemoryError("no memory for a search")
        self.known, self.appends = countable(layout)
        if self.known and not self.appends:
            self.needs = Needs(layout, False)

    def __dealloc__(self):
        free(self.next)
        free(self.previous)
        free(self.used)
        free(self.frames)
        free(self.mask)
        release(&self.memory)

    cdef void start(self) noexcept:
        cdef int32_t at
        for at in range(self.size + 1):
            self.next[at] = at + 1
            self.previous[at] = at - 1
        self.next[self.size], self.previous[0] = 0, self.size
        if self.size == 0:
            self.next[0] = 0
        memset(self.mask, 0, (self.words + self.layout.optional_words) * sizeof(uint64_t))
        memset(self.used, 0, self.layout.optional * sizeof(int32_t))
        self.depth = self.first = 0
        self.state = self.layout.problem.initial
        if self.needs is not None:
            self.count_all(1)

    cdef void count_all(self, int32_t by) noexcept:
        """Of the operations that are not placed."""
        cdef int32_t at = self.next[self.size]
        while at != self.size:
            self.needs.count(&self.done[at], by)
            at = self.next[at]
        for at in range(self.layout.optional):
            if at - self.layout.class_start[self.layout.class_of[at]] >= self.used[self.layout.class_of[at]]:
                self.needs.count(&self.open[at], by)

    def run(self, int64_t budget, bint by_return, deadline=None):
        """Search from the start.

        Args:
            budget: of steps.
            by_return: try first what returns first; else what was invoked first.
            deadline: by the monotonic clock, or None.

        Returns:
            LINEARIZABLE, NOT_LINEARIZABLE, BUDGET_SPENT, TIME_OVER or MEMORY_FULL.
        """
        cdef double end = 0.0 if deadline is None else deadline
        if self.needs is None and self.known and self.steps:
            self.needs = Needs(self.layout, True)  # the first run did not find it the easy way
        self.start()
        try:
            return self.search(self.steps + budget, by_return, deadline is not None, end)
        finally:
            if self.needs is not None:
                self.count_all(-1)

    def placed(self):
        """Indices, in the history, of the operations in the order in which they are placed now."""
        cdef int32_t at, operation
        found = []
        for at in range(self.depth):
            operation = self.frames[at].operation
            if operation < self.size:
                found.append(self.done[operation].source)
            else:
                found.append(self.open[operation - self.size].source)
        return found

    def stuck(self):
        """Index, in the history, of the first operation by return that could not be placed."""
        return self.done[self.order[self.furthest]].source

    cdef int search(self, int64_t budget, bint by_return, bint limited, double end) except -9:
        cdef int64_t next_clock = self.steps + STEPS_PER_CLOCK
        cdef int32_t operation = -1
        while True:
            # A new configuration: what changes nothing first, then down to the next choice.
            self.place_unchanging()
            if self.first == self.size:
                return LINEARIZABLE_
            operation = -1
            if recalls(&self.memory, self.first, self.state, self.mask):
                operation = self.undo_choice()
                if operation == -1:
                    return NOT_LINEARIZABLE_
            while True:
                if self.steps >= next_clock:
                    next_clock = self.steps + STEPS_PER_CLOCK
                    PyErr_CheckSignals()
                    if limited and monotonic() > end:
                        return TIME_OVER_
                if self.steps >= budget:
                    return BUDGET_SPENT_
                operation = self.pick(operation, by_return)
                if operation != -1:
                    break
                if not remember(&self.memory, self.first, self.state, self.mask, self.memory_limit):
                    return MEMORY_FULL_
                operation = self.undo_choice()
                if operation == -1:
                    return NOT_LINEARIZABLE_
            self.place(operation, False)
            self.state = self.target

    cdef int place_unchanging(self) except -1:
        cdef int32_t operation = self.next[self.size], following
        while operation != self.size and self.first < self.size:
            if self.done[operation].invoked > self.done[self.order[self.first]].returned:
                break
            following = self.next[operation]
            self.steps += 1
            if never_changes(&self.done[operation]) and self.state_after(&self.done[operation]) == self.state:
                self.place(operation, True)
            operation = following
        return 0

    cdef inline int32_t state_after(self, const Entry *entry) except -2:
        return step(self.table, self.state, entry.kind, entry.a, entry.b)

    cdef bint leads(self, const Entry *entry, int32_t group) except -1:
        """Whether it is a choice to place an operation next; the state after it is in ``target``."""
        cdef int32_t after
        self.steps += 1
        if never_changes(entry):
            return False
        after = self.state_after(entry)
        if after == REFUSED:
            return False
        if entry.returned == NEVER and (
            after == self.state or (self.layout.seen_by_need and self.table.need[after] == 0)
            or (self.needs is not None and not self.needs.is_of_use(group, after))
        ):
            return False
        if self.needs is not None and self.needs.blocks(self.state, entry, after):
            return False
        self.target = after
        return True

    cdef int32_t pick(self, int32_t after, bint by_return) except -2:
        """The next choice after one that failed (-1: the first), or -1."""
        cdef int32_t limit = self.done[self.order[self.first]].returned
        cdef int32_t operation, group = 0, best = -1, target = 0
        cdef int32_t tried = -1 if after == -1 else self.done[after].returned if after < self.size else NEVER
        if after >= self.size:
            group = self.layout.class_of[after - self.size] + 1
        elif by_return:
            operation = self.next[self.size]
            while operation != self.size and self.done[operation].invoked < limit:
                if self.done[operation].returned > tried and (
                    best == -1 or self.done[operation].returned < self.done[best].returned
                ) and self.leads(&self.done[operation], -1):
                    best, target = operation, self.target
                operation = self.next[operation]
            if best != -1:
                self.target = target
                return best
        else:
            operation = self.next[self.size if after == -1 else after]
            while operation != self.size and self.done[operation].invoked < limit:
                if self.leads(&self.done[operation], -1):
                    return operation
                operation = self.next[operation]
        while group < self.layout.classes:
            operation = self.layout.class_start[group] + self.used[group]
            if operation < self.layout.class_start[group + 1] and self.open[operation].invoked < limit:
                if self.leads(&self.open[operation], group):
                    return self.size + operation
            group += 1
        return -1

    cdef void place(self, int32_t operation, bint forced) noexcept:
        cdef Frame *frame = &self.frames[self.depth]
        cdef int32_t bit
        self.depth += 1
        frame.operation, frame.state, frame.first, frame.forced = operation, self.state, self.first, forced
        if operation >= self.size:
            operation -= self.size
            self.used[self.layout.class_of[operation]] += 1
            self.mask[self.words + (operation >> 6)] |= <uint64_t> 1 << (operation & 63)
            if self.needs is not None:
                self.needs.count(&self.open[operation], -1)
            return
        if self.needs is not None:
            self.needs.count(&self.done[operation], -1)
        self.next[self.previous[operation]] = self.next[operation]
        self.previous[self.next[operation]] = self.previous[operation]
        bit = self.slot[operation]
        self.mask[bit >> 6] |= <uint64_t> 1 << (bit & 63)
        while self.first < self.size:
            bit = self.slot[self.order[self.first]]
            if not self.mask[bit >> 6] >> (bit & 63) & 1:
                break
            self.mask[bit >> 6] &= ~(<uint64_t> 1 << (bit & 63))
            self.first += 1
        if self.first > self.furthest:
            self.furthest = self.first

    cdef int32_t undo_choice(self) noexcept:
        """Take back the last choice and what followed from it; returns it, or -1 when there was none."""
        cdef Frame *frame
        cdef int32_t operation, bit
        while self.depth:
            self.depth -= 1
            frame = &self.frames[self.depth]
            operation = frame.operation
            self.state = frame.state
            if operation >= self.size:
                operation -= self.size
                self.used[self.layout.class_of[operation]] -= 1
                self.mask[self.words + (operation >> 6)] &= ~(<uint64_t> 1 << (operation & 63))
                if self.needs is not None:
                    self.needs.count(&self.open[operation], 1)
            else:
                while self.first > frame.first:
                    self.first -= 1
                    bit = self.slot[self.order[self.first]]
                    self.mask[bit >> 6] |= <uint64_t> 1 << (bit & 63)
                bit = self.slot[operation]
                self.mask[bit >> 6] &= ~(<uint64_t> 1 << (bit & 63))
                self.next[self.previous[operation]] = operation
                self.previous[self.next[operation]] = operation
                if self.needs is not None:
                    self.needs.count(&self.done[operation], 1)
            if not frame.forced:
                return frame.operation
        return -1
