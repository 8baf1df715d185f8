from libc.stdint cimport int32_t, int64_t, uint64_t


cdef struct Memory:
    int32_t words
    int32_t optional_words
    int64_t stride
    char *rows  # next row in its bucket (8 bytes, -1: none), first, state (4 each), mask
    int64_t size
    int64_t capacity
    int64_t *buckets
    int64_t bucket_count


cdef inline int32_t state_of(const Memory *memory, int64_t at) noexcept nogil:
    return (<const int32_t *> (memory.rows + at * memory.stride))[3]


cdef inline uint64_t *mask_of(const Memory *memory, int64_t at) noexcept nogil:
    return <uint64_t *> (memory.rows + at * memory.stride + 16)


cdef void prepare(Memory *memory, int32_t words, int32_t optional_words) noexcept nogil
cdef void forget(Memory *memory) noexcept nogil
cdef void release(Memory *memory) noexcept nogil
cdef bint recalls(Memory *memory, int32_t first, int32_t state, const uint64_t *mask) noexcept nogil
cdef bint remember(
    Memory *memory, int32_t first, int32_t state, const uint64_t *mask, int64_t limit_bytes
) noexcept nogil
