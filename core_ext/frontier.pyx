"""Is there one order of reads and writes that holds every session's order, and in which every read returns the newest
write? A search over frontiers: how far each session has come. Knows integers only.

Deciding this is NP-complete (Gibbons and Korach, "Testing shared memories", 1997), but with few sessions there are few
frontiers. What keeps them few: an enabled read is taken at once; a write may not come while somebody still has to
read the value that it overwrites, so that a frontier alone tells what will be read, and is visited once; and no node
comes before what the clocks put before it.
"""

cimport cython
from cpython cimport array

from core_ext.causal cimport Causality

import array

cdef array.array INTS = array.array("i")
cdef enum:
    RUNNING = 0
    FOUND = 1
    NONE = 2
    FULL = 3

cdef int[::1] zeros(Py_ssize_t length):
    return array.clone(INTS, max(length, 1), zero=True)


@cython.boundscheck(False)
@cython.wraparound(False)
@cython.cdivision(True)
@cython.initializedcheck(False)
cdef class Frontier:
    """A search that runs in pieces.

    Args:
        causality: with clocks of an order that every answer has to hold.
        ranks: per node, which to try first: the smallest.
        most_frontiers: to remember before giving up.
    """

    cdef Causality history
    cdef int[::1] rank
    cdef int[::1] read_slot       # per read: the write that it returns, by its place in write_key; -1 - key for none
    cdef int[::1] newest          # per key: the write that stands, the same way
    cdef int[::1] owed            # per write, and behind them per key's initial value: reads that have yet to come
    cdef int[::1] overwrote       # per write taken: what stood before, for the way back
    cdef int[::1] place           # per session: how many of its nodes are taken
    cdef int[::1] taken           # the nodes in the order in which they were taken
    cdef signed char[::1] forced  # per node taken: there was no need to choose
    cdef int[::1] best
    cdef int depth
    cdef int best_depth
    cdef int tried                # rank of the last choice here that did not lead to an order; -1: just arrived
    cdef int writes
    cdef int state
    cdef Py_ssize_t most
    cdef set visited

    def __init__(self, Causality causality, ranks, Py_ssize_t most_frontiers):
        cdef int node, key, at, slot, n = causality.nodes
        self.history = causality
        if len(ranks) != n:
            raise ValueError(f"{len(ranks)} ranks for {n} nodes")
        self.rank = array.array("i", ranks) if n else zeros(1)
        self.writes = causality.write_start[n]
        self.most = most_frontiers
        self.visited = set()
        self.tried = -1
        self.read_slot = zeros(causality.read_start[n])
        self.newest = zeros(causality.keys)
        self.owed = zeros(self.writes + causality.keys)
        self.overwrote = zeros(self.writes)
        self.place = zeros(causality.sessions)
        self.best = zeros(causality.sessions)
        self.taken = zeros(n)
        self.forced = array.array("b", bytes(max(n, 1)))
        for key in range(causality.keys):
            self.newest[key] = -1 - key
        for at in range(causality.read_start[n]):
            key, node = causality.read_key[at], causality.read_from[at]
            self.read_slot[at] = -1 - key
            if node >= 0:
                for slot in range(causality.write_start[node], causality.write_start[node + 1]):
                    if causality.write_key[slot] == key:
                        self.read_slot[at] = slot
                        break
                else:
                    raise ValueError(f"a read of key {key} from node {node}, which does not write it")
            self.owed[self._debt(self.read_slot[at])] += 1

    cdef int _debt(self, int slot) noexcept nogil:
        return slot if slot >= 0 else self.writes - 1 - slot

    cdef bint _enabled(self, int node) noexcept:
        cdef Causality history = self.history
        cdef int s, at, read, key, own
        cdef Py_ssize_t clock = <Py_ssize_t>node * history.sessions
        for s in range(history.sessions):
            if history.clock[clock + s] > self.place[s]:
                return False
        for at in range(history.read_start[node], history.read_start[node + 1]):
            if self.newest[history.read_key[at]] != self.read_slot[at]:
                return False
        for at in range(history.write_start[node], history.write_start[node + 1]):
            key, own = history.write_key[at], 0
            for read in range(history.read_start[node], history.read_start[node + 1]):
                own += history.read_key[read] == key
            if self.owed[self._debt(self.newest[key])] > own:
                return False
        return True

    cdef void _take(self, int node, bint forced) noexcept:
        cdef Causality history = self.history
        cdef int at, key
        for at in range(history.read_start[node], history.read_start[node + 1]):
            self.owed[self._debt(self.read_slot[at])] -= 1
        for at in range(history.write_start[node], history.write_start[node + 1]):
            key = history.write_key[at]
            self.overwrote[at] = self.newest[key]
            self.newest[key] = at
        self.place[history.session[node]] += 1
        self.taken[self.depth] = node
        self.forced[self.depth] = forced
        self.depth += 1
        if self.depth > self.best_depth:
            self.best_depth = self.depth
            for at in range(history.sessions):
                self.best[at] = self.place[at]

    cdef bint _back(self) noexcept:
        """Undo up to the last choice; whether there was one."""
        cdef Causality history = self.history
        cdef int at, node
        while self.depth:
            self.depth -= 1
            node = self.taken[self.depth]
            for at in range(history.read_start[node], history.read_start[node + 1]):
                self.owed[self._debt(self.read_slot[at])] += 1
            for at in range(history.write_start[node], history.write_start[node + 1]):
                self.newest[history.write_key[at]] = self.overwrote[at]
            self.place[history.session[node]] -= 1
            if not self.forced[self.depth]:
                self.tried = self.rank[node]
                return True
        return False

    cdef bint _reads(self) noexcept:
        """Take an enabled node that writes nothing; whether there was one."""
        cdef Causality history = self.history
        cdef int s, node
        for s in range(history.sessions):
            node = history.start[s] + self.place[s]
            if node < history.start[s + 1] and history.write_start[node] == history.write_start[node + 1] \
                    and self._enabled(node):
                self._take(node, True)
                return True
        return False

    cdef int _choice(self) noexcept:
        """The enabled node of smallest rank beyond what was tried here; -1: none."""
        cdef Causality history = self.history
        cdef int s, node, chosen = -1
        for s in range(history.sessions):
            node = history.start[s] + self.place[s]
            if node < history.start[s + 1] and self.rank[node] > self.tried \
                    and (chosen < 0 or self.rank[node] < self.rank[chosen]) and self._enabled(node):
                chosen = node
        return chosen

    def run(self, Py_ssize_t steps):
        """Search on.

        Args:
            steps: how many nodes to take before returning.

        Returns:
            0 not decided yet, 1 there is an order, 2 there is none, 3 too many frontiers to remember.
        """
        cdef int chosen
        while self.state == RUNNING and steps > 0:
            steps -= 1
            if self.tried < 0:
                if self._reads():
                    continue
                if self.depth == self.history.nodes:
                    self.state = FOUND
                    break
                frontier = bytes(self.place)
                if frontier in self.visited:
                    if not self._back():
                        self.state = NONE
                    continue
                if len(self.visited) == self.most:
                    self.state = FULL
                    break
                self.visited.add(frontier)
            chosen = self._choice()
            if chosen >= 0:
                self.tried = -1
                self._take(chosen, False)
            elif not self._back():
                self.state = NONE
        return self.state

    def order(self):
        """The nodes taken so far, in order; all of them once ``run`` returned 1."""
        return list(self.taken[:self.depth])

    def deepest(self):
        """The furthest frontier reached: per session how many nodes were placed."""
        return list(self.best)

    @property
    def frontiers(self):
        """How many frontiers were visited."""
        return len(self.visited)
