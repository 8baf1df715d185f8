"""The search over states that are vectors of small numbers: local steps from decision trees, everything else native.

A state is a vector of slots; a slot holds the number of a value, 0 for nothing. Python is asked (``front``) only when a
decision tree does not know the answer. The fingerprint of a state is the sum of one 64-bit number per slot and value
(Zobrist hashing), so that a step costs what it writes. Knows no model: what slots and values mean, and how to run a
function of the model on the vector, is the front's affair.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from core_ext.explore cimport StateStore, mixed
from core_ext.explore_graph cimport Graph
from core_ext.explore_trees cimport OUTCOME, UNKNOWN, Trees

cdef enum:
    NO_STATE = 0xffffffff
    SAME_STATE = 0xffffffff
    FIRST_OUTCOME = 6
    BOUNDARY = -1
    STUCK = -2
    MUST_HOLD_USE = 0
    MAY_HOLD_USE = 1
    MARKED_USE = 2

cdef enum:
    NONE_ENABLED = 0
    IS_TRUE = 1
    OVERWRITTEN = 3

NOT_ENABLED = FALSE = NONE_ENABLED
TRUE = IS_TRUE
ACTIONS_ONCE = 2              # outcomes that are overwritten by the next run: for functions that are not worth
STEP_ONCE = OVERWRITTEN       # remembering
REPRESENTATIVE_ONCE = 4
NOTHING_WRITTEN = 5

MUST_HOLD = MUST_HOLD_USE     # what becomes of a predicate's value: the first state where it is false is noted,
MAY_HOLD = MAY_HOLD_USE       # the first state where it is true is noted,
MARKED = MARKED_USE           # every state gets a mark

cdef struct Outcome:
    uint32_t* numbers
    uint32_t length

cdef struct Predicate:
    uint32_t root
    int use
    uint32_t noted      # the first state that its use asks for, or NO_STATE
    uint8_t* marks      # by state, when its use is MARKED

cdef struct Successor:
    uint32_t action
    uint32_t outcome
    uint64_t fingerprint


cdef class SlotSearch:
    """A search whose states are vectors.

    Args:
        store: empty; takes the states.
        graph: takes the edges; None when nobody asks for them.
        front: runs functions of the model on ``value_at`` and returns the number of an outcome: ``actions()``,
            ``step(action)``, ``predicate(number)``, ``boundary()``, ``representative()``, ``stuck()``;
            ``audit(root, outcome)`` is asked to compare a remembered outcome with a plain run.
        hidden: how many slots stand in front that are no part of the state: they say what the front knows.
        boundary, symmetry: the model has these functions and they are to be used.
        stuck: note the first state in which nothing is enabled although ``front.stuck()`` does not expect it.
        depth_first: explore the newest state first.
        max_depth: states on the longest path that is followed; 0 = any.
    """

    cdef readonly StateStore store
    cdef readonly Graph graph
    cdef readonly Trees trees
    cdef readonly object front
    cdef readonly uint64_t generated
    cdef readonly uint32_t depth
    cdef readonly bint cut_by_depth
    cdef readonly bint cut_by_boundary
    cdef readonly uint32_t slots
    cdef readonly uint32_t hidden
    cdef uint32_t* _vector           # of the state that is explored
    cdef uint32_t* _next             # of a successor
    cdef uint32_t* _read             # the one of both that the front reads now
    cdef uint8_t* _row               # a successor as the store wants it
    cdef uint64_t* _slot_keys
    cdef uint32_t* _slot_fields
    cdef uint32_t _slot_room
    cdef uint64_t** _value_keys      # by field, by value
    cdef uint32_t* _value_counts
    cdef uint32_t _field_count
    cdef Outcome* _outcomes
    cdef uint32_t _outcome_count
    cdef uint32_t _outcome_room
    cdef uint64_t _outcome_bytes
    cdef uint32_t _actions_root
    cdef uint32_t _boundary_root
    cdef uint32_t _representative_root
    cdef uint32_t _stuck_root
    cdef uint32_t* _root_of_action
    cdef uint32_t _action_count
    cdef uint32_t _action_room
    cdef bint _boundary
    cdef bint _symmetry
    cdef bint _stuck
    cdef bint _depth_first
    cdef uint32_t _max_depth
    cdef uint32_t _level_end
    cdef uint32_t* _stack
    cdef uint32_t _stack_size
    cdef uint32_t _stack_room
    cdef uint32_t* _depths
    cdef uint32_t _depth_room
    cdef Predicate* _predicates
    cdef uint32_t _predicate_count
    cdef uint32_t _mark_room
    cdef Successor* _successors      # of the state that is explored, as long as their places are being fetched
    cdef uint32_t _successor_count
    cdef uint32_t _successor_room
    cdef readonly object stuck_at    # the first state in which nothing is enabled and the model did not expect it

    def __cinit__(
        self, StateStore store, graph, front, uint32_t hidden, bint boundary=False, bint symmetry=False,
        bint stuck=False, bint depth_first=False, uint32_t max_depth=0,
    ):
        self.store = store
        self.graph = graph
        self.trees = Trees()
        self.front = front
        self._boundary = boundary
        self._symmetry = symmetry
        self._stuck = stuck
        self._depth_first = depth_first
        self._max_depth = max_depth
        self._actions_root = self.trees.new_root()
        self._boundary_root = self.trees.new_root()
        self._representative_root = self.trees.new_root()
        self._stuck_root = self.trees.new_root()
        for _ in range(FIRST_OUTCOME):
            self.new_outcome(())
        self._reserve(max(hidden, 64))
        self.hidden = hidden
        self.slots = hidden

    def __dealloc__(self):
        cdef uint32_t at
        free(self._vector)
        free(self._next)
        free(self._row)
        free(self._slot_keys)
        free(self._slot_fields)
        for at in range(self._field_count):
            free(self._value_keys[at])
        free(self._value_keys)
        free(self._value_counts)
        for at in range(self._outcome_count):
            free(self._outcomes[at].numbers)
        free(self._outcomes)
        free(self._root_of_action)
        for at in range(self._predicate_count):
            free(self._predicates[at].marks)
        free(self._predicates)
        free(self._successors)
        free(self._stack)
        free(self._depths)

    # What the front declares.

    def new_field(self):
        """The number of a new field: slots of one field share the numbers of values."""
        cdef uint32_t number = self._field_count
        self._value_keys = <uint64_t**> _resized(self._value_keys, (number + 1) * sizeof(uint64_t*))
        self._value_counts = <uint32_t*> _resized(self._value_counts, (number + 1) * sizeof(uint32_t))
        self._value_keys[number] = NULL
        self._value_counts[number] = 0
        self._field_count = number + 1
        self.new_value(number, 0)
        return number

    def new_value(self, uint32_t field, uint64_t key):
        """The number of a new value of a field; ``key`` is its hash. Every field has the value 0, nothing."""
        cdef uint32_t count = self._value_counts[field]
        if count & (count - 1) == 0:
            self._value_keys[field] = <uint64_t*> _resized(
                self._value_keys[field], (2 * count + 1) * sizeof(uint64_t)
            )
        self._value_keys[field][count] = mixed(key)
        self._value_counts[field] = count + 1
        return count

    def new_slot(self, uint32_t field, uint64_t key):
        """The number of a new slot; ``key`` is a hash of its name. It holds 0 in every state so far."""
        if self.slots == self._slot_room:
            self._reserve(2 * self._slot_room)
        self._slot_keys[self.slots] = mixed(key)
        self._slot_fields[self.slots] = field
        self.slots += 1
        return self.slots - 1

    def set_hidden(self, uint32_t slot, uint32_t value):
        """Change what a hidden slot holds from now on."""
        self._vector[slot] = self._next[slot] = value

    def new_action(self):
        """The number of a new action."""
        cdef uint32_t number = self._action_count
        if number == self._action_room:
            self._action_room = 2 * number + 64
            self._root_of_action = <uint32_t*> _resized(self._root_of_action, self._action_room * sizeof(uint32_t))
        self._root_of_action[number] = self.trees.new_root()
        self._action_count += 1
        return number

    def new_predicate(self, int use):
        """The number of a new predicate; ``use`` is MUST_HOLD, MAY_HOLD or MARKED."""
        cdef uint32_t number = self._predicate_count
        self._predicates = <Predicate*> _resized(self._predicates, (number + 1) * sizeof(Predicate))
        self._predicates[number].root = self.trees.new_root()
        self._predicates[number].use = use
        self._predicates[number].noted = NO_STATE
        self._predicates[number].marks = NULL
        self._predicate_count += 1
        return number

    def new_outcome(self, numbers):
        """The number of a new outcome: pairs slot, value, slot, value, ... of a step, or the actions to try."""
        if self._outcome_count == self._outcome_room:
            self._outcome_room = 2 * self._outcome_room + 64
            self._outcomes = <Outcome*> _resized(self._outcomes, self._outcome_room * sizeof(Outcome))
        self._outcomes[self._outcome_count].numbers = NULL
        self._outcomes[self._outcome_count].length = 0
        self._outcome_count += 1
        return self.set_outcome(self._outcome_count - 1, numbers)

    def set_outcome(self, uint32_t outcome, numbers):
        """Overwrite one of the outcomes that are meant for that; returns its number."""
        cdef uint32_t length = len(numbers)
        cdef uint32_t at
        cdef Outcome* found = &self._outcomes[outcome]
        if length > found.length:
            self._outcome_bytes += (length - found.length) * sizeof(uint32_t)
            found.numbers = <uint32_t*> _resized(found.numbers, length * sizeof(uint32_t))
        found.length = length
        for at in range(length):
            found.numbers[at] = numbers[at]
        return outcome

    def numbers_of(self, uint32_t outcome):
        """What an outcome holds."""
        return [self._outcomes[outcome].numbers[at] for at in range(self._outcomes[outcome].length)]

    def root_of(self, str kind, uint32_t number=0):
        """The root of a function in ``trees``: ``actions``, ``step``, ``predicate``, ``boundary``, ..."""
        if kind == "step":
            return self._root_of_action[number]
        if kind == "predicate":
            return self._predicates[number].root
        return {
            "actions": self._actions_root, "boundary": self._boundary_root,
            "representative": self._representative_root, "stuck": self._stuck_root,
        }[kind]

    # What the front reads.

    def value_at(self, uint32_t slot):
        """The number in a slot of the vector that is looked at now."""
        return self._read[slot]

    def vector(self):
        """All of the vector that is looked at now."""
        return [self._read[slot] for slot in range(self.slots)]

    def first_noted(self, uint32_t predicate):
        """The first state that the predicate's use asks for, or None."""
        cdef uint32_t noted = self._predicates[predicate].noted
        return None if noted == NO_STATE else noted

    def marks_of(self, uint32_t predicate):
        """One byte per state: the value of a MARKED predicate."""
        if self._predicates[predicate].marks == NULL:
            return b""
        return <bytes> (<char*> self._predicates[predicate].marks)[:self.store.count]

    @property
    def bytes_used(self):
        """Memory of everything that grows with the search, in bytes."""
        return (
            self.store.bytes_used + self.trees.bytes_used + self._outcome_bytes + self._outcome_room * sizeof(Outcome)
            + (0 if self.graph is None else self.graph.bytes_used) + self._stack_room * sizeof(uint32_t)
            + self._depth_room * sizeof(uint32_t) + self._predicate_count * self._mark_room
            + self._successor_room * sizeof(Successor)
        )

    @property
    def queue(self):
        """States that were reached and not yet explored."""
        return self._stack_size if self._depth_first else self.store.count - self.store.cursor

    # The search.

    def begin(self, writes, uint32_t ordinal):
        """Add an initial state.

        Args:
            writes: slot, value, slot, value, ...
            ordinal: its place among the initial states; kept as its action.
        """
        cdef uint32_t at
        memset(&self._next[self.hidden], 0, (self.slots - self.hidden) * sizeof(uint32_t))
        for at in range(0, len(writes), 2):
            self._next[<uint32_t> writes[at]] = writes[at + 1]
        self.generated += 1
        self._add(NO_STATE, ordinal, 1)
        self._level_end = self.store.count
        self.depth = 1

    def expand(self, uint32_t limit):
        """Explore up to this many states; how many it were. Fewer than asked for: the search is at its end."""
        cdef uint32_t done = 0
        cdef uint32_t source, depth
        while done < limit:
            if self._depth_first:
                if self._stack_size == 0:
                    break
                self._stack_size -= 1
                source = self._stack[self._stack_size]
                depth = self._depths[source]
                self.store.find_row(source)
                self.depth = max(self.depth, depth)
                if self._max_depth and depth >= self._max_depth:
                    self.cut_by_depth = True
                    continue
            else:
                if self.store.cursor == self._level_end and self.store.cursor < self.store.count:
                    self._level_end = self.store.count
                    self.depth += 1
                if self.store.cursor == self.store.count:
                    break
                if self._max_depth and self.depth >= self._max_depth:
                    self.cut_by_depth = True
                    break
                source = self.store.cursor
                depth = self.depth
                self.store.next_row()
            self._explore(source, depth)
            done += 1
        return done

    cdef int _explore(self, uint32_t source, uint32_t depth) except -1:
        cdef uint32_t length = (self.store.row_length - sizeof(uint64_t)) // sizeof(uint32_t)
        cdef uint64_t fingerprint
        cdef uint32_t at, action, outcome, count, actions
        cdef bint enabled = False
        memcpy(&fingerprint, self.store.row, sizeof(uint64_t))
        memcpy(&self._vector[self.hidden], self.store.row + sizeof(uint64_t), length * sizeof(uint32_t))
        memset(&self._vector[self.hidden + length], 0, (self.slots - self.hidden - length) * sizeof(uint32_t))
        if self.graph is not None:
            self.graph.open(source)
        self._read = self._vector
        actions = self._known(self._actions_root)
        if actions == UNKNOWN:
            actions = self.front.actions()
        actions &= ~<uint32_t> OUTCOME
        count = self._outcomes[actions].length
        self._successor_count = 0
        for at in range(count):
            action = self._outcomes[actions].numbers[at]
            outcome = self._known(self._root_of_action[action])
            if outcome == UNKNOWN:
                outcome = self.front.step(action)
            outcome &= ~<uint32_t> OUTCOME
            if outcome != NONE_ENABLED:
                enabled = True
                self._foresee(action, outcome, fingerprint)
                if outcome == OVERWRITTEN:
                    self._take_all(source, depth + 1)
        self._take_all(source, depth + 1)
        if self._stuck and not enabled and self.stuck_at is None:
            if not self._holds(self._stuck_root, STUCK):
                self.stuck_at = source
        return 0

    cdef uint32_t _known(self, uint32_t root) except? 0xffffffff:
        """What the trees know; now and then the front compares it with a plain run of the function."""
        cdef uint32_t outcome = self.trees.follow(root, self._read)
        cdef uint32_t hits
        if outcome != UNKNOWN:
            hits = self.trees._hits[root] + 1
            self.trees._hits[root] = hits
            if hits & (hits - 1) == 0:
                self.front.audit(root, outcome & ~<uint32_t> OUTCOME)
        return outcome

    cdef int _foresee(self, uint32_t action, uint32_t outcome, uint64_t fingerprint) except -1:
        """Work out a successor's fingerprint, and have its place in the table fetched while others are worked out."""
        cdef Outcome* found = &self._outcomes[outcome]
        cdef uint32_t at, slot, value, old
        cdef bint changed = False
        self.generated += 1
        for at in range(0, found.length, 2):
            slot = found.numbers[at]
            value = found.numbers[at + 1]
            old = self._vector[slot]
            if value != old:
                changed = True
                fingerprint += self._key(slot, value) - self._key(slot, old)
        if self._successor_count == self._successor_room:
            self._successor_room = 2 * self._successor_room + 64
            self._successors = <Successor*> _resized(self._successors, self._successor_room * sizeof(Successor))
        self._successors[self._successor_count].action = action
        self._successors[self._successor_count].outcome = outcome if changed else SAME_STATE
        self._successors[self._successor_count].fingerprint = fingerprint
        self._successor_count += 1
        self.store.prefetch(fingerprint)
        return 0

    cdef int _take_all(self, uint32_t source, uint32_t depth) except -1:
        """Go to the successors that were worked out."""
        cdef uint32_t number
        for number in range(self._successor_count):
            self._take(source, self._successors[number], depth)
        self._successor_count = 0
        self._read = self._vector
        return 0

    cdef int _take(self, uint32_t source, Successor successor, uint32_t depth) except -1:
        """One successor."""
        cdef Outcome found
        cdef uint32_t at
        cdef int64_t index
        if successor.outcome == SAME_STATE:
            # Also with symmetry: the state that is explored is its own representative.
            if self.graph is not None:
                self.graph.put(source, successor.action)
            return 0
        if not self._symmetry and not self.store.exact and not (self._depth_first and self._max_depth):
            index = self.store.look(NULL, 0, successor.fingerprint)
            if index >= 0:
                if self.graph is not None:
                    self.graph.put(<uint32_t> index, successor.action)
                return 0
        found = self._outcomes[successor.outcome]
        memcpy(self._next, self._vector, self.slots * sizeof(uint32_t))
        for at in range(0, found.length, 2):
            self._next[found.numbers[at]] = found.numbers[at + 1]
        self._add(source, successor.action, depth, successor.fingerprint)
        return 0

    cdef int _add(
        self, uint32_t source, uint32_t action, uint32_t depth, uint64_t fingerprint=0
    ) except -1:
        """Put the vector ``_next`` among the states, unless it is there already or outside the boundary."""
        cdef uint32_t outcome, length, at
        cdef int64_t index
        self._read = self._next
        if self._symmetry:
            outcome = self._known(self._representative_root)
            if outcome == UNKNOWN:
                outcome = self.front.representative()
            outcome &= ~<uint32_t> OUTCOME
            for at in range(0, self._outcomes[outcome].length, 2):
                self._next[self._outcomes[outcome].numbers[at]] = self._outcomes[outcome].numbers[at + 1]
        if self._symmetry or source == NO_STATE:
            fingerprint = self._fingerprint()
        if self._boundary and not self._holds(self._boundary_root, BOUNDARY):
            self.cut_by_boundary = True
            if self.graph is not None and source != NO_STATE:
                self.graph.put(NO_STATE, action)
            return 0
        length = self._write_row(fingerprint)
        index = self.store.put(self._row, length, fingerprint, source, action)
        if index < 0:
            index = -2 - index
            if self._depth_first and self._max_depth and self._depths[index] > depth:
                # Reached on a shorter path: what lies behind it comes within the bound.
                self._push(<uint32_t> index, depth)
        else:
            if self._depth_first:
                self._push(<uint32_t> index, depth)
            self._judge(<uint32_t> index)
        if self.graph is not None and source != NO_STATE:
            self.graph.put(<uint32_t> index, action)
        return 0

    cdef uint32_t _write_row(self, uint64_t fingerprint) noexcept:
        """The vector ``_next`` as a row, zeros at its end left out; the row's length."""
        cdef uint32_t length = self.slots
        while length > self.hidden and self._next[length - 1] == 0:
            length -= 1
        length = (length - self.hidden) * sizeof(uint32_t)
        memcpy(self._row, &fingerprint, sizeof(uint64_t))
        memcpy(self._row + sizeof(uint64_t), &self._next[self.hidden], length)
        return length + sizeof(uint64_t)

    def index_of(self, writes):
        """The index of a state that is given as slot, value, slot, value, ...; None when it was not reached."""
        cdef uint32_t at, length
        cdef uint64_t fingerprint
        cdef int64_t index
        memset(&self._next[self.hidden], 0, (self.slots - self.hidden) * sizeof(uint32_t))
        for at in range(0, len(writes), 2):
            self._next[<uint32_t> writes[at]] = writes[at + 1]
        fingerprint = self._fingerprint()
        length = self._write_row(fingerprint)
        index = self.store.look(self._row, length, fingerprint)
        return None if index < 0 else index

    cdef int _judge(self, uint32_t index) except -1:
        """Evaluate the predicates in a new state."""
        cdef uint32_t number, room
        cdef Predicate* predicate
        cdef bint value
        if index >= self._mark_room:
            room = 2 * index + 1024
            for number in range(self._predicate_count):
                predicate = &self._predicates[number]
                if predicate.use == MARKED_USE:
                    predicate.marks = <uint8_t*> _resized(predicate.marks, room)
            self._mark_room = room
        for number in range(self._predicate_count):
            predicate = &self._predicates[number]
            if predicate.use == MARKED_USE:
                predicate.marks[index] = self._holds(predicate.root, number)
            elif predicate.noted == NO_STATE:
                value = self._holds(predicate.root, number)
                if value == (predicate.use == MAY_HOLD_USE):
                    predicate.noted = index
        return 0

    cdef bint _holds(self, uint32_t root, int number) except -1:
        cdef uint32_t outcome = self._known(root)
        if outcome == UNKNOWN:
            if number == BOUNDARY:
                outcome = self.front.boundary()
            else:
                outcome = self.front.stuck() if number == STUCK else self.front.predicate(number)
        return (outcome & ~<uint32_t> OUTCOME) == IS_TRUE

    cdef uint64_t _key(self, uint32_t slot, uint32_t value) noexcept:
        """The part of a fingerprint that a slot with a value makes; nothing where nothing is."""
        if value == 0:
            return 0
        return mixed(self._slot_keys[slot] + self._value_keys[self._slot_fields[slot]][value])

    cdef uint64_t _fingerprint(self) noexcept:
        cdef uint64_t found = 0
        cdef uint32_t slot
        for slot in range(self.hidden, self.slots):
            found += self._key(slot, self._next[slot])
        return found

    cdef int _push(self, uint32_t index, uint32_t depth) except -1:
        if index >= self._depth_room:
            self._depth_room = 2 * index + 1024
            self._depths = <uint32_t*> _resized(self._depths, self._depth_room * sizeof(uint32_t))
        if self._stack_size == self._stack_room:
            self._stack_room = 2 * self._stack_room + 1024
            self._stack = <uint32_t*> _resized(self._stack, self._stack_room * sizeof(uint32_t))
        self._depths[index] = depth
        self._stack[self._stack_size] = index
        self._stack_size += 1
        return 0

    cdef int _reserve(self, uint32_t room) except -1:
        """Room for this many slots; new ones hold 0."""
        cdef uint32_t old = self._slot_room
        cdef bint reads_next = self._read == self._next
        self._vector = <uint32_t*> _resized(self._vector, room * sizeof(uint32_t))
        self._next = <uint32_t*> _resized(self._next, room * sizeof(uint32_t))
        self._row = <uint8_t*> _resized(self._row, sizeof(uint64_t) + room * sizeof(uint32_t))
        self._slot_keys = <uint64_t*> _resized(self._slot_keys, room * sizeof(uint64_t))
        self._slot_fields = <uint32_t*> _resized(self._slot_fields, room * sizeof(uint32_t))
        memset(self._vector + old, 0, (room - old) * sizeof(uint32_t))
        memset(self._next + old, 0, (room - old) * sizeof(uint32_t))
        self._read = self._next if reads_next else self._vector
        self._slot_room = room
        return 0


cdef void* _resized(void* block, size_t size) except NULL:
    cdef void* result = realloc(block, size)
    if result == NULL:
        raise MemoryError
    return result
