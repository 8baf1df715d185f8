"""Cells: an actor's mailbox, its state of life and its hands; and what cells need of whoever holds them.

What a handler does is noted in a buffer of effects. Who runs the handlers, and when the effects are released, is the
dispatch loop's affair (``core_ext.dispatch``); who has which name is the table's (``core_ext.table``); what happens
rarely is filled in by the runtime's subclasses.
"""

from cpython.ref cimport Py_DECREF
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec

from core_ext.asks cimport Ask, Asks
from core_ext.effects cimport Effects
from core_ext.journal cimport Staging
from core_ext.mailbox cimport Endpoint, Reference, Ring, Slot
from core_ext.waiting cimport AskFuture

cdef extern from "Python.h":
    void PyObject_GC_Track(void *object)
    int PyObject_GC_IsTracked(object object)

cdef enum:
    POOLED_RINGS = 4096
    HELD_ELSEWHERE = 65536
    KEPT_RING = 256  # an idle actor gives a larger ring back

PENDING = 0xFFFFFFFFFFFFFFFF
TAKEN_, NOBODY_, FULL_, DROPPED_ = TAKEN, NOBODY, FULL, DROPPED
STATES = ("new", "running", "created", "suspended", "stopping", "stopped")


cdef class Behaviour:
    """What the dispatch loop needs to know of an actor class, looked up once per class.

    Attributes:
        handlers, answers: handler functions by exact message type.
        after_batch: the hook, or None.
        is_async: handlers may be coroutine functions; a task of the runtime serves the mailbox.
        starts: True when something must run before the first message (a start hook or recovery).
    """

    def __init__(self, actor_class, dict handlers, dict answers, after_batch, bint is_async, bint starts):
        self.actor_class = actor_class
        self.name = actor_class.__name__
        self.handlers = handlers
        self.answers = answers
        self.after_batch = after_batch
        self.is_async = is_async
        self.starts = starts


cdef class Timer:
    """One timer of one actor: ``generation`` counts its settings, so that an old firing is recognised."""

    def __init__(self, Cell cell, key):
        self.cell = cell
        self.key = key
        self.queued_due = float("inf")

    def fire(self):
        """Enqueue the message behind everything that waits in its actor's mailbox."""
        if self.live:
            self.cell.accept(self, None, self.generation, TIMER, False)


cdef class Cell(Endpoint):
    """One actor in its world: its mailbox, its state of life, and, for its handlers, its context."""

    cdef void prepare(
        self, Host world, Behaviour behaviour, Reference own, unsigned int capacity, unsigned char overflow,
        Staging journal,
    ):
        self.is_cell = True
        self.world = world
        self._behaviour = behaviour
        self.handlers = behaviour.handlers
        self._journal = journal
        self.own = own
        own.endpoint = self
        self.state = CREATED
        self.capacity = capacity
        self.overflow = overflow
        self.effects = Effects.__new__(Effects) if behaviour.is_async else world.effects
        if journal is not None:
            self.gated = Effects.__new__(Effects)
            self.gate = journal.batch  # an earlier incarnation's newest records may still be on their way to the disk
            if journal.dirty:
                self.gate = PENDING
                world.gating.append(self)
            if self.gate > world.synced:
                world.gated.add(self)

    # --- the mailbox ---------------------------------------------------------------------------------------------

    cdef int accept(self, object message, object sender, u64 correlation, int kind, bint control) except -1:
        """Put an entry into the mailbox; says what became of it (Accepted)."""
        cdef Host world = self.world
        cdef Ring ring
        cdef bint exempt = kind > ASK
        if self.state >= STOPPING:
            return NOBODY
        if control:
            ring = self.control
            if ring is None:
                ring = self.control = world.ring()
            elif ring.count - ring.exempt >= world.control_capacity and not exempt:
                world.control_rejected += 1
                return FULL
        else:
            ring = self.data
            if ring is None:
                ring = self.data = world.ring()
            elif self.capacity and ring.count - ring.exempt >= self.capacity and not exempt:
                if self.overflow == 0:
                    world.rejected += 1
                    return FULL
                world.dropped += 1
                if self.overflow == 2:
                    return DROPPED
                self.drop_oldest()
        ring.add(message, sender, correlation, kind, exempt)
        if ring.count > world.depth_max:
            world.depth_max = ring.count
        if not self.queued and not self.busy and self.state <= RUNNING:
            world.enqueue(self)
        return TAKEN

    cdef int take_answer(
        self, object ask, u64 generation, u64 correlation, object value, object failure
    ) except -1:
        if generation == self.generation:
            if failure is None:
                self.accept(value, ask, correlation, REPLY, False)
            else:
                self.accept(failure, ask, correlation, FAILURE, False)
        return 0

    cdef int drop_oldest(self) except -1:
        cdef Slot slot
        if self.data.take_oldest_counted(&slot):
            message, sender = <object>slot.message, <object>slot.sender
            Py_DECREF(message)
            Py_DECREF(sender)
            if slot.kind == ASK:
                self.world.refuse_ask(self.own, message, sender, slot.correlation, DROPPED)
        return 0

    cdef bint take(self, Slot* slot) noexcept:
        """The next entry: control before data. Its references belong to the caller."""
        cdef Ring ring = self.control
        if ring is not None and ring.take(slot):
            return True
        ring = self.data
        return ring is not None and ring.take(slot)

    cdef bint waits(self) noexcept:
        return (self.control is not None and self.control.count > 0) or (self.data is not None and self.data.count > 0)

    cdef int give_back_rings(self) except -1:
        """An idle actor keeps no ring, unless a middling one that it will need again."""
        if self.data is not None and self.data.count == 0 and (self.data.size <= 8 or self.data.size > KEPT_RING):
            self.world.keep_ring(self.data)
            self.data = None
        if self.control is not None and self.control.count == 0 and self.control.size <= 8:
            self.world.keep_ring(self.control)
            self.control = None
        return 0

    cdef int tell_from_outside(self, Reference target, object message) except -1:
        cdef Host world = self.world
        cdef long info = world.check_outside(message)
        cdef int accepted = self.accept(message, None, 0, TELL, info & 1)
        if accepted != TAKEN:
            world.refuse_tell(target, message, None, accepted)
        return 0

    cdef object ask_from_outside(self, Reference target, object message, object timeout_seconds):
        cdef Host world = self.world
        cdef long info = world.check_outside(message)
        cdef Ask ask = world.new_ask(target, message, info, timeout_seconds)
        cdef AskFuture future = world.resumption.new()
        ask.future = future
        world.asks.set_out(ask)
        cdef int accepted = self.accept(message, ask, ask.correlation, ASK, info & 1)
        if accepted != TAKEN:
            world.refuse_ask(target, message, ask, ask.correlation, accepted)
        return future

    # --- what a handler does ---------------------------------------------------------------------------------------

    cdef int check(self, str what) except -1:
        if not self.in_handler:
            self.world.refuse_outside_handler(self, what)
        return 0

    def send(self, Reference target not None, message):
        """Put a message into the target's mailbox when the handler returns; at most once, in order per lane."""
        self.check("send")
        self.queue_send(target, message, False)

    def send_now(self, Reference target not None, message):
        """Like ``send``, without waiting for this actor's own disk; it may overtake gated sends."""
        self.check("send_now")
        self.queue_send(target, message, True)

    cdef int queue_send(self, Reference target, object message, bint now) except -1:
        cdef Host world = self.world
        cdef long info = world.describe(message)
        cdef Cell cell = world.local(target)
        if cell is not None:
            return self.effects.add(SEND, cell, message, target, info & 1, now)
        return self.effects.add(
            TELL_AWAY, target, message, world.far.encode_message(target, message), info & 1, now
        )

    def reply(self, value, to=None):
        """Answer the current request, or the deferred one."""
        self.answer("reply", value, None, to, False)

    def reply_now(self, value, to=None):
        """Like ``reply``, without waiting for this actor's own disk."""
        self.answer("reply_now", value, None, to, True)

    def fail(self, str reason not None, to=None):
        """Answer with an error: the asker gets AskFailed with this reason."""
        self.answer("fail", None, self.world.failure_of(self, reason), to, False)

    cdef int answer(self, str what, object value, object failure, object to, bint now) except -1:
        self.check(what)
        cdef Host world = self.world
        asker = self.asker
        cdef u64 correlation = self.correlation
        if to is None:
            if not self.asked or self.answered:
                world.refuse_answer(self, what, self.answered)
            self.answered = True
        else:
            asker, correlation = to
            if asker is None or (<Reference?>asker).node == world.node:
                asker = world.asks.pending.get(correlation)
                if asker is None:  # timed out, or its asker is gone
                    world.late_answers += 1
                    return 0
            elif self.held is not None:
                self.effects.add(CALL, self._let_go, (((<Reference>asker).node, correlation),), None, False, True)
        if type(asker) is Ask:
            if failure is None:
                return self.effects.add(SETTLE, asker, value, None, False, now)
            return self.effects.add(SETTLE_FAILURE, asker, failure, None, False, now)
        body = world.far.encode_answer(value, failure)
        return self.effects.add_numbered(ANSWER_AWAY if failure is None else FAIL_AWAY, asker, body, correlation, now)

    def defer(self):
        """Take the current request's answer into one's own hands; ``reply(value, to=ticket)`` gives it later."""
        self.check("defer")
        if not self.asked or self.answered:
            self.world.refuse_answer(self, "defer", self.answered)
        self.answered = True
        if self.held is None:
            self.held = {}
        if type(self.asker) is not Ask:
            if len(self.held) < HELD_ELSEWHERE:  # those that are never answered must not pile up
                self.held[(<Reference>self.asker).node, self.correlation] = self.asker
            return self.world.ticket(self.asker, self.correlation)
        (<Ask>self.asker).held = self.held
        self.held[self.correlation] = self.asker
        return self.world.ticket(self.sender, self.correlation)

    def request(self, Reference target not None, message, key=None, timeout_seconds=None):
        """Ask another actor; the answer, failure or time-out comes to ``@on_answer(type(message))`` with ``key``."""
        self.check("request")
        cdef Host world = self.world
        cdef long info = world.describe(message)
        if type(message) not in self._behaviour.answers:
            world.refuse_request(self, message)
        cdef Ask ask = world.new_ask(target, message, info, timeout_seconds)
        ask.owner = self
        ask.key = key
        ask.generation = self.generation
        ask.cause = self.correlation if self.asked else 0
        cdef Cell cell = world.local(target)
        if cell is not None:
            self.effects.add(SEND_ASK, cell, message, ask, info & 1, False)
        else:
            self.effects.add(ASK_AWAY, ask, message, world.far.encode_message(target, message), info & 1, False)

    def effect(self, function, *arguments):
        """Note ``function(*arguments)`` as an effect of the running handler."""
        self.effects.add(CALL, function, arguments, None, False, False)

    def effect_now(self, function, *arguments):
        """Like ``effect``, for what need not wait for the disk."""
        self.effects.add(CALL, function, arguments, None, False, True)

    def check_in_handler(self, str what not None):
        """Raise ContractError unless one of this actor's handlers runs."""
        self.check(what)

    @property
    def self(self):
        """This actor."""
        return self.own

    @property
    def sender(self):
        """Who sent the message being handled; None when it came from outside code, a timer or the world."""
        asker = self.asker
        if type(asker) is Ask:
            return (<Cell>(<Ask>asker).owner).own if (<Ask>asker).owner is not None else None
        return self.world.visible_sender(asker) if self.asked else asker

    @property
    def node(self):
        """Name of this node."""
        return self.world.node

    @property
    def journal(self):
        """This actor's durable stream."""
        self.check("journal")
        if self._journal is None:
            self.world.refuse_journal(self)
        return self._journal

    def now(self):
        """Seconds since the epoch, by this node's clock. For labels only."""
        cdef timespec now
        clock_gettime(CLOCK_REALTIME, &now)
        return now.tv_sec + now.tv_nsec * 1e-9

    def ref(self, str name not None, str node=None):
        """A reference by name: whoever has it when a message arrives."""
        return self.world.reference_to(name, node)

    # --- for the runtime -------------------------------------------------------------------------------------------

    @property
    def _world(self):
        return self.world

    @property
    def _state(self):
        return STATES[self.state]

    @property
    def _waiting(self):
        """Entries in the mailbox."""
        return (0 if self.data is None else self.data.count) + (0 if self.control is None else self.control.count)

    @property
    def _ring_entries(self):
        """Entries that its queues have room for now."""
        return (0 if self.data is None else self.data.size) + (0 if self.control is None else self.control.size)

    @property
    def _gate_closed(self):
        """True while records are not on disk: neither an effect nor the actor's end may be seen."""
        return self.gated is not None and (self.gated.count > 0 or self.gate > self.world.synced)

    @property
    def _handling(self):
        return self.in_handler

    def _launch(self):
        """Let a created actor start, then take its messages; nothing when it was stopped before."""
        if self.state == CREATED:
            if self._behaviour.starts:
                self._set_new()
            else:
                self._set_running()

    def _set_running(self):
        """The actor takes messages from now on."""
        self.state = RUNNING
        if not self.queued and not self.busy and (self.waits() or self._behaviour.is_async):
            self.world.enqueue(self)

    def _set_new(self):
        """Start (or, after a failure, start again) at the next turn."""
        self.state = NEW
        if not self.queued:
            self.world.enqueue(self)

    def _set_suspended(self):
        """Messages wait until the restart is done; answers to requests of the old instance are dropped."""
        self.state = SUSPENDED
        self.generation += 1

    def _set_stopping(self):
        """No more messages are taken."""
        self.state = STOPPING

    def _set_stopped(self):
        """Final: the reference goes to the router, which knows no such incarnation."""
        self.state = STOPPED
        self.generation += 1
        self.own.endpoint = self.world
        if not PyObject_GC_IsTracked(self):  # from now on it may be part of garbage: see build
            PyObject_GC_Track(<void*>self)
            PyObject_GC_Track(<void*>self.own)
        self._actor = None
        self.asker = None
        self._timers = None
        if self.gated is not None:
            self.gated.clear()

    def _rest(self):
        """Empty the mailbox: the entries (message, sender, correlation, kind) nobody will handle."""
        rest = []
        for ring in (self.control, self.data):
            while ring is not None and ring.count:
                rest.append(ring.pop())
        self.control = self.data = None
        return rest

    def _held(self):
        """(asker, correlation) of the asks that this actor has deferred and not answered; forgets them."""
        held = self.held
        self.held = None
        if held is None:
            return []
        return [(asker, key[1] if type(key) is tuple else key) for key, asker in held.items()]

    def _let_go(self, key):
        """A ticket of an asker elsewhere was answered."""
        if self.held is not None:
            self.held.pop(key, None)

    def _order_stop(self, bint at_once):
        """Enqueue the order to stop: behind what waits, or before the data."""
        self.accept(None, None, 0, STOP, at_once)

    def _put(self, message, sender, u64 correlation, int kind, bint control):
        """Put an envelope's message into the mailbox; says what became of it."""
        return self.accept(message, sender, correlation, kind, control)

    def _deliver(self, message, bint control):
        """Put a message of the world itself into the mailbox, whatever its bound."""
        if self.state < STOPPING:
            self.accept(message, None, 0, WORLD, control)

    def _run_hook(self, function):
        """Call a hook (start, stopped) like a handler; False when it raised and the supervisor has been told."""
        return self.world.call(self, function, None, False)

    # --- async actors: the task that serves the mailbox calls these ---------------------------------------------

    def _set_busy(self, bint busy):
        self.busy = busy
        if not busy and not self.queued and self.state <= RUNNING and self.waits():
            self.world.enqueue(self)

    def _take_handler(self):
        """Prepare the next message: (handler, message), or None when nothing waits."""
        cdef Slot slot
        while self.state == RUNNING and not self.leaving and self.take(&slot):
            message, sender = <object>slot.message, <object>slot.sender
            Py_DECREF(message)
            Py_DECREF(sender)
            found = self.world.lookup(self, message, sender, slot.correlation, slot.kind)
            if found is not None:
                self.in_handler = True
                return found
        return None

    def _begin_hook(self):
        """A hook of an async actor begins."""
        self.asker = None
        self.asked = False
        self.in_handler = True

    def _returned(self, message):
        """The coroutine returned: release its effects."""
        self.in_handler = False
        self.world.finish(self, message)

    def _raised(self):
        """The coroutine raised or was cancelled: its effects are dropped. Returns who waits for an answer."""
        return self.abandon()

    cdef object abandon(self):
        self.in_handler = False
        self.effects.clear()
        if self._journal is not None:
            self._journal.discard()
        asker = (self.asker, self.correlation) if self.asked else None  # also when answered: the answer is dropped
        self.asker = None
        self.asked = False
        return asker


cdef class Far:
    """Who takes what leaves the node; native, because it is called for every message that does."""

    cdef bytes encode_message(self, Reference target, object message):
        """A message's body; None when the target's node is this one. What cannot travel fails here."""
        raise NotImplementedError

    cdef bytes encode_answer(self, object value, object failure):
        """An answer's body, or an error's. A value that cannot travel fails here, in the handler that gave it."""
        raise NotImplementedError

    cdef int tell(self, Cell sender, Reference target, object message, bytes body, bint control) except -1:
        """Send a message; one without a body goes to a name of this node that nobody had a moment ago."""
        raise NotImplementedError

    cdef int ask(self, Cell sender, Ask ask, object message, bytes body, bint control) except -1:
        """Send a request; likewise. A refused one fails at once."""
        raise NotImplementedError

    cdef int answer(self, Reference asker, u64 correlation, bint failed, bytes body) except -1:
        """Send an answer."""
        raise NotImplementedError


cdef class Host(Endpoint):
    """What cells need around them: the asks, the rings at rest, what was counted. The table of cells is its subclass,
    and the dispatch loop that one's; they fill in the rest.

    Attributes:
        far: takes what leaves the node.
    """

    def __init__(self, str node not None, *, double ask_timeout_seconds, Py_ssize_t control_capacity):
        self.node = node
        self.asks = Asks(ask_timeout_seconds)
        self.effects = Effects.__new__(Effects)
        self.gating = []
        self.gated = set()
        self.rings = []
        self.control_capacity = control_capacity

    cdef Ring ring(self):
        return <Ring>self.rings.pop() if self.rings else Ring.__new__(Ring)

    cdef int keep_ring(self, Ring ring) except -1:
        if ring.size <= 8 and len(self.rings) < POOLED_RINGS:
            self.rings.append(ring)
        return 0

    # --- the table's -------------------------------------------------------------------------------------------------

    cdef long describe(self, object message) except -1:
        """Lane | request << 1 of a message; raises ContractError when it may not be sent."""
        raise NotImplementedError

    cdef long check_outside(self, object message) except -1:
        """Like ``describe``, for outside code, which must not tell or ask now and here."""
        raise NotImplementedError

    cdef Cell local(self, Reference target):
        """The live cell that a reference means here, or None."""
        raise NotImplementedError

    cdef Reference reference_to(self, str name, str node):
        """A usable reference by name, to whoever has it when a message arrives; None: on this node."""
        raise NotImplementedError

    cdef Ask new_ask(self, Reference target, object message, long info, object timeout_seconds):
        """An ask that is not yet under way."""
        raise NotImplementedError

    # --- the dispatch loop's -----------------------------------------------------------------------------------------

    cdef int enqueue(self, Cell cell) except -1:
        """Give a cell a turn soon."""
        raise NotImplementedError

    cdef object call(self, Cell cell, object handler, object message, bint with_message):
        """Call a handler or hook and release what it did; False when it raised."""
        raise NotImplementedError

    cdef object lookup(self, Cell cell, object message, object sender, u64 correlation, int kind):
        """The handler and what it gets, with the cell made ready for it; None when there is nothing to call."""
        raise NotImplementedError

    cdef int finish(self, Cell cell, object message) except -1:
        """A handler returned: answer for it when it did not, and release its effects."""
        raise NotImplementedError
