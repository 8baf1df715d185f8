"""Depth-first search over the interleavings of a set of actors: the newest state is explored first.

With a bound on the depth, a state that is reached again on a shorter path is explored again, since what lies behind it
comes within the bound: so exactly the states within the bound are found, as by breadth-first search. Knows neither
actors nor properties.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t

from core_ext.explore cimport StateStore
from core_ext.interleave cimport Interleaving
from core_ext.interleave_tables cimport Ints


cdef class DepthFirst(Interleaving):
    """Explores the newest state first. Rows are kept, since their order is not that of their exploration.

    Attributes:
        depth: states on the longest path that was walked.
    """

    cdef readonly Py_ssize_t depth
    cdef Ints waiting              # states, the newest one last
    cdef Ints depths               # by state: states on the shortest path to it that is known
    cdef Ints explored             # by state: its depth when it was explored; 0: it was not
    cdef int32_t level             # depth of the state that is explored; 0 for the initial ones
    cdef int32_t longest

    def __cinit__(self, *others):
        self.waiting = Ints()
        self.depths = Ints()
        self.explored = Ints()
        self.states = StateStore(True, self.states.exact)

    def start(self, list initial, int32_t longest):
        """Put the initial states in.

        Args:
            initial: vectors.
            longest: states on the longest path that is followed; 0 = any.
        """
        self.longest = longest
        self.seed(initial)

    cdef int64_t store(self, const int32_t* v, Py_ssize_t length, uint32_t ordinal) except? -1:
        cdef int64_t found = Interleaving.store(self, v, length, ordinal)
        cdef int32_t depth = self.level + 1
        cdef int64_t known = -2 - found
        if found >= 0:
            self.depths.add(depth)
            self.explored.add(0)
            self.wait(<int32_t>found, depth)
        elif self.longest and self.depths.data[known] > depth:
            self.depths.data[known] = depth
            self.states.parents[known] = self.current
            self.states.actions[known] = ordinal
            self.wait(<int32_t>known, depth)
        return found

    cdef int wait(self, int32_t state, int32_t depth) except -1:
        self.depth = max(self.depth, depth)
        if not self.longest or depth < self.longest:
            self.waiting.add(state)
        return 0

    def descend(self, Py_ssize_t expansions):
        """Explore some more states, at most so many.

        Returns:
            Whether any are left within the bound.
        """
        cdef int32_t state
        while expansions > 0 and self.waiting.count and self.failure is None:
            self.waiting.count -= 1
            state = self.waiting.data[self.waiting.count]
            self.level = self.depths.data[state]
            if self.explored.data[state] == self.level:
                continue  # it waited twice
            self.explored.data[state] = self.level
            self.current = state
            self.states.find_row(state)
            if self.graph is not None:
                self.graph.open(state)
            self.expand(<const int32_t*>self.states.row, self.states.row_length // <Py_ssize_t>sizeof(int32_t))
            expansions -= 1
        return self.waiting.count > 0

    @property
    def queue(self):
        """States that wait to be explored."""
        return self.waiting.count

    @property
    def cut_by_depth(self):
        """Whether a state was left unexplored because of the bound."""
        cdef Py_ssize_t i
        if self.longest:
            for i in range(self.depths.count):
                if self.depths.data[i] >= self.longest:
                    return True
        return False

    @property
    def table_bytes(self):
        """Memory of the states, edges, local steps, depths and what waits, in bytes."""
        return Interleaving.table_bytes.__get__(self) + 4 * (
            self.waiting.size + self.depths.size + self.explored.size
        )
