"""Operations as a search for a linearization sees them: six integers each. Knows no search.

A *problem* is what can be judged apart: the operations of one key. Completed operations have to be placed between
invocation and return; optional ones (outcome unknown) at any time after their invocation, or not at all.
"""

from libc.stdint cimport int32_t
from libc.stdlib cimport free, realloc

from core_ext.linear_fields cimport Fields, field
from core_ext.linear_table cimport APPEND, CALL, CAS, DIFFER, ERASE, READ, WRITE, Table

cdef enum:
    NEVER = 0x7FFFFFFF
    F_READ = 0
    F_WRITE = 1
    F_CAS = 2
    F_APPEND = 3
    F_DELETE = 4
    F_ACQUIRE = 5
    F_RELEASE = 6

cdef enum:  # attributes of an operation
    OUTCOME
    NAME
    KEY
    VALUE
    RESULT
    INVOKED
    COMPLETED
    PROCESS

FUNCTIONS = {
    "read": F_READ, "get": F_READ, "write": F_WRITE, "put": F_WRITE, "cas": F_CAS, "append": F_APPEND,
    "delete": F_DELETE, "acquire": F_ACQUIRE, "release": F_RELEASE,
}


cdef class Problem:
    """The operations of one key, in order of invocation.

    Args:
        table: the numbers of its values and states.
        initial: number of the state at first.
        key: for reports.
    """

    def __cinit__(self, Table table, int32_t initial, key=None):
        self.table = table
        self.initial = initial
        self.key = key
        self.latest = -1

    def __dealloc__(self):
        free(self.done)
        free(self.open)

    cdef int add(self, Entry entry) except -1:
        cdef Entry *moved
        cdef int32_t grown
        if entry.invoked <= self.latest or entry.returned <= entry.invoked:
            raise ValueError(
                f"operation {entry.source} of the history is invoked at {entry.invoked}, after one at {self.latest}, "
                f"and completed at {entry.returned}: operations come in order of invocation, and end after they begin"
            )
        self.latest = entry.invoked
        if entry.returned == NEVER:
            if self.optional == self.optional_capacity:
                grown = self.optional_capacity * 2 + 4
                moved = <Entry *> realloc(self.open, grown * sizeof(Entry))
                if moved == NULL:
                    raise MemoryError("no memory for the operations of a history")
                self.open, self.optional_capacity = moved, grown
            self.open[self.optional] = entry
            self.optional += 1
            return 0
        if self.size == self.capacity:
            grown = self.capacity * 2 + 16
            moved = <Entry *> realloc(self.done, grown * sizeof(Entry))
            if moved == NULL:
                raise MemoryError("no memory for the operations of a history")
            self.done, self.capacity = moved, grown
        self.done[self.size] = entry
        self.size += 1
        return 0

    def add_call(self, int32_t operation, bint reads_only, int32_t invoked, returned, int32_t source):
        """Add an operation of an object that is not built in; in order of invocation.

        Args:
            operation: the number that the table's call gets.
            reads_only: it never changes the state.
            invoked, returned: positions; None for an operation whose outcome is unknown.
            source: index of the operation in the history.
        """
        cdef Entry entry
        entry.kind, entry.a, entry.b, entry.invoked, entry.source = CALL, operation, reads_only, invoked, source
        entry.returned = NEVER if returned is None else <int32_t> returned
        self.add(entry)

    def sources(self):
        """Indices, in the history, of the completed operations and of the optional ones."""
        cdef int32_t at
        return [self.done[at].source for at in range(self.size)], [self.open[at].source for at in range(self.optional)]


def compile_problems(operations, Table table, initial, allowed, ok, failed, refuse):
    """Problems of a built-in object, one per key.

    Args:
        operations: of the history, in order of invocation.
        table: numbers values; shared by all problems.
        initial: value of every key at first.
        allowed: the names of functions that the object has.
        ok, failed: the outcomes of that name.
        refuse: ``refuse(operation, why)`` raises for what the object cannot have.
    """
    cdef dict problems = {}
    cdef dict functions = {name: FUNCTIONS[name] for name in allowed}
    cdef Problem problem
    cdef Entry entry
    cdef int32_t start = table.number(initial), source = -1, f
    cdef bint known
    cdef set texts = set()
    cdef Fields fields
    if not operations:
        return []
    fields = Fields(
        type(operations[0]), "outcome", "f", "key", "value", "result", "invoked", "completed", "process"
    )
    for operation in operations:
        source += 1
        outcome = field(fields, operation, OUTCOME)
        if outcome is failed:
            continue
        known = outcome is ok
        code = functions.get(field(fields, operation, NAME))
        if code is None:
            refuse(operation, f"has no {operation.f}; it has {', '.join(sorted(functions))}")
        f = code
        key = field(fields, operation, KEY)
        found = problems.get(key)
        if found is None:
            found = problems[key] = Problem(table, start, key)
        problem = <Problem> found
        entry.source = source
        entry.invoked = field(fields, operation, INVOKED)
        entry.returned = <int32_t> field(fields, operation, COMPLETED) if known else NEVER
        entry.b = 0
        if f == F_READ:
            if not known:
                continue
            entry.kind, entry.a = READ, table.number(field(fields, operation, RESULT))
        elif f == F_WRITE:
            entry.kind, entry.a = WRITE, table.number(field(fields, operation, VALUE))
        elif f == F_CAS:
            old, new = field(fields, operation, VALUE)
            entry.a, entry.b = table.number(old), table.number(new)
            entry.kind = DIFFER if known and field(fields, operation, RESULT) is False else CAS
        elif f == F_APPEND:
            if type(field(fields, operation, VALUE)) is not str:
                refuse(operation, f"appends strings, and not {field(fields, operation, VALUE)!r}")
            entry.kind, entry.a = APPEND, table.number(field(fields, operation, VALUE))
            texts.add(key)
        elif f == F_DELETE:
            entry.a = table.null
            entry.kind = WRITE
            if known and field(fields, operation, RESULT) is not None:
                if type(field(fields, operation, RESULT)) is not bool:
                    refuse(operation, "answers a delete with true (there was a value), false (there was none) or null")
                entry.kind = ERASE if field(fields, operation, RESULT) else READ
        else:
            entry.kind = CAS
            entry.a, entry.b = table.null, table.number(("held by", field(fields, operation, PROCESS)))
            if f == F_RELEASE:
                entry.a, entry.b = entry.b, entry.a
        problem.add(entry)
    for key in texts:
        check_texts(<Problem> problems[key], operations, refuse)
    return list(problems.values())


cdef int check_texts(Problem problem, operations, refuse) except -1:
    """A key that is appended to holds a string or nothing: else an append would have no meaning."""
    cdef int32_t at, written
    cdef Entry *entry
    if type(problem.table.objects[problem.initial]) not in (str, type(None)):
        refuse(operations[0], "appends to strings, and the initial value is none")
    for at in range(problem.size + problem.optional):
        entry = &problem.done[at] if at < problem.size else &problem.open[at - problem.size]
        if entry.kind == WRITE or entry.kind == CAS:
            written = entry.a if entry.kind == WRITE else entry.b
            if type(problem.table.objects[written]) not in (str, type(None)):
                refuse(operations[entry.source], "appends to strings, and this one makes the same key something else")
    return 0
