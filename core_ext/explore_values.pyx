"""Plain immutable values to bytes and to 64-bit hashes: the same in every process, whatever PYTHONHASHSEED is.

Two values have the same bytes exactly when they are equal and of the same types throughout: 1, 1.0 and True differ, and
so do a tuple and a named tuple. What is mutable or unknown is refused, with the path to it. Knows nothing of what the
values mean.
"""

import dataclasses
import enum

import msgspec

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.unicode cimport PyUnicode_AsUTF8AndSize

from libc.string cimport memcpy

from core_ext.explore cimport mixed

cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object, int*) except? -1

cdef enum:
    DEEPEST = 200    # levels of nesting; a state is no linked list

cdef enum Kind:
    STRUCT
    NAMED_TUPLE
    ENUM
    REFUSED


class Unsuitable(TypeError):
    """A value that is mutable, or of a type that is not known to be immutable.

    Attributes:
        path: where it stands in the value that was given, as an index expression; empty for that value itself.
        found: the type that was found there.
        advice: what to use instead.
    """

    def __init__(self, path, found, advice):
        super().__init__(f"{path or 'the value'} is a {found}; use {advice}")
        self.path = path
        self.found = found
        self.advice = advice


_ADVICE = {
    list: "a tuple", set: "a frozenset", bytearray: "bytes", dict: "a tuple of pairs, or a tuple indexed by number",
}


cdef uint64_t hash_bytes(const uint8_t* data, size_t length) noexcept nogil:
    """64 bits of these bytes; every input bit moves every output bit."""
    cdef uint64_t found = 0x9e3779b97f4a7c15ULL + length
    cdef uint64_t word
    while length >= 8:
        memcpy(&word, data, 8)
        found = mixed(found ^ word) + 0x9e3779b97f4a7c15ULL
        data += 8
        length -= 8
    if length:
        word = 0
        memcpy(&word, data, length)
        found = mixed(found ^ word) + 0x9e3779b97f4a7c15ULL
    return mixed(found)


cdef class Encoder:
    """Turns values into bytes; one buffer, one table of classes."""

    def __cinit__(self):
        self._classes = {}
        self._names = {}
        self._room = 1024
        self.data = <uint8_t*> PyMem_Malloc(self._room)
        if self.data == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self.data)

    def encode(self, value):
        """The bytes of a value.

        Raises:
            Unsuitable: something in it is mutable or unknown; says where.
        """
        self.length = 0
        self.write(value, 0)
        return self.data[:self.length]

    def hash(self, value):
        """The 64-bit hash of a value's bytes; raises as ``encode`` does."""
        self.length = 0
        self.write(value, 0)
        return hash_bytes(self.data, self.length)

    def digest(self, value):
        """(bytes, hash) of a value; raises as ``encode`` does."""
        self.length = 0
        self.write(value, 0)
        return self.data[:self.length], hash_bytes(self.data, self.length)

    cdef int write(self, object value, int depth) except -1:
        cdef type found = type(value)
        cdef int overflow = 0
        cdef long long number
        cdef Py_ssize_t size
        cdef const char* text
        cdef double real
        if found is int:
            number = PyLong_AsLongLongAndOverflow(value, &overflow)
            if not overflow:
                return self._number(c"i", <uint64_t> number)
            raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            self._number(c"I", PyBytes_GET_SIZE(raw))
            return self._raw(PyBytes_AS_STRING(raw), PyBytes_GET_SIZE(raw))
        if found is str:
            text = PyUnicode_AsUTF8AndSize(value, &size)
            self._number(c"s", size)
            return self._raw(text, size)
        if found is tuple:
            if depth > DEEPEST:
                raise Unsuitable("", f"value nested more than {DEEPEST} levels deep", "a flatter one")
            self._number(c"t", len(<tuple> value))
            for item in <tuple> value:
                self.write(item, depth + 1)
            return 0
        if found is bool:
            return self._number(c"b", <bint> value)
        if value is None:
            return self._number(c"n", 0)
        if found is frozenset:
            return self._write_set(value, depth)
        if found is bytes:
            self._number(c"y", PyBytes_GET_SIZE(value))
            return self._raw(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
        if found is float:
            real = value
            self._number(c"d", 0)
            return self._raw(&real, sizeof(double))
        return self._write_other(value, depth)

    cdef int _write_set(self, object value, int depth) except -1:
        """Elements in the order of their bytes."""
        cdef size_t start = self.length
        parts = []
        for item in value:
            self.length = start
            self.write(item, depth + 1)
            parts.append(self.data[start:self.length])
        parts.sort()
        self.length = start
        self._number(c"f", len(parts))
        for part in parts:
            self._raw(PyBytes_AS_STRING(part), PyBytes_GET_SIZE(part))
        return 0

    cdef int _write_other(self, object value, int depth) except -1:
        if depth > DEEPEST:
            raise Unsuitable("", f"value nested more than {DEEPEST} levels deep", "a flatter one")
        cls = type(value)
        known = self._classes.get(cls)
        if known is None:
            known = self._classes[cls] = self._learn(cls)
        kind, names, name = known
        if kind == REFUSED:
            raise Unsuitable("", cls.__qualname__, _advice(cls))
        if kind == ENUM:
            self._number(c"e", name)
            return self.write(value.name, depth + 1)
        self._number(c"S" if kind == STRUCT else c"T", name)
        if kind == NAMED_TUPLE:
            for item in <tuple> value:
                self.write(item, depth + 1)
        else:
            for field in names:
                self.write(getattr(value, field), depth + 1)
        return 0

    def _learn(self, cls):
        names = ()
        if issubclass(cls, enum.Enum):
            kind = ENUM
        elif issubclass(cls, msgspec.Struct) and cls.__struct_config__.frozen:
            kind, names = STRUCT, cls.__struct_fields__
        elif dataclasses.is_dataclass(cls) and cls.__dataclass_params__.frozen:
            kind, names = STRUCT, tuple(field.name for field in dataclasses.fields(cls))
        elif issubclass(cls, tuple) and hasattr(cls, "_fields"):
            kind = NAMED_TUPLE
        else:
            return REFUSED, (), 0
        full = f"{cls.__module__}.{cls.__qualname__}".encode()
        number = hash_bytes(<const uint8_t*> PyBytes_AS_STRING(full), PyBytes_GET_SIZE(full))
        other = self._names.setdefault(number, cls)
        if other is not cls:
            raise Unsuitable("", f"{full.decode()}, of which there are two", "another name for one of these classes")
        return kind, names, number

    cdef int _number(self, uint8_t tag, uint64_t number) except -1:
        """A tag and a number: one byte more for small numbers, eight for others."""
        cdef uint8_t start[9]
        cdef uint8_t small[2]
        if number < 128:
            small[0] = tag
            small[1] = <uint8_t> number
            return self._raw(small, 2)
        start[0] = tag | 128
        memcpy(start + 1, &number, 8)
        return self._raw(start, 9)

    cdef int _raw(self, const void* start, size_t length) except -1:
        cdef uint8_t* larger
        if self.length + length > self._room:
            self._room = 2 * (self.length + length)
            larger = <uint8_t*> PyMem_Realloc(self.data, self._room)
            if larger == NULL:
                raise MemoryError
            self.data = larger
        memcpy(self.data + self.length, start, length)
        self.length += length
        return 0


def _advice(cls):
    for base, advice in _ADVICE.items():
        if issubclass(cls, base):
            return advice
    if issubclass(cls, msgspec.Struct) or dataclasses.is_dataclass(cls):
        return f"frozen=True in the declaration of {cls.__qualname__}"
    return "numbers, text, bytes, tuples, frozensets, enums, named tuples, frozen structs or frozen dataclasses"


def explain(encoder, value, path=""):
    """Find what ``encode`` refuses in a value.

    Returns:
        An ``Unsuitable`` that says where it stands, or None when nothing is refused.
    """
    try:
        encoder.encode(value)
    except Unsuitable as error:
        for inner, item in _parts(value):
            found = explain(encoder, item, path + inner)
            if found is not None:
                return found
        return Unsuitable(path, error.found, error.advice)
    return None


def _parts(value):
    if isinstance(value, tuple):
        names = getattr(value, "_fields", None)
        return [(f".{names[at]}" if names else f"[{at}]", item) for at, item in enumerate(value)]
    if isinstance(value, frozenset):
        return [(f"{{{item!r}}}", item) for item in value]
    if isinstance(value, msgspec.Struct):
        return [(f".{name}", getattr(value, name)) for name in value.__struct_fields__]
    if dataclasses.is_dataclass(value):
        return [(f".{field.name}", getattr(value, field.name)) for field in dataclasses.fields(value)]
    return []
