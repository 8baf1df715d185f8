"""States and values of a sequential object as small integers, and what each operation does to them. Knows no history.

A value that the history names has one number; for the built-in objects the state is the number of the value. Strings
that grow by ``append`` are not built: a string is its length and two polynomial hashes modulo 2^61 - 1 with bases drawn
per process, so that an append costs the same for every length, and two strings of n bytes are taken for one another
with a probability of about (n / 2^61)^2. For other objects the step is asked of Python once per state and operation.
"""

import os

from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc

cdef extern from *:
    """
    #include <stdint.h>
    static inline uint64_t actorum_multiply(uint64_t left, uint64_t right) {
        const uint64_t prime = (1ULL << 61) - 1;
        unsigned __int128 product = (unsigned __int128) left * right;
        uint64_t sum = (uint64_t) (product & prime) + (uint64_t) (product >> 61);
        return sum >= prime ? sum - prime : sum;
    }
    // A hash that goes on over 1 to 8 more bytes, with the powers 0 to 8 of the base; sums of 128 bits, reduced once.
    static inline uint64_t actorum_extend(
        uint64_t hash, const unsigned char *bytes, int count, const uint64_t *powers
    ) {
        const uint64_t prime = (1ULL << 61) - 1;
        unsigned __int128 sum = (unsigned __int128) hash * powers[count];
        for (int at = 0; at < count; at++) {
            sum += (unsigned __int128) powers[count - 1 - at] * (bytes[at] + 1);
        }
        sum = (sum & prime) + (sum >> 61);
        uint64_t folded = (uint64_t) (sum & prime) + (uint64_t) (sum >> 61);
        return folded >= prime ? folded - prime : folded;
    }
    """
    uint64_t actorum_multiply(uint64_t left, uint64_t right) noexcept nogil
    uint64_t actorum_extend(
        uint64_t hash, const unsigned char *bytes, int count, const uint64_t *powers
    ) noexcept nogil

cdef uint64_t PRIME = (<uint64_t> 1 << 61) - 1
cdef uint64_t FIRST_BASE = int.from_bytes(os.urandom(7), "little") + 257
cdef uint64_t SECOND_BASE = int.from_bytes(os.urandom(7), "little") + 257
cdef enum:
    AT_ONCE = 8  # bytes that are hashed in one go
cdef uint64_t[AT_ONCE + 1] FIRST_POWERS, SECOND_POWERS
FIRST_POWERS[0] = SECOND_POWERS[0] = 1
for _power in range(AT_ONCE):
    FIRST_POWERS[_power + 1] = actorum_multiply(FIRST_POWERS[_power], FIRST_BASE)
    SECOND_POWERS[_power + 1] = actorum_multiply(SECOND_POWERS[_power], SECOND_BASE)
cdef uint64_t GOLDEN = 0x9E3779B97F4A7C15
cdef uint64_t EMPTY = 0xFFFFFFFFFFFFFFFF
cdef int32_t MAX_STATES = 0x7FFFFFF0


cdef inline uint64_t mixed(uint64_t key) noexcept nogil:
    key = (key ^ (key >> 31)) * GOLDEN
    return key ^ (key >> 29)


cdef int32_t map_get(Map *table, uint64_t key) noexcept nogil:
    cdef uint64_t at
    if table.keys == NULL:
        return -2
    at = mixed(key) & table.mask
    while table.keys[at] != EMPTY:
        if table.keys[at] == key:
            return table.values[at]
        at = (at + 1) & table.mask
    return -2


cdef int map_put(Map *table, uint64_t key, int32_t value) except -1:
    """Add a key that is not there."""
    cdef Map grown
    cdef uint64_t at
    if table.keys == NULL or table.used * 3 > table.mask * 2:
        grown.mask = 1023 if table.keys == NULL else table.mask * 2 + 1
        grown.used = 0
        grown.keys = <uint64_t *> calloc(grown.mask + 1, sizeof(uint64_t))
        grown.values = <int32_t *> calloc(grown.mask + 1, sizeof(int32_t))
        if grown.keys == NULL or grown.values == NULL:
            free(grown.keys)
            free(grown.values)
            raise MemoryError("no memory for the table of states")
        for at in range(grown.mask + 1):
            grown.keys[at] = EMPTY
        if table.keys != NULL:
            for at in range(table.mask + 1):
                if table.keys[at] != EMPTY:
                    map_place(&grown, table.keys[at], table.values[at])
            map_free(table)
        table[0] = grown
    map_place(table, key, value)
    return 0


cdef void map_place(Map *table, uint64_t key, int32_t value) noexcept nogil:
    cdef uint64_t at = mixed(key) & table.mask
    while table.keys[at] != EMPTY:
        at = (at + 1) & table.mask
    table.keys[at] = key
    table.values[at] = value
    table.used += 1


cdef void map_free(Map *table) noexcept nogil:
    free(table.keys)
    free(table.values)
    table.keys = NULL
    table.values = NULL


cdef class Table:
    """The numbers of values and states.

    Args:
        identity: gives a hashable for a JSON value; equal for two values exactly when they are the same value. Not
            asked for strings and whole numbers, which are their own.
        call: ``call(state, operation) -> (ok, state)`` of an object that is not built in, on the values that are
            numbered here; None for built-in ones.
    """

    def __cinit__(self, identity, call=None):
        self.numbers = {}
        self.objects = []
        self.identity = identity
        self.call = call
        self.null = self.number(None)

    def __dealloc__(self):
        map_free(&self.steps)
        map_free(&self.texts)
        free(self.text)
        free(self.need)
        free(self.makers)
        free(self.appenders)

    def __len__(self):
        return self.size

    cdef int32_t number(self, object value) except -1:
        cdef object key = value
        if type(value) is not str and type(value) is not int:
            key = self.identity(value)
        found = self.numbers.get(key)
        if found is not None:
            return <int32_t> found
        if self.size >= MAX_STATES:
            raise MemoryError(f"more than {MAX_STATES:,} different values")
        self.numbers[key] = self.size
        self.objects.append(value)
        self.size += 1
        return self.size - 1

    cdef int ready_counts(self) except -1:
        """Room, all 0, for what a search counts per state; a search leaves it as it was."""
        if self.counted < self.size:
            free(self.need)
            free(self.makers)
            free(self.appenders)
            self.counted = self.size
            self.need = <int32_t *> calloc(self.counted, sizeof(int32_t))
            self.makers = <int32_t *> calloc(self.counted, sizeof(int32_t))
            self.appenders = <int32_t *> calloc(self.counted, sizeof(int32_t))
            if self.need == NULL or self.makers == NULL or self.appenders == NULL:
                self.counted = 0
                raise MemoryError("no memory for the states of a history")
        return 0

    def number_of(self, value):
        """The number of a value, new if it was not known."""
        return self.number(value)

    def value_of(self, int32_t state):
        """The value of a number; a string that appends made is built."""
        if not 0 <= state < self.size:
            raise IndexError(f"no state {state}; there are {self.size}")
        tails = []
        while state < self.text_size and self.text[state].state >= 0:
            tails.append(self.objects[self.text[state].tail])
            state = self.text[state].state
        if not tails:
            return self.objects[state]
        tails.append(self.objects[state] or "")
        return "".join(reversed(tails))

    cdef int32_t derive(self, int32_t state, int32_t kind, int32_t argument) except -2:
        """A step that is looked up, and computed the first time."""
        cdef uint64_t key = (<uint64_t> <unsigned int> state << 32) | <unsigned int> argument
        cdef int32_t found = map_get(&self.steps, key)
        cdef Text made
        cdef Text *left
        cdef Text *right
        if found != -2:
            return found
        if kind == CALL:
            allowed, after = self.call(self.objects[state], self.objects[argument])
            found = self.number(after) if allowed else REFUSED
        else:
            self.ready_texts()
            left, right = &self.text[state], &self.text[argument]
            if state == self.null:
                found = argument
            elif left.length < 0:
                found = REFUSED
            elif right.length == 0:
                found = state
            else:
                made.length = left.length + right.length
                made.first = (actorum_multiply(left.first, right.first_power) + right.first) % PRIME
                made.second = (actorum_multiply(left.second, right.second_power) + right.second) % PRIME
                made.first_power = actorum_multiply(left.first_power, right.first_power)
                made.second_power = actorum_multiply(left.second_power, right.second_power)
                made.state, made.tail = state, argument
                found = self.find_text(&made)
                if found == -1:
                    self.objects.append(None)
                    self.size += 1
                    found = self.add_text(made)
        map_put(&self.steps, key, found)
        return found

    cdef int32_t find_text(self, Text *wanted) except -2:
        """The number of a string, or -1."""
        cdef uint64_t key = text_key(wanted)
        cdef int32_t found = map_get(&self.texts, key)
        cdef Text *known
        while found >= 0:
            known = &self.text[found]
            if known.length == wanted.length and known.first == wanted.first and known.second == wanted.second:
                return found
            key += GOLDEN
            found = map_get(&self.texts, key)
        return -1

    cdef int32_t add_text(self, Text made) except -1:
        """Note what the next number is as a string."""
        cdef int32_t grown
        cdef uint64_t key
        cdef Text *moved
        if self.text_size == self.text_capacity:
            grown = max(1024, self.text_capacity * 2)
            moved = <Text *> realloc(self.text, grown * sizeof(Text))
            if moved == NULL:
                raise MemoryError("no memory for the strings of a history")
            self.text, self.text_capacity = moved, grown
        self.text[self.text_size] = made
        self.text_size += 1
        if made.length >= 0:
            key = text_key(&made)
            while map_get(&self.texts, key) >= 0:
                key += GOLDEN
            map_put(&self.texts, key, self.text_size - 1)
        return self.text_size - 1

    cdef int ready_texts(self) except -1:
        """Hash the strings among the values that were numbered since the last time."""
        while self.text_size < self.size:
            self.add_text(self.text_of(self.objects[self.text_size]))
        return 0

    cdef Text text_of(self, object value) except *:
        cdef Text made
        cdef const unsigned char *data
        cdef Py_ssize_t length
        cdef int count
        made.state = made.tail = -1
        made.length, made.first, made.second, made.first_power, made.second_power = -1, 0, 0, 1, 1
        if type(value) is str:
            data = <const unsigned char *> PyUnicode_AsUTF8AndSize(value, &length)
            made.length = length
            while length > 0:
                count = AT_ONCE if length > AT_ONCE else <int> length
                made.first = actorum_extend(made.first, data, count, FIRST_POWERS)
                made.second = actorum_extend(made.second, data, count, SECOND_POWERS)
                made.first_power = actorum_multiply(made.first_power, FIRST_POWERS[count])
                made.second_power = actorum_multiply(made.second_power, SECOND_POWERS[count])
                data += count
                length -= count
        return made

    cdef int32_t number_text(self, str value) except -1:
        """The number of a string when appends may have made it already."""
        cdef Text made
        cdef int32_t found
        known = self.numbers.get(value)
        if known is not None:
            return <int32_t> known
        self.ready_texts()
        made = self.text_of(value)
        found = self.find_text(&made)
        if found < 0:
            self.objects.append(value)
            self.size += 1
            found = self.add_text(made)
        self.numbers[value] = found
        return found


cdef int hash_beginnings(str value, uint64_t *first, uint64_t *second) except -1:
    """The two hashes of every beginning of a string, the empty one included, by its length in bytes."""
    cdef Py_ssize_t length, at
    cdef const unsigned char *data = <const unsigned char *> PyUnicode_AsUTF8AndSize(value, &length)
    first[0] = second[0] = 0
    for at in range(length):
        first[at + 1] = (actorum_multiply(first[at], FIRST_BASE) + data[at] + 1) % PRIME
        second[at + 1] = (actorum_multiply(second[at], SECOND_BASE) + data[at] + 1) % PRIME
    return 0


cdef inline uint64_t text_key(Text *text) noexcept nogil:
    cdef uint64_t key = text.first ^ (text.second << 3) ^ <uint64_t> text.length * GOLDEN
    return key if key != EMPTY else 0
