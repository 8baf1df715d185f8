"""Local steps of actors as integers: what an event does to an actor is asked of the world once, then remembered.

Knows the layout of a global state (actors, history, counters, messages), and not which actions there are.
"""

from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc

cdef class LocalSteps:
    """The tables of one model.

    Args:
        world: answers ``step(local, event)`` with a list of outcomes (local, sends, follow-ups, flags, note), and
            ``record(history, event)`` with a history; announces local states and messages before it names them.
        slots: places for actors.
    """

    def __cinit__(self, world, Py_ssize_t slots, *others):
        self.world = world
        self.slots = slots
        self.steps = Steps()
        self.records = Steps()
        self.step_first = Ints()
        self.step_count = Ints()
        self.pool = Ints()
        self.local_flags = Ints()
        self.offers = Ints()
        self.offer_at = Ints()
        self.offer_count = Ints()

    def __dealloc__(self):
        free(self.outcomes)
        free(self.messages)

    # --- what the world announces --------------------------------------------------------------------------------

    def add_local(self, int32_t flags, offers):
        """The next local state: its flags, and the events that it offers by itself (timers, its disk).

        Returns:
            Its number.
        """
        self.local_flags.add(flags)
        self.offer_at.add(<int32_t>self.offers.count)
        self.offer_count.add(<int32_t>len(offers))
        for event in offers:
            self.offers.add(event)
        return self.local_flags.count - 1

    def add_message(
        self, int32_t event, int32_t slot, int32_t source, int32_t channel, int32_t flags, int32_t kind,
        int32_t received, int32_t sent,
    ):
        """The message whose delivery is ``event``: for which slot, from which, on which channel, of which kind, and
        what it adds to the history."""
        cdef Py_ssize_t size = self.message_size
        cdef Message* messages
        if event >= size:
            while size <= event:
                size = size * 2 if size else 1024
            messages = <Message*>realloc(self.messages, size * sizeof(Message))
            if messages == NULL:
                raise MemoryError(f"no memory for {size} messages")
            self.messages = messages
            self.message_size = size
        self.messages[event] = Message(slot, source, channel, flags, kind, received, sent)

    # --- local steps -----------------------------------------------------------------------------------------------

    cdef int32_t step_of(self, int32_t local, int32_t event) except -1:
        cdef uint64_t key = <uint64_t><uint32_t>local << 32 | <uint32_t>event
        cdef int32_t found = self.steps.find(key)
        if found >= 0:
            return found
        answer = self.world.step(local, event)
        self.local_steps += 1
        found = <int32_t>self.step_first.count
        self.step_first.add(<int32_t>self.outcome_count)
        self.step_count.add(<int32_t>len(answer))
        for outcome in answer:
            self.add_outcome(outcome)
        self.steps.put(key, found)
        return found

    cdef int add_outcome(self, tuple outcome) except -1:
        cdef Py_ssize_t size
        cdef Outcome* outcomes
        cdef Outcome* made
        local, sends, follows, flags, note = outcome
        if self.outcome_count == self.outcome_size:
            size = self.outcome_size * 2 if self.outcome_size else 1024
            outcomes = <Outcome*>realloc(self.outcomes, size * sizeof(Outcome))
            if outcomes == NULL:
                raise MemoryError(f"no memory for {size} outcomes of local steps")
            self.outcomes = outcomes
            self.outcome_size = size
        made = &self.outcomes[self.outcome_count]
        made.local = local
        made.flags = flags
        made.note = note
        made.sends = <int32_t>self.pool.count
        made.send_count = <int32_t>len(sends)
        for event in sends:
            self.pool.add(event)
        made.follows = <int32_t>self.pool.count
        made.follow_count = <int32_t>len(follows)
        for slot, event in follows:
            self.pool.add(slot)
            self.pool.add(event)
        self.outcome_count += 1
        return 0

    cdef int32_t record(self, int32_t history, int32_t event) except -1:
        cdef uint64_t key = <uint64_t><uint32_t>history << 32 | <uint32_t>event
        cdef int32_t found = self.records.find(key)
        if found < 0:
            found = self.world.record(history, event)
            self.records.put(key, found)
        return found

    # --- global states ----------------------------------------------------------------------------------------------

    cdef tuple in_flight(self, const int32_t* v, Py_ssize_t length, Py_ssize_t kind):
        """The events of the messages of one kind, or of all (-1): a part of the state for predicates."""
        cdef Py_ssize_t i
        cdef Py_ssize_t first = self.slots + HEADER
        cdef list found = None
        for i in range(first, length):
            if kind < 0 or self.messages[v[i]].kind == kind:
                if found is None:
                    found = []
                found.append(v[i])
        return () if found is None else tuple(found)

    cdef tuple as_tuple(self, const int32_t* v, Py_ssize_t length):
        cdef Py_ssize_t i
        return tuple([v[i] for i in range(length)])
