"""Every interleaving of a set of actors, over integers: local states, messages and events are numbers here.

A global state is a vector: one local state per slot, the history, how many crashes and drops were spent, then the
messages in flight, sorted by channel (in a first-in-first-out channel in the order in which they were sent, in any other
by number). A handler runs once per distinct local step: what (local state, event) leads to is asked of the world and
remembered. Knows neither actors nor properties beyond "a decision tree over parts of the vector".
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove

from core_ext.explore cimport StateStore
from core_ext.explore_graph cimport Graph
from core_ext.interleave_tables cimport Ints, Steps, fingerprint

cdef enum:
    MAX_IN_FLIGHT = 4096    # more is a flood, not a model
    MAX_LEVELS = 64         # actors that one action may touch one after the other with a choice each
    MAX_PLAN = 4096
    CRASHES = 1             # places behind the history
    DROPS = 2
    HEADER = 3
    # flags of a local state
    UP = 1
    DOWN = 2
    WITHHELD = 4            # a timer that is not offered any more
    # flags of an outcome
    PURGE = 1               # messages to this incarnation are lost
    FAILED = 2
    # flags of a message
    FIFO = 1
    LOCAL = 2               # between actors of one node: never lost, never doubled
    PINNED = 4              # to one incarnation
    ROUND = 1               # the label of the end of a round; the world's second event
    FAULT = 0               # the label of what no run is obliged to do; the world's first event stands for it

cdef uint32_t OUTSIDE = 0xffffffffU  # the target of an edge that leaves the boundary or the bounds


cdef struct Outcome:
    int32_t local
    int32_t sends
    int32_t send_count
    int32_t follows
    int32_t follow_count
    int32_t flags
    int32_t note            # what it adds to the history; -1: nothing

cdef struct Message:
    int32_t slot
    int32_t source          # slot of the sender; -1: the world
    int32_t channel
    int32_t flags
    int32_t kind            # of its content, for predicates that look for one kind
    int32_t received        # what its delivery adds to the history; -1: nothing
    int32_t sent


cdef class Predicate:
    """A predicate of global states, as a decision tree over the parts that it read.

    A predicate is a function of the state alone, so the first part that it reads is always the same one, the second
    depends on the first one's value alone, and so on. Each path is asked for once.

    Args:
        evaluate: called with the vector as a tuple; returns (verdict, [(part, value), ...] as read).
    """

    cdef object evaluate
    cdef list branches
    cdef list parts
    cdef readonly Py_ssize_t evaluations

    def __init__(self, evaluate):
        self.evaluate = evaluate
        self.branches = []
        self.parts = []

    cdef int learn(self, Interleaving engine, const int32_t* v, Py_ssize_t length) except -1:
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

    cdef int holds(self, Interleaving engine, const int32_t* v, Py_ssize_t length) except -1:
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


cdef class Interleaving:
    """Successors of global states, and the states that were reached.

    Args:
        world: answers ``step(local, event)`` with a list of outcomes (local, sends, follow-ups, flags,
            note), and
            ``record(history, event)`` with a history; announces local states and messages before it names them.
        slots: places for actors.
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

    cdef readonly StateStore states
    cdef readonly Py_ssize_t slots
    cdef readonly uint64_t generated
    cdef readonly bint cut                # the boundary refused a state
    cdef readonly bint withheld           # a timer was not offered
    cdef readonly object failure          # (state, action number) of a handler that failed; None
    cdef readonly Py_ssize_t local_steps
    cdef public object boundary           # a Predicate; None
    cdef public list watched              # Predicates whose truth is kept per state, at most 32
    cdef public int32_t once              # bits of those that are asked until they hold in one state
    cdef int32_t found
    cdef readonly Graph graph             # labelled with events; None when it is not kept
    cdef object world
    cdef list nodes
    cdef bint duplicating, lossy
    cdef bint final, rounds
    cdef int crashes, down, drops, capacity
    cdef Steps steps, records
    cdef Ints step_first, step_count, pool, local_flags, offers, offer_at, offer_count
    cdef Ints bits
    cdef Outcome* outcomes
    cdef Py_ssize_t outcome_count, outcome_size
    cdef Message* messages
    cdef Py_ssize_t message_size
    cdef int32_t* levels[MAX_LEVELS]
    cdef Py_ssize_t lengths[MAX_LEVELS]
    cdef int32_t plan_slot[MAX_PLAN]
    cdef int32_t plan_event[MAX_PLAN]
    cdef uint32_t current
    cdef uint32_t ordinal
    cdef int32_t label
    cdef int32_t detail                   # the event of a delivery, loss or own doing; -1 - node for crash and recovery
    cdef int32_t branches[MAX_LEVELS][3]  # by level: local state, event, and which of its outcomes
    cdef list listing                     # successors are listed here instead of being stored

    def __cinit__(
        self, world, Py_ssize_t slots, list nodes, bint duplicating, bint lossy, int crashes, int down, int drops,
        int capacity, bint final, bint rounds, bint exact, bint keep_graph,
    ):
        self.world = world
        self.slots = slots
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
        self.steps = Steps()
        self.records = Steps()
        self.step_first = Ints()
        self.step_count = Ints()
        self.pool = Ints()
        self.local_flags = Ints()
        self.offers = Ints()
        self.offer_at = Ints()
        self.offer_count = Ints()
        self.bits = Ints()

    def __dealloc__(self):
        cdef int i
        free(self.outcomes)
        free(self.messages)
        for i in range(MAX_LEVELS):
            free(self.levels[i])

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
        """The message whose delivery is ``event``: for which slot, from which, on which channel, of which kind, and what it adds to
        the history."""
        cdef Py_ssize_t size = self.message_size
        cdef Message* messages
        if event >= size:
            while size <= event:
                size = size * 2 if size else 1024
            messages = <Message*>malloc(size * sizeof(Message))
            if messages == NULL:
                raise MemoryError(f"no memory for {size} messages")
            memcpy(messages, self.messages, self.message_size * sizeof(Message))
            free(self.messages)
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
            outcomes = <Outcome*>malloc(size * sizeof(Outcome))
            if outcomes == NULL:
                raise MemoryError(f"no memory for {size} outcomes of local steps")
            memcpy(outcomes, self.outcomes, self.outcome_count * sizeof(Outcome))
            free(self.outcomes)
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

    # --- one action --------------------------------------------------------------------------------------------------

    cdef int begin(self, const int32_t* v, Py_ssize_t length, int level) except -1:
        """A copy to work on."""
        if level >= MAX_LEVELS:
            raise OverflowError(f"one action makes choices in more than {MAX_LEVELS} actors")
        if self.levels[level] == NULL:
            self.levels[level] = <int32_t*>malloc((self.slots + HEADER + MAX_IN_FLIGHT) * sizeof(int32_t))
            if self.levels[level] == NULL:
                raise MemoryError("no memory for a global state")
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
        if outcome.flags & FAILED and self.failure is None and self.listing is None:
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
        cdef int32_t* v = self.levels[level]
        cdef Py_ssize_t length = self.lengths[level]
        cdef int64_t found
        cdef uint32_t ordinal = self.ordinal
        cdef int i, k
        self.ordinal += 1
        self.generated += 1
        if self.listing is not None:
            branches = tuple([tuple([self.branches[i][k] for k in range(3)]) for i in range(1, level + 1)])
            self.listing.append((self.label, self.detail, branches, self.as_tuple(v, length)))
            return 0
        if self.boundary is not None and not (<Predicate>self.boundary).holds(self, v, length):
            self.cut = True
            if self.graph is not None:
                self.graph.put(OUTSIDE, self.label)
            return 0
        found = self.states.put(
            <const uint8_t*>v, <uint32_t>(length * sizeof(int32_t)), fingerprint(v, length), self.current, ordinal
        )
        if found >= 0 and self.watched:
            self.bits.add(self.judge(v, length))
        if self.graph is not None and self.current != OUTSIDE:
            self.graph.put(<uint32_t>(found if found >= 0 else -2 - found), self.label)
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
        # in lock-step rounds nothing is late, so a crash in the middle of a round must be able to lose what was sent in it
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
            self.begin(NULL, 0, 0)
            for i in range(length):
                self.levels[0][i] = state[i]
            self.lengths[0] = length
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
        """The number of a state that was reached; None for any other."""
        cdef Py_ssize_t length = len(state)
        cdef Py_ssize_t i
        cdef int64_t found
        self.begin(NULL, 0, 0)
        for i in range(length):
            self.levels[0][i] = state[i]
        found = self.states.look(
            <const uint8_t*>self.levels[0], <uint32_t>(length * sizeof(int32_t)), fingerprint(self.levels[0], length)
        )
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
