from libc.stdint cimport uint32_t, uint64_t

cdef enum:
    CHILDREN = 15
    UNKNOWN = 0
    OUTCOME = 0x40000000    # this bit in a reference: the rest of it is an outcome's number

cdef struct Node:
    uint32_t slot
    uint32_t child[CHILDREN]    # by value; larger values stand in the table of far children


cdef class Trees:
    cdef Node* _nodes
    cdef uint32_t _node_count
    cdef uint32_t _node_room
    cdef uint32_t* _roots
    cdef uint32_t* _hits
    cdef readonly uint32_t roots
    cdef uint32_t _root_room
    cdef uint64_t* _far_keys
    cdef uint32_t* _far_children
    cdef uint64_t _far_mask
    cdef uint64_t _far_count

    cdef uint32_t follow(self, uint32_t root, const uint32_t* vector) noexcept nogil
    cdef uint32_t* _child(self, uint32_t node, uint32_t value) except NULL
    cdef uint32_t* _moved(self, uint32_t* reference) except NULL
    cdef uint32_t _far(self, uint32_t node, uint32_t value) noexcept nogil
    cdef int _grow_far(self) except -1
