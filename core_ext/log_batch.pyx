"""Records laid out in memory, one batch at a time. Must not know streams, segments or files.

A record's header CRC is written later, when its place in the log is known.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from core_ext.log_format cimport (
    FLAG_CRITICAL, FLAG_TWIN, HEADER_BYTES, TYPE_PAD, crc32c, crc32c_prepare, log_header, log_record_size,
)

crc32c_prepare()

TWIN_DISTANCE = 4096  # bytes between the two copies of a critical record: never in one sector
cdef uint64_t _DISTANCE = TWIN_DISTANCE
cdef uint64_t _SECTOR = 512  # what a disk writes whole


cdef class Flight:
    """The bytes of one batch until it is durable."""

    def __dealloc__(self):
        free(self.data)


cdef class Batch:
    """A growing buffer of records."""

    def __cinit__(self):
        self.critical = []

    def __dealloc__(self):
        free(self.data)

    cdef int reserve(self, uint64_t more) except -1:
        cdef uint64_t capacity = max(self.capacity, <uint64_t>65536)
        cdef unsigned char *grown
        if self.used + more > self.capacity:
            while capacity < self.used + more:
                capacity *= 2
            grown = <unsigned char *>realloc(self.data, capacity)
            if grown == NULL:
                raise MemoryError()
            self.data = grown
            self.capacity = capacity
        return 0

    cdef uint64_t put(
        self, uint8_t type, uint8_t flags, uint32_t stream, uint32_t tag, uint64_t position, uint64_t note,
        const void *body, uint64_t length,
    ) except? 0xFFFFFFFFFFFFFFFF:
        """Lay one record out at the end; returns its offset in the batch."""
        cdef uint64_t size = log_record_size(length)
        cdef uint64_t at = self.used
        cdef log_header *header
        self.reserve(size)
        header = <log_header *>(self.data + at)
        memset(self.data + at + size - 8, 0, 8)
        header.body_crc = crc32c(0, body, length)
        header.length = length
        header.type = type
        header.flags = flags
        header.reserved = 0
        header.stream = stream
        header.tag = tag
        header.position = position
        header.note = note
        if length:
            memcpy(self.data + at + HEADER_BYTES, body, length)
        self.used = at + size
        if flags & FLAG_CRITICAL:
            self.critical.append(at)
        return at

    cdef uint64_t put_bytes(
        self, uint8_t type, uint8_t flags, uint32_t stream, uint32_t tag, uint64_t position, uint64_t note, bytes body,
    ) except? 0xFFFFFFFFFFFFFFFF:
        return self.put(
            type, flags, stream, tag, position, note, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body)
        )

    cdef uint64_t twin_bytes(self):
        """An upper bound of what ``put_twins`` adds."""
        cdef uint64_t total = 2 * (_DISTANCE + _SECTOR) if self.critical else 0
        for at in self.critical:
            total += log_record_size((<log_header *>(self.data + <uint64_t>at)).length)
        return total

    cdef int put_twins(self, uint64_t start) except -1:
        """The second copies, far enough from the first ones that no sector holds both. COMMIT follows them.

        A power failure may keep any sectors of what is being written. Had it kept the COMMIT alone, nobody could tell
        that from a disk that has ruined both copies of what was acknowledged. So they begin in the sector in which it
        begins, if they fit there.

        Args:
            start: of the batch, in its file.
        """
        cdef uint64_t at, size, end, twins = 0, padding = 0
        cdef log_header *header
        if not self.critical:
            return 0
        critical, self.critical = self.critical, []
        for offset in critical:
            at = offset
            end = at + log_record_size((<log_header *>(self.data + at)).length)
            twins += end - at
        if self.used - end < _DISTANCE:
            padding = HEADER_BYTES + _DISTANCE - (self.used - end)
        if twins < _SECTOR and (start + self.used + padding) % _SECTOR + twins >= _SECTOR:
            padding = max(padding, HEADER_BYTES)
            padding += (_SECTOR - (start + self.used + padding) % _SECTOR) % _SECTOR
        if padding:
            self.put_bytes(TYPE_PAD, 0, 0, 0, 0, 0, bytes(padding - HEADER_BYTES))
        for offset in critical:
            at = offset
            size = log_record_size((<log_header *>(self.data + at)).length)
            self.reserve(size)
            memcpy(self.data + self.used, self.data + at, size)
            header = <log_header *>(self.data + self.used)
            header.flags |= FLAG_TWIN
            self.used += size
        return 0

    cdef int put_all(self, Batch other) except -1:
        """Move everything of another batch behind what is here."""
        self.reserve(other.used)
        memcpy(self.data + self.used, other.data, other.used)
        self.critical.extend([self.used + <uint64_t>at for at in other.critical])
        self.used += other.used
        other.used = 0
        other.critical = []
        return 0

    cdef Flight take(self):
        """Hand the bytes over; this batch is empty again."""
        cdef Flight flight = Flight.__new__(Flight)
        flight.data = self.data
        flight.length = self.used
        self.data = NULL
        self.used = self.capacity = 0
        self.critical = []
        return flight
