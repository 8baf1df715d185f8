# What core_ext.door keeps of each connection.

from libc.stdint cimport int64_t

from core_ext.resp cimport Buffer, Scan


cdef class Command:
    cdef bytes name
    cdef int opcode  # of the store; -1: ``handler`` answers it on the spot
    cdef int64_t minimum
    cdef int64_t maximum
    cdef bint is_write
    cdef bint before_auth
    cdef object handler


cdef class Slot:
    cdef Session session
    cdef Slot next
    cdef bytes known  # the replies, back to back; None until answered
    cdef int64_t count
    cdef bint resp2

    cdef Slot unlink(self)


cdef class Session:
    cdef readonly object owner
    cdef object transport
    cdef object write
    cdef object close
    cdef int descriptor  # of the transport's socket; -1: everything goes by way of the transport
    cdef public int protocol
    cdef public bint authenticated
    cdef Command last
    cdef Buffer input
    cdef size_t start  # of the input, what is parsed
    cdef Scan scan
    cdef Slot head
    cdef Slot tail
    cdef list ready
    cdef int64_t reads  # unanswered, by way of a read batch
    cdef int64_t writes  # unanswered, by way of a write batch
    cdef Py_ssize_t local_bytes  # of replies known here that are not written yet
    cdef bint held  # what arrives is not parsed for now
    cdef bint waiting  # held because the door as a whole has too much in flight
    cdef bint reading_paused
    cdef bint blocked  # the client does not read its replies
    cdef bint finishing  # what arrives is ignored
    cdef bint ended  # nothing arrives any more
    cdef bint closed
    cdef bint overflowed

    cdef int add(self, Slot slot) except -1
    cdef int reply(self, bytes reply) except -1
    cdef Py_ssize_t flush(self, size_t max_output_bytes) except -1
    cdef bint sent_directly(self, bytes data) except -1
    cdef int limit_output(self, size_t max_output_bytes) except -1
    cdef int close_if_done(self) except -1
    cdef int forget(self) except -1
