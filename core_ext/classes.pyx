"""What classes can only be given in C. Knows no message."""

cdef extern from "Python.h":
    ctypedef struct PyTypeObject:
        unsigned long tp_flags
        void *tp_call
    unsigned long Py_TPFLAGS_HAVE_VECTORCALL
    void PyType_Modified(PyTypeObject *)


def inherit_vectorcall(type metaclass not None):
    """Let the classes of a metaclass be called as directly as those of its base.

    Python does so itself from version 3.12 on. Before, a metaclass that is written in Python costs each call of its
    classes a dict of the keywords and a tuple of the rest, made to be taken apart again by the base's own constructor:
    three times the cost of making a small struct.

    Args:
        metaclass: nothing happens unless it leaves ``__call__`` to its base, and that is called by vector.
    """
    cdef PyTypeObject* made = <PyTypeObject*>metaclass
    cdef PyTypeObject* base = <PyTypeObject*>metaclass.__base__
    if made.tp_call == base.tp_call and base.tp_flags & Py_TPFLAGS_HAVE_VECTORCALL:
        made.tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL
        PyType_Modified(made)
