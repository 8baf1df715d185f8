"""The causal order of a history of reads and writes, by vector clocks over its sessions. Knows integers only: no
operations, no keys by name, no verdicts.

Nodes are operations or whole transactions, numbered session by session, so that a node's place in its session is its
number minus the first of its session. A clock says how many nodes of each session are in a node's strict past; since a
session's order is part of every order here, the past always holds a beginning of each session. With s sessions, one
pass over the order costs O(edges * s), and each search below O(reads * s) and a logarithm of the writes.

The bad patterns that these searches look for: Bouajjani, Enea, Guerraoui, Hamza, "On verifying causal consistency",
POPL 2017, sections 5 and 6. For nodes of several reads and writes: Biswas and Enea, "On the complexity of checking
transactional consistency", OOPSLA 2019, section 3.
"""

cimport cython
from cpython cimport array
from libc.stdlib cimport free, realloc

import array

cdef array.array INTS = array.array("i")
cdef enum:
    FIRST_ROOM = 1024


class CausalLimit(Exception):
    """The clocks or edges of a history would need more memory than the caller allows."""


cdef int[::1] zeros(Py_ssize_t length):
    return array.clone(INTS, max(length, 1), zero=True)


cdef int[::1] numbers(object values, Py_ssize_t length, int low, int high, str what):
    """A checked copy: this many integers from ``low`` to ``high - 1``."""
    cdef array.array copy = array.array("i", values)
    cdef int[::1] view
    cdef Py_ssize_t at
    if len(copy) != length:
        raise ValueError(f"{what} holds {len(copy)} numbers instead of {length}")
    if length == 0:
        return zeros(1)
    view = copy
    for at in range(length):
        if view[at] < low or view[at] >= high:
            raise ValueError(f"{what} holds {view[at]} at {at}; it must be from {low} to {high - 1}")
    return view


cdef int[::1] offsets(object values, Py_ssize_t rows, Py_ssize_t total, str what):
    """Checked offsets: row r of ``rows`` is from its offset to the next one."""
    cdef int[::1] view = numbers(values, rows + 1, 0, total + 1, what)
    cdef Py_ssize_t at
    if view[0] != 0 or view[rows] != total:
        raise ValueError(f"{what} must begin with 0 and end with {total}")
    for at in range(rows):
        if view[at] > view[at + 1]:
            raise ValueError(f"{what} goes down at {at}")
    return view


@cython.boundscheck(False)
@cython.wraparound(False)
@cython.cdivision(True)
@cython.initializedcheck(False)
cdef class Causality:
    """Session order and reads-from, and what is derived from them.

    Args:
        starts: the first node of each session, and at the end the number of nodes.
        read_starts: per node the first of its reads, and at the end how many reads there are.
        reads: per read its key.
        sources: per read the node whose write it returned; -1 for the value before any write.
        write_starts: per node the first of its writes, and at the end how many there are.
        writes: per write its key; a node writes a key once.
        keys: how many keys there are; they are 0 to keys - 1.
        limit_bytes: of the clocks, and of the edges, each.

    Raises:
        ValueError: the arrays contradict one another.
        CausalLimit: the clocks would be larger than ``limit_bytes``.
    """

    def __init__(self, starts, read_starts, reads, sources, write_starts, writes, int keys, Py_ssize_t limit_bytes):
        cdef int s, node, at, key
        cdef Py_ssize_t total = starts[len(starts) - 1]
        self.sessions, self.nodes, self.keys = len(starts) - 1, total, keys
        if <Py_ssize_t>self.sessions * self.nodes * 4 > limit_bytes:
            raise CausalLimit(
                f"the clocks of {self.nodes:,} operations in {self.sessions:,} sessions need "
                f"{self.sessions * total * 4:,} bytes; the limit is {limit_bytes:,}"
            )
        self.edge_limit = limit_bytes // 13
        self.start = offsets(starts, self.sessions, total, "starts")
        self.read_start = offsets(read_starts, total, len(reads), "read_starts")
        self.read_key = numbers(reads, len(reads), 0, keys, "reads")
        self.read_from = numbers(sources, len(reads), -1, self.nodes, "sources")
        self.write_start = offsets(write_starts, total, len(writes), "write_starts")
        self.write_key = numbers(writes, len(writes), 0, keys, "writes")
        self.session = zeros(total)
        for s in range(self.sessions):
            for node in range(self.start[s], self.start[s + 1]):
                self.session[node] = s
        # Who writes a key and who reads from a node, each in the order of the nodes' numbers: counting sort.
        self.writer_start = zeros(keys + 1)
        self.writer = zeros(len(writes))
        for at in range(self.write_start[self.nodes]):
            self.writer_start[self.write_key[at] + 1] += 1
        for at in range(keys):
            self.writer_start[at + 1] += self.writer_start[at]
        cdef int[::1] filled = zeros(max(keys, self.nodes))
        for node in range(self.nodes):
            for at in range(self.write_start[node], self.write_start[node + 1]):
                self.writer[self.writer_start[self.write_key[at]] + filled[self.write_key[at]]] = node
                filled[self.write_key[at]] += 1
        # The writers of a key in the order of their numbers are grouped by session.
        cdef int group = 0
        self.key_groups = zeros(keys + 1)
        self.group_start = zeros(len(writes) + 1)
        self.group_session = zeros(len(writes))
        for key in range(keys):
            self.key_groups[key] = group
            for at in range(self.writer_start[key], self.writer_start[key + 1]):
                node = self.writer[at]
                if at == self.writer_start[key] or self.session[node] != self.session[self.writer[at - 1]]:
                    self.group_start[group], self.group_session[group] = at, self.session[node]
                    group += 1
        self.key_groups[keys] = group
        self.group_start[group] = self.writer_start[keys]
        self.reader_start = zeros(total + 1)
        self.reader = zeros(len(reads))
        for at in range(self.read_start[self.nodes]):
            if self.read_from[at] >= 0:
                self.reader_start[self.read_from[at] + 1] += 1
        for node in range(self.nodes):
            self.reader_start[node + 1] += self.reader_start[node]
        filled = zeros(total)
        for node in range(self.nodes):
            for at in range(self.read_start[node], self.read_start[node + 1]):
                s = self.read_from[at]
                if s >= 0:
                    self.reader[self.reader_start[s] + filled[s]] = node
                    filled[s] += 1
        self.clock = zeros(<Py_ssize_t>self.nodes * self.sessions)
        self.position = zeros(total)

    def __dealloc__(self):
        free(self.source)
        free(self.target)
        free(self.reason)
        free(self.why)

    cdef bint _before(self, int one, int other) noexcept nogil:
        return self.clock[<Py_ssize_t>other * self.sessions + self.session[one]] > one - self.start[self.session[one]]

    cdef int _known(self, int node, int group) noexcept nogil:
        """How many nodes of a group's session are in a node's past."""
        return self.clock[<Py_ssize_t>node * self.sessions + self.group_session[group]]

    cdef int _latest(self, int group, int count) noexcept nogil:
        """The last writer of a group among the first ``count`` nodes of its session; -1: there is none."""
        cdef int low = self.group_start[group], high = self.group_start[group + 1], middle
        cdef int bound = self.start[self.group_session[group]] + count
        if self.writer[low] >= bound:
            return -1
        if self.writer[high - 1] < bound:  # most sessions of a long history have long ended
            return self.writer[high - 1]
        while low < high:
            middle = (low + high) >> 1
            if self.writer[middle] < bound:
                low = middle + 1
            else:
                high = middle
        return self.writer[low - 1]

    cdef int _earliest(self, int group, int after) noexcept nogil:
        """The first writer of a group with ``after`` (-1: nothing) in its past; -1: there is none."""
        cdef int low = self.group_start[group], high = self.group_start[group + 1], middle
        cdef int last = self.writer[high - 1]
        if after < 0:
            return self.writer[low]
        # The last order's positions are in the cache when the clocks are not, and tell most sessions that have ended.
        if 0 <= self.position[last] < self.position[after] or not self._before(after, last):
            return -1
        while low < high:
            middle = (low + high) >> 1
            if self._before(after, self.writer[middle]):
                high = middle
            else:
                low = middle + 1
        return self.writer[low]

    cdef int _add(self, int source, int target, int reason, char why) except -1 nogil:
        cdef Py_ssize_t room
        cdef void *moved
        if self.edge_count == self.edge_room:
            room = max(FIRST_ROOM, self.edge_room * 2)
            if room > self.edge_limit + FIRST_ROOM:
                with gil:
                    raise CausalLimit(f"more than {self.edge_limit:,} edges between operations")
            moved = realloc(self.source, room * sizeof(int))
            if moved:
                self.source = <int *>moved
                moved = realloc(self.target, room * sizeof(int))
            if moved:
                self.target = <int *>moved
                moved = realloc(self.reason, room * sizeof(int))
            if moved:
                self.reason = <int *>moved
                moved = realloc(self.why, room)
            if not moved:
                with gil:
                    raise MemoryError(f"no memory for {room} edges between operations")
            self.why = <char *>moved
            self.edge_room = room
        self.source[self.edge_count], self.target[self.edge_count] = source, target
        self.reason[self.edge_count], self.why[self.edge_count] = reason, why
        self.edge_count += 1
        return 0

    cdef int _order(self, bint clocks) except -1:
        """Kahn's topological order over session order, reads-from and the edges; how many nodes have a place."""
        cdef int n = self.nodes, k = self.sessions, node, following, head = 0, tail = 0, s, own
        cdef Py_ssize_t at, edge, base, into
        cdef int[::1] waiting = zeros(n), queue = zeros(n), begin = zeros(n + 1), edges = zeros(self.edge_count)
        with nogil:
            for edge in range(self.edge_count):
                begin[self.source[edge]] += 1
                waiting[self.target[edge]] += 1
            for node in range(n):
                begin[node + 1] += begin[node]
            for edge in range(self.edge_count):  # filled from behind, so that begin[node] ends as its first
                begin[self.source[edge]] -= 1
                edges[begin[self.source[edge]]] = self.target[edge]
            for node in range(n):
                self.position[node] = -1
                waiting[node] += node > self.start[self.session[node]]
                for at in range(self.read_start[node], self.read_start[node + 1]):
                    waiting[node] += self.read_from[at] >= 0
            if clocks:
                for at in range(<Py_ssize_t>n * k):
                    self.clock[at] = 0
            for node in range(n):
                if waiting[node] == 0:
                    queue[tail] = node
                    tail += 1
            while head < tail:
                node = queue[head]
                self.position[node] = head
                head += 1
                own = self.session[node]
                base = <Py_ssize_t>node * k
                # Three kinds of successors: the next of the session, those that read from this one, the edges.
                for at in range(-1, self.reader_start[node + 1] - self.reader_start[node]
                                + begin[node + 1] - begin[node]):
                    if at < 0:
                        following = node + 1
                        if following == self.start[own + 1]:
                            continue
                    elif at < self.reader_start[node + 1] - self.reader_start[node]:
                        following = self.reader[self.reader_start[node] + at]
                    else:
                        following = edges[begin[node] + at - (self.reader_start[node + 1] - self.reader_start[node])]
                    if clocks:
                        into = <Py_ssize_t>following * k
                        for s in range(k):
                            if self.clock[into + s] < self.clock[base + s]:
                                self.clock[into + s] = self.clock[base + s]
                        if self.clock[into + own] <= node - self.start[own]:
                            self.clock[into + own] = node - self.start[own] + 1
                    waiting[following] -= 1
                    if waiting[following] == 0:
                        queue[tail] = following
                        tail += 1
        return head

    cdef (int, int) _range(self, int session) except *:
        """The nodes of a session, first and behind the last; of all for -1."""
        if session < -1 or session >= self.sessions:
            raise IndexError(f"session {session} of {self.sessions}")
        if session < 0:
            return 0, self.nodes
        return self.start[session], self.start[session + 1]

    def order(self, bint clocks=True):
        """Order the nodes by session order, reads-from and the edges added so far, and set the clocks.

        Args:
            clocks: False: only look for a cycle, and leave the clocks as they are.

        Returns:
            Whether there is such an order. If not, ``unordered`` tells the nodes on cycles and behind them, and the
            clocks mean nothing.
        """
        return self._order(clocks) == self.nodes

    def unordered(self):
        """The nodes that the last ``order`` could not place."""
        cdef int node
        return [node for node in range(self.nodes) if self.position[node] < 0]

    def before(self, int one, int other):
        """Whether one node is in the strict past of another."""
        if not (0 <= one < self.nodes and 0 <= other < self.nodes):
            raise IndexError(f"nodes {one} and {other} of {self.nodes}")
        return self._before(one, other)

    def past(self, int node):
        """A node's clock: how many nodes of each session are in its strict past."""
        if not 0 <= node < self.nodes:
            raise IndexError(f"node {node} of {self.nodes}")
        return list(self.clock[<Py_ssize_t>node * self.sessions:<Py_ssize_t>(node + 1) * self.sessions])

    def overwritten(self, Py_ssize_t limit, int session=-1):
        """Reads that returned what their past had overwritten: WriteCORead, and with the first -1 WriteCOInitRead.

        Args:
            limit: how many to find.
            session: whose reads; -1: all.

        Returns:
            At most ``limit`` of (write that was read or -1, write between, read).
        """
        cdef int node, group, key, source, between
        cdef Py_ssize_t at
        cdef int first, last
        first, last = self._range(session)
        found = []
        for node in range(first, last):
            for at in range(self.read_start[node], self.read_start[node + 1]):
                key, source = self.read_key[at], self.read_from[at]
                for group in range(self.key_groups[key], self.key_groups[key + 1]):
                    between = self._latest(group, self._known(node, group))
                    if between < 0 or between == source or (source >= 0 and not self._before(source, between)):
                        continue
                    if len(found) == limit:
                        return found
                    found.append((source, between, node))
        return found

    def add_conflicts(self, int session=-1):
        """A write in the past of a read is before the write that the read returned: add those edges.

        Only the last such write of each session counts: those before it in the session are before it already. Edges
        that the clocks imply are left out. A read of the initial value cannot give an edge; see ``overwritten``.

        Args:
            session: whose reads; -1: all.

        Returns:
            How many edges were added.
        """
        cdef int node, group, key, source, other
        cdef Py_ssize_t at, had = self.edge_count
        cdef int first, last
        first, last = self._range(session)
        with nogil:
            for node in range(first, last):
                for at in range(self.read_start[node], self.read_start[node + 1]):
                    key, source = self.read_key[at], self.read_from[at]
                    if source < 0:
                        continue
                    for group in range(self.key_groups[key], self.key_groups[key + 1]):
                        other = self._latest(group, self._known(node, group))
                        if other >= 0 and other != source and not self._before(other, source):
                            self._add(other, source, node, CONFLICT)
        return self.edge_count - had

    def add_anti(self):
        """A read is before every write of its key that follows the write it returned: add those edges.

        True of one order for all (sequential consistency), not of causal ones. Only the first such write of each
        session counts.

        Returns:
            How many edges were added.
        """
        cdef int node, group, key, source, other
        cdef Py_ssize_t at, had = self.edge_count
        with nogil:
            for node in range(self.nodes):
                for at in range(self.read_start[node], self.read_start[node + 1]):
                    key, source = self.read_key[at], self.read_from[at]
                    for group in range(self.key_groups[key], self.key_groups[key + 1]):
                        other = self._earliest(group, source)
                        if other >= 0 and other != node and not self._before(node, other):
                            self._add(node, other, node, ANTI)
        return self.edge_count - had

    def add_edges(self, sources, targets):
        """Add edges of the caller's own, such as real time. The clocks count them after the next ``order``.

        Raises:
            ValueError: a node does not exist.
        """
        cdef int one, other
        for one, other in zip(sources, targets, strict=True):
            if not (0 <= one < self.nodes and 0 <= other < self.nodes):
                raise ValueError(f"an edge from {one} to {other}: nodes are 0 to {self.nodes - 1}")
            self._add(one, other, -1, GIVEN)

    def edges(self):
        """The edges added so far: (source, target, the read that gives it or -1, 0 conflict, 1 anti or 2 given)."""
        cdef Py_ssize_t at
        return [(self.source[at], self.target[at], self.reason[at], self.why[at]) for at in range(self.edge_count)]

    def forget_edges(self, Py_ssize_t keep=0):
        """Drop the edges added after the first ``keep``; the clocks count them until the next ``order``."""
        if keep < 0:
            raise ValueError(f"cannot keep {keep} edges")
        self.edge_count = min(self.edge_count, keep)
