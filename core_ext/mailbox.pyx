"""References, the bounded two-priority mailbox, and the dispatch loop. Knows no event loop, transport or protocol."""

cdef class Reference:
    """Who a message is for: (node, name, incarnation). A value; equal when all three are.

    Incarnation 0 means "whoever has the name when the message arrives".
    """

    cdef readonly str node
    cdef readonly str name
    cdef readonly unsigned long long incarnation

    def __init__(self, str node not None, str name not None, unsigned long long incarnation=0):
        self.node = node
        self.name = name
        self.incarnation = incarnation

    def __eq__(self, other):
        if type(other) is not Reference:
            return NotImplemented
        cdef Reference that = <Reference>other
        return self.incarnation == that.incarnation and self.name == that.name and self.node == that.node

    def __hash__(self):
        return hash((self.node, self.name, self.incarnation))

    def __repr__(self):
        tail = f"#{self.incarnation:x}" if self.incarnation else ""
        return f"actorum://{self.node}/{self.name}{tail}"
