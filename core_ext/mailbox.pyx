"""References, and the ring that a mailbox's queues are made of. Knows no scheduler, event loop, transport or protocol.

A reference is a value that travels in messages; in a running system it is also *bound* to an endpoint, the object of
the dispatch loop that takes what is told to it.
"""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.ref cimport Py_DECREF, Py_INCREF

cdef enum:
    FIRST_SIZE = 8


cdef class Endpoint:
    """What a bound reference hands its messages to; the dispatch loop's cells and router are endpoints."""

    cdef int tell_from_outside(self, Reference target, object message) except -1:
        raise NotImplementedError

    cdef object ask_from_outside(self, Reference target, object message, object timeout_seconds):
        raise NotImplementedError

    cdef int take_answer(
        self, object ask, unsigned long long generation, unsigned long long correlation, object value, object failure
    ) except -1:
        raise NotImplementedError


cdef class Reference:
    """Who a message is for: (node, name, incarnation). A value; equal when all three are.

    Incarnation 0 means "whoever has the name when the message arrives".
    """

    def __init__(self, str node not None, str name not None, unsigned long long incarnation=0):
        self.node = node
        self.name = name
        self.incarnation = incarnation

    def tell(self, message):
        """Put a message into this actor's mailbox, from code that is not an actor.

        Raises:
            MailboxFull: its bounded mailbox refused it.
            SystemStopped: the system this reference is bound to no longer takes work.
            ContractError: not a Message, called inside a handler (``context.send`` is meant) or on another thread.
        """
        if self.endpoint is None:
            raise self._unbound("tell")
        self.endpoint.tell_from_outside(self, message)

    def ask(self, message, timeout_seconds=None):
        """Send a Request and return an awaitable of its answer, for code that is not an actor.

        Args:
            message: a Request; its type says what the answer is.
            timeout_seconds: how long to wait; by default the system's setting (5 s).

        Raises (from the awaitable):
            AskTimeout: no answer in time; the error names the chain that was waited on.
            AskRejected: certainly not handled.
            AskFailed: the handler failed, or returned without an answer.
        """
        if self.endpoint is None:
            raise self._unbound("ask")
        return self.endpoint.ask_from_outside(self, message, timeout_seconds)

    def _unbound(self, what):
        return RuntimeError(
            f"{what} on {self!r}, which belongs to no running system: get it from system.ref({str(self)!r}), "
            f"or use context.send inside a handler"
        )

    def __eq__(self, other):
        if type(other) is not Reference:
            return NotImplemented
        cdef Reference that = <Reference>other
        return self.incarnation == that.incarnation and self.name == that.name and self.node == that.node

    def __hash__(self):
        return hash((self.node, self.name, self.incarnation))

    def __reduce__(self):
        raise TypeError(f"{self!r} cannot be pickled or copied; send (node, name, incarnation) and use system.ref()")

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __str__(self):
        return f"actorum://{self.node}/{self.name}"

    def __repr__(self):
        tail = f"#{self.incarnation:x}" if self.incarnation else ""
        return f"actorum://{self.node}/{self.name}{tail}"


cdef class Ring:
    """A growing first-in-first-out ring of waiting messages; its bound is its owner's affair.

    An entry is (message, sender, correlation, kind). *Exempt* entries (timers, answers, orders to stop) do not count
    against a mailbox's bound and are never dropped by its policy.
    """

    def __cinit__(self):
        self.slots = NULL
        self.size = 0

    def __dealloc__(self):
        self.clear()
        PyMem_Free(self.slots)

    cdef int grow(self) except -1:
        cdef Py_ssize_t size = self.size * 2 if self.size else FIRST_SIZE
        cdef Slot* slots = <Slot*>PyMem_Malloc(size * sizeof(Slot))
        if slots == NULL:
            raise MemoryError(f"a mailbox could not grow to {size} messages")
        cdef Py_ssize_t i
        for i in range(self.count):
            slots[i] = self.slots[(self.head + i) & (self.size - 1)]
        PyMem_Free(self.slots)
        self.slots = slots
        self.size = size
        self.head = 0
        return 0

    cdef int add(
        self, object message, object sender, unsigned long long correlation, int kind, bint exempt
    ) except -1:
        if self.count == self.size:
            self.grow()
        cdef Slot* slot = &self.slots[(self.head + self.count) & (self.size - 1)]
        Py_INCREF(message)
        Py_INCREF(sender)
        slot.message = <void*>message
        slot.sender = <void*>sender
        slot.correlation = correlation
        slot.kind = kind
        slot.exempt = exempt
        self.count += 1
        self.exempt += exempt
        return 0

    cdef bint take(self, Slot* slot) noexcept:
        """Move the oldest entry out; its two references now belong to the caller."""
        if self.count == 0:
            return False
        slot[0] = self.slots[self.head]
        self.head = (self.head + 1) & (self.size - 1)
        self.count -= 1
        self.exempt -= slot.exempt
        return True

    cdef bint take_oldest_counted(self, Slot* slot) noexcept:
        """Move the oldest entry that is not exempt out; the exempt ones before it keep their order."""
        cdef Py_ssize_t found = 0
        cdef Py_ssize_t mask = self.size - 1
        while found < self.count and self.slots[(self.head + found) & mask].exempt:
            found += 1
        if found == self.count:
            return False
        slot[0] = self.slots[(self.head + found) & mask]
        while found > 0:
            self.slots[(self.head + found) & mask] = self.slots[(self.head + found - 1) & mask]
            found -= 1
        self.head = (self.head + 1) & mask
        self.count -= 1
        return True

    def __len__(self):
        return self.count

    @property
    def counted(self):
        """Entries that count against a bound."""
        return self.count - self.exempt

    def push(self, message, sender=None, unsigned long long correlation=0, int kind=0, bint exempt=False):
        """Append one entry."""
        self.add(message, sender, correlation, kind, exempt)

    def pop(self):
        """Remove and return the oldest entry (message, sender, correlation, kind), or None when empty."""
        cdef Slot slot
        return _entry(&slot) if self.take(&slot) else None

    def pop_oldest_counted(self):
        """Remove and return the oldest entry that is not exempt, or None when there is none."""
        cdef Slot slot
        return _entry(&slot) if self.take_oldest_counted(&slot) else None

    def clear(self):
        """Drop every entry."""
        cdef Slot slot
        while self.take(&slot):
            Py_DECREF(<object>slot.message)
            Py_DECREF(<object>slot.sender)


cdef object _entry(Slot* slot):
    entry = (<object>slot.message, <object>slot.sender, slot.correlation, slot.kind)
    Py_DECREF(<object>slot.message)
    Py_DECREF(<object>slot.sender)
    return entry
