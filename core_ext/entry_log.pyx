"""One server's view of a replicated log: terms, journal positions and sizes of all entries, the recent ones whole.

Indices are dense; ``base`` is the last one that is compacted away. Knows no rule of any protocol: it is asked several
times for every entry, and answers from C arrays. An entry is any object with ``index``, ``term`` and ``commands``.
"""

from libc.stdint cimport uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memmove

cdef enum:
    FIRST_SIZE = 64
    SWEEP_FROM = 1024  # gone entries at the head of the cache's list; fewer are not worth moving the rest

ENTRY_SHARE_BYTES = 32  # what every limit counts for an entry beside its commands
cdef uint64_t _SHARE = ENTRY_SHARE_BYTES
cdef Py_ssize_t _BEYOND = <Py_ssize_t>1 << 62  # no index or term is as large


cdef inline Py_ssize_t bounded(object number) except? -1:
    """A number that a peer may have made up, brought to where it can be compared."""
    if type(number) is int and -_BEYOND < number < _BEYOND:
        return number
    return _BEYOND if number > 0 else -_BEYOND


cdef class EntryLog:
    """Entries base+1..last. Appends and truncations only; the caller writes the journal. See entry_log.pyi.

    Row i stands for entry base + 1 + i; ``ends`` has one more in front: the running total of bytes before row 0.
    """

    cdef uint64_t *term_of
    cdef uint64_t *positions
    cdef uint64_t *ends
    cdef Py_ssize_t count, size
    cdef readonly Py_ssize_t base, base_term
    cdef list cache  # entries from cache_first on, behind cache_gone places that are None
    cdef Py_ssize_t cache_first, cache_gone
    cdef uint64_t cache_bytes

    def __cinit__(self, uint64_t cache_bytes, *arguments):
        self.cache_bytes = cache_bytes
        self.make_room(FIRST_SIZE)
        self.clear(0, 0)

    def __class_getitem__(cls, entry_type):
        return cls

    def __dealloc__(self):
        free(self.term_of)
        free(self.positions)
        free(self.ends)

    cdef int make_room(self, Py_ssize_t size) except -1:
        cdef void *grown
        if size <= self.size:
            return 0
        size = max(size, 2 * self.size)
        grown = realloc(self.term_of, size * sizeof(uint64_t))
        if grown != NULL:
            self.term_of = <uint64_t *>grown
            grown = realloc(self.positions, size * sizeof(uint64_t))
        if grown != NULL:
            self.positions = <uint64_t *>grown
            grown = realloc(self.ends, (size + 1) * sizeof(uint64_t))
        if grown == NULL:
            raise MemoryError(f"no memory for a log of {size} entries")
        self.ends = <uint64_t *>grown
        self.size = size
        return 0

    cdef int clear(self, Py_ssize_t index, Py_ssize_t term) except -1:
        self.base = index
        self.base_term = term
        self.count = 0
        self.ends[0] = 0
        self.cache = []
        self.cache_first = index + 1
        self.cache_gone = 0
        return 0

    def reset(self, Py_ssize_t index, Py_ssize_t term):
        self.clear(index, term)

    # --- questions -------------------------------------------------------------------------------------------------

    @property
    def last_index(self):
        return self.base + self.count

    @property
    def last_term(self):
        return self.newest_term()

    cdef Py_ssize_t newest_term(self) noexcept:
        return <Py_ssize_t>self.term_of[self.count - 1] if self.count else self.base_term

    def term_at(self, index):
        cdef Py_ssize_t place = bounded(index)
        if place == self.base:
            return self.base_term
        cdef Py_ssize_t row = place - self.base - 1
        return self.term_of[row] if 0 <= row < self.count else None

    def position_at(self, Py_ssize_t index):
        return self.positions[self.row(index)]

    def bytes_between(self, Py_ssize_t after, Py_ssize_t last):
        cdef Py_ssize_t low = min(max(after - self.base, 0), self.count)
        cdef Py_ssize_t high = min(max(last - self.base, low), self.count)
        return self.ends[high] - self.ends[low]

    def cached(self, Py_ssize_t first, uint64_t limit_bytes, Py_ssize_t limit_count):
        if first < self.cache_first:
            return None
        cdef Py_ssize_t end = self.fitting(first, limit_bytes, limit_count)
        cdef Py_ssize_t at = first - self.cache_first + self.cache_gone
        return tuple(self.cache[at:at + end - first + 1])

    def prefix(self, Py_ssize_t first, uint64_t limit_bytes, Py_ssize_t limit_count):
        return self.fitting(first, limit_bytes, limit_count)

    def stored_run(self, Py_ssize_t first, uint64_t limit_bytes, Py_ssize_t limit_count):
        cdef Py_ssize_t end = self.fitting(first, limit_bytes, limit_count)
        cdef Py_ssize_t row = self.row(first)
        cdef uint64_t start = self.positions[row]
        cdef Py_ssize_t run = 0
        while first + run < end and self.positions[row + run + 1] == start + <uint64_t>run + 1:
            run += 1
        return first + run

    def retained_from(self, Py_ssize_t index, uint64_t limit_bytes):
        cdef Py_ssize_t low = 0, high = index - self.base, middle
        if not 0 <= high <= self.count:
            self.row(index)
        cdef uint64_t wanted = max(self.ends[high] - min(limit_bytes, self.ends[high]), self.ends[0])
        while low < high:  # the first total that is not below it
            middle = (low + high) // 2
            if self.ends[middle] < wanted:
                low = middle + 1
            else:
                high = middle
        return self.base + low

    def last_not_above(self, index, term):
        cdef Py_ssize_t place = bounded(index), limit = bounded(term)
        cdef Py_ssize_t low = 0, high, middle
        if place < self.base:
            return index
        high = min(place - self.base, self.count)
        while low < high:  # behind the last term that is not above it
            middle = (low + high) // 2
            if <Py_ssize_t>self.term_of[middle] <= limit:
                low = middle + 1
            else:
                high = middle
        return self.base - 1 if low == 0 and self.base_term > limit else self.base + low

    def terms(self):
        cdef Py_ssize_t row
        return self.base, tuple([self.term_of[row] for row in range(self.count)])

    def recent(self):
        return self.cache[self.cache_gone:]

    def entry_at(self, Py_ssize_t index):
        if not self.cache_first <= index <= self.base + self.count:
            return None
        return self.cache[index - self.cache_first + self.cache_gone]

    cdef Py_ssize_t row(self, Py_ssize_t index) except -1:
        cdef Py_ssize_t row = index - self.base - 1
        if not 0 <= row < self.count:
            raise AssertionError(
                f"entry {index} is not in the log, which holds {self.base + 1}..{self.base + self.count}"
            )
        return row

    cdef Py_ssize_t fitting(self, Py_ssize_t first, uint64_t limit_bytes, Py_ssize_t limit_count) except -1:
        cdef Py_ssize_t start = self.row(first)
        cdef Py_ssize_t low = start + 1, high = min(self.count, start + limit_count), middle
        cdef uint64_t limit = self.ends[start] + limit_bytes
        while low < high:  # the last total that is not above the limit; the first entry always goes
            middle = (low + high + 1) // 2
            if self.ends[middle] <= limit:
                low = middle
            else:
                high = middle - 1
        return self.base + low

    # --- changes ---------------------------------------------------------------------------------------------------

    def append(self, entry, uint64_t position):
        cdef Py_ssize_t index = entry.index, term = entry.term
        cdef uint64_t size = _SHARE
        if index != self.base + self.count + 1 or term < self.newest_term():
            raise AssertionError(
                f"append of {term}/{index} after {self.newest_term()}/{self.base + self.count}: not the next entry"
            )
        for command in entry.commands:
            size += <uint64_t>len(command)
        self.make_room(self.count + 1)
        self.term_of[self.count] = <uint64_t>term
        self.positions[self.count] = position
        self.ends[self.count + 1] = self.ends[self.count] + size
        self.count += 1
        self.cache.append(entry)
        self.trim_cache()

    def truncate(self, Py_ssize_t index):
        self.count = self.row(index)
        if index < self.cache_first:
            self.cache_first = index
            self.cache.clear()
            self.cache_gone = 0
        else:
            del self.cache[index - self.cache_first + self.cache_gone:]

    def compact(self, Py_ssize_t index):
        cdef Py_ssize_t gone = index - self.base
        if gone == 0:
            return
        cdef Py_ssize_t last = self.row(index)
        cdef Py_ssize_t left = self.count - gone
        self.base_term = <Py_ssize_t>self.term_of[last]
        memmove(self.term_of, self.term_of + gone, left * sizeof(uint64_t))
        memmove(self.positions, self.positions + gone, left * sizeof(uint64_t))
        memmove(self.ends, self.ends + gone, (left + 1) * sizeof(uint64_t))
        self.base = index
        self.count = left
        while self.cache_first <= index:
            self.drop_oldest()

    def shift_positions(self, uint64_t by):
        cdef Py_ssize_t row
        for row in range(self.count):
            self.positions[row] += by

    cdef int trim_cache(self) except -1:
        cdef Py_ssize_t last = self.base + self.count
        while self.cache_first < last and (
            self.ends[self.count] - self.ends[self.cache_first - 1 - self.base] > self.cache_bytes
        ):
            self.drop_oldest()
        return 0

    cdef int drop_oldest(self) except -1:
        if self.cache_gone < len(self.cache):
            self.cache[self.cache_gone] = None
            self.cache_gone += 1
        self.cache_first += 1
        if self.cache_gone >= SWEEP_FROM and 2 * self.cache_gone > len(self.cache):
            del self.cache[:self.cache_gone]
            self.cache_gone = 0
        return 0

    # --- for worlds that compare and copy states ---------------------------------------------------------------------

    def snapshot(self):
        cdef Py_ssize_t row
        return (
            self.base, self.base_term, tuple([self.term_of[row] for row in range(self.count)]),
            tuple([self.positions[row] for row in range(self.count)]),
            tuple([self.ends[row] for row in range(self.count + 1)]), tuple(self.recent()),
        )

    def restore(self, state):
        cdef Py_ssize_t row
        base, base_term, terms, positions, ends, entries = state
        self.clear(base, base_term)
        self.make_room(len(terms))
        self.ends[0] = ends[0]
        for row in range(len(terms)):
            self.term_of[row] = terms[row]
            self.positions[row] = positions[row]
            self.ends[row + 1] = ends[row + 1]
        self.count = len(terms)
        self.cache = list(entries)
        self.cache_first = entries[0].index if entries else self.base + self.count + 1

    def __deepcopy__(self, memo):
        cdef EntryLog copy = type(self)(self.cache_bytes)
        copy.restore(self.snapshot())
        return copy
