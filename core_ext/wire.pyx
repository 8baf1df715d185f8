"""libzmq's own calls on a socket that pyzmq opened: what is paid per message. Knows no frame, loop or node.

pyzmq loads libzmq, opens sockets, sets their options and closes them. Sending and receiving go to the same libzmq
directly, through the C interface that it has kept since version 4.0: a call from pyzmq's layer costs more than the
message, and after each sleep its code has to come into the processor's cache again.
"""

import ctypes
import sys

import zmq

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EAGAIN, EINTR

cdef enum:
    DONTWAIT = 1
    SNDMORE = 2
    EVENTS = 15
    POLLIN = 1

cdef int (*zmq_errno)() noexcept
cdef int (*zmq_getsockopt)(void *, int, void *, size_t *) noexcept
cdef int (*zmq_msg_close)(Message *) noexcept
cdef void *(*zmq_msg_data)(Message *) noexcept
cdef int (*zmq_msg_init)(Message *) noexcept
cdef int (*zmq_msg_more)(Message *) noexcept
cdef int (*zmq_msg_recv)(Message *, void *, int) noexcept
cdef size_t (*zmq_msg_size)(Message *) noexcept
cdef int (*zmq_send)(void *, const void *, size_t, int) noexcept


cdef size_t find(library, str name) except 0:
    try:
        return ctypes.cast(getattr(library, name), ctypes.c_void_p).value
    except AttributeError:
        raise ImportError(
            f"pyzmq {zmq.__version__} ({library._name}) does not lead to libzmq's {name}; install a pyzmq that links "
            f"libzmq as a shared library, as its wheels do"
        ) from None


library = ctypes.CDLL(sys.modules[zmq.Socket.__mro__[1].__module__].__file__)  # loaded already: only looked up
zmq_errno = <int (*)() noexcept>find(library, "zmq_errno")
zmq_getsockopt = <int (*)(void *, int, void *, size_t *) noexcept>find(library, "zmq_getsockopt")
zmq_msg_close = <int (*)(Message *) noexcept>find(library, "zmq_msg_close")
zmq_msg_data = <void *(*)(Message *) noexcept>find(library, "zmq_msg_data")
zmq_msg_init = <int (*)(Message *) noexcept>find(library, "zmq_msg_init")
zmq_msg_more = <int (*)(Message *) noexcept>find(library, "zmq_msg_more")
zmq_msg_recv = <int (*)(Message *, void *, int) noexcept>find(library, "zmq_msg_recv")
zmq_msg_size = <size_t (*)(Message *) noexcept>find(library, "zmq_msg_size")
zmq_send = <int (*)(void *, const void *, size_t, int) noexcept>find(library, "zmq_send")
del library


cdef const char *data_of(Message *message) noexcept:
    return <const char *>zmq_msg_data(message)


cdef Py_ssize_t size_of(Message *message) noexcept:
    return <Py_ssize_t>zmq_msg_size(message)


cdef bint more_follows(Message *message) noexcept:
    return zmq_msg_more(message) != 0


cdef void release(Message *message) noexcept:
    zmq_msg_close(message)


@cython.final
cdef class Part:
    """One part of a message in libzmq's memory, as a read-only buffer; freed when nobody looks at it any more."""

    def __dealloc__(self):
        if self.filled:
            zmq_msg_close(&self.message)

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, zmq_msg_data(&self.message), <Py_ssize_t>zmq_msg_size(&self.message), 1, flags)

    def __len__(self):
        return size_of(&self.message)


@cython.final
cdef class Wire:
    """One open socket. Nothing here ever blocks.

    Args:
        socket: pyzmq's; must not be closed before ``close``.
    """

    def __init__(self, socket not None):
        self.socket = socket
        self.handle = <void *><size_t>socket.underlying

    def close(self):
        """The socket is about to be closed."""
        self.handle = NULL
        self.socket = None

    cdef bint receive(self, Message *into) except -1:
        """The next part; the caller releases it. False when there is none."""
        cdef int error
        if self.handle == NULL:
            return False
        zmq_msg_init(into)
        while zmq_msg_recv(into, self.handle, DONTWAIT) < 0:
            error = zmq_errno()
            if error != EINTR:
                zmq_msg_close(into)
                if error == EAGAIN:
                    return False
                raise zmq.ZMQError(error)
            PyErr_CheckSignals()
        return True

    cdef Part receive_part(self):
        """The next part as an object; None when there is none."""
        cdef Part part = Part.__new__(Part)
        part.filled = self.receive(&part.message)
        return part if part.filled else None

    cdef bint send(self, const void *data, size_t size, bint more) except -1:
        """Hand over one part, copied. False when libzmq did not take it."""
        if self.handle == NULL:
            return False
        while zmq_send(self.handle, data, size, DONTWAIT | (SNDMORE if more else 0)) < 0:
            if zmq_errno() != EINTR:
                return False
            PyErr_CheckSignals()
        return True

    cpdef bint readable(self) except -1:
        """Is there something to read? To be asked after sending, which may swallow the descriptor's wake-up."""
        cdef int events = 0
        cdef size_t size = sizeof(int)
        if self.handle == NULL:
            return False
        while zmq_getsockopt(self.handle, EVENTS, &events, &size) < 0:
            if zmq_errno() != EINTR:
                raise zmq.ZMQError(zmq_errno())
            PyErr_CheckSignals()
        return (events & POLLIN) != 0

    def send_parts(self, parts):
        """Send one message now. Returns False when libzmq did not take it (the message is gone)."""
        cdef Py_ssize_t left = len(parts)
        cdef const unsigned char[::1] view
        for part in parts:
            left -= 1
            view = part
            if not self.send(&view[0] if view.shape[0] else NULL, view.shape[0], left > 0):
                return False
        return True
