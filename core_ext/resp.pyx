"""The Redis serialization protocol (RESP2 and RESP3): requests out of bytes, RESP3 replies into RESP2. Total on any
input. Must not know connections, commands or batches.

Why not hiredis here: an inline line may follow an array in the same bytes, and declared lengths must be refused before
anything is allocated for them (``*1000000000`` makes hiredis reserve a list of that size), so the framing has to be
walked before a reader may be fed; once it is walked, the arguments are known without making an object of each.
hiredis is the oracle in the tests. Source of the rules: the RESP specification, and Redis's own behaviour
(networking.c, sdssplitargs) for limits, quoting and error texts.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport free, realloc
from libc.string cimport memchr, memcpy

cdef enum:
    ERROR_BYTES = 128  # room for a protocol error's text


# --- growing arrays ------------------------------------------------------------------------------------------------

cdef int buffer_reserve(Buffer *buffer, size_t more) except -1:
    """Make room for ``more`` bytes behind what the buffer holds."""
    cdef size_t needed = buffer.size + more
    if needed <= buffer.capacity:
        return 0
    cdef size_t capacity = max(needed, 2 * buffer.capacity, <size_t>256)
    cdef char *data = <char *>realloc(buffer.data, capacity)
    if data == NULL:
        raise MemoryError(f"no memory for a buffer of {capacity} bytes")
    buffer.data = data
    buffer.capacity = capacity
    return 0


cdef int buffer_append(Buffer *buffer, const char *data, size_t size) except -1:
    buffer_reserve(buffer, size)
    if size:
        memcpy(buffer.data + buffer.size, data, size)
        buffer.size += size
    return 0


cdef void buffer_free(Buffer *buffer) noexcept:
    free(buffer.data)
    buffer.data = NULL
    buffer.size = buffer.capacity = 0


cdef int arguments_add(Arguments *arguments, const char *start, size_t length) except -1:
    cdef int64_t capacity
    cdef void *starts
    cdef void *lengths
    if arguments.count == arguments.capacity:
        capacity = max(2 * arguments.capacity, <int64_t>16)
        starts = realloc(arguments.starts, capacity * sizeof(char *))
        if starts != NULL:
            arguments.starts = <const char **>starts
        lengths = realloc(arguments.lengths, capacity * sizeof(size_t))
        if lengths != NULL:
            arguments.lengths = <size_t *>lengths
        if starts == NULL or lengths == NULL:
            raise MemoryError(f"no memory for {capacity} arguments")
        arguments.capacity = capacity
    arguments.starts[arguments.count] = start
    arguments.lengths[arguments.count] = length
    arguments.count += 1
    return 0


cdef void arguments_free(Arguments *arguments) noexcept:
    free(arguments.starts)
    free(arguments.lengths)
    arguments.starts = NULL
    arguments.lengths = NULL
    arguments.count = arguments.capacity = 0


# --- requests ------------------------------------------------------------------------------------------------------

cdef bint parse_integer(const char *text, size_t size, int64_t *value) noexcept:
    """Redis's string2ll for what a header may hold: no sign but '-', no blanks, no leading zeros."""
    cdef size_t at = 0
    cdef bint negative = False
    cdef uint64_t result
    if size == 0 or size > 20:
        return False
    if size == 1 and text[0] == c'0':
        value[0] = 0
        return True
    if text[0] == c'-':
        negative = True
        at = 1
    if at == size or text[at] < c'1' or text[at] > c'9':
        return False
    result = 0
    while at < size:
        if text[at] < c'0' or text[at] > c'9' or result > <uint64_t>INT64_MAX // 10:
            return False
        result = result * 10 + <uint64_t>(text[at] - c'0')
        at += 1
    if result > <uint64_t>INT64_MAX:
        return False
    value[0] = -<int64_t>result if negative else <int64_t>result
    return True


cdef inline Found _malformed(char *error, const char *text) noexcept:
    snprintf(error, ERROR_BYTES, b"%s", text)
    return MALFORMED


cdef inline Found _header(const char *data, size_t size, size_t position, size_t *after, int64_t *number,
                          bint *valid) noexcept:
    """Read ``<type><integer>\r\n`` at ``position``: REQUEST when it is complete, INCOMPLETE, or MALFORMED when it
    cannot end any more."""
    cdef size_t at = position + 1
    cdef const char *end
    while at < size and at - position < 24 and data[at] != c'\r':  # the usual case, without a call
        at += 1
    if at >= size or data[at] != c'\r':
        end = <const char *>memchr(data + position, c'\r', size - position)
        if end == NULL:
            return MALFORMED if size - position > HEADER_BYTES else INCOMPLETE
        at = end - data
    if at + 1 >= size:
        return INCOMPLETE
    valid[0] = parse_integer(data + position + 1, at - position - 1, number)
    after[0] = at + 2
    return REQUEST


cdef Found _scan_line(const char *data, size_t size, const Limits *limits, Scan *scan, Arguments *arguments,
                      size_t *consumed, char *error) except *:
    cdef size_t length
    cdef const char *end = <const char *>memchr(data + scan.position, c'\n', size - scan.position)
    if end == NULL:
        if size > limits.inline_bytes:
            return _malformed(error, b"too big inline request")
        scan.position = size
        return INCOMPLETE
    length = end - data
    scan.position = 0
    consumed[0] = length + 1
    if length > limits.inline_bytes:
        return _malformed(error, b"too big inline request")
    if length and data[length - 1] == c'\r':
        length -= 1
    arguments.count = 0
    arguments_add(arguments, data, length)
    return LINE


cdef Found scan_request(const char *data, size_t size, const Limits *limits, bint authenticated, Scan *scan,
                        Arguments *arguments, size_t *consumed, char *error) except *:
    """See resp.pxd. ``size`` is at least 1. Linear in what arrives, however it is cut into pieces."""
    cdef bint resumed = scan.declared > 0
    cdef int64_t number = 0
    cdef size_t position = scan.position
    cdef size_t after = 0
    cdef bint valid = False
    cdef Found found
    if data[0] != c'*':
        return _scan_line(data, size, limits, scan, arguments, consumed, error)
    if not resumed:
        found = _header(data, size, 0, &after, &number, &valid)
        if found == MALFORMED:
            return _malformed(error, b"too big mbulk count string")
        if found == INCOMPLETE:
            return INCOMPLETE
        if not valid or number > limits.arguments:
            return _malformed(error, b"invalid multibulk length")
        if not authenticated and number > UNAUTHENTICATED_ARGUMENTS:
            return _malformed(error, b"unauthenticated multibulk length")
        consumed[0] = position = after
        if number <= 0:
            return EMPTY
        scan.declared = number
        scan.scanned = 0
        scan.argument_bytes = 0
        arguments.count = 0
    while scan.scanned < scan.declared:
        if position >= size:
            break
        found = _header(data, size, position, &after, &number, &valid)
        if found == MALFORMED:
            return _malformed(error, b"too big bulk count string")
        if found == INCOMPLETE:
            break
        if data[position] != c'$':
            snprintf(error, ERROR_BYTES, b"expected '$', got '%c'", data[position])
            return MALFORMED
        if not valid or number < 0 or <size_t>number > limits.argument_bytes:
            return _malformed(error, b"invalid bulk length")
        if not authenticated and number > UNAUTHENTICATED_ARGUMENT_BYTES:
            return _malformed(error, b"unauthenticated bulk length")
        if scan.argument_bytes + <size_t>number > limits.command_bytes:
            return _malformed(error, b"too big request")
        if size - after < <size_t>number + 2:
            break
        if not resumed:
            arguments_add(arguments, data + after, <size_t>number)
        scan.argument_bytes += <size_t>number
        scan.scanned += 1
        position = after + <size_t>number + 2
    if scan.scanned < scan.declared:
        scan.position = position
        return INCOMPLETE
    scan.declared = scan.scanned = 0
    scan.position = scan.argument_bytes = 0
    if resumed:  # the arguments seen in earlier pieces have moved: once more, now that all of it is here
        return scan_request(data, size, limits, authenticated, scan, arguments, consumed, error)
    consumed[0] = position
    return REQUEST


cdef int _hex(int character) noexcept:
    if c'0' <= character <= c'9':
        return character - c'0'
    if c'a' <= character <= c'f':
        return character - c'a' + 10
    if c'A' <= character <= c'F':
        return character - c'A' + 10
    return -1


def split_line(const unsigned char[::1] line):
    """Split an inline request by Redis's quoting rules (sdssplitargs).

    Args:
        line: the request without its line end.

    Returns:
        The arguments as bytes, or None when quotes do not balance or a closing quote is not followed by a blank.
    """
    cdef Py_ssize_t at = 0, size = 0
    cdef int quote, character
    cdef bytearray current
    arguments = []
    while size < line.shape[0] and line[size] != 0:  # a NUL ends the line, as in C
        size += 1
    while True:
        while at < size and line[at] in b" \t\n\v\f\r":
            at += 1
        if at == size:
            return arguments
        current = bytearray()
        quote = 0
        while True:
            if at == size:
                if quote:
                    return None
                break
            character = line[at]
            if quote == c'"' and character == c'\\' and at + 3 < size and line[at + 1] == c'x' \
                    and _hex(line[at + 2]) >= 0 and _hex(line[at + 3]) >= 0:
                current.append(_hex(line[at + 2]) * 16 + _hex(line[at + 3]))
                at += 3
            elif quote == c'"' and character == c'\\' and at + 1 < size:
                at += 1
                current.append(_ESCAPES.get(line[at], line[at]))
            elif quote == c"'" and character == c'\\' and at + 1 < size and line[at + 1] == c"'":
                at += 1
                current.append(c"'")
            elif quote:
                if character == quote:
                    if at + 1 < size and line[at + 1] not in b" \t\n\v\f\r":
                        return None
                    at += 1
                    break
                current.append(character)
            elif character in b" \n\r\t":
                break
            elif character == c'"' or character == c"'":
                quote = character
            else:
                current.append(character)
            at += 1
        arguments.append(bytes(current))


cdef dict _ESCAPES = {c'n': c'\n', c'r': c'\r', c't': c'\t', c'b': c'\b', c'a': c'\a'}


# --- replies -------------------------------------------------------------------------------------------------------

cdef inline bint _frame(const char *replies, size_t size, size_t position, size_t *length) noexcept:
    """Length of the framed reply at ``position`` (u32, little endian); False when it does not fit what is there."""
    cdef const unsigned char *at = <const unsigned char *>(replies + position)
    if size - position < 4:
        return False
    length[0] = at[0] | <size_t>at[1] << 8 | <size_t>at[2] << 16 | <size_t>at[3] << 24
    return length[0] > 0 and length[0] <= size - position - 4


cdef bytes gather(const char *replies, size_t size, size_t *position, int64_t count, bint resp2):
    """See resp.pxd."""
    cdef size_t start = position[0]
    cdef size_t at = start
    cdef size_t total = 0
    cdef size_t length = 0
    cdef int64_t left = count
    cdef bint convert = False
    cdef char first
    cdef bytes out
    cdef char *to
    while left:
        if not _frame(replies, size, at, &length):
            return None
        if resp2:
            first = replies[at + 4]
            convert |= not (first == c'+' or first == c'$' or first == c':' or first == c'-')
        total += length
        at += 4 + length
        left -= 1
    position[0] = at
    if convert:
        return _gather_converted(replies, start, count)
    out = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>total)
    to = PyBytes_AS_STRING(out)
    at = start
    while count:
        _frame(replies, size, at, &length)
        memcpy(to, replies + at + 4, length)
        to += length
        at += 4 + length
        count -= 1
    return out


cdef bytes _gather_converted(const char *replies, size_t start, int64_t count):
    """``count`` replies from ``start`` on, each as RESP2; the frames are known to be whole."""
    cdef Buffer out = Buffer(NULL, 0, 0)
    cdef size_t at = start
    cdef size_t length = 0
    cdef size_t before
    try:
        while count:
            _frame(replies, <size_t>-1, at, &length)
            before = out.size
            if _to_resp2(replies + at + 4, length, &out, 0) != <Py_ssize_t>length:
                out.size = before
                buffer_append(&out, b"-ERR the reply cannot be shown in RESP2\r\n", 41)
            at += 4 + length
            count -= 1
        return PyBytes_FromStringAndSize(out.data, <Py_ssize_t>out.size)
    finally:
        buffer_free(&out)


cdef int _append_number(Buffer *out, char kind, int64_t number) except -1:
    cdef char text[32]
    cdef int length = snprintf(text, sizeof(text), b"%c%lld\r\n", kind, <long long>number)
    return buffer_append(out, text, <size_t>length)


cdef Py_ssize_t _to_resp2(const char *data, size_t size, Buffer *out, int depth) except -2:
    """Append one value as RESP2; returns its length in RESP3, -1 when it is malformed or nests too deep."""
    cdef int64_t number = 0, children
    cdef size_t after, line
    cdef Py_ssize_t used
    cdef const char *end
    cdef char kind
    if depth > MAX_DEPTH or size < 3:
        return -1
    end = <const char *>memchr(data, c'\r', size - 1)
    if end == NULL or end[1] != c'\n':
        return -1
    kind = data[0]
    line = end - data - 1
    after = line + 3
    if kind == c'+' or kind == c'-' or kind == c':':
        buffer_append(out, data, after)
    elif kind == c'_':
        buffer_append(out, b"$-1\r\n", 5)
    elif kind == c'#':
        buffer_append(out, b":1\r\n" if data[1] == c't' else b":0\r\n", 4)
    elif kind == c',' or kind == c'(':
        _append_number(out, c'$', <int64_t>line)
        buffer_append(out, data + 1, line + 2)
    elif not parse_integer(data + 1, line, &number):
        return -1
    elif kind == c'$' or kind == c'=':
        if number < 0:
            buffer_append(out, data, after)
            return <Py_ssize_t>after
        if size - after < <size_t>number + 2 or (kind == c'=' and number < 4):
            return -1
        if kind == c'$':
            buffer_append(out, data, after + <size_t>number + 2)
        else:  # verbatim text: without its three-letter format and the colon
            _append_number(out, c'$', number - 4)
            buffer_append(out, data + after + 4, <size_t>number - 2)
        after += <size_t>number + 2
    elif kind == c'*' or kind == c'~' or kind == c'>' or kind == c'%':
        if number > <int64_t>size:
            return -1
        children = 2 * number if kind == c'%' else number
        _append_number(out, c'*', children)
        while children > 0:
            used = _to_resp2(data + after, size - after, out, depth + 1)
            if used < 0:
                return -1
            after += <size_t>used
            children -= 1
    else:
        return -1
    return <Py_ssize_t>after


def to_resp2(bytes reply):
    """One RESP3 reply as RESP2 (RESP3 specification, "RESP2 equivalents").

    Args:
        reply: exactly one value: null ``_``, boolean ``#``, double ``,``, big number ``(``, verbatim text ``=``, map
            ``%``, set ``~`` and push ``>`` are replaced, also inside aggregates.

    Raises:
        ValueError: not one well-formed value, or nested deeper than 32.
    """
    cdef Buffer out = Buffer(NULL, 0, 0)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(reply)
    try:
        if _to_resp2(PyBytes_AS_STRING(reply), <size_t>size, &out, 0) != size:
            raise ValueError(f"not one RESP3 value: {reply[:64]!r}")
        return PyBytes_FromStringAndSize(out.data, <Py_ssize_t>out.size)
    finally:
        buffer_free(&out)
