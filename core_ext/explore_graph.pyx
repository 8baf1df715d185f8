"""The graph that an exploration walked, and what liveness asks of it: components, restricted paths, enabled groups.

Vertices are the indices of a ``StateStore``; an edge carries the action that was taken. Knows no model and no property:
sets of vertices come in as one byte per vertex.
"""

from cpython.bytearray cimport PyByteArray_AS_STRING
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memset

OUTSIDE = 0xffffffff   # the target of an edge that leaves the explored part


cdef class Graph:
    """Edges by source, in the order in which they were added."""

    def __dealloc__(self):
        free(self._first)
        free(self._last)
        free(self._targets)
        free(self._actions)

    cdef int open(self, uint32_t source) except -1 nogil:
        """The edges that are added next leave ``source``; edges that it had before are forgotten."""
        cdef uint64_t room, vertex
        if source >= self._vertex_room:
            room = max(2 * self._vertex_room, <uint64_t> source + 1, <uint64_t> 1024)
            self._first = <uint64_t*> _resized(self._first, room * sizeof(uint64_t))
            self._last = <uint64_t*> _resized(self._last, room * sizeof(uint64_t))
            for vertex in range(self._vertex_room, room):
                # Nothing is known of its edges: no edge, and not "no edges" either.
                self._first[vertex] = 1
                self._last[vertex] = 0
            self._vertex_room = room
        self._source = source
        self._first[source] = self._last[source] = self.edges
        return 0

    cdef int put(self, uint32_t target, uint32_t action) except -1 nogil:
        """Add an edge from the open source."""
        cdef uint64_t room
        if self.edges == self._edge_room:
            room = max(2 * self._edge_room, <uint64_t> 4096)
            self._targets = <uint32_t*> _resized(self._targets, room * sizeof(uint32_t))
            self._actions = <uint32_t*> _resized(self._actions, room * sizeof(uint32_t))
            self._edge_room = room
        self._targets[self.edges] = target
        self._actions[self.edges] = action
        self.edges += 1
        self._last[self._source] = self.edges
        return 0

    @property
    def bytes_used(self):
        """Memory of the edges, in bytes."""
        return self._vertex_room * 2 * sizeof(uint64_t) + self._edge_room * 2 * sizeof(uint32_t)

    def start(self, uint32_t source):
        """The edges that are added next leave ``source``."""
        self.open(source)

    def add(self, uint32_t target, uint32_t action):
        """Add an edge; ``OUTSIDE`` as target when it leaves the explored part."""
        self.put(target, action)

    def edges_of(self, uint32_t source):
        """[(action, target), ...] of a vertex."""
        if source >= self._vertex_room:
            return []
        return [(self._actions[edge], self._targets[edge]) for edge in range(self._first[source], self._last[source])]

    def without_edges(self, uint32_t vertices):
        """One byte per vertex: 1 when it was opened and nothing leaves it, not even out of the explored part."""
        found = bytearray(vertices)
        cdef uint8_t* marks = <uint8_t*> PyByteArray_AS_STRING(found)
        cdef uint32_t vertex
        for vertex in range(vertices):
            marks[vertex] = vertex < self._vertex_room and self._first[vertex] == self._last[vertex]
        return found

    def opened(self, uint32_t vertices):
        """One byte per vertex: 1 where its edges are known."""
        found = bytearray(vertices)
        cdef uint8_t* marks = <uint8_t*> PyByteArray_AS_STRING(found)
        cdef uint32_t vertex
        for vertex in range(vertices):
            marks[vertex] = vertex < self._vertex_room and self._first[vertex] <= self._last[vertex]
        return found

    def closure(self, const uint8_t[::1] starts, const uint8_t[::1] within):
        """Everything that is reached from ``starts`` without leaving ``within``: one byte per vertex."""
        cdef uint32_t vertices = within.shape[0]
        found = bytearray(vertices)
        cdef uint8_t* marks = <uint8_t*> PyByteArray_AS_STRING(found)
        cdef uint32_t* queue = <uint32_t*> _resized(NULL, (vertices + 1) * sizeof(uint32_t))
        cdef uint32_t head = 0
        cdef uint32_t tail = 0
        cdef uint32_t vertex, target
        cdef uint64_t edge
        for vertex in range(vertices):
            if starts[vertex] and within[vertex]:
                marks[vertex] = 1
                queue[tail] = vertex
                tail += 1
        while head < tail:
            vertex = queue[head]
            head += 1
            if vertex >= self._vertex_room:
                continue
            for edge in range(self._first[vertex], self._last[vertex]):
                target = self._targets[edge]
                if target < vertices and within[target] and not marks[target]:
                    marks[target] = 1
                    queue[tail] = target
                    tail += 1
        free(queue)
        return found

    def path(self, const uint8_t[::1] starts, const uint8_t[::1] within, const uint8_t[::1] goals, bint move=False):
        """A shortest path from a start to a goal that never leaves ``within``.

        Args:
            starts, within, goals: one byte per vertex.
            move: the path has at least one edge, so that a goal among the starts is not there yet.

        Returns:
            [(action, vertex), ...], the first action being None; or None when there is no path.
        """
        cdef uint32_t vertices = within.shape[0]
        cdef uint32_t* queue = <uint32_t*> _resized(NULL, (vertices + 1) * sizeof(uint32_t))
        cdef uint32_t* parents = <uint32_t*> malloc((vertices + 1) * sizeof(uint32_t))
        cdef uint32_t* actions = <uint32_t*> malloc((vertices + 1) * sizeof(uint32_t))
        cdef uint32_t head = 0
        cdef uint32_t tail = 0
        cdef uint32_t vertex, target
        cdef uint32_t source = 0
        cdef uint64_t edge
        cdef bint found = False
        cdef uint32_t action = 0
        if parents == NULL or actions == NULL:
            free(queue)
            free(parents)
            free(actions)
            raise MemoryError
        memset(parents, 0xff, vertices * sizeof(uint32_t))
        target = 0
        for vertex in range(vertices):
            if starts[vertex] and within[vertex]:
                parents[vertex] = vertex
                queue[tail] = vertex
                tail += 1
                if goals[vertex] and not move:
                    free(queue)
                    free(parents)
                    free(actions)
                    return [(None, vertex)]
        while head < tail and not found:
            source = queue[head]
            head += 1
            if source >= self._vertex_room:
                continue
            for edge in range(self._first[source], self._last[source]):
                target = self._targets[edge]
                if target >= vertices or not within[target]:
                    continue
                if goals[target]:
                    found = True
                    action = self._actions[edge]
                    break
                if parents[target] == 0xffffffffU:
                    parents[target] = source
                    actions[target] = self._actions[edge]
                    queue[tail] = target
                    tail += 1
        result = None
        if found:
            result = [(action, target)]
            vertex = source
            while parents[vertex] != vertex:
                result.append((actions[vertex], vertex))
                vertex = parents[vertex]
            result.append((None, vertex))
            result.reverse()
        free(queue)
        free(parents)
        free(actions)
        return result

    def components(self, const uint8_t[::1] within):
        """Strongly connected components of the subgraph ``within`` that hold a cycle, by Tarjan's algorithm.

        Returns:
            Lists of vertices. A single vertex is one only when an edge leads from it to itself.
        """
        cdef uint32_t vertices = within.shape[0]
        cdef uint32_t* number = <uint32_t*> _resized(NULL, (vertices + 1) * sizeof(uint32_t))
        cdef uint32_t* low = <uint32_t*> malloc((vertices + 1) * sizeof(uint32_t))
        cdef uint32_t* stack = <uint32_t*> malloc((vertices + 1) * sizeof(uint32_t))
        cdef uint32_t* calls = <uint32_t*> malloc((vertices + 1) * sizeof(uint32_t))
        cdef uint64_t* next_edge = <uint64_t*> malloc((vertices + 1) * sizeof(uint64_t))
        cdef uint8_t* stacked = <uint8_t*> malloc(vertices + 1)
        cdef uint32_t counter = 0
        cdef uint32_t depth = 0
        cdef uint32_t height = 0
        cdef uint32_t root, vertex, target, member
        if low == NULL or stack == NULL or calls == NULL or next_edge == NULL or stacked == NULL:
            _release(number, low, stack, calls, next_edge, stacked)
            raise MemoryError
        memset(number, 0, (vertices + 1) * sizeof(uint32_t))
        memset(stacked, 0, vertices + 1)
        result = []
        for root in range(min(vertices, <uint32_t> min(self._vertex_room, <uint64_t> 0xfffffff0U))):
            if number[root] or not within[root]:
                continue
            calls[0] = root
            depth = 1
            counter += 1
            number[root] = low[root] = counter
            next_edge[root] = self._first[root]
            stack[height] = root
            height += 1
            stacked[root] = 1
            while depth:
                vertex = calls[depth - 1]
                if next_edge[vertex] < self._last[vertex]:
                    target = self._targets[next_edge[vertex]]
                    next_edge[vertex] += 1
                    if target >= vertices or target >= self._vertex_room or not within[target]:
                        continue
                    if number[target] == 0:
                        counter += 1
                        number[target] = low[target] = counter
                        next_edge[target] = self._first[target]
                        stack[height] = target
                        height += 1
                        stacked[target] = 1
                        calls[depth] = target
                        depth += 1
                    elif stacked[target]:
                        low[vertex] = min(low[vertex], number[target])
                    continue
                depth -= 1
                if depth:
                    low[calls[depth - 1]] = min(low[calls[depth - 1]], low[vertex])
                if low[vertex] == number[vertex]:
                    if stack[height - 1] == vertex and not self._loops(vertex):
                        height -= 1
                        stacked[vertex] = 0
                        continue
                    component = []
                    while True:
                        height -= 1
                        member = stack[height]
                        stacked[member] = 0
                        component.append(member)
                        if member == vertex:
                            break
                    result.append(component)
        _release(number, low, stack, calls, next_edge, stacked)
        return result

    cdef bint _loops(self, uint32_t vertex) noexcept nogil:
        cdef uint64_t edge
        for edge in range(self._first[vertex], self._last[vertex]):
            if self._targets[edge] == vertex:
                return True
        return False

    def fairness(self, component, const uint8_t[::1] inside, group_of, uint32_t group):
        """How a group of actions fares in a component; a step that changes nothing counts for nothing.

        Args:
            component: its vertices.
            inside: one byte per vertex, 1 for those of the component.
            group_of: by action number, whether the action belongs to the group asked for (equals ``group``).
            group: the group's number.

        Returns:
            (vertices in which the group is not enabled, vertices from which one of its edges stays inside); each list
            in the component's order.
        """
        cdef uint32_t vertex, target
        cdef uint64_t edge
        cdef bint enabled, stays
        cdef const uint32_t[::1] groups = group_of
        idle, taking = [], []
        for vertex in component:
            enabled = stays = False
            for edge in range(self._first[vertex], self._last[vertex]):
                target = self._targets[edge]
                if target == vertex or groups[self._actions[edge]] != group:
                    continue
                enabled = True
                if target < <uint64_t> inside.shape[0] and inside[target]:
                    stays = True
                    break
            if not enabled:
                idle.append(vertex)
            elif stays:
                taking.append(vertex)
        return idle, taking


cdef void _release(
    uint32_t* number, uint32_t* low, uint32_t* stack, uint32_t* calls, uint64_t* next_edge, uint8_t* stacked
) noexcept:
    free(number)
    free(low)
    free(stack)
    free(calls)
    free(next_edge)
    free(stacked)


cdef void* _resized(void* block, size_t size) except NULL nogil:
    cdef void* result = realloc(block, size)
    if result == NULL:
        with gil:
            raise MemoryError
    return result
