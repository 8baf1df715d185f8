"""The states that an exploration has reached: a table of fingerprints, who led where, and the rows still to explore.

A state is a row of bytes; what stands in it is its producer's affair. States are numbered in the order in which they
came, so that with ``next_row`` the numbering itself is the breadth-first queue. Knows no model, no property and no
search order.

Without ``keep_rows`` a row is forgotten once ``next_row`` has passed it, and what remains of a state is its 64-bit
fingerprint, its parent and the action that led to it. With ``exact`` rows are compared, so that equal fingerprints
cannot hide a state.
"""

from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy

cdef extern from *:
    void __builtin_prefetch(const void*) noexcept nogil

cdef enum:
    CHUNK_BYTES = 1 << 20
    FIRST_SLOTS = 1 << 12
    FIRST_STATES = 1 << 11

cdef uint32_t LAST_INDEX = 0xfffffff0   # indices above are free for marks of others


cdef uint64_t mixed(uint64_t value) noexcept nogil:
    """A bijection of 64 bits in which every input bit moves every output bit (the finalizer of MurmurHash3)."""
    value ^= value >> 33
    value *= 0xff51afd7ed558ccdULL
    value ^= value >> 33
    value *= 0xc4ceb9fe1a85ec53ULL
    value ^= value >> 33
    return value


cdef class StateStore:
    """States by index, and by content.

    Args:
        keep_rows: rows stay readable by index; otherwise they can be read once, in order.
        exact: compare rows where fingerprints are equal; needs ``keep_rows``.
    """

    def __cinit__(self, bint keep_rows=False, bint exact=False):
        self.exact = exact
        self.keep_rows = keep_rows or exact
        self._mask = FIRST_SLOTS - 1
        self._keys = <uint64_t*> calloc(FIRST_SLOTS, sizeof(uint64_t))
        self._indices = <uint32_t*> malloc(FIRST_SLOTS * sizeof(uint32_t))
        self._room = FIRST_STATES
        self.parents = <uint32_t*> malloc(FIRST_STATES * sizeof(uint32_t))
        self.actions = <uint32_t*> malloc(FIRST_STATES * sizeof(uint32_t))
        if self.keep_rows:
            self._places = <uint64_t*> malloc(FIRST_STATES * sizeof(uint64_t))
        if (
            self._keys == NULL or self._indices == NULL or self.parents == NULL or self.actions == NULL
            or (self.keep_rows and self._places == NULL)
        ):
            raise MemoryError

    def __dealloc__(self):
        cdef uint32_t chunk
        for chunk in range(self._chunk_count):
            free(self._chunks[chunk])
        free(self._chunks)
        free(self._chunk_used)
        free(self._chunk_size)
        free(self._keys)
        free(self._indices)
        free(self.parents)
        free(self.actions)
        free(self._places)

    cdef int64_t put(
        self, const uint8_t* row, uint32_t length, uint64_t fingerprint, uint32_t parent, uint32_t action
    ) except? -1 nogil:
        """Add a state: its new index, or -2 - index of the state that was there already."""
        cdef uint64_t key = fingerprint if fingerprint != 0 else 1
        cdef uint64_t slot = key & self._mask
        cdef uint64_t place
        cdef uint32_t index
        while self._keys[slot] != 0:
            if self._keys[slot] == key:
                index = self._indices[slot]
                if not self.exact or self._same_row(index, row, length):
                    return -2 - <int64_t> index
            slot = (slot + 1) & self._mask
        index = self.count
        if index == self._room:
            self._grow_arrays()
        place = self._write_row(row, length)
        if self.keep_rows:
            self._places[index] = place
        self._keys[slot] = key
        self._indices[slot] = index
        self.parents[index] = parent if parent < index else index
        self.actions[index] = action
        self.count = index + 1
        if <uint64_t> self.count * 5 > (self._mask + 1) * 3:
            self._grow_table()
        return index

    cdef int64_t look(self, const uint8_t* row, uint32_t length, uint64_t fingerprint) noexcept nogil:
        """The index of a state, or -1."""
        cdef uint64_t key = fingerprint if fingerprint != 0 else 1
        cdef uint64_t slot = key & self._mask
        while self._keys[slot] != 0:
            if self._keys[slot] == key:
                if not self.exact or self._same_row(self._indices[slot], row, length):
                    return self._indices[slot]
            slot = (slot + 1) & self._mask
        return -1

    cdef void prefetch(self, uint64_t fingerprint) noexcept nogil:
        """Ask the processor for the place that ``put`` will look at."""
        __builtin_prefetch(&self._keys[fingerprint & self._mask])

    cdef bint next_row(self) noexcept nogil:
        """Point ``row`` at state ``cursor`` and pass it; False when every state was passed."""
        cdef uint8_t* at
        if self.cursor == self.count:
            return False
        if self._read_offset == self._chunk_used[self._read_chunk]:
            if not self.keep_rows:
                free(self._chunks[self._read_chunk])
                self._row_bytes -= self._chunk_size[self._read_chunk]
                self._chunks[self._read_chunk] = NULL
            self._read_chunk += 1
            self._read_offset = 0
        at = self._chunks[self._read_chunk] + self._read_offset
        memcpy(&self.row_length, at, sizeof(uint32_t))
        self.row = at + sizeof(uint32_t)
        # Rows start at multiples of four, so that producers may keep 32-bit numbers in them.
        self._read_offset += sizeof(uint32_t) + ((self.row_length + 3) & ~<uint32_t> 3)
        self.cursor += 1
        return True

    cdef int find_row(self, uint32_t index) except -1 nogil:
        """Point ``row`` at a state's row."""
        cdef uint64_t place
        cdef uint8_t* at
        if index >= self.count or not self.keep_rows:
            with gil:
                raise IndexError(f"row {index} of {self.count} states; rows are kept only with keep_rows")
        place = self._places[index]
        at = self._chunks[place >> 32] + <uint32_t> place
        memcpy(&self.row_length, at, sizeof(uint32_t))
        self.row = at + sizeof(uint32_t)
        return 0

    cdef bint _same_row(self, uint32_t index, const uint8_t* row, uint32_t length) noexcept nogil:
        cdef uint64_t place = self._places[index]
        cdef uint8_t* at = self._chunks[place >> 32] + <uint32_t> place
        cdef uint32_t other
        memcpy(&other, at, sizeof(uint32_t))
        return other == length and memcmp(at + sizeof(uint32_t), row, length) == 0

    cdef uint64_t _write_row(self, const uint8_t* row, uint32_t length) except? 0xffffffffffffffffULL nogil:
        """Append a row, with its length in front; where it stands: chunk number and offset."""
        cdef uint32_t need = sizeof(uint32_t) + ((length + 3) & ~<uint32_t> 3)
        cdef uint32_t last = self._chunk_count - 1
        cdef uint32_t room, size
        cdef uint64_t place
        cdef uint8_t* at
        if self._chunk_count == 0 or self._chunk_used[last] + need > self._chunk_size[last]:
            if self._chunk_count == self._chunk_room:
                room = 2 * self._chunk_room + 16
                self._chunks = <uint8_t**> _resized(self._chunks, room * sizeof(uint8_t*))
                self._chunk_used = <uint32_t*> _resized(self._chunk_used, room * sizeof(uint32_t))
                self._chunk_size = <uint32_t*> _resized(self._chunk_size, room * sizeof(uint32_t))
                self._chunk_room = room
            last = self._chunk_count
            # The first chunks are small: most models are.
            size = CHUNK_BYTES >> (8 - last) if last < 8 else CHUNK_BYTES
            size = max(need, size)
            self._chunks[last] = <uint8_t*> _resized(NULL, size)
            self._chunk_size[last] = size
            self._chunk_used[last] = 0
            self._chunk_count += 1
            self._row_bytes += size
        at = self._chunks[last] + self._chunk_used[last]
        memcpy(at, &length, sizeof(uint32_t))
        memcpy(at + sizeof(uint32_t), row, length)
        place = (<uint64_t> last << 32) | self._chunk_used[last]
        self._chunk_used[last] += need
        return place

    cdef int _grow_arrays(self) except -1 nogil:
        cdef uint64_t room = min(2 * <uint64_t> self._room, <uint64_t> LAST_INDEX)
        if room == self._room:
            with gil:
                raise MemoryError(f"more than {LAST_INDEX:,} states; bound the model")
        self.parents = <uint32_t*> _resized(self.parents, room * sizeof(uint32_t))
        self.actions = <uint32_t*> _resized(self.actions, room * sizeof(uint32_t))
        if self.keep_rows:
            self._places = <uint64_t*> _resized(self._places, room * sizeof(uint64_t))
        self._room = room
        return 0

    cdef int _grow_table(self) except -1 nogil:
        cdef uint64_t size = 2 * (self._mask + 1)
        cdef uint64_t mask = size - 1
        cdef uint64_t* keys = <uint64_t*> calloc(size, sizeof(uint64_t))
        cdef uint32_t* indices = <uint32_t*> malloc(size * sizeof(uint32_t))
        cdef uint64_t old, slot
        if keys == NULL or indices == NULL:
            free(keys)
            free(indices)
            with gil:
                raise MemoryError
        for old in range(self._mask + 1):
            if self._keys[old] != 0:
                slot = self._keys[old] & mask
                while keys[slot] != 0:
                    slot = (slot + 1) & mask
                keys[slot] = self._keys[old]
                indices[slot] = self._indices[old]
        free(self._keys)
        free(self._indices)
        self._keys = keys
        self._indices = indices
        self._mask = mask
        return 0

    @property
    def bytes_used(self):
        """Memory of the tables and rows, in bytes."""
        cdef uint64_t per_state = 2 * sizeof(uint32_t) + (sizeof(uint64_t) if self.keep_rows else 0)
        return (self._mask + 1) * (sizeof(uint64_t) + sizeof(uint32_t)) + self._room * per_state + self._row_bytes

    @property
    def bytes_soon(self):
        """Memory that the table will take on top when it is doubled, in bytes; 0 while that is far off."""
        if <uint64_t> self.count * 2 <= self._mask:
            return 0
        return 2 * (self._mask + 1) * (sizeof(uint64_t) + sizeof(uint32_t))

    def add(self, const uint8_t[::1] row, uint64_t fingerprint, parent=None, uint32_t action=0):
        """Add a state.

        Args:
            row: its content.
            fingerprint: of the content, 64 bits.
            parent: index of the state that it was reached from; None for an initial state.
            action: the producer's number of what led there.

        Returns:
            (index, whether it is new).
        """
        cdef uint8_t nothing = 0
        cdef const uint8_t* start = &row[0] if row.shape[0] else &nothing
        cdef int64_t found = self.put(
            start, row.shape[0], fingerprint, 0xffffffff if parent is None else parent, action
        )
        return (found, True) if found >= 0 else (-2 - found, False)

    def find(self, const uint8_t[::1] row, uint64_t fingerprint):
        """The index of a state, or None."""
        cdef uint8_t nothing = 0
        cdef int64_t found = self.look(&row[0] if row.shape[0] else &nothing, row.shape[0], fingerprint)
        return None if found < 0 else found

    def take(self):
        """The row of state ``cursor``, which is passed then; None when every state was passed."""
        return self.row[:self.row_length] if self.next_row() else None

    def row_of(self, uint32_t index):
        """A state's row; needs ``keep_rows``."""
        self.find_row(index)
        return self.row[:self.row_length]

    def path(self, uint32_t index):
        """How a state was reached first: [(index, action), ...] from an initial state to it.

        The action of the first entry means nothing.
        """
        if index >= self.count:
            raise IndexError(f"state {index} of {self.count}")
        found = [(index, self.actions[index])]
        while self.parents[index] != index:
            index = self.parents[index]
            found.append((index, self.actions[index]))
        found.reverse()
        return found


cdef void* _resized(void* block, size_t size) except NULL nogil:
    cdef void* result = realloc(block, size)
    if result == NULL:
        with gil:
            raise MemoryError
    return result
