"""C-level names of cells and of what they need around them, for the table and the dispatch loop."""

from core_ext.asks cimport Ask, Asks
from core_ext.effects cimport Effects
from core_ext.journal cimport Staging
from core_ext.mailbox cimport Endpoint, Reference, Ring, Slot
from core_ext.waiting cimport Resumption

ctypedef unsigned long long u64

cdef u64 PENDING  # the gate of an actor with records that no batch number is known for yet

cdef enum Kind:  # of a mailbox entry; the first four are also the kinds of an envelope
    TELL = 0
    ASK = 1
    REPLY = 2
    FAILURE = 3
    TIMER = 4
    STOP = 5
    WORLD = 6  # from the world itself: Terminated, Rejected, JournalEntries

cdef enum State:  # up to RUNNING an actor has turns, up to SUSPENDED it takes messages
    NEW = 0  # launched, or to be started again; not yet started
    RUNNING = 1
    CREATED = 2  # spawned by a handler whose effects are not yet released
    SUSPENDED = 3  # between a failure and its restart
    STOPPING = 4
    STOPPED = 5

cdef enum Operation:
    SEND = 0  # target: Cell
    SEND_ASK = 1  # target: Cell, extra: Ask
    SETTLE = 2  # target: Ask, message: the answer
    SETTLE_FAILURE = 3  # target: Ask, message: the error
    CALL = 4  # target: callable, message: its arguments
    TELL_AWAY = 5  # target: Reference, extra: the encoded message; None when its node is this one
    ASK_AWAY = 6  # target: Ask, message: the request, extra: likewise
    ANSWER_AWAY = 7  # target: the asker's Reference, message: the encoded answer
    FAIL_AWAY = 8  # target: likewise, message: the encoded error

cdef enum Accepted:  # what became of a message that was handed to a cell
    TAKEN = 0
    NOBODY = 1
    FULL = 2
    DROPPED = 3

cdef class Cell
cdef class Host

cdef class Far:
    cdef bytes encode_message(self, Reference target, object message)
    cdef bytes encode_answer(self, object value, object failure)
    cdef int tell(self, Cell sender, Reference target, object message, bytes body, bint control) except -1
    cdef int ask(self, Cell sender, Ask ask, object message, bytes body, bint control) except -1
    cdef int answer(self, Reference asker, u64 correlation, bint failed, bytes body) except -1

cdef class Behaviour:
    cdef readonly object actor_class
    cdef readonly dict handlers
    cdef readonly dict answers
    cdef readonly object after_batch
    cdef readonly bint is_async
    cdef readonly bint starts
    cdef readonly str name

cdef class Timer:
    cdef readonly Cell cell
    cdef readonly object key
    cdef public object message
    cdef public double due
    cdef public double queued_due  # where it stands in the heap; inf: it does not
    cdef public u64 generation
    cdef public bint live

cdef class Cell(Endpoint):
    cdef Host world
    cdef readonly Behaviour _behaviour
    cdef dict handlers
    cdef public object _actor
    cdef public Staging _journal
    cdef public dict _timers
    cdef readonly tuple _args
    cdef readonly Cell _parent
    cdef readonly object _supervision
    cdef public object _rare
    cdef Reference own
    cdef Ring data
    cdef Ring control
    cdef Effects effects
    cdef Effects gated
    cdef u64 gate  # log batch of the newest record that the actor appended: later effects wait for it
    cdef Cell next_runnable
    cdef object asker  # of the message being handled: Reference, Ask or None
    cdef u64 correlation
    cdef readonly u64 generation  # counts restarts
    cdef unsigned int capacity  # 0: unbounded
    cdef unsigned char overflow  # 0 reject, 1 drop oldest, 2 drop newest
    cdef unsigned char state
    cdef bint queued
    cdef bint busy  # a task serves the mailbox (async actors)
    cdef bint in_handler
    cdef bint asked
    cdef bint answered
    cdef bint leaving  # took its order to stop
    cdef dict held  # tickets that it gave and did not answer: correlation -> Ask, (node, correlation) -> asker there
    cdef void prepare(
        self, Host world, Behaviour behaviour, Reference own, unsigned int capacity, unsigned char overflow,
        Staging journal,
    )
    cdef int accept(self, object message, object sender, u64 correlation, int kind, bint control) except -1
    cdef int drop_oldest(self) except -1
    cdef bint take(self, Slot* slot) noexcept
    cdef bint waits(self) noexcept
    cdef int give_back_rings(self) except -1
    cdef int check(self, str what) except -1
    cdef int queue_send(self, Reference target, object message, bint now) except -1
    cdef int answer(self, str what, object value, object failure, object to, bint now) except -1
    cdef object abandon(self)

cdef class Host(Endpoint):
    cdef readonly str node
    cdef readonly Asks asks
    cdef Effects effects
    cdef list gating  # cells with records that no batch number is known for yet
    cdef set gated  # cells whose newest records are not known to be on disk
    cdef u64 synced  # highest log batch known to be on disk
    cdef list rings
    cdef Cell running
    cdef Resumption resumption
    cdef public Far far
    cdef public object ticket
    cdef Py_ssize_t control_capacity
    cdef readonly u64 messages
    cdef readonly u64 rejected
    cdef readonly u64 control_rejected
    cdef readonly u64 dropped
    cdef public u64 late_answers
    cdef readonly Py_ssize_t depth_max
    cdef Ring ring(self)
    cdef int keep_ring(self, Ring ring) except -1
    cdef long describe(self, object message) except -1
    cdef long check_outside(self, object message) except -1
    cdef Cell local(self, Reference target)
    cdef Reference reference_to(self, str name, str node)
    cdef Ask new_ask(self, Reference target, object message, long info, object timeout_seconds)
    cdef int enqueue(self, Cell cell) except -1
    cdef object call(self, Cell cell, object handler, object message, bint with_message)
    cdef object lookup(self, Cell cell, object message, object sender, u64 correlation, int kind)
    cdef int finish(self, Cell cell, object message) except -1
