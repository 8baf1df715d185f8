"""Random walks over the interleavings of a set of actors: one state at a time, the next one drawn among its successors.

Knows neither actors nor properties: predicates are bits, and what was seen of them is written down with the walk that
led there.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from core_ext.interleave cimport FAULT, MAX_IN_FLIGHT, Interleaving
from core_ext.interleave_steps cimport HEADER
from core_ext.interleave_tables cimport Ints, fingerprint

cdef uint32_t NOBODY = 0xffffffffU  # the source of states here: walks remember their own way


cdef class RandomWalks(Interleaving):
    """Walks, one after the other.

    A walk is written down as the place of its first state among the initial ones, then the number of each action.

    Attributes:
        must: bits of predicates that every state satisfies, if all is well.
        may: bits of predicates of which one state is looked for.
        free: bits of predicates that say where a run may end.
        promises: (bit of the cause, or 0 when the effect is owed from the start; bit of the effect) each.
        depth: states on the longest walk.
        noted: by predicate, the first walk to a state that refutes (``must``) or satisfies (``may``) it.
        broken: by promise, the first walk to a state in which nothing is owed but its effect.
        dead_ends: by predicate (``free``), the first walk to a state without any action, where no run may end.
        failed: (walk, action) of the handler that failed; None.
    """

    cdef public int32_t must, may, free
    cdef public list promises
    cdef readonly Py_ssize_t depth
    cdef readonly dict noted
    cdef readonly dict broken
    cdef readonly dict dead_ends
    cdef readonly tuple failed
    cdef list initial
    cdef Ints trail
    cdef uint64_t random
    cdef bint walking, started
    cdef int32_t pending           # bits of ``must`` and ``may`` that are not noted yet
    cdef uint32_t owed             # promises, as bits
    cdef int32_t* here
    cdef int32_t bits_here
    cdef Py_ssize_t here_length
    cdef int32_t* drawn
    cdef Py_ssize_t drawn_length
    cdef uint32_t drawn_action
    cdef Py_ssize_t enabled        # successors within the boundary
    cdef bint obliged              # one of them is more than a fault

    def __cinit__(self, *others):
        cdef size_t most = (self.slots + HEADER + MAX_IN_FLIGHT) * sizeof(int32_t)
        self.trail = Ints()
        self.noted = {}
        self.broken = {}
        self.dead_ends = {}
        self.promises = []
        self.here = <int32_t*>malloc(most)
        self.drawn = <int32_t*>malloc(most)
        if self.here == NULL or self.drawn == NULL:
            raise MemoryError("no memory for a global state")

    def __dealloc__(self):
        free(self.here)
        free(self.drawn)

    def start(self, list initial, seed):
        """Say where walks begin, and what they are drawn by: equal seeds walk alike."""
        self.initial = initial
        self.random = <uint64_t>(seed & 0xffffffffffffffff)
        self.pending = self.must | self.may

    def walk(self, Py_ssize_t steps, Py_ssize_t longest):
        """Begin a walk, or go on with the one that was begun.

        Args:
            steps: at most so many.
            longest: states of a walk.

        Returns:
            Whether the walk goes on; False when it has ended.
        """
        if not self.walking:
            self.begin_walk()
        while steps > 0 and self.walking:
            self.step(longest)
            steps -= 1
        return self.walking

    cdef int begin_walk(self) except -1:
        cdef uint64_t generated = self.generated
        cdef Py_ssize_t number
        self.trail.count = 0
        self.enabled = 0
        self.owed = 0
        for number, (cause, _) in enumerate(self.promises):
            if not cause:
                self.owed |= <uint32_t>1 << number
        self.seed(self.initial)
        if self.started:
            self.generated = generated  # they were computed once
        self.started = True
        self.walking = self.enabled > 0
        if self.walking:
            self.move()
        return 0

    cdef int step(self, Py_ssize_t longest) except -1:
        cdef bint cut = self.cut
        cdef bint withheld = self.withheld
        cdef bint whole
        if self.trail.count >= longest:
            self.walking = False
            return 0
        self.cut = self.withheld = False
        self.enabled = 0
        self.obliged = False
        self.expand(self.here, self.here_length)
        whole = not self.cut and not self.withheld
        self.cut |= cut
        self.withheld |= withheld
        if self.failure is not None:
            self.failed = (self.written(), self.failure[1])
            self.walking = False
            return 0
        if whole and not self.obliged:
            self.rest()
        if self.enabled == 0:
            self.walking = False
            return 0
        self.move()
        return 0

    cdef int64_t store(self, const int32_t* v, Py_ssize_t length, uint32_t ordinal) except? -1:
        """A successor: every one is drawn with the same probability, and none is kept (reservoir sampling)."""
        self.enabled += 1
        if self.label != FAULT:
            self.obliged = True
        if self.below(<uint32_t>self.enabled) == 0:
            memcpy(self.drawn, v, length * sizeof(int32_t))
            self.drawn_length = length
            self.drawn_action = ordinal
        return 0

    cdef uint32_t below(self, uint32_t most) noexcept:
        """A number from 0 up to, and without, ``most`` (splitmix64; Steele, Lea and Flood 2014)."""
        self.random += <uint64_t>0x9E3779B97F4A7C15ULL
        cdef uint64_t z = self.random
        z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9ULL
        z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EBULL
        z ^= z >> 31
        return <uint32_t>((z >> 32) * most >> 32)

    cdef int move(self) except -1:
        """Go to the state that was drawn, and look at it."""
        cdef int32_t* left = self.here
        cdef int64_t found
        cdef int32_t bits, news
        self.here = self.drawn
        self.drawn = left
        self.here_length = self.drawn_length
        self.trail.add(<int32_t>self.drawn_action)
        self.depth = max(self.depth, self.trail.count)
        found = self.states.put(
            <const uint8_t*>self.here, <uint32_t>(self.here_length * sizeof(int32_t)) if self.states.exact else 0,
            fingerprint(self.here, self.here_length), NOBODY, 0,
        )
        if found >= 0:
            self.states.next_row()  # nobody reads it again
            bits = self.judge(self.here, self.here_length)
            self.bits.add(bits)
            news = (self.must & ~bits | self.may & bits) & self.pending
            if news:
                self.pending &= ~news
                self.note(news, self.noted)
        else:
            bits = self.bits.data[-2 - found]
        self.bits_here = bits
        for number, (cause, effect) in enumerate(self.promises):
            if bits & <int32_t>cause:
                self.owed |= <uint32_t>1 << number
            if bits & <int32_t>effect:
                self.owed &= ~(<uint32_t>1 << number)
        return 0

    cdef int note(self, int32_t news, dict book) except -1:
        cdef int number
        for number in range(31):
            if news >> number & 1:
                book[number] = self.written()
        return 0

    cdef int rest(self) except -1:
        """A run may stay here for ever: nothing is owed to anybody but what was promised."""
        cdef int32_t ends = self.free & ~self.bits_here
        if self.enabled == 0 and ends:
            self.free &= ~ends
            self.note(ends, self.dead_ends)
        for number in range(len(self.promises)):
            if self.owed >> number & 1 and number not in self.broken:
                self.broken[number] = self.written()
        return 0

    cdef tuple written(self):
        cdef Py_ssize_t i
        return tuple([self.trail.data[i] for i in range(self.trail.count)])
