from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef class FrameWriter:
    cdef char *buffer
    cdef Py_ssize_t allocated
    cdef Py_ssize_t used
    cdef list own_parts
    cdef readonly Py_ssize_t size
    cdef readonly Py_ssize_t count
    cdef public uint64_t sender_incarnation
    cdef public uint64_t receiver_incarnation
    cdef int reserve(self, Py_ssize_t more) except -1
    cpdef int add(
        self, int kind, str target_name, uint64_t target_incarnation, str sender_name, uint64_t sender_incarnation,
        uint64_t correlation, uint32_t wire_id, body,
    ) except -1
    cpdef list finish(self)
    cdef int seal(self) except -1
    cdef int empty(self) except -1


cdef class Envelope:
    cdef readonly uint8_t kind
    cdef readonly str target_name
    cdef readonly uint64_t target_incarnation
    cdef readonly str sender_name
    cdef readonly uint64_t sender_incarnation
    cdef readonly uint64_t correlation
    cdef readonly uint32_t wire_id
    cdef readonly object body


cdef class Frame:
    cdef readonly uint64_t sender_incarnation
    cdef readonly uint64_t receiver_incarnation
    cdef readonly Py_ssize_t size
    cdef readonly list envelopes


cpdef Frame read_frame(parts, Py_ssize_t max_bytes=*)
cdef Frame read_bytes(bytes part)
cdef bint is_frame(const char *data, Py_ssize_t length) noexcept
