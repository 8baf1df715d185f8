"""The table of a system's cells: who has which name, how a cell is made, and the checks on what outside code sends.

As an endpoint it routes by name. Knows cells and asks; whose turn it is stands in ``core_ext.dispatch``.
"""

from cpython.dict cimport PyDict_GetItem
from cpython.ref cimport PyObject

from core_ext.asks cimport Ask
from core_ext.cell cimport NOBODY, Behaviour, Cell, Host, u64
from core_ext.journal cimport Staging
from core_ext.mailbox cimport Endpoint, Reference
from core_ext.waiting cimport AskFuture

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() nogil
    void PyObject_GC_UnTrack(void *object)

cdef enum:
    REFERENCES_KEPT = 4096


cdef class Table(Host):
    """All cells of one system, by name.

    Args:
        node: the name of this node.
        cell_class: what ``build`` makes.
        incarnation_base: incarnations of actors are larger than this.
        ask_timeout_seconds: of asks that do not say.
        control_capacity: bound of every mailbox's control queue.
    """

    def __init__(
        self, str node not None, *, cell_class, u64 incarnation_base, double ask_timeout_seconds,
        Py_ssize_t control_capacity,
    ):
        super().__init__(node, ask_timeout_seconds=ask_timeout_seconds, control_capacity=control_capacity)
        self.cell_class = cell_class
        self.incarnation_base = incarnation_base
        self.names = {}
        self.references = {}
        self.types = {}
        self.thread = PyThread_get_thread_ident()

    def describe_type(self, message):
        """Check the type of a message seen for the first time: lane | request << 1."""
        raise NotImplementedError

    cdef long describe(self, object message) except -1:
        cdef PyObject* known = PyDict_GetItem(self.types, type(message))
        if known != NULL:
            return <object>known
        cdef long info = self.describe_type(message)
        self.types[type(message)] = info
        return info

    def check_message(self, message):
        """Raise ContractError unless this is a message that may be sent."""
        self.describe(message)

    cdef long check_outside(self, object message) except -1:
        if self.running is not None or self.refusing or PyThread_get_thread_ident() != self.thread:
            self.refuse_outside(message, self.running, PyThread_get_thread_ident() != self.thread)
        return self.describe(message)

    cdef Cell local(self, Reference target):
        """The live cell that a reference means here, or None."""
        cdef Endpoint endpoint = target.endpoint
        if endpoint is not None and endpoint.is_cell and (<Cell>endpoint).world is self:
            return <Cell>endpoint
        if target.node != self.node:
            return None
        cdef PyObject* found = PyDict_GetItem(self.names, target.name)
        if found == NULL:
            return None
        cdef Cell cell = <Cell>found
        if target.incarnation != 0 and target.incarnation != cell.own.incarnation:
            return None
        return cell

    def build(
        self, Behaviour behaviour not None, tuple args not None, str name, supervision, Cell parent,
        unsigned int capacity, unsigned char overflow, Staging journal,
    ):
        """Make an actor and its cell and register its name; without a name it gets one that nobody can choose."""
        actor = behaviour.actor_class(*args)
        self.serial += 1
        if name is None:
            name = f"{behaviour.name}~{self.serial:x}"
        cdef Reference own = Reference.__new__(Reference)
        own.node = self.node
        own.name = name
        own.incarnation = self.incarnation_base + self.serial
        cdef Cell cell = Cell.__new__(self.cell_class)
        cell.prepare(self, behaviour, own, capacity, overflow, journal)
        cell._actor = actor
        cell._args = args
        cell._parent = parent
        cell._supervision = supervision
        self.names[name] = cell
        # A living actor is nobody's garbage, and stopping it ends its cycles: Python's collector need not walk over it
        # and its reference again and again (measured: more than half of what spawning cost).
        PyObject_GC_UnTrack(<void*>cell)
        PyObject_GC_UnTrack(<void*>own)
        return cell

    def find(self, Reference target not None):
        """The live cell that a reference means here, or None."""
        return self.local(target)

    def reference(self, str name not None, str node=None):
        """A usable reference by name, to whoever has it when a message arrives."""
        return self.reference_to(name, node)

    cdef Reference reference_to(self, str name, str node):
        cdef tuple key = (name, node)
        cdef PyObject* found = PyDict_GetItem(self.references, key)
        if found != NULL:
            return <Reference>found
        if len(self.references) >= REFERENCES_KEPT:
            self.references.clear()
        cdef Reference made = Reference(self.node if node is None else node, name)
        made.endpoint = self
        self.references[key] = made
        return made

    def put(
        self, str name not None, u64 incarnation, message, sender, u64 correlation, int kind, bint control
    ):
        """Put a message from another node into the mailbox that it names; says what became of it."""
        return self.deliver_to(name, incarnation, message, sender, correlation, kind, control)

    cdef int deliver_to(
        self, str name, u64 incarnation, object message, object sender, u64 correlation, int kind, bint control
    ) except -1:
        cdef PyObject* found = PyDict_GetItem(self.names, name)
        if found == NULL or (incarnation != 0 and incarnation != (<Cell>found).own.incarnation):
            return NOBODY
        return (<Cell>found).accept(message, sender, correlation, kind, control)

    def bind(self, Reference reference not None):
        """Make a reference usable for ``tell`` and ``ask`` by outside code; returns it."""
        if reference.endpoint is None:
            reference.endpoint = self
        return reference

    cdef int tell_from_outside(self, Reference target, object message) except -1:
        cdef long info = self.check_outside(message)
        cdef Cell cell = self.local(target)
        if cell is not None:
            return cell.tell_from_outside(target, message)
        return self.far.tell(None, target, message, self.far.encode_message(target, message), info & 1)

    cdef Ask new_ask(self, Reference target, object message, long info, object timeout_seconds):
        if not info & 2:
            self.refuse_not_a_request(message)
        return self.asks.new(target, type(message), timeout_seconds)

    cdef object ask_from_outside(self, Reference target, object message, object timeout_seconds):
        cdef long info = self.check_outside(message)
        cdef Cell cell = self.local(target)
        if cell is not None:
            return cell.ask_from_outside(target, message, timeout_seconds)
        cdef Ask ask = self.new_ask(target, message, info, timeout_seconds)
        cdef AskFuture future = self.resumption.new()
        ask.future = future
        self.far.ask(None, ask, message, self.far.encode_message(target, message), info & 1)
        return future
