"""The clockwork of a simulated run: what happens when, in virtual time, and a digest over what has happened.

Knows no node and no actor: an entry is a function and its argument. The digest folds numbers in order; equal runs have
equal digests, whatever the hash seed.
"""

cimport cython

from cpython.mem cimport PyMem_Free, PyMem_Realloc

cdef inline u64 mixed(u64 value) noexcept nogil:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): every bit of the input moves every bit."""
    value = (value ^ (value >> 30)) * <u64>0xBF58476D1CE4E5B9
    value = (value ^ (value >> 27)) * <u64>0x94D049BB133111EB
    return value ^ (value >> 31)


cdef inline bint before(Item* one, Item* two) noexcept nogil:
    return one.due < two.due or (one.due == two.due and one.serial < two.serial)


cdef class Happening:
    """What knows by itself what happens when its time has come."""

    cdef int happen(self) except -1:
        raise NotImplementedError("a happening that does nothing")


@cython.boundscheck(False)
@cython.wraparound(False)
cdef class Agenda:
    """What will happen, in the order of time, first in first out at the same time.

    Native code, for which a call through Python costs more than the work, has its own ways in (put, go, mix).

    The heap holds numbers only; functions and arguments stand in lists, where the garbage collector sees the circles
    that they are part of (a world is a circle: its agenda names its nodes). Slots of entries that are gone wait behind
    the heap's last entry.

    Args:
        max_events: a run with more events is stopped by ``runaway``.
        same_time_limit: so is one in which so many things happen while time stands still.

    Attributes:
        now_ns: virtual time; moved by ``step`` and ``run_to``.
        events: what the owner counts as events, for the limits.
        adversarial: whether what could happen in any order happens in a drawn one.
    """

    def __cinit__(self):
        self.functions = []
        self.arguments = []

    def __init__(self, u64 max_events, u64 same_time_limit):
        self.max_events = max_events
        self.same_time_limit = same_time_limit

    def __dealloc__(self):
        PyMem_Free(self.items)

    def __len__(self):
        return self.count

    def at(self, i64 due_ns, function not None, argument):
        """Call a function with its argument when virtual time has come so far."""
        self.put(due_ns, function, argument)

    cdef int put(self, i64 due_ns, object function, object argument) except -1:
        """The same; without a function the argument is a ``Happening``."""
        cdef Py_ssize_t place = self.count
        cdef Py_ssize_t parent
        cdef Item item
        if self.count == self.size:
            self.grow()
        self.serial += 1
        item.due = due_ns
        item.serial = self.serial
        item.slot = self.items[place].slot
        self.functions[item.slot] = function
        self.arguments[item.slot] = argument
        self.count += 1
        while place:
            parent = (place - 1) >> 1
            if not before(&item, &self.items[parent]):
                break
            self.items[place] = self.items[parent]
            place = parent
        self.items[place] = item
        return 0

    cdef int grow(self) except -1:
        """Room for as many entries again."""
        cdef Py_ssize_t i
        cdef Py_ssize_t size = self.size * 2 if self.size else 64
        cdef Item* items = <Item*>PyMem_Realloc(self.items, size * sizeof(Item))
        if items == NULL:
            raise MemoryError(f"no memory for an agenda of {size} entries")
        self.items = items
        for i in range(self.size, size):
            items[i].slot = i
        self.functions.extend([None] * (size - self.size))
        self.arguments.extend([None] * (size - self.size))
        self.size = size
        return 0

    cdef void take(self, Item* item) noexcept:
        """Move the first entry out; its slot is free from now on."""
        cdef Item last
        cdef Py_ssize_t place = 0
        cdef Py_ssize_t child = 1
        item[0] = self.items[0]
        self.count -= 1
        if self.count == 0:
            return
        last = self.items[self.count]
        while child < self.count:
            if child + 1 < self.count and before(&self.items[child + 1], &self.items[child]):
                child += 1
            if not before(&self.items[child], &last):
                break
            self.items[place] = self.items[child]
            place = child
            child = 2 * place + 1
        self.items[place] = last
        self.items[self.count].slot = item.slot

    @property
    def next_due_ns(self):
        """When the next thing happens; None when nothing ever will."""
        return self.items[0].due if self.count else None

    def step(self):
        """The next thing that happens; False when nothing ever will."""
        return self.go()

    cdef bint go(self) except -1:
        cdef Item item
        if not self.count:
            return False
        self.take(&item)
        function, argument = self.functions[item.slot], self.arguments[item.slot]
        self.functions[item.slot] = self.arguments[item.slot] = None
        if item.due > self.now_ns:
            self.now_ns = item.due
            self.standing = 0
            self.events_before = self.events
        else:
            self.standing += 1
        if function is None:
            (<Happening>argument).happen()
        else:
            function(argument)
        if self.events > self.max_events or self.standing + self.events - self.events_before > self.same_time_limit:
            self.runaway(self.events > self.max_events)
        return True

    def run_to(self, i64 end_ns):
        """Everything that happens up to and at a time; then it is that time."""
        while self.count and self.items[0].due <= end_ns:
            self.go()
        self.now_ns = end_ns
        self.standing = 0
        self.events_before = self.events

    def runaway(self, bint too_many):
        """A limit was reached: raise."""
        raise RuntimeError("an agenda ran away")

    # --- the digest ------------------------------------------------------------------------------------------------

    def fold(self, u64 one, u64 two):
        """Two more numbers of what has happened."""
        self.mix(one, two)

    cdef void mix(self, u64 one, u64 two) noexcept:
        self.folded = mixed(mixed(self.folded + one) + two)

    def digest(self):
        """16 hex digits over everything that was folded so far."""
        return f"{self.folded:016x}"
