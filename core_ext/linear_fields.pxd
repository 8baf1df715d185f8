from cpython.object cimport PyObject, PyTypeObject


cdef extern from "Python.h":
    PyTypeObject *Py_TYPE(object)


cdef enum:
    MAX_FIELDS = 8


cdef class Fields:
    cdef object kind
    cdef tuple names
    cdef Py_ssize_t offsets[MAX_FIELDS]


cdef inline object field(Fields fields, object thing, int which):
    """The attribute of the name with this number."""
    cdef PyObject *value
    if <void *> Py_TYPE(thing) == <void *> fields.kind and fields.offsets[which] > 0:
        value = (<PyObject **> (<char *> <void *> thing + fields.offsets[which]))[0]
        if value != NULL:
            return <object> value
    return getattr(thing, fields.names[which])
