from libc.stdint cimport uint8_t, uint64_t

cdef uint64_t hash_bytes(const uint8_t* data, size_t length) noexcept nogil


cdef class Encoder:
    cdef dict _classes          # class -> (kind, names of its fields, 64-bit name)
    cdef dict _names            # 64-bit name -> class, to notice two classes with one name
    cdef uint8_t* data
    cdef size_t length
    cdef size_t _room

    cdef int write(self, object value, int depth) except -1
    cdef int _write_set(self, object value, int depth) except -1
    cdef int _write_other(self, object value, int depth) except -1
    cdef int _number(self, uint8_t tag, uint64_t number) except -1
    cdef int _raw(self, const void* start, size_t length) except -1
