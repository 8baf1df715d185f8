from libc.stdint cimport int32_t

from core_ext.linear_growth cimport Growth
from core_ext.linear_layout cimport NEVER, Layout
from core_ext.linear_problem cimport Entry
from core_ext.linear_table cimport APPEND, CAS, ERASE, READ, WRITE, Table


cdef class Needs:
    cdef Table table
    cdef int32_t counted
    cdef bint texts
    cdef Growth growth  # None where strings do not only grow
    cdef int32_t *tails_start
    cdef int32_t *tails
    cdef int32_t *wholes_start
    cdef int32_t *wholes
    cdef int32_t *uses_start
    cdef int32_t *uses_after
    cdef int32_t *uses_whole
    cdef int find_uses(self, Layout layout) except -1
    cdef bint is_of_use(self, int32_t group, int32_t after) noexcept
    cdef int find_tails(self, list pairs) except -1
    cdef int32_t left(self, int32_t state) noexcept
    cdef bint blocks_append(self, int32_t state, const Entry *entry, int32_t after) noexcept

    cdef inline void count(self, const Entry *entry, int32_t by) noexcept:
        """Note that an operation waits (1), or no longer does (-1)."""
        if self.growth is not None:
            self.growth.count(entry, by)
        if entry.returned != NEVER and (entry.kind == READ or entry.kind == CAS):
            self.table.need[entry.a] += by
        if entry.kind == CAS:
            self.table.makers[entry.b] += by
        elif entry.kind == WRITE or entry.kind == ERASE:
            self.table.makers[entry.a] += by
        elif entry.kind == APPEND:
            self.table.appenders[entry.a] += by

    cdef inline bint blocks(self, int32_t state, const Entry *entry, int32_t after) noexcept:
        """Whether a waiting operation could never be placed once this one leads from one state to another."""
        cdef int32_t need
        if after != state and state < self.counted:
            need = self.table.need[state]
            if entry.kind == CAS and entry.returned != NEVER:
                need -= 1
            if need > 0 and self.table.makers[state] == 0 and (not self.texts or self.left(state) == 0):
                return True
        if not self.texts or entry.kind != APPEND:
            return False
        return (self.growth is not None and self.growth.blocks(after)) or self.blocks_append(state, entry, after)
