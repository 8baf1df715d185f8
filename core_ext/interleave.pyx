"""Every interleaving of a set of actors, over integers: local states, messages and events are numbers here.

A global state is a vector: one local state per slot, the history, how many crashes and drops were spent, then the
messages in flight, sorted by channel (in a first-in-first-out channel in the order in which they were sent, in any
other by number). Knows neither actors nor properties beyond "a predicate over parts of the vector".
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove

from core_ext.explore cimport StateStore
from core_ext.explore_graph cimport Graph
from core_ext.interleave_predicates cimport Predicate
from core_ext.interleave_steps cimport (
    CRASHES, DOWN, DROPS, FAILED, FIFO, HEADER, LOCAL, PINNED, PURGE, UP, WITHHELD, LocalSteps, Message, Outcome,
)
from core_ext.interleave_tables cimport Ints, fingerprint

cdef enum:
    AUDITED = 256  # states whose images are all judged; later ones at each doubling

cdef uint32_t OUTSIDE = 0xffffffffU  # the target of an edge that leaves the boundary or the bounds


cdef class Interleaving(LocalSteps):
    """Successors of global states, and the states that were reached.

    Args:
        world, slots: see ``LocalSteps``.
        nodes: for every node that may crash: (slots, crash event of each, recover event of each).
        duplicating: messages between nodes stay in flight when they are delivered.
        lossy: messages between nodes may be dropped.
        crashes: how often nodes may crash in one run.
        down: how many may be down at once.
        drops: how many messages may be dropped in one run; -1 = any number.
        capacity: messages that a channel between nodes holds, more are lost; -1 = any number.
        final: what is down stays down.
        rounds: what actors do by themselves, they do together, when no message is in flight.
        exact: compare whole states.
        keep_graph: remember every edge.
    """

    def __cinit__(
        self, world, Py_ssize_t slots, list nodes, bint duplicating, bint lossy, int crashes, int down, int drops,
        int capacity, bint final, bint rounds, bint exact, bint keep_graph,
    ):
        self.nodes = nodes
        self.duplicating = duplicating
        self.lossy = lossy
        self.crashes = crashes
        self.down = down
        self.drops = drops
        self.capacity = capacity
        self.final = final
        self.rounds = rounds
        self.states = StateStore(exact, exact)
        self.graph = Graph() if keep_graph else None
        self.watched = []
        self.bits = Ints()

    def __dealloc__(self):
        cdef int i
        for i in range(MAX_LEVELS):
            free(self.levels[i])

    # --- the network -------------------------------------------------------------------------------------------------

    cdef int send(self, int level, int32_t event) except -1:
        cdef int32_t* v = self.levels[level]
        cdef Py_ssize_t place = self.lengths[level]
        cdef Py_ssize_t first = self.slots + HEADER
        cdef Message message = self.messages[event]
        cdef Message* other
        cdef int32_t waiting = 0
        if message.sent >= 0:
            v[self.slots] = self.record(v[self.slots], message.sent)
        if message.slot < 0:
            return 0  # it is for nobody
        if self.final and self.local_flags.data[v[message.slot]] & DOWN:
            return 0  # nobody will ever take it
        if self.capacity >= 0 and not message.flags & LOCAL:
            for place in range(first, self.lengths[level]):
                waiting += self.messages[v[place]].channel == message.channel
            if waiting >= self.capacity:
                return 0
            place = self.lengths[level]
        while place > first:
            other = &self.messages[v[place - 1]]
            if other.channel < message.channel:
                break
            if other.channel == message.channel:
                if message.flags & FIFO or v[place - 1] < event:
                    break
                if v[place - 1] == event:
                    if self.duplicating:
                        return 0
                    break
            place -= 1
        if self.lengths[level] == first + MAX_IN_FLIGHT:
            raise OverflowError(
                f"more than {MAX_IN_FLIGHT} messages are in flight: bound the model (a boundary, timers, depth)"
            )
        memmove(v + place + 1, v + place, (self.lengths[level] - place) * sizeof(int32_t))
        v[place] = event
        self.lengths[level] += 1
        return 0

    cdef void take_out(self, int level, Py_ssize_t place) noexcept:
        cdef int32_t* v = self.levels[level]
        self.lengths[level] -= 1
        memmove(v + place, v + place + 1, (self.lengths[level] - place) * sizeof(int32_t))

    cdef void purge(self, int level, int32_t slot) noexcept:
        cdef int32_t* v = self.levels[level]
        cdef Py_ssize_t i = self.lengths[level] - 1
        cdef Py_ssize_t first = self.slots + HEADER
        while i >= first:
            if self.messages[v[i]].slot == slot and (self.final or self.messages[v[i]].flags & PINNED):
                self.take_out(level, i)
            i -= 1

    # --- one action --------------------------------------------------------------------------------------------------

    cdef int begin(self, const int32_t* v, Py_ssize_t length, int level) except -1:
        """A copy to work on; room for one when ``v`` is NULL."""
        if level >= MAX_LEVELS:
            raise OverflowError(f"one action makes choices in more than {MAX_LEVELS} actors")
        if length > self.slots + HEADER + MAX_IN_FLIGHT:
            raise OverflowError(
                f"a global state of {length} numbers; with {self.slots} actors and {MAX_IN_FLIGHT} messages in flight "
                f"it has at most {self.slots + HEADER + MAX_IN_FLIGHT}"
            )
        if self.levels[level] == NULL:
            self.levels[level] = <int32_t*>malloc((self.slots + HEADER + MAX_IN_FLIGHT) * sizeof(int32_t))
            if self.levels[level] == NULL:
                raise MemoryError("no memory for a global state")
        if v != NULL:
            memcpy(self.levels[level], v, length * sizeof(int32_t))
        self.lengths[level] = length
        return 0

    cdef int plan(self, int tail, int32_t slot, int32_t event) except -1:
        if tail >= MAX_PLAN:
            raise OverflowError(f"one action touches actors more than {MAX_PLAN} times")
        self.plan_slot[tail] = slot
        self.plan_event[tail] = event
        return tail + 1

    cdef int apply(self, int level, int32_t slot, Py_ssize_t number, int tail) except -1:
        """One outcome of a local step; returns the new end of the plan."""
        cdef Outcome outcome = self.outcomes[number]
        cdef Py_ssize_t i, other
        cdef int32_t follower
        self.levels[level][slot] = outcome.local
        if outcome.note >= 0:
            self.levels[level][self.slots] = self.record(self.levels[level][self.slots], outcome.note)
        if outcome.flags & FAILED:
            if self.listing is not None:
                self.failing.append(self.ordinal)
            elif self.failure is None:
                self.failure = (self.current, self.ordinal)
        if outcome.flags & PURGE:
            self.purge(level, slot)
        for i in range(outcome.send_count):
            self.send(level, self.pool.data[outcome.sends + i])
        for i in range(outcome.follow_count):
            follower = self.pool.data[outcome.follows + 2 * i]
            if follower >= 0:
                tail = self.plan(tail, follower, self.pool.data[outcome.follows + 2 * i + 1])
            else:
                for other in range(self.slots):
                    tail = self.plan(tail, <int32_t>other, self.pool.data[outcome.follows + 2 * i + 1])
        return tail

    cdef int settle(self, int level, int head, int tail) except -1:
        """Do what is planned, every choice a branch of its own; each end is a successor."""
        cdef int32_t slot, step
        cdef int count, k, branch_tail
        cdef Py_ssize_t first
        while head < tail:
            slot = self.plan_slot[head]
            step = self.step_of(self.levels[level][slot], self.plan_event[head])
            head += 1
            count = self.step_count.data[step]
            first = self.step_first.data[step]
            if count == 1:
                tail = self.apply(level, slot, first, tail)
            elif count > 1:
                for k in range(count):
                    self.begin(self.levels[level], self.lengths[level], level + 1)
                    self.branches[level + 1][0] = self.levels[level][slot]
                    self.branches[level + 1][1] = self.plan_event[head - 1]
                    self.branches[level + 1][2] = k
                    branch_tail = self.apply(level + 1, slot, first + k, tail)
                    self.settle(level + 1, head, branch_tail)
                return 0
        return self.emit(level)

    cdef int emit(self, int level) except -1:
        """A successor is complete."""
        cdef const int32_t* v = self.levels[level]
        cdef Py_ssize_t length = self.lengths[level]
        cdef uint32_t ordinal = self.ordinal
        cdef int i, k
        self.ordinal += 1
        self.generated += 1
        if self.listing is not None:
            branches = tuple([tuple([self.branches[i][k] for k in range(3)]) for i in range(1, level + 1)])
            self.listing.append((self.label, self.detail, branches, self.as_tuple(v, length)))
            return 0
        if self.twins is not None:
            v = self.twins.representative(self, v, length)
        if self.boundary is not None and not (<Predicate>self.boundary).holds(self, v, length):
            self.cut = True
            if self.graph is not None:
                self.graph.put(OUTSIDE, self.label)
            return 0
        self.store(v, length, ordinal)
        return 0

    cdef int64_t store(self, const int32_t* v, Py_ssize_t length, uint32_t ordinal) except? -1:
        """Keep a successor: its new number, or -2 - number of the state that was there already."""
        cdef int64_t found = self.states.put(
            <const uint8_t*>v, <uint32_t>(length * sizeof(int32_t)), fingerprint(v, length), self.current, ordinal
        )
        cdef int32_t bits
        if found >= 0 and self.watched:
            bits = self.judge(v, length)
            self.bits.add(bits)
            if self.twins is not None:
                self.audit(<uint32_t>found, v, length, bits)
        if self.graph is not None and self.current != OUTSIDE:
            self.graph.put(<uint32_t>(found if found >= 0 else -2 - found), self.label)
        return found

    cdef int audit(self, uint32_t number, const int32_t* v, Py_ssize_t length, int32_t bits) except -1:
        """Now and then the images of a state are judged, too: who tells them apart has no verdict."""
        cdef const int32_t* image
        cdef Py_ssize_t twin, i
        if number > AUDITED and number & (number - 1):
            return 0
        for twin in range(self.twins.count):
            image = self.twins.twin(self, v, length, twin)
            if self.boundary is not None and not (<Predicate>self.boundary).holds(self, image, length):
                self.unequal(-1, self.as_tuple(v, length))
            for i in range(len(self.watched)):
                if not self.found >> i & 1 and (
                    (<Predicate>self.watched[i]).holds(self, image, length) != (bits >> i & 1)
                ):
                    self.unequal(i, self.as_tuple(v, length))
        return 0

    cdef int32_t judge(self, const int32_t* v, Py_ssize_t length) except? -1:
        cdef int32_t bits = 0
        cdef Py_ssize_t i
        for i in range(len(self.watched)):
            if not self.found >> i & 1 and (<Predicate>self.watched[i]).holds(self, v, length):
                bits |= <int32_t>1 << i
        self.found |= bits & self.once
        return bits

    # --- all actions of a state --------------------------------------------------------------------------------------

    cdef int expand(self, const int32_t* v, Py_ssize_t length) except -1:
        self.ordinal = 0
        self.deliveries(v, length)
        self.own_events(v, length)
        if self.nodes:
            self.faults(v, length)
        return 0

    cdef int deliveries(self, const int32_t* v, Py_ssize_t length) except -1:
        cdef Py_ssize_t first = self.slots + HEADER
        cdef Py_ssize_t i
        cdef int32_t event, step
        cdef Message message
        cdef bint stays
        for i in range(first, length):
            event = v[i]
            message = self.messages[event]
            if i > first:
                if message.flags & FIFO:
                    if self.messages[v[i - 1]].channel == message.channel:
                        continue  # behind another one
                elif v[i - 1] == event:
                    continue  # a second copy
            if self.may_lose(v, &message):
                self.label = FAULT
                self.detail = event
                self.begin(v, length, 0)
                self.take_out(0, i)
                if self.lossy and self.drops >= 0:
                    self.levels[0][self.slots + DROPS] += 1
                self.emit(0)
            step = self.step_of(v[message.slot], event)
            message = self.messages[event]
            if self.step_count.data[step] == 0 and not message.flags & FIFO:
                continue  # it changes nothing: it stays in flight
            stays = self.duplicating and not message.flags & LOCAL
            if self.step_count.data[step] == 0 and self.local_flags.data[v[message.slot]] & DOWN:
                continue  # it waits for the actor to come back
            self.label = self.detail = event
            self.begin(v, length, 0)
            if not stays:
                self.take_out(0, i)
            if message.received >= 0:
                self.levels[0][self.slots] = self.record(self.levels[0][self.slots], message.received)
            self.settle(0, 0, self.plan(0, message.slot, event))
        return 0

    cdef bint may_lose(self, const int32_t* v, const Message* message) noexcept:
        if message.flags & LOCAL:
            return False
        if self.lossy:
            return self.drops < 0 or v[self.slots + DROPS] < self.drops
        # in lock-step rounds nothing is late, so a crash in the middle of a round may lose what was sent in it
        return self.rounds and message.source >= 0 and self.local_flags.data[v[message.source]] & DOWN != 0

    cdef int own_events(self, const int32_t* v, Py_ssize_t length) except -1:
        cdef Py_ssize_t slot, i, at
        cdef int32_t local, event, step
        cdef int tail = 0
        if self.rounds:
            if length > self.slots + HEADER:
                return 0
            self.label = self.detail = ROUND
            for slot in range(self.slots):
                for i in range(self.offer_count.data[v[slot]]):
                    at = self.offer_at.data[v[slot]] + i
                    tail = self.plan(tail, <int32_t>slot, self.offers.data[at])
            if tail:
                self.begin(v, length, 0)
                self.settle(0, 0, tail)
            return 0
        for slot in range(self.slots):
            local = v[slot]
            if self.local_flags.data[local] & WITHHELD:
                self.withheld = True
                if self.graph is not None:
                    self.graph.put(OUTSIDE, FAULT)
            for i in range(self.offer_count.data[local]):
                at = self.offer_at.data[local] + i
                event = self.offers.data[at]
                step = self.step_of(local, event)
                if self.step_count.data[step] == 0:
                    continue
                self.label = self.detail = event
                self.begin(v, length, 0)
                self.settle(0, 0, self.plan(0, <int32_t>slot, event))
        return 0

    cdef int faults(self, const int32_t* v, Py_ssize_t length) except -1:
        cdef int down = 0
        cdef int tail
        cdef int32_t slot
        cdef list up_nodes = []
        cdef list down_nodes = []
        for number, node in enumerate(self.nodes):
            for slot in node[0]:
                if self.local_flags.data[v[slot]] & DOWN:
                    down_nodes.append((number, node))
                    break
                if self.local_flags.data[v[slot]] & UP:
                    up_nodes.append((number, node))
                    break
        down = len(down_nodes)
        if v[self.slots + CRASHES] < self.crashes and down < self.down:
            for number, node in up_nodes:
                self.label = FAULT
                self.detail = -1 - <int32_t>number
                self.begin(v, length, 0)
                self.levels[0][self.slots + CRASHES] += 1
                tail = 0
                for slot, event in zip(node[0], node[1]):
                    tail = self.plan(tail, slot, event)
                self.settle(0, 0, tail)
        for number, node in down_nodes:
            if not node[2]:
                continue  # it never comes back
            self.label = node[2][0]
            self.detail = -1 - <int32_t>number
            self.begin(v, length, 0)
            tail = 0
            for slot, event in zip(node[0], node[2]):
                tail = self.plan(tail, slot, event)
            self.settle(0, 0, tail)
        return 0

    # --- for the checker ---------------------------------------------------------------------------------------------

    def successors(self, tuple state, plan=None):
        """What a state leads to.

        Args:
            state: a vector.
            plan: (slot, event) pairs to do instead of every action; the initial states are made so.

        Returns:
            A list of (label, detail, branches, vector), an action's number being its place. The label is the event of a
            delivery, of an actor's own doing or of a recovery, and 0 for faults; the detail is the event, or -1 - node
            for crashes and recoveries; branches are (local state, event, number of the outcome) of every choice.
        """
        cdef Py_ssize_t length = len(state)
        cdef Py_ssize_t i
        cdef int tail = 0
        cdef uint64_t generated = self.generated
        cdef Graph graph = self.graph
        cdef int32_t* v = <int32_t*>malloc((length + 1) * sizeof(int32_t))
        if v == NULL:
            raise MemoryError("no memory for a global state")
        listing = self.listing = []
        self.failing = []
        self.graph = None
        try:
            for i in range(length):
                v[i] = state[i]
            if plan is None:
                self.expand(v, length)
            else:
                self.ordinal = 0
                self.label = FAULT
                self.begin(v, length, 0)
                for slot, event in plan:
                    tail = self.plan(tail, slot, event)
                self.settle(0, 0, tail)
        finally:
            free(v)
            self.listing = None
            self.graph = graph
            self.generated = generated
        return listing

    def seed(self, list initial):
        """Put the initial states in."""
        cdef Py_ssize_t length
        self.label = FAULT
        self.current = OUTSIDE
        for number, state in enumerate(initial):
            length = len(state)
            self.begin(NULL, length, 0)
            for i in range(length):
                self.levels[0][i] = state[i]
            self.ordinal = number
            self.emit(0)

    def advance(self, Py_ssize_t expansions, uint32_t last):
        """Explore states in the order of their discovery.

        Args:
            expansions: at most so many.
            last: and none from this one on.

        Returns:
            How many were explored; 0 when there is none left before ``last``.
        """
        cdef Py_ssize_t done = 0
        cdef Py_ssize_t length
        cdef const int32_t* v
        while done < expansions and self.states.cursor < last and self.failure is None:
            self.current = self.states.cursor
            if not self.states.next_row():
                break
            v = <const int32_t*>self.states.row
            length = self.states.row_length // <Py_ssize_t>sizeof(int32_t)
            if self.graph is not None:
                self.graph.open(self.current)
            self.expand(v, length)
            done += 1
        return done

    def where(self, int32_t mask, int32_t wanted):
        """One byte per state: 1 where its bits, under the mask, are as wanted."""
        found = bytearray(self.bits.count)
        cdef uint8_t[::1] marks = found
        cdef Py_ssize_t i
        for i in range(self.bits.count):
            marks[i] = self.bits.data[i] & mask == wanted
        return found

    def node_slots(self, Py_ssize_t node):
        """The places of a node that may crash."""
        return self.nodes[node][0]

    def number_of(self, tuple state):
        """The number of a state that was reached, or of what stands for it; None for any other."""
        cdef Py_ssize_t length = len(state)
        cdef Py_ssize_t i
        cdef int64_t found
        cdef const int32_t* v
        self.begin(NULL, length, 0)
        for i in range(length):
            self.levels[0][i] = state[i]
        v = self.levels[0]
        if self.twins is not None and length >= self.slots + HEADER:
            v = self.twins.representative(self, v, length)
        found = self.states.look(<const uint8_t*>v, <uint32_t>(length * sizeof(int32_t)), fingerprint(v, length))
        return None if found < 0 else found

    def first_where(self, uint32_t start, int32_t mask, int32_t wanted):
        """The first state from ``start`` on whose bits, under the mask, are as wanted; None when there is none."""
        cdef Py_ssize_t i
        for i in range(start, self.bits.count):
            if self.bits.data[i] & mask == wanted:
                return i
        return None

    @property
    def table_bytes(self):
        """Memory of the states, edges and local steps, in bytes."""
        cdef Py_ssize_t edges = self.graph.bytes_used if self.graph is not None else 0
        return self.states.bytes_used + edges + 4 * (self.bits.size + self.pool.size)
