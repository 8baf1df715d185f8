"""C view of the log's format, for the other files of the log."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "log_format.h" nogil:
    void crc32c_prepare()
    uint32_t crc32c(uint32_t crc, const void *data, size_t length)
    ctypedef struct log_header:
        uint32_t header_crc
        uint32_t body_crc
        uint32_t length
        uint8_t type
        uint8_t flags
        uint16_t reserved
        uint32_t stream
        uint32_t tag
        uint64_t position
        uint64_t note
    uint64_t log_record_size(uint64_t body_length)
    uint32_t log_header_crc(uint64_t salt, uint64_t lsn, const log_header *header)

cpdef enum:
    DATA_START = 8192      # offset of the first record in a segment, after the two copies of its header
    HEADER_BYTES = 40
    BODY_LIMIT = 67108864  # longest body of one record, in bytes
    SUMMARY_BYTES = 40     # one stream's entry in the body of a COMMIT

cpdef enum Type:
    TYPE_DATA = 1
    TYPE_COMMIT = 2
    TYPE_STREAM = 3
    TYPE_TRUNCATE = 4
    TYPE_RESOLVE = 5
    TYPE_CHECKPOINT = 6
    TYPE_UNCERTAIN = 7
    TYPE_DAMAGE = 8
    TYPE_PAD = 9

cpdef enum:
    FLAG_CRITICAL = 1  # has a twin in the same batch
    FLAG_TWIN = 2      # is the second copy of a critical record
    FLAG_COPY = 4      # an old record copied forward, out of turn

cdef struct Found:
    uint64_t offset
    uint64_t position
    uint64_t note
    uint32_t stream
    uint32_t tag
    uint32_t length
    uint8_t type
    uint8_t flags
    bint intact

cdef class SegmentScan:
    cdef Found *found
    cdef readonly Py_ssize_t count
    cdef Py_ssize_t capacity
    cdef readonly list holes
    cdef readonly uint64_t end
    cdef readonly uint64_t dirty_end
    cdef readonly bint torn
    cdef int _push(self, const log_header *header, uint64_t offset, bint intact) except -1
