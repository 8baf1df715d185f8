"""A set of configurations that answers: is this one, or one that used fewer optional operations, in it?

Knows no search. A configuration is (first, state, mask); the first ``words`` of the mask are compared for equality, the
``optional_words`` after them for inclusion.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

cdef enum:
    HEAD_BYTES = 16
    FIRST_ROWS = 256


cdef inline uint64_t hashed(const Memory *memory, int32_t first, int32_t state, const uint64_t *mask) noexcept nogil:
    cdef uint64_t key = (<uint64_t> <unsigned int> first << 32 | <unsigned int> state) * <uint64_t> 0x9E3779B97F4A7C15
    cdef int32_t at
    for at in range(memory.words):
        key = (key ^ (key >> 29) ^ mask[at]) * <uint64_t> 0xBF58476D1CE4E5B9
    return key ^ (key >> 32)


cdef void prepare(Memory *memory, int32_t words, int32_t optional_words) noexcept nogil:
    """An empty set, which takes no memory yet."""
    memset(memory, 0, sizeof(Memory))
    memory.words, memory.optional_words = words, optional_words
    memory.stride = HEAD_BYTES + (words + optional_words) * <int64_t> sizeof(uint64_t)


cdef void forget(Memory *memory) noexcept nogil:
    """Empty the set, and keep its room."""
    cdef int64_t at
    cdef char *row
    for at in range(memory.size):
        row = memory.rows + at * memory.stride
        memory.buckets[hashed(
            memory, (<int32_t *> row)[2], (<int32_t *> row)[3], <const uint64_t *> (row + HEAD_BYTES)
        ) & <uint64_t> (memory.bucket_count - 1)] = -1
    memory.size = 0


cdef void release(Memory *memory) noexcept nogil:
    """Give its room back."""
    free(memory.rows)
    free(memory.buckets)
    memory.rows, memory.buckets = NULL, NULL


cdef bint recalls(Memory *memory, int32_t first, int32_t state, const uint64_t *mask) noexcept nogil:
    """Whether the configuration, or one that left more optional operations over, is in the set."""
    cdef int64_t at
    cdef int32_t word
    cdef const char *row
    cdef const uint64_t *known
    if memory.size == 0:
        return False
    at = memory.buckets[hashed(memory, first, state, mask) & <uint64_t> (memory.bucket_count - 1)]
    while at >= 0:
        row = memory.rows + at * memory.stride
        known = <const uint64_t *> (row + HEAD_BYTES)
        if (<const int32_t *> row)[2] == first and (<const int32_t *> row)[3] == state:
            if memcmp(known, mask, memory.words * sizeof(uint64_t)) == 0:
                word = 0
                while word < memory.optional_words:
                    if known[memory.words + word] & ~mask[memory.words + word]:
                        break
                    word += 1
                if word == memory.optional_words:
                    return True
        at = (<const int64_t *> row)[0]
    return False


cdef bint remember(
    Memory *memory, int32_t first, int32_t state, const uint64_t *mask, int64_t limit_bytes
) noexcept nogil:
    """Add a configuration; False when there is no room for it within the limit."""
    cdef char *row
    cdef uint64_t bucket
    if memory.size == memory.capacity and not grow(memory, limit_bytes):
        return False
    row = memory.rows + memory.size * memory.stride
    bucket = hashed(memory, first, state, mask) & <uint64_t> (memory.bucket_count - 1)
    (<int64_t *> row)[0] = memory.buckets[bucket]
    (<int32_t *> row)[2] = first
    (<int32_t *> row)[3] = state
    memcpy(row + HEAD_BYTES, mask, (memory.words + memory.optional_words) * sizeof(uint64_t))
    memory.buckets[bucket] = memory.size
    memory.size += 1
    return True


cdef bint grow(Memory *memory, int64_t limit_bytes) noexcept nogil:
    cdef int64_t capacity = memory.capacity * 2 if memory.capacity else FIRST_ROWS
    cdef int64_t at
    cdef uint64_t bucket
    cdef char *rows
    cdef char *row
    cdef int64_t *buckets
    if capacity * (memory.stride + <int64_t> sizeof(int64_t)) > limit_bytes:
        return False
    rows = <char *> realloc(memory.rows, capacity * memory.stride)
    if rows == NULL:
        return False
    memory.rows = rows
    buckets = <int64_t *> malloc(capacity * sizeof(int64_t))
    if buckets == NULL:
        return False
    free(memory.buckets)
    memory.buckets, memory.bucket_count, memory.capacity = buckets, capacity, capacity
    for at in range(capacity):
        buckets[at] = -1
    for at in range(memory.size):
        row = memory.rows + at * memory.stride
        bucket = hashed(
            memory, (<int32_t *> row)[2], (<int32_t *> row)[3], <const uint64_t *> (row + HEAD_BYTES)
        ) & <uint64_t> (capacity - 1)
        (<int64_t *> row)[0] = buckets[bucket]
        buckets[bucket] = at
    return True
