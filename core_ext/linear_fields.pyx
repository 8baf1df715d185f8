"""Reads the attributes of many objects of one slotted class, by their places in memory. Knows no such class.

An attribute that is a slot (a member descriptor) stands at an offset that the descriptor knows; anything else is asked
for by name.
"""

from cpython.object cimport PyTypeObject


cdef extern from "structmember.h":
    ctypedef struct PyMemberDef:
        Py_ssize_t offset
        int type
    int T_OBJECT_EX


cdef extern from "Python.h":
    ctypedef struct PyMemberDescrObject:
        PyMemberDef *d_member
    PyTypeObject PyMemberDescr_Type


cdef class Fields:
    """The attributes of one class.

    Args:
        kind: the class; for objects of other classes attributes are asked for by name.
        names: of the attributes; at most MAX_FIELDS.
    """

    def __cinit__(self, kind, *names):
        cdef PyMemberDescrObject *member
        if len(names) > MAX_FIELDS:
            raise ValueError(f"{len(names)} attributes; at most {MAX_FIELDS} are supported")
        self.kind, self.names = kind, names
        for which, name in enumerate(names):
            found = vars(kind).get(name)
            self.offsets[which] = 0
            if found is not None and <void *> Py_TYPE(found) == <void *> &PyMemberDescr_Type:
                member = <PyMemberDescrObject *> <void *> found
                if member.d_member.type == T_OBJECT_EX:
                    self.offsets[which] = member.d_member.offset
