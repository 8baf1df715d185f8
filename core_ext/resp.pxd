# RESP in C: what core_ext.door uses of core_ext.resp.

from libc.stdint cimport int64_t


cdef struct Buffer:
    char *data
    size_t size
    size_t capacity

cdef int buffer_reserve(Buffer *buffer, size_t more) except -1
cdef int buffer_append(Buffer *buffer, const char *data, size_t size) except -1
cdef void buffer_free(Buffer *buffer) noexcept

cdef struct Limits:
    size_t argument_bytes
    size_t command_bytes
    size_t inline_bytes
    int64_t arguments

cdef enum:
    UNAUTHENTICATED_ARGUMENTS = 10
    UNAUTHENTICATED_ARGUMENT_BYTES = 16384
    HEADER_BYTES = 65536
    MAX_DEPTH = 32

# How far a request that has not arrived completely was scanned; all zero: nothing yet.
cdef struct Scan:
    int64_t declared     # arguments that its header names; 0: header not read
    int64_t scanned      # of these, how many are complete
    size_t position      # where the next argument's header begins, from the request's start
    size_t argument_bytes  # sum of the declared lengths so far

cdef struct Arguments:
    const char **starts
    size_t *lengths
    int64_t count
    int64_t capacity

cdef enum Found:
    INCOMPLETE
    REQUEST
    LINE
    EMPTY
    MALFORMED

cdef int arguments_add(Arguments *arguments, const char *start, size_t length) except -1
cdef void arguments_free(Arguments *arguments) noexcept

# What stands at data: INCOMPLETE, a REQUEST (its arguments are filled in), an inline LINE (one argument: the line
# without its end), EMPTY (nothing to execute) or MALFORMED (error[0] says why). consumed[0] is its length.
cdef Found scan_request(const char *data, size_t size, const Limits *limits, bint authenticated, Scan *scan,
                        Arguments *arguments, size_t *consumed, char *error) except *

cdef bint parse_integer(const char *text, size_t size, int64_t *value) noexcept

# The next ``count`` replies of a framed sequence, back to back, in RESP2 if wanted; None when the frame is damaged.
cdef bytes gather(const char *replies, size_t size, size_t *position, int64_t count, bint resp2)
