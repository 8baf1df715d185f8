"""What deterministic functions of a vector do, remembered by what they read of it.

A function that reads one slot after another, each next one depending only on the values it saw, is a decision tree: a
node is the slot that is read, a branch is the value that was found, a leaf is the outcome. One run of the function adds
one path; every later vector that agrees with the path in those slots has the same outcome, whatever stands in the
others. Knows neither the functions nor what slots, values and outcomes mean.
"""

from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memset

from core_ext.explore cimport mixed


cdef class Trees:
    """Many functions of one vector, each known by the number of its root."""

    def __cinit__(self):
        self._far_mask = 255
        self._far_keys = <uint64_t*> calloc(256, sizeof(uint64_t))
        self._far_children = <uint32_t*> malloc(256 * sizeof(uint32_t))
        if self._far_keys == NULL or self._far_children == NULL:
            raise MemoryError
        self._node_count = 1    # node 0 would be the reference UNKNOWN

    def __dealloc__(self):
        free(self._nodes)
        free(self._roots)
        free(self._hits)
        free(self._far_keys)
        free(self._far_children)

    def new_root(self):
        """The number of a new function, of which nothing is known."""
        cdef uint32_t room
        if self.roots == self._root_room:
            room = 2 * self._root_room + 64
            self._roots = <uint32_t*> _resized(self._roots, room * sizeof(uint32_t))
            self._hits = <uint32_t*> _resized(self._hits, room * sizeof(uint32_t))
            self._root_room = room
        self._roots[self.roots] = UNKNOWN
        self._hits[self.roots] = 0
        self.roots += 1
        return self.roots - 1

    cdef uint32_t follow(self, uint32_t root, const uint32_t* vector) noexcept nogil:
        """The outcome of a function, with the bit OUTCOME, or UNKNOWN."""
        cdef uint32_t at = self._roots[root]
        cdef uint32_t value
        cdef Node* node
        while at != UNKNOWN and not at & OUTCOME:
            node = &self._nodes[at]
            value = vector[node.slot]
            at = node.child[value] if value < CHILDREN else self._far(at, value)
        return at

    def learn(self, uint32_t root, list reads, uint32_t outcome):
        """Remember one run of a function.

        Args:
            root: of the function.
            reads: [(slot, value), ...] in the order in which they were read, each slot once.
            outcome: below 2**30.

        Raises:
            ValueError: after the same reads the function read something else before, or had another outcome: it
                depends on something that is not in the vector.
        """
        cdef uint32_t* reference = &self._roots[root]
        cdef uint32_t slot, value, at
        if root >= self.roots:
            raise IndexError(f"root {root} of {self.roots}")
        for slot, value in reads:
            at = reference[0]
            if at == UNKNOWN:
                at = self._node_count
                if at >= self._node_room:
                    # The reference may stand in a node, and nodes move.
                    reference = self._moved(reference)
                self._nodes[at].slot = slot
                memset(self._nodes[at].child, 0, sizeof(self._nodes[at].child))
                self._node_count += 1
                reference[0] = at
            elif at & OUTCOME or self._nodes[at].slot != slot:
                raise ValueError("after the same reads, this run reads something else than an earlier one")
            reference = self._child(at, value)
        if reference[0] != UNKNOWN and reference[0] != (outcome | OUTCOME):
            raise ValueError("after the same reads, this run has another outcome than an earlier one")
        reference[0] = outcome | OUTCOME

    cdef uint32_t* _moved(self, uint32_t* reference) except NULL:
        """Make room for more nodes; where the reference stands afterwards."""
        cdef bint inside = (
            self._nodes != NULL and <void*> self._nodes <= <void*> reference < <void*> (self._nodes + self._node_room)
        )
        cdef size_t offset = <char*> reference - <char*> self._nodes if inside else 0
        cdef uint32_t room = 2 * self._node_room + 256
        if room >= OUTCOME:
            raise MemoryError("more than a thousand million remembered steps")
        self._nodes = <Node*> _resized(self._nodes, room * sizeof(Node))
        self._node_room = room
        return <uint32_t*> (<char*> self._nodes + offset) if inside else reference

    cdef uint32_t* _child(self, uint32_t node, uint32_t value) except NULL:
        """Where the reference of a branch stands."""
        cdef uint64_t key, slot
        if value < CHILDREN:
            return &self._nodes[node].child[value]
        if (self._far_count + 1) * 2 > self._far_mask:
            self._grow_far()
        key = (<uint64_t> node << 32) | value
        slot = mixed(key) & self._far_mask
        while self._far_keys[slot] != 0 and self._far_keys[slot] != key:
            slot = (slot + 1) & self._far_mask
        if self._far_keys[slot] == 0:
            self._far_keys[slot] = key
            self._far_children[slot] = UNKNOWN
            self._far_count += 1
        return &self._far_children[slot]

    cdef uint32_t _far(self, uint32_t node, uint32_t value) noexcept nogil:
        cdef uint64_t key = (<uint64_t> node << 32) | value
        cdef uint64_t slot = mixed(key) & self._far_mask
        while self._far_keys[slot] != 0:
            if self._far_keys[slot] == key:
                return self._far_children[slot]
            slot = (slot + 1) & self._far_mask
        return UNKNOWN

    cdef int _grow_far(self) except -1:
        cdef uint64_t size = 2 * (self._far_mask + 1)
        cdef uint64_t* keys = <uint64_t*> calloc(size, sizeof(uint64_t))
        cdef uint32_t* children = <uint32_t*> malloc(size * sizeof(uint32_t))
        cdef uint64_t old, slot
        if keys == NULL or children == NULL:
            free(keys)
            free(children)
            raise MemoryError
        for old in range(self._far_mask + 1):
            if self._far_keys[old] != 0:
                slot = mixed(self._far_keys[old]) & (size - 1)
                while keys[slot] != 0:
                    slot = (slot + 1) & (size - 1)
                keys[slot] = self._far_keys[old]
                children[slot] = self._far_children[old]
        free(self._far_keys)
        free(self._far_children)
        self._far_keys = keys
        self._far_children = children
        self._far_mask = size - 1
        return 0

    def hits(self, uint32_t root):
        """How often a search found this function's outcome remembered."""
        if root >= self.roots:
            raise IndexError(f"root {root} of {self.roots}")
        return self._hits[root]

    def known(self, uint32_t root, vector):
        """The outcome of a function for a vector, given as numbers; None when it is not known."""
        cdef uint32_t* numbers = <uint32_t*> malloc((len(vector) + 1) * sizeof(uint32_t))
        cdef uint32_t found
        if numbers == NULL:
            raise MemoryError
        for at, value in enumerate(vector):
            numbers[at] = value
        found = self.follow(root, numbers)
        free(numbers)
        return None if found == UNKNOWN else found & ~<uint32_t> OUTCOME

    @property
    def bytes_used(self):
        """Memory of the trees, in bytes."""
        return (
            self._node_room * sizeof(Node) + self._root_room * 2 * sizeof(uint32_t)
            + (self._far_mask + 1) * (sizeof(uint64_t) + sizeof(uint32_t))
        )


cdef void* _resized(void* block, size_t size) except NULL:
    cdef void* result = realloc(block, size)
    if result == NULL:
        raise MemoryError
    return result
