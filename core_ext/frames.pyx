"""Envelopes and frames: what one node sends another in one turn, to bytes and back. Knows no socket, actor or message.

A frame is a list of parts, as ZeroMQ sends them. Part 0, all little endian:

    frame header     u32 magic, u16 wire version, u16 zero, u32 envelopes, u32 parts after this one,
                     u64 sender's incarnation, u64 receiver's incarnation
    per envelope     u32 size (header, names and body as far as they stand in part 0), u8 kind, u8 flags,
                     u16 target name length, u16 sender name length, u16 zero, u32 wire id, u64 correlation,
                     u64 target's incarnation, u64 sender's incarnation; then both names (UTF-8) and the body

With flag 1 the body is the next part instead: large bodies travel uncopied. No sender is an empty name.
Reading is total: any input gives envelopes or CodecError, and every length is checked before it is used.
"""

import enum

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

cdef extern from "<endian.h>" nogil:
    uint16_t htole16(uint16_t value)
    uint32_t htole32(uint32_t value)
    uint64_t htole64(uint64_t value)
    uint16_t le16toh(uint16_t value)
    uint32_t le32toh(uint32_t value)
    uint64_t le64toh(uint64_t value)

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL

cdef packed struct FrameHeader:
    uint32_t magic
    uint16_t version
    uint16_t reserved
    uint32_t envelopes
    uint32_t parts
    uint64_t sender
    uint64_t receiver

cdef packed struct EnvelopeHeader:
    uint32_t size
    uint8_t kind
    uint8_t flags
    uint16_t target_length
    uint16_t sender_length
    uint16_t reserved
    uint32_t wire_id
    uint64_t correlation
    uint64_t target_incarnation
    uint64_t sender_incarnation

cdef enum:
    MAGIC = 0x4D524F54  # "TORM"
    VERSION = 1
    LAST_KIND = 3
    BODY_IS_A_PART = 1
    ENVELOPE_LIMIT = 1 << 20
    NAME_LIMIT = 1024
    OWN_PART_FROM = 64 * 1024
    COPY_BELOW = 512

WIRE_VERSION = VERSION
MAX_ENVELOPES = ENVELOPE_LIMIT
MAX_NAME_BYTES = NAME_LIMIT
OWN_PART_BYTES = OWN_PART_FROM
FRAME_OVERHEAD_BYTES = sizeof(FrameHeader)
ENVELOPE_OVERHEAD_BYTES = sizeof(EnvelopeHeader)


class CodecError(ValueError):
    """Bytes that cannot be what they claim to be, or a value that cannot travel."""


class Kind(enum.IntEnum):
    """What an envelope is for."""

    TELL = 0
    ASK = 1
    REPLY = 2
    FAILURE = 3


cdef class FrameWriter:
    """Collects the envelopes of one turn for one peer and lane.

    Args:
        sender_incarnation: of the node that sends.
        receiver_incarnation: of the node that the frame is for; it drops frames for another incarnation.
    """

    def __cinit__(self, uint64_t sender_incarnation=0, uint64_t receiver_incarnation=0):
        self.sender_incarnation = sender_incarnation
        self.receiver_incarnation = receiver_incarnation
        self.own_parts = []
        self.used = sizeof(FrameHeader)
        self.size = sizeof(FrameHeader)

    def __dealloc__(self):
        PyMem_Free(self.buffer)

    def __len__(self):
        return self.count

    cdef int reserve(self, Py_ssize_t more) except -1:
        cdef Py_ssize_t wanted = self.used + more
        cdef char *grown
        if wanted > self.allocated:
            wanted = max(wanted + wanted // 2, 4096)
            grown = <char *>PyMem_Realloc(self.buffer, wanted)
            if grown is NULL:
                raise MemoryError(f"no memory for a frame of {wanted} bytes")
            self.buffer = grown
            self.allocated = wanted
        return 0

    cpdef int add(
        self, int kind, str target_name, uint64_t target_incarnation, str sender_name, uint64_t sender_incarnation,
        uint64_t correlation, uint32_t wire_id, body,
    ) except -1:
        """Add one envelope; nothing is added when it raises.

        Args:
            kind: a Kind.
            target_name, target_incarnation: the actor on the receiving node; incarnation 0 means whoever has the name.
            sender_name, sender_incarnation: the actor on the sending node; None for outside code.
            correlation: ties a reply to its ask.
            wire_id: what the body is.
            body: a bytes-like object; from 64 KiB on it becomes a part of its own, uncopied when it is bytes.

        Raises:
            CodecError: a name is too long or not text, the kind is unknown, or the frame is full.
        """
        cdef EnvelopeHeader header
        cdef const char *target
        cdef const char *sender = NULL
        cdef Py_ssize_t target_length, sender_length = 0, body_length, in_frame
        cdef const unsigned char[::1] view
        cdef char *out
        if kind < 0 or kind > LAST_KIND:
            raise CodecError(f"envelope for {target_name!r}: kind {kind} is none of Kind's 0 to {LAST_KIND}")
        if self.count >= ENVELOPE_LIMIT:
            raise CodecError(f"envelope for {target_name!r}: the frame is full ({ENVELOPE_LIMIT} envelopes); finish it")
        target = name_bytes(target_name, &target_length)
        if sender_name is not None:
            sender = name_bytes(sender_name, &sender_length)
        if not PyBytes_CheckExact(body):
            view = body
            body_length = view.shape[0]
            if body_length >= OWN_PART_FROM:
                body = bytes(view)
        else:
            body_length = PyBytes_GET_SIZE(body)
        in_frame = sizeof(EnvelopeHeader) + target_length + sender_length
        header.flags = 0
        if body_length >= OWN_PART_FROM:
            header.flags = BODY_IS_A_PART
        else:
            in_frame += body_length
        self.reserve(in_frame)
        header.size = htole32(<uint32_t>in_frame)
        header.kind = <uint8_t>kind
        header.target_length = htole16(<uint16_t>target_length)
        header.sender_length = htole16(<uint16_t>sender_length)
        header.reserved = 0
        header.wire_id = htole32(wire_id)
        header.correlation = htole64(correlation)
        header.target_incarnation = htole64(target_incarnation)
        header.sender_incarnation = htole64(sender_incarnation)
        if header.flags:
            self.own_parts.append(body)
        out = self.buffer + self.used
        memcpy(out, &header, sizeof(EnvelopeHeader))
        out += sizeof(EnvelopeHeader)
        memcpy(out, target, target_length)
        out += target_length
        if sender_length:
            memcpy(out, sender, sender_length)
            out += sender_length
        if header.flags == 0 and body_length:
            if PyBytes_CheckExact(body):
                memcpy(out, PyBytes_AS_STRING(body), body_length)
            else:
                memcpy(out, &view[0], body_length)
        self.used += in_frame
        self.size += in_frame + (body_length if header.flags else 0)
        self.count += 1
        return 0

    cpdef list finish(self):
        """The frame's parts, ready to send; the writer is empty again and may be used for the next turn."""
        cdef list parts
        self.seal()
        parts = [PyBytes_FromStringAndSize(self.buffer, self.used)]
        parts.extend(self.own_parts)
        self.empty()
        return parts

    cdef int seal(self) except -1:
        """Write the header; ``buffer`` up to ``used``, then ``own_parts``, are what travels."""
        cdef FrameHeader header
        self.reserve(0)
        header.magic = htole32(MAGIC)
        header.version = htole16(VERSION)
        header.reserved = 0
        header.envelopes = htole32(<uint32_t>self.count)
        header.parts = htole32(<uint32_t>len(self.own_parts))
        header.sender = htole64(self.sender_incarnation)
        header.receiver = htole64(self.receiver_incarnation)
        memcpy(self.buffer, &header, sizeof(FrameHeader))
        return 0

    cdef int empty(self) except -1:
        """Be ready for the next turn."""
        if self.own_parts:
            self.own_parts = []
        self.used = sizeof(FrameHeader)
        self.size = sizeof(FrameHeader)
        self.count = 0
        if self.allocated > 1 << 20:  # one big turn must not hold its memory for ever
            PyMem_Free(self.buffer)
            self.buffer = NULL
            self.allocated = 0
        return 0


cdef const char *name_bytes(str name, Py_ssize_t *length) except NULL:
    cdef const char *text
    if name is None:
        raise CodecError("an envelope needs the name of its target, it got None")
    try:
        text = PyUnicode_AsUTF8AndSize(name, length)
    except UnicodeEncodeError as error:
        raise CodecError(f"actor name {name!r} cannot travel: {error}") from error
    if length[0] > NAME_LIMIT:
        raise CodecError(f"actor name {name[:40]!r}... has {length[0]} bytes; at most {NAME_LIMIT} can travel")
    return text


cdef class Envelope:
    """One message on its way.

    Attributes:
        kind: a Kind.
        target_name, target_incarnation: the actor on this node.
        sender_name, sender_incarnation: the actor on the sending node; None and 0 for outside code.
        correlation: ties a reply to its ask.
        wire_id: what the body is.
        body: the encoded message; small ones are bytes, larger ones a memoryview into the frame that came.
    """

    def __repr__(self):
        return (
            f"Envelope({Kind(self.kind).name}, to {self.target_name!r}, from {self.sender_name!r}, "
            f"correlation {self.correlation}, wire id {self.wire_id:#010x}, {len(self.body)} bytes)"
        )


cdef class Frame:
    """What came in one piece from a peer; iterates over its envelopes.

    Attributes:
        sender_incarnation: of the node that sent it.
        receiver_incarnation: of the node that it is for; whoever is another one drops it.
        size: bytes of all parts.
        envelopes: in the order in which they were added.
    """

    def __len__(self):
        return len(self.envelopes)

    def __iter__(self):
        return iter(self.envelopes)

    def __getitem__(self, index):
        return self.envelopes[index]


cpdef Frame read_frame(parts, Py_ssize_t max_bytes=1 << 30):
    """Read what a peer sent.

    Args:
        parts: the bytes-like parts of one ZeroMQ message.
        max_bytes: of all parts together.

    Raises:
        CodecError: this is no frame, one of another wire version, damaged, or too large.
    """
    cdef list views = []
    cdef Py_ssize_t total = 0
    cdef Py_buffer buffer
    cdef Frame frame
    for part in parts:
        try:
            view = memoryview(part)
            if not (view.c_contiguous and view.itemsize == 1):
                raise CodecError(f"frame part {len(views)} is not a plain row of bytes")
        except TypeError as error:
            raise CodecError(f"frame part {len(views)} is a {type(part).__name__}, not bytes") from error
        total += view.nbytes
        views.append(view)
    if not views:
        raise CodecError("a frame of no parts")
    if total > max_bytes:
        raise CodecError(f"a frame of {total} bytes; at most {max_bytes} are accepted")
    frame = Frame.__new__(Frame)
    frame.size = total
    frame.envelopes = []
    PyObject_GetBuffer(views[0], &buffer, PyBUF_SIMPLE)
    try:
        read_parts(frame, <const char *>buffer.buf, buffer.len, views)
    finally:
        PyBuffer_Release(&buffer)
    return frame


cdef bint is_frame(const char *data, Py_ssize_t length) noexcept:
    """Does it claim to be a frame?"""
    cdef uint32_t magic
    if length < <Py_ssize_t>sizeof(magic):
        return False
    memcpy(&magic, data, sizeof(magic))
    return le32toh(magic) == MAGIC


cdef Frame read_bytes(bytes part):
    """Read a frame of one small part."""
    cdef Frame frame = Frame.__new__(Frame)
    frame.size = PyBytes_GET_SIZE(part)
    frame.envelopes = []
    read_parts(frame, PyBytes_AS_STRING(part), frame.size, [part])
    return frame


cdef int read_parts(Frame frame, const char *data, Py_ssize_t length, list views) except -1:
    cdef FrameHeader header
    cdef Py_ssize_t at = sizeof(FrameHeader), next_part = 1
    cdef uint32_t _number, count
    if length < <Py_ssize_t>sizeof(FrameHeader):
        raise CodecError(f"a frame of {length} bytes is shorter than its header ({sizeof(FrameHeader)} bytes)")
    memcpy(&header, data, sizeof(FrameHeader))
    if le32toh(header.magic) != MAGIC:
        raise CodecError(f"no frame: it begins with {data[:4]!r}")
    if le16toh(header.version) != VERSION:
        raise CodecError(
            f"a frame of wire version {le16toh(header.version)}; this node speaks {VERSION}: run one release on both"
        )
    if header.reserved:
        raise CodecError("frame header: bytes that must be zero are not")
    count = le32toh(header.envelopes)
    if count > ENVELOPE_LIMIT:
        raise CodecError(f"a frame that claims {count} envelopes; at most {ENVELOPE_LIMIT} are accepted")
    if le32toh(header.parts) != <size_t>len(views) - 1:
        raise CodecError(f"a frame that claims {le32toh(header.parts)} more parts came with {len(views) - 1}")
    frame.sender_incarnation = le64toh(header.sender)
    frame.receiver_incarnation = le64toh(header.receiver)
    for _number in range(count):
        at = read_envelope(frame, data, length, at, views, &next_part)
    if at != length:
        raise CodecError(f"{length - at} bytes after the last of {count} envelopes")
    if next_part != len(views):
        raise CodecError(f"{len(views) - next_part} parts that no envelope claims")
    return 0


cdef str last_target = ""
cdef str last_sender = ""


cdef str text_of(const char *data, Py_ssize_t length, str last):
    """A name as text; the same object again for the same name as the last time, whose hash is known."""
    cdef Py_ssize_t known_length
    cdef const char *known = PyUnicode_AsUTF8AndSize(last, &known_length)
    if known_length == length and memcmp(known, data, length) == 0:
        return last
    return PyUnicode_DecodeUTF8(data, length, NULL)


cdef Py_ssize_t read_envelope(
    Frame frame, const char *data, Py_ssize_t length, Py_ssize_t at, list views, Py_ssize_t *next_part
) except -1:
    """Read the envelope at ``at``; returns where the next one begins."""
    global last_target, last_sender
    cdef EnvelopeHeader header
    cdef Py_ssize_t size, target_length, sender_length, body_at
    cdef Envelope envelope
    if length - at < <Py_ssize_t>sizeof(EnvelopeHeader):
        raise CodecError(f"envelope at byte {at}: {length - at} bytes are left, a header has {sizeof(EnvelopeHeader)}")
    memcpy(&header, data + at, sizeof(EnvelopeHeader))
    size = le32toh(header.size)
    target_length = le16toh(header.target_length)
    sender_length = le16toh(header.sender_length)
    if size > length - at:
        raise CodecError(f"envelope at byte {at}: it claims {size} bytes, {length - at} are left")
    if target_length > NAME_LIMIT or sender_length > NAME_LIMIT:
        raise CodecError(f"envelope at byte {at}: a name of {max(target_length, sender_length)} bytes")
    body_at = <Py_ssize_t>sizeof(EnvelopeHeader) + target_length + sender_length
    if size < body_at:
        raise CodecError(f"envelope at byte {at}: its {size} bytes do not hold its header and names ({body_at})")
    if header.kind > LAST_KIND or header.flags > BODY_IS_A_PART or header.reserved:
        raise CodecError(f"envelope at byte {at}: unknown kind {header.kind} or flags {header.flags}")
    envelope = Envelope.__new__(Envelope)
    envelope.kind = header.kind
    envelope.wire_id = le32toh(header.wire_id)
    envelope.correlation = le64toh(header.correlation)
    envelope.target_incarnation = le64toh(header.target_incarnation)
    envelope.sender_incarnation = le64toh(header.sender_incarnation)
    try:
        last_target = text_of(data + at + sizeof(EnvelopeHeader), target_length, last_target)
        envelope.target_name = last_target
        if sender_length:
            last_sender = text_of(data + at + body_at - sender_length, sender_length, last_sender)
            envelope.sender_name = last_sender
    except UnicodeDecodeError as error:
        raise CodecError(f"envelope at byte {at}: a name that is not UTF-8: {error}") from error
    if header.flags:
        if size != body_at:
            raise CodecError(f"envelope at byte {at}: {size - body_at} bytes, but its body is a part of its own")
        if next_part[0] >= len(views):
            raise CodecError(f"envelope at byte {at}: the part that should hold its body is missing")
        envelope.body = views[next_part[0]]
        next_part[0] += 1
    elif size - body_at < COPY_BELOW:  # cheaper than a view, and does not keep the whole frame in memory
        envelope.body = PyBytes_FromStringAndSize(data + at + body_at, size - body_at)
    else:
        envelope.body = memoryview(views[0])[at + body_at:at + size]
    frame.envelopes.append(envelope)
    return at + size
