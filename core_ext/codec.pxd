"""C-level names of the message codec, for what is paid per message."""

cimport cython

cdef class Plan:
    cdef object cls
    cdef object wire_id
    cdef object decoder
    cdef object shadow  # None, or the struct that stands for a type with open fields on the wire
    cdef tuple shapes  # per field, when there is a shadow
    cdef bint has_sets  # somewhere in its fields

@cython.final
cdef class MessageCodec:
    cdef object type_of
    cdef object check
    cdef object encoder
    cdef dict by_type
    cdef dict by_wire_id
    cdef dict answer_decoders
    cdef int depth
    cpdef bytes encode(self, message)
    cpdef object decode(self, wire_id, body)
    cpdef bytes encode_value(self, value)
    cpdef object decode_as(self, expected, body)
    cdef object decode_plain(self, expected, body)
    cdef Plan plan_of_id(self, wire_id)
    cdef Plan plan_of(self, cls, hints=*)
    cdef object in_order(self, value, int depth)
    cdef object to_shadow(self, Plan plan, message)
    cdef object from_shadow(self, Plan plan, shadow)
    cdef object close(self, int shape, value)
    cdef object open(self, int shape, value)
