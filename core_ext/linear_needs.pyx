"""What the operations that wait still need: which states, and whether anything can still lead there. Knows no search.

A step that leaves a state for good while an operation waits that can happen in no other need not be tried. For strings
that grow, a state can be reached by an append only if what is appended is its end; so an append that is the last to end
like a string that somebody will read must lead to exactly that string.
"""

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free

from core_ext.linear_layout cimport NEVER, Layout
from core_ext.linear_problem cimport Entry
from core_ext.linear_table cimport APPEND, CALL, CAS, READ

from core_ext.linear_growth import growth

cdef int64_t MAX_SCANNED = 1_000_000_000  # characters
cdef int64_t CALL_CHARACTERS = 100  # what it costs to begin with a string, in characters


def countable(Layout layout):
    """Whether it is known of every operation of a problem which states it needs, and whether any appends.

    Returns:
        ``(known, appends)``.
    """
    cdef int32_t at, kind
    cdef bint appends = False
    for at in range(layout.size + layout.optional):
        kind = layout.done[at].kind if at < layout.size else layout.open[at - layout.size].kind
        if kind == CALL:
            return False, False
        appends = appends or kind == APPEND
    return True, appends


cdef class Needs:
    """Counts over the operations that wait: none at first.

    The counters belong to the table and are 0 when nobody counts; whoever counts up counts down again.

    Args:
        layout: of the problem.
        texts: also look at how strings end; takes longer to prepare.
    """

    def __cinit__(self, Layout layout, bint texts):
        self.table = layout.problem.table
        self.table.ready_counts()
        self.counted = self.table.counted
        self.texts = texts
        if texts:
            self.growth = growth(layout)
            self.find_tails(self.ends(layout))
            self.find_uses(layout)

    def __dealloc__(self):
        free(self.tails_start)
        free(self.tails)
        free(self.wholes_start)
        free(self.wholes)
        free(self.uses_start)
        free(self.uses_after)
        free(self.uses_whole)

    def ends(self, Layout layout):
        """Pairs of a string that is needed and one that is appended, where the first ends with the second."""
        cdef int32_t at
        cdef Entry *entry
        cdef set needed = set(), appended = set(), lengths = set()
        for at in range(layout.size + layout.optional):
            entry = &layout.done[at] if at < layout.size else &layout.open[at - layout.size]
            if entry.kind == APPEND:
                appended.add(entry.a)
                lengths.add(len(self.table.objects[entry.a]))
            elif entry.returned != NEVER and (entry.kind == READ or entry.kind == CAS):
                needed.add(entry.a)
        pairs = []
        for whole in needed:
            text = self.table.objects[whole]
            if type(text) is str:
                for length in lengths:
                    # The empty string leads only to itself: nothing else is reached by appending it.
                    if length <= len(text) and (length or not text):
                        tail = self.table.numbers.get(text[len(text) - length:])
                        if tail in appended:
                            pairs.append((whole, tail))
        return pairs

    cdef int find_tails(self, list pairs) except -1:
        """Two indices over the pairs: by the whole string, and by its end."""
        cdef int32_t at, whole, tail
        cdef size_t states = self.counted + 2, count = len(pairs) + 1
        self.tails_start = <int32_t *> calloc(states, sizeof(int32_t))
        self.wholes_start = <int32_t *> calloc(states, sizeof(int32_t))
        self.tails = <int32_t *> calloc(count, sizeof(int32_t))
        self.wholes = <int32_t *> calloc(count, sizeof(int32_t))
        if self.tails_start == NULL or self.wholes_start == NULL or self.tails == NULL or self.wholes == NULL:
            raise MemoryError("no memory for the strings of a history")
        for whole, tail in pairs:
            self.tails_start[whole + 2] += 1
            self.wholes_start[tail + 2] += 1
        for at in range(2, <int32_t> states):
            self.tails_start[at] += self.tails_start[at - 1]
            self.wholes_start[at] += self.wholes_start[at - 1]
        for whole, tail in pairs:
            self.tails[self.tails_start[whole + 1]] = tail
            self.tails_start[whole + 1] += 1
            self.wholes[self.wholes_start[tail + 1]] = whole
            self.wholes_start[tail + 1] += 1
        return 0

    cdef int find_uses(self, Layout layout) except -1:
        """For each class of equal optional operations: the states in which it is of use, each with a string that begins
        like that and is needed.

        Left out, so that every one counts as of use, where the strings are too many or an operation sees every state.
        """
        cdef int32_t at, group
        cdef Entry *entry
        cdef set needed = set()
        cdef list uses = []
        if layout.classes == 0 or layout.sees_everything:
            return 0
        for at in range(layout.size):
            entry = &layout.done[at]
            if (entry.kind == READ or entry.kind == CAS) and type(self.table.objects[entry.a]) is str:
                needed.add(entry.a)
        texts = {whole: self.table.objects[whole] for whole in needed}
        if (sum(map(len, texts.values())) + CALL_CHARACTERS * len(texts)) * layout.classes > MAX_SCANNED:
            return 0
        for group in range(layout.classes):
            entry = &layout.open[layout.class_start[group]]
            if entry.kind == CAS:
                return 0  # it may itself need what another optional operation makes
            word = self.table.objects[entry.a]
            if not word:
                return 0  # nothing, or the empty string: every string begins like that
            for whole, text in texts.items():
                place = text.find(word)
                if entry.kind == APPEND:
                    while place >= 0:
                        uses.append((group, self.table.number_text(text[:place + len(word)]), whole))
                        place = text.find(word, place + 1)
                elif place == 0:
                    uses.append((group, entry.a, whole))
        self.uses_start = <int32_t *> calloc(layout.classes + 1, sizeof(int32_t))
        self.uses_after = <int32_t *> calloc(len(uses) + 1, sizeof(int32_t))
        self.uses_whole = <int32_t *> calloc(len(uses) + 1, sizeof(int32_t))
        if self.uses_start == NULL or self.uses_after == NULL or self.uses_whole == NULL:
            raise MemoryError("no memory for the strings of a history")
        for at in range(<int32_t> len(uses)):
            group, self.uses_after[at], self.uses_whole[at] = uses[at]
            self.uses_start[group + 1] = at + 1
        for group in range(layout.classes):
            if self.uses_start[group + 1] < self.uses_start[group]:
                self.uses_start[group + 1] = self.uses_start[group]
        return 0

    cdef bint is_of_use(self, int32_t group, int32_t after) noexcept:
        """Whether an optional operation that leads to a state can have been seen by one that still waits."""
        cdef int32_t at
        if self.uses_start == NULL:
            return True
        for at in range(self.uses_start[group], self.uses_start[group + 1]):
            if self.uses_after[at] == after and self.table.need[self.uses_whole[at]] > 0:
                return True
        return False

    cdef int32_t left(self, int32_t state) noexcept:
        """How many waiting operations may lead to a state."""
        cdef int32_t at, found = self.table.makers[state]
        for at in range(self.tails_start[state], self.tails_start[state + 1]):
            found += self.table.appenders[self.tails[at]]
        return found

    cdef bint blocks_append(self, int32_t state, const Entry *entry, int32_t after) noexcept:
        cdef int32_t at, whole
        for at in range(self.wholes_start[entry.a], self.wholes_start[entry.a + 1]):
            whole = self.wholes[at]
            if whole != after and self.table.need[whole] > 0 and self.left(whole) == 1:
                return True  # only this one could have led there
        return False
