"""Which bit of a configuration is whose: completed operations share bits over time, optional ones each have their own.

Knows no search. ``order`` holds the completed operations by return, ``slot`` the bit of each while it is open. ``open``
holds the optional operations with equal ones side by side, the earliest invoked first; class c of equal ones stands
from ``class_start[c]`` to ``class_start[c + 1]``.
"""

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc, qsort

from core_ext.linear_problem cimport Entry, Problem
from core_ext.linear_table cimport APPEND, CAS, READ, WRITE

cdef enum:
    MAX_MOVES = 32  # per operation, before sorting from scratch is quicker

cdef int64_t MAX_SCANNED = 2_000_000_000  # characters; beyond it leaving out costs more than it saves


cdef struct Order:
    int32_t position
    int32_t operation


cdef int by_position(const void *left, const void *right) noexcept nogil:
    cdef int32_t one = (<const Order *> left).position, other = (<const Order *> right).position
    return (one > other) - (one < other)


cdef int by_step(const void *left, const void *right) noexcept nogil:
    cdef const Entry *one = <const Entry *> left
    cdef const Entry *other = <const Entry *> right
    if one.kind != other.kind:
        return (one.kind > other.kind) - (one.kind < other.kind)
    if one.a != other.a:
        return (one.a > other.a) - (one.a < other.a)
    if one.b != other.b:
        return (one.b > other.b) - (one.b < other.b)
    return (one.invoked > other.invoked) - (one.invoked < other.invoked)


cdef class Layout:
    """Of one problem, which must not change afterwards."""

    def __cinit__(self, Problem problem):
        cdef size_t n = problem.size, m = problem.optional
        self.problem, self.done = problem, problem.done
        self.size, self.optional = problem.size, 0
        self.order = <int32_t *> malloc((n + 1) * sizeof(int32_t))
        self.slot = <int32_t *> malloc((n + 1) * sizeof(int32_t))
        self.open = <Entry *> malloc((m + 1) * sizeof(Entry))
        self.class_start = <int32_t *> malloc((m + 2) * sizeof(int32_t))
        self.class_of = <int32_t *> malloc((m + 1) * sizeof(int32_t))
        if (
            self.order == NULL or self.slot == NULL or self.open == NULL or self.class_start == NULL
            or self.class_of == NULL
        ):
            raise MemoryError("no memory for a search")
        self.keep_optional()
        self.sort_optional()
        self.sort_returns()
        self.words = (self.give_slots() + 63) // 64
        self.optional_words = (self.optional + 63) // 64

    def __dealloc__(self):
        free(self.order)
        free(self.slot)
        free(self.open)
        free(self.class_start)
        free(self.class_of)

    cdef int keep_optional(self) except -1:
        """Leave out the optional operations whose effect nobody can have seen: a history that needs none of them is
        linearizable with them exactly when it is without.

        The effect of a write is seen by an operation that needs its value, or, where strings grow, one that holds it.
        An operation that needs the state to be different from some value sees everything.
        """
        cdef int32_t at, target
        cdef Entry *entry
        cdef bint everything = False, appends = False
        cdef set seen = set()
        if self.problem.optional == 0:
            return 0
        for at in range(self.size + self.problem.optional):
            entry = &self.done[at] if at < self.size else &self.problem.open[at - self.size]
            if entry.kind == READ or entry.kind == CAS:
                seen.add(entry.a)
            elif entry.kind == APPEND:
                appends = True
            elif entry.kind != WRITE:
                everything = True
        self.sees_everything = everything
        self.seen_by_need = not everything and not appends
        texts = ""
        if appends and not everything:
            objects = self.problem.table.objects
            found = [objects[value] for value in seen if type(objects[value]) is str]
            everything = sum(map(len, found)) * self.problem.optional > MAX_SCANNED
            texts = "" if everything else "\n".join(found)
        for at in range(self.problem.optional):
            entry = &self.problem.open[at]
            target = entry.b if entry.kind == CAS else entry.a
            if everything or ((self.problem.table.objects[target] or "") in texts if appends else target in seen):
                self.open[self.optional] = entry[0]
                self.optional += 1
                self.seen_by_need = self.seen_by_need and entry.kind == WRITE
        return 0

    cdef void sort_optional(self) noexcept:
        cdef int32_t at
        cdef Entry *entry
        if self.optional:
            qsort(self.open, self.optional, sizeof(Entry), by_step)
        self.classes = 0
        for at in range(self.optional):
            entry = &self.open[at]
            if at == 0 or entry.kind != entry[-1].kind or entry.a != entry[-1].a or entry.b != entry[-1].b:
                self.class_start[self.classes] = at
                self.classes += 1
            self.class_of[at] = self.classes - 1
        self.class_start[self.classes] = self.optional

    cdef int32_t give_slots(self) except -1:
        """Number the open operations of every moment with as few bits as possible; returns how many."""
        cdef int32_t at, returns = 0, slots = 0, spare = 0
        cdef int32_t *unused = <int32_t *> malloc((self.size + 1) * sizeof(int32_t))
        if unused == NULL:
            raise MemoryError("no memory for a search")
        for at in range(self.size):
            while self.done[self.order[returns]].returned < self.done[at].invoked:
                unused[spare] = self.slot[self.order[returns]]
                spare += 1
                returns += 1
            if spare:
                spare -= 1
                self.slot[at] = unused[spare]
            else:
                self.slot[at] = slots
                slots += 1
        free(unused)
        return slots

    cdef int sort_returns(self) except -1:
        """Nearly in order already, as far as few operations are open at once; else sorted from scratch."""
        cdef int32_t at, place
        cdef int64_t moves = 0
        cdef Order *returned
        for at in range(self.size):
            place = at
            while place and self.done[self.order[place - 1]].returned > self.done[at].returned:
                self.order[place] = self.order[place - 1]
                place -= 1
            self.order[place] = at
            moves += at - place
            if moves > MAX_MOVES * <int64_t> self.size:
                break
        else:
            return 0
        returned = <Order *> malloc((self.size + 1) * sizeof(Order))
        if returned == NULL:
            raise MemoryError("no memory for a search")
        for at in range(self.size):
            returned[at].position, returned[at].operation = self.done[at].returned, at
        qsort(returned, self.size, sizeof(Order), by_position)
        for at in range(self.size):
            self.order[at] = returned[at].operation
        free(returned)
        return 0
