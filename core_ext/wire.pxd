"""C-level names of libzmq's calls, for what reads and writes sockets."""

cimport cython

cdef extern from *:
    """
    typedef struct { _Alignas(sizeof(void *)) unsigned char opaque[64]; } actorum_zmq_message;  /* zmq_msg_t */
    """
    ctypedef struct Message "actorum_zmq_message":
        pass

cdef const char *data_of(Message *message) noexcept
cdef Py_ssize_t size_of(Message *message) noexcept
cdef bint more_follows(Message *message) noexcept
cdef void release(Message *message) noexcept

@cython.final
cdef class Part:
    cdef Message message
    cdef bint filled

@cython.final
cdef class Wire:
    cdef void *handle
    cdef object socket
    cdef bint receive(self, Message *into) except -1
    cdef Part receive_part(self)
    cdef bint send(self, const void *data, size_t size, bint more) except -1
    cpdef bint readable(self) except -1
