"""Predicates of global states that run once per distinct combination of what they read. Knows no property."""

from libc.stdint cimport int32_t


cdef class Predicate:
    """A predicate of global states, as a decision tree over the parts that it read.

    A predicate is a function of the state alone, so the first part that it reads is always the same one, the second
    depends on the first one's value alone, and so on. Each path is asked for once.

    Args:
        evaluate: called with the vector as a tuple; returns (verdict, [(part, value), ...] as read).
    """

    def __init__(self, evaluate):
        self.evaluate = evaluate
        self.branches = []
        self.parts = []

    cdef int learn(self, LocalSteps engine, const int32_t* v, Py_ssize_t length) except -1:
        cdef Py_ssize_t node = 0
        cdef Py_ssize_t last
        cdef dict branch
        self.evaluations += 1
        verdict, reads = self.evaluate(engine.as_tuple(v, length))
        answer = -2 if verdict else -1
        if not reads:
            reads = [(-1, 0)]  # a constant
        last = len(reads) - 1
        if not self.parts:
            self.parts.append(reads[0][0])
            self.branches.append({})
        for place, (part, value) in enumerate(reads):
            if self.parts[node] != part:
                raise ValueError("it does not always read the same parts of equal states: it depends on something else")
            branch = <dict>self.branches[node]
            if place == last:
                branch[value] = answer
            elif value in branch:
                node = branch[value]
            else:
                branch[value] = len(self.parts)
                node = branch[value]
                self.parts.append(reads[place + 1][0])
                self.branches.append({})
        return 1 if verdict else 0

    cdef int holds(self, LocalSteps engine, const int32_t* v, Py_ssize_t length) except -1:
        cdef Py_ssize_t node = 0
        cdef Py_ssize_t part
        cdef object found
        if not self.parts:
            return self.learn(engine, v, length)
        while True:
            part = self.parts[node]
            if part < 0:
                key = 0
            elif part <= engine.slots:
                key = v[part]
            else:
                key = engine.in_flight(v, length, part - engine.slots - 2)
            found = (<dict>self.branches[node]).get(key)
            if found is None:
                return self.learn(engine, v, length)
            node = found
            if node < 0:
                return 1 if node == -2 else 0
