"""The growing arrays and maps of integers that the interleaving engine works with, and the fingerprint of a vector.

Knows no actors and no states.
"""

from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memset

cdef extern from *:
    """
    #include <stdint.h>
    static inline uint64_t mix_words(uint64_t a, uint64_t b) {
        __uint128_t product = (__uint128_t)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
    }
    """
    uint64_t mix_words(uint64_t a, uint64_t b) noexcept nogil

# odd constants of random bits (splitmix64 of 1 to 4)
cdef uint64_t SEED = 0x910A2DEC89025CC1
cdef uint64_t FIRST = 0xBEEB8DA1658EEC67
cdef uint64_t SECOND = 0xF893A2EEFB32555F
cdef uint64_t LAST = 0x71C18690EE42C90B


cdef uint64_t fingerprint(const int32_t* values, Py_ssize_t count) noexcept nogil:
    """64 bits of a vector: multiply and fold, two words at a time; the length is part of it."""
    cdef uint64_t found = SEED ^ <uint64_t>count
    cdef uint64_t first, second
    cdef Py_ssize_t i = 0
    while i + 4 <= count:
        first = <uint64_t><uint32_t>values[i] | <uint64_t><uint32_t>values[i + 1] << 32
        second = <uint64_t><uint32_t>values[i + 2] | <uint64_t><uint32_t>values[i + 3] << 32
        found = mix_words(first ^ FIRST ^ found, second ^ SECOND) ^ (found << 23 | found >> 41)
        i += 4
    while i < count:
        found = mix_words(<uint64_t><uint32_t>values[i] ^ SECOND ^ found, FIRST) ^ (found << 23 | found >> 41)
        i += 1
    return mix_words(found ^ LAST, SECOND)


cdef class Ints:
    """A growing array of 32-bit integers."""

    def __dealloc__(self):
        free(self.data)

    cdef int reserve(self, Py_ssize_t more) except -1:
        cdef Py_ssize_t size = self.size
        if self.count + more <= size:
            return 0
        while size < self.count + more:
            size = size * 2 if size else 64
        cdef int32_t* data = <int32_t*>realloc(self.data, size * sizeof(int32_t))
        if data == NULL:
            raise MemoryError(f"no memory for {size} integers")
        self.data = data
        self.size = size
        return 0

    cdef int add(self, int32_t value) except -1:
        if self.count == self.size:
            self.reserve(1)
        self.data[self.count] = value
        self.count += 1
        return 0


cdef class Steps:
    """A map from 64-bit keys (never all ones) to non-negative integers; linear probing."""

    def __cinit__(self):
        self.mask = 1023
        self.grow()

    def __dealloc__(self):
        free(self.keys)
        free(self.values)

    cdef int32_t find(self, uint64_t key) noexcept nogil:
        """The value, or -1."""
        cdef Py_ssize_t place = <Py_ssize_t>(mix_words(key ^ FIRST, SECOND) & <uint64_t>self.mask)
        while self.values[place] >= 0:
            if self.keys[place] == key:
                return self.values[place]
            place = (place + 1) & self.mask
        return -1

    cdef int put(self, uint64_t key, int32_t value) except -1:
        """Add a key that is not there."""
        if 2 * self.count > self.mask:
            self.grow()
        cdef Py_ssize_t place = <Py_ssize_t>(mix_words(key ^ FIRST, SECOND) & <uint64_t>self.mask)
        while self.values[place] >= 0:
            place = (place + 1) & self.mask
        self.keys[place] = key
        self.values[place] = value
        self.count += 1
        return 0

    cdef int grow(self) except -1:
        cdef uint64_t* keys = self.keys
        cdef int32_t* values = self.values
        cdef Py_ssize_t old = self.mask + 1 if keys != NULL else 0
        cdef Py_ssize_t size = 2 * (self.mask + 1)
        cdef Py_ssize_t i
        cdef uint64_t* new_keys = <uint64_t*>malloc(size * sizeof(uint64_t))
        cdef int32_t* new_values = <int32_t*>malloc(size * sizeof(int32_t))
        if new_keys == NULL or new_values == NULL:
            free(new_keys)
            free(new_values)
            raise MemoryError(f"no memory for {size} local steps")
        memset(new_values, 0xFF, size * sizeof(int32_t))
        self.keys = new_keys
        self.values = new_values
        self.mask = size - 1
        self.count = 0
        for i in range(old):
            if values[i] >= 0:
                self.put(keys[i], values[i])
        free(keys)
        free(values)
        return 0
