from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef uint64_t mixed(uint64_t value) noexcept nogil


cdef class StateStore:
    cdef readonly bint exact
    cdef readonly bint keep_rows
    cdef readonly uint32_t count
    cdef readonly uint32_t cursor         # the next state that ``next_row`` gives
    cdef const uint8_t* row               # set by ``next_row`` and ``find_row``
    cdef uint32_t row_length
    cdef uint64_t* _keys                  # fingerprints, open addressing; 0 = free
    cdef uint32_t* _indices
    cdef uint64_t _mask
    cdef uint32_t* parents                # by index; an initial state is its own parent
    cdef uint32_t* actions
    cdef uint64_t* _places                # by index, only with keep_rows: where the row stands
    cdef uint32_t _room
    cdef uint8_t** _chunks
    cdef uint32_t* _chunk_used
    cdef uint32_t* _chunk_size
    cdef uint32_t _chunk_count
    cdef uint32_t _chunk_room
    cdef uint32_t _read_chunk
    cdef uint32_t _read_offset
    cdef uint64_t _row_bytes

    cdef int64_t put(
        self, const uint8_t* row, uint32_t length, uint64_t fingerprint, uint32_t parent, uint32_t action
    ) except? -1 nogil
    cdef int64_t look(self, const uint8_t* row, uint32_t length, uint64_t fingerprint) noexcept nogil
    cdef bint next_row(self) noexcept nogil
    cdef int find_row(self, uint32_t index) except -1 nogil
    cdef void prefetch(self, uint64_t fingerprint) noexcept nogil
    cdef bint _same_row(self, uint32_t index, const uint8_t* row, uint32_t length) noexcept nogil
    cdef int _grow_table(self) except -1 nogil
    cdef int _grow_arrays(self) except -1 nogil
    cdef uint64_t _write_row(self, const uint8_t* row, uint32_t length) except? 0xffffffffffffffffULL nogil
