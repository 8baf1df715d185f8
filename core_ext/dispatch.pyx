"""The dispatch loop: whose turn it is, the calls of handlers, the release of their effects, and the output gate.

One handler runs at a time per scheduler. A handler that raised leaves nothing behind. Knows no event loop beyond
``call_soon``, no transport, no log format and no protocol; the runtime's world is its subclass.
"""

from cpython.dict cimport PyDict_GetItem
from cpython.ref cimport Py_DECREF, PyObject
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from core_ext.asks cimport Ask
from core_ext.cell cimport *
from core_ext.effects cimport Effect
from core_ext.journal cimport Staging
from core_ext.mailbox cimport Reference, Slot
from core_ext.table cimport Table
from core_ext.waiting cimport Resumption

cdef extern from "<time.h>":
    int CLOCK_MONOTONIC_COARSE

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() nogil

cdef enum:
    BATCH = 64  # messages of one actor before the next actor's turn
    INLINE_TURNS = 32


cdef inline double monotonic() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec + now.tv_nsec * 1e-9


cdef inline double coarse() noexcept nogil:
    """Milliseconds' resolution for a few nanoseconds: enough to notice a slow handler."""
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now)
    return now.tv_sec + now.tv_nsec * 1e-9


cdef class Scheduler(Table):
    """The loop that gives each cell of one system its turn.

    Attributes:
        flush: sends a turn's messages, at its end.
        journals: hands its records to the log, after that. Both None when there is nothing to call.
    """

    def __init__(
        self, str node not None, *, cell_class, u64 incarnation_base, double turn_seconds, double slow_handler_seconds,
        double ask_timeout_seconds, Py_ssize_t control_capacity,
    ):
        super().__init__(
            node, cell_class=cell_class, incarnation_base=incarnation_base, ask_timeout_seconds=ask_timeout_seconds,
            control_capacity=control_capacity,
        )
        self.lifecycle = []
        self.turn_seconds = turn_seconds
        self.slow_seconds = slow_handler_seconds

    def attach(self, loop):
        """Take turns in the running event loop; this thread is the only one that may tell, ask and spawn."""
        self.call_soon = loop.call_soon
        self.resumption = Resumption(loop, self.run_inline)
        self.run_callback = self.run

    def detach(self):
        """No more turns; breaks the reference cycles with the event loop."""
        self.closed = True
        self.run_callback = None
        self.call_soon = None
        self.journals = self.flush = None
        self.references.clear()
        self.resumption.detach()
        self.first = self.last = None

    # --- turns -----------------------------------------------------------------------------------------------------

    cdef int enqueue(self, Cell cell) except -1:
        cell.queued = True
        if self.last is None:
            self.first = cell
        else:
            self.last.next_runnable = cell
        self.last = cell
        if not self.scheduled and not self.in_turn:
            self.have_turn()
        return 0

    def schedule(self):
        """Have a turn soon."""
        self.have_turn()

    cdef int have_turn(self) except -1:
        if not self.scheduled and not self.in_turn and self.run_callback is not None:
            self.scheduled = True
            self.scheduled_at = monotonic()
            self.call_soon(self.run_callback)
        return 0

    def gather(self):
        """``run`` follows in this very callback of the event loop: until then, what is enqueued and whose answer comes
        needs no callback of its own."""
        self.gather_turn()

    cdef int gather_turn(self) except -1:
        if not self.in_turn and not self.closed:
            self.resumption.expected = True
            if not self.scheduled:
                self.scheduled = True
                self.scheduled_at = monotonic()
        return 0

    def want_turn_end(self):
        """Something waits for the end of a turn (the transport's flush, the log's commit): have one soon."""
        self.have_turn_end()

    cdef int have_turn_end(self) except -1:
        self.turn_end_wanted = True
        return self.have_turn()

    def later(self, function, *arguments):
        """Call a function between two actors' batches, when no handler runs and no effect is half released."""
        self.lifecycle.append((function, arguments))
        self.have_turn()

    def run(self):
        """One turn, from the event loop: batch after batch, actor after actor, until nothing waits or the turn's time
        is up. Then those go on whose answers came."""
        self.run_turn()

    cdef int run_turn(self) except -1:
        cdef Resumption resumption = self.resumption
        if self.in_turn:
            return 0
        if self.closed:
            return resumption.later()
        cdef double now = monotonic()
        if self.scheduled and now - self.scheduled_at > self.stall_max_seconds:
            self.stall_max_seconds = now - self.scheduled_at
        self.scheduled = False
        self.inline_turns = 0
        resumption.expected = True
        try:
            self.turn(now + self.turn_seconds)
        except BaseException:
            resumption.later()
            raise
        if not resumption.settled:
            resumption.expected = False
        elif resumption.in_task():  # somebody called ``run`` from a task
            resumption.later()
        else:
            self.resume_waiting()
        return 0

    cdef int resume_waiting(self) except -1:
        """The end of a turn that the event loop gave: let those go on whose answers came, and send what they ask."""
        cdef bint scheduled = self.scheduled
        self.scheduled = True  # what they ask has its turn here
        try:
            self.resumption.resume()
        finally:
            self.scheduled = scheduled
            if not scheduled and not self.closed and (self.first is not None or self.lifecycle or self.turn_end_wanted):
                self.turn(monotonic() + self.turn_seconds)
        return 0

    def run_inline(self):
        """A turn on behalf of code that is about to wait for an answer: saves two rounds of the event loop.

        Bounded in number, so that a task that asks again and again does not keep the event loop from its sockets. None
        on another thread, where an answer may be awaited by mistake: handlers run on one thread only.
        """
        if self.in_turn or self.closed or self.running is not None or self.inline_turns >= INLINE_TURNS:
            return
        if PyThread_get_thread_ident() != self.thread:
            return
        self.inline_turns += 1
        self.turn(monotonic() + self.turn_seconds)

    cdef int turn(self, double deadline) except -1:
        self.in_turn = True
        self.turns += 1
        try:
            while True:
                self.serve_all(deadline)
                if not self.turn_end_wanted and not self.gating:
                    break
                self.turn_end_wanted = False
                self.end_turn()
                self.number_gates()
                if self.news <= self.synced:
                    break
                self.open_gates(self.news)
                self.flush_turn()
                if monotonic() > deadline:
                    break
        finally:
            self.in_turn = False
            if self.first is not None or self.lifecycle:
                self.have_turn()

    cdef int serve_all(self, double deadline) except -1:
        """Batch after batch, actor after actor, until nothing waits or the time is up."""
        cdef Cell cell
        while True:
            if self.lifecycle:
                self.run_lifecycle()
            cell = self.first
            if cell is None:
                if self.lifecycle:
                    continue
                return 0
            self.first = cell.next_runnable
            if self.first is None:
                self.last = None
            cell.next_runnable = None
            cell.queued = False
            try:
                self.serve(cell)
            except Exception as error:
                self.effects.clear()  # half released: the rest must not go out under another actor's name
                self.broken(cell, error)
            except BaseException:  # it leaves the loop (an interrupt, a cancellation); what waits here must not
                if cell.state <= RUNNING and not cell.queued and cell.waits():
                    self.enqueue(cell)
                raise
            if monotonic() > deadline:
                return 0

    cdef int run_lifecycle(self) except -1:
        actions = self.lifecycle
        self.lifecycle = []
        for function, arguments in actions:
            try:
                function(*arguments)
            except Exception as error:  # the actions behind it belong to other actors
                self.action_failed(function, error)
        return 0

    cdef int end_turn(self) except -1:
        """Hand this turn's envelopes to the network and its records to the disk: what does not wait for the own disk
        (``send_now``) is on its way to other nodes while that works."""
        if self.flush is not None:
            self.flush()
        if self.journals is not None:
            try:
                self.journals.commit()
            except Exception as error:  # the gates of what it did not take never open
                self.stop_because(error)
        return 0

    cdef int flush_turn(self) except -1:
        """Send at once what the end of the turn would send: other nodes wait for it, the actors here do not."""
        if self.turn_end_wanted:
            self.turn_end_wanted = False
            if self.flush is not None:
                self.flush()
        return 0

    cdef int serve(self, Cell cell) except -1:
        """One actor's turn: at most BATCH messages, control first."""
        cdef Slot slot
        cdef int left = BATCH
        cdef double before
        cdef double after
        if cell.state != RUNNING:
            if cell.state == NEW:
                cell._begin()
            if cell.state != RUNNING:
                return 0
        if cell._behaviour.is_async:
            if not cell.busy:
                cell._serve_async()
            return 0
        before = coarse()
        while left > 0 and cell.state == RUNNING and not cell.leaving and cell.take(&slot):
            left -= 1
            message, sender = <object>slot.message, <object>slot.sender
            Py_DECREF(message)
            Py_DECREF(sender)
            self.deliver(cell, message, sender, slot.correlation, slot.kind)
            after = coarse()
            if after - before > self.slow_seconds and slot.kind != STOP:
                self.slow_handlers += 1
                self.report_slow(cell, message, after - before)
            before = after
        if left < BATCH and cell.state == RUNNING and cell._behaviour.after_batch is not None:
            cell.asker = None
            self.call(cell, cell._behaviour.after_batch, None, False)
        if cell.state == RUNNING and not cell.leaving:
            if cell.waits():
                if not cell.queued:
                    self.enqueue(cell)
            else:
                cell.give_back_rings()
        return 0

    cdef int deliver(self, Cell cell, object message, object sender, u64 correlation, int kind) except -1:
        cdef PyObject* handler
        if kind <= ASK:
            handler = PyDict_GetItem(cell.handlers, type(message))
            if handler != NULL:
                self.messages += 1
                cell.asker = sender
                cell.correlation = correlation
                cell.asked = kind == ASK
                cell.answered = False
                self.call(cell, <object>handler, message, True)
                return 0
        found = self.lookup(cell, message, sender, correlation, kind)
        if found is not None:
            self.call(cell, found[0], found[1], True)
        return 0

    cdef object lookup(self, Cell cell, object message, object sender, u64 correlation, int kind):
        """The handler and what it gets, with the cell made ready for it; None when there is nothing to call."""
        cdef Timer timer
        cdef Ask ask
        cell.asker = None
        cell.asked = False
        cell.answered = False
        if kind == TIMER:
            timer = <Timer>message
            if not timer.live or timer.generation != correlation:
                return None
            timer.live = False
            cell._timers.pop(timer.key, None)
            message = timer.message
        elif kind == STOP:
            cell.leaving = True
            self.later(cell._begin_stop)
            return None
        elif kind == REPLY or kind == FAILURE:
            ask = <Ask>sender
            if ask.generation != cell.generation:
                return None
            self.messages += 1
            answer = (
                self.answer_class(ask.key, message, None) if kind == REPLY
                else self.answer_class(ask.key, None, message)
            )
            return cell._behaviour.answers[ask.request_type], answer
        else:
            cell.asker = sender
            cell.correlation = correlation
            cell.asked = kind == ASK
        handler = cell.handlers.get(type(message))
        if handler is None:
            cell.asked = False
            self.unhandled(cell, message, sender, correlation, kind)
            return None
        self.messages += 1
        return handler, message

    cdef object call(self, Cell cell, object handler, object message, bint with_message):
        """Call a handler or hook and release what it did; False when it raised."""
        cell.in_handler = True
        self.running = cell
        try:
            if with_message:
                handler(cell._actor, message, cell)
            else:
                handler(cell._actor, cell)
        except BaseException as error:
            self.running = None
            asker = cell.abandon()
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            self.failed(cell, error, message, asker)  # a CancelledError, too: nobody can cancel a handler, it raised
            return False
        self.running = None
        cell.in_handler = False
        self.finish(cell, message)
        return True

    cdef int finish(self, Cell cell, object message) except -1:
        if cell.asked:
            if not cell.answered:
                cell.in_handler = True
                cell.answer("reply", None, self.unanswered(cell, message), None, False)
                cell.in_handler = False
            cell.asked = False
        if cell._journal is not None:
            self.release_durable(cell)
        elif cell.effects.count:
            self.release(cell)
        cell.asker = None
        return 0

    cdef int release(self, Cell cell) except -1:
        cdef Effect effect
        while cell.effects.take(&effect):
            self.apply(cell, &effect)
        return 0

    cdef int release_durable(self, Cell cell) except -1:
        """Hand the records to the log; hold back what must not be seen before they are on disk."""
        cdef Effect effect
        cdef Staging journal = cell._journal
        cdef list messages
        cdef bint staged = False
        if journal.operations:  # most handlers leave the journal alone
            staged = journal._writes
            messages = journal.release_staged()
            if messages is not None:
                for message in messages:
                    cell._deliver(message, False)
        if staged:
            self.turn_end_wanted = True
            if cell.gate != PENDING:
                cell.gate = PENDING
                self.gating.append(cell)
                self.gated.add(cell)
        elif cell.gated.count == 0 and cell.gate <= self.synced:
            if cell.effects.count:
                self.release(cell)
            return 0
        while cell.effects.take(&effect):
            if effect.now:
                self.apply(cell, &effect)
            else:
                effect.batch = cell.gate
                cell.gated.move_in(&effect)
        return 0

    cdef int number_gates(self) except -1:
        """The log was committed: say which batch this turn's gated effects wait for.

        Records that the log did not take stay pending: their gate never opens.
        """
        cdef Cell cell
        for cell in self.gating:
            if not cell._journal.dirty:
                cell.gate = cell._journal.batch
                cell.gated.number(PENDING, cell.gate)
        self.gating.clear()
        return 0

    def log_synced(self, u64 synced):
        """Everything up to this log batch is on disk. Within a turn's own commit: its gates open when that is done."""
        if self.in_turn:
            self.news = synced
            return
        self.gather_turn()
        try:
            self.open_gates(synced)
            self.flush_turn()
        finally:
            self.run_turn()

    def open_gates(self, u64 synced):
        """Everything up to log batch ``synced`` is on disk: release what waited for it, in order."""
        cdef Cell cell
        cdef Effect effect
        self.synced = synced
        for cell in list(self.gated):
            try:
                while cell.gated.count and cell.gated.items[cell.gated.head].batch <= synced:
                    cell.gated.take(&effect)
                    self.apply(cell, &effect)
            except Exception as error:  # the gates behind it belong to other actors
                cell.gated.clear()
                self.broken(cell, error)
            if cell.gated.count == 0 and cell.gate <= synced:
                self.gated.discard(cell)
                if cell.state == STOPPING:
                    self.later(cell._gate_opened)
        self.have_turn()

    cdef int apply(self, Cell cell, Effect* effect) except -1:
        """Make one effect happen; takes over its references."""
        cdef int accepted
        target, message, extra = <object>effect.target, <object>effect.message, <object>effect.extra
        Py_DECREF(target)
        Py_DECREF(message)
        Py_DECREF(extra)
        if effect.operation == SEND:
            accepted = (<Cell>target).accept(message, cell.own, 0, TELL, effect.control)
            if accepted != TAKEN:
                self.refuse_tell(extra, message, cell, accepted)
        elif effect.operation == SETTLE:
            (<Ask>target).give(message, None)
        elif effect.operation == SETTLE_FAILURE:
            (<Ask>target).give(None, message)
        elif effect.operation == SEND_ASK:
            self.asks.set_out(<Ask>extra)
            accepted = (<Cell>target).accept(message, extra, (<Ask>extra).correlation, ASK, effect.control)
            if accepted != TAKEN:
                self.refuse_ask((<Ask>extra).target, message, extra, (<Ask>extra).correlation, accepted)
        elif effect.operation == TELL_AWAY:
            self.far.tell(cell, <Reference>target, message, <bytes>extra, effect.control)
        elif effect.operation == ANSWER_AWAY or effect.operation == FAIL_AWAY:
            self.far.answer(
                <Reference>target, effect.correlation, effect.operation == FAIL_AWAY, <bytes>message
            )
        elif effect.operation == ASK_AWAY:
            self.far.ask(cell, <Ask>target, message, <bytes>extra, effect.control)
        else:
            target(*message)
        return 0
