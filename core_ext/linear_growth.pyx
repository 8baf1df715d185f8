"""Strings that only grow: once nothing can put another value in their place, every state on the way begins each string
that is still to be read. Knows no search.

The strings that are read must be beginnings of one another, as those of a list that clients append to are. Then the
longest one tells every state: an append leads on only if it gives the next piece of it, and not beyond what a waiting
operation reads. Without that a search learns of a wrong order only at the next read, a hundred appends away perhaps.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc

from core_ext.linear_layout cimport NEVER, Layout
from core_ext.linear_problem cimport Entry
from core_ext.linear_table cimport CALL, CAS, ERASE, READ, WRITE, Table, hash_beginnings

cdef int64_t MAX_LONGEST = 4 << 20  # bytes of a string whose beginnings are kept, 16 bytes for each


cdef class Growth:
    """What the operations that wait will read of one growing string: nothing at first.

    Made by ``growth``. Whoever counts up counts down again.
    """

    def __dealloc__(self):
        free(self.rank)
        free(self.read)
        free(self.first)
        free(self.second)

    cdef int keep_beginnings(self, str longest) except -1:
        cdef size_t count = len(longest.encode()) + 1
        self.first = <uint64_t *> malloc(count * sizeof(uint64_t))
        self.second = <uint64_t *> malloc(count * sizeof(uint64_t))
        if self.first == NULL or self.second == NULL:
            raise MemoryError("no memory for the strings of a history")
        hash_beginnings(longest, self.first, self.second)
        return 0

    cdef int keep_ranks(self, list states) except -1:
        cdef int32_t place, state
        self.rank = <int32_t *> calloc(self.table.counted + 1, sizeof(int32_t))
        self.read = <int32_t *> malloc((len(states) + 1) * sizeof(int32_t))
        if self.rank == NULL or self.read == NULL:
            raise MemoryError("no memory for the strings of a history")
        self.ranks = self.lowest = len(states)
        for place, state in enumerate(states):
            self.rank[state] = place
            self.read[place] = state
        return 0

    cdef bint blocks(self, int32_t after) noexcept:
        """Whether an append that leads to a state leads away from what a waiting operation reads."""
        cdef int64_t length = self.table.text[after].length
        cdef int64_t wanted
        if self.apart:
            return True
        if self.others:
            return False  # something that waits may put another value there
        while self.lowest < self.ranks and self.table.need[self.read[self.lowest]] == 0:
            self.lowest += 1
        if self.lowest == self.ranks:
            return False  # nobody will look
        wanted = self.table.text[self.read[self.lowest]].length
        if length > wanted:
            return True
        return (
            self.table.text[after].first != self.first[length] or self.table.text[after].second != self.second[length]
        )


def growth(Layout layout):
    """What strings that only grow tell of a problem.

    Args:
        layout: of the problem.

    Returns:
        A Growth; None where other operations need a state, where nothing is read, where the longest string that is read
        has more than 4 MiB, or where those that are read are not beginnings of one another and something puts another
        value in their place. Where nothing does, no order explains such reads, and the Growth blocks every append.

    Raises:
        MemoryError: no room for the beginnings of the longest string.
    """
    cdef Table table = layout.problem.table
    cdef Growth made = Growth.__new__(Growth)
    cdef int32_t at, state
    cdef Entry *entry
    cdef set found = set()
    cdef bint only_grows = True
    table.ready_texts()
    for at in range(layout.size + layout.optional):
        entry = &layout.done[at] if at < layout.size else &layout.open[at - layout.size]
        if entry.kind == CAS or entry.kind == CALL:
            return None
        only_grows = only_grows and entry.kind != WRITE and entry.kind != ERASE
        if entry.kind == READ and entry.returned != NEVER:
            if table.text[entry.a].length < 0 and entry.a != table.null:
                return None
            found.add(entry.a)
    if not found:
        return None
    states = sorted(found, key=lambda one: length_of(table, one))
    longest = states[len(states) - 1]
    if length_of(table, longest) > MAX_LONGEST:
        return None
    made.table = table
    made.keep_beginnings(table.objects[longest] or "")
    for state in states:
        if table.text[state].length >= 0 and (
            table.text[state].first != made.first[table.text[state].length]
            or table.text[state].second != made.second[table.text[state].length]
        ):
            made.apart = True
            return made if only_grows else None
    made.keep_ranks(states)
    return made


cdef int64_t length_of(Table table, int32_t state):
    """Bytes of a string; -1 for no value, which comes before the empty string."""
    return table.text[state].length
