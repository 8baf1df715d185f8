"""What outside code awaits when it asks, and how it goes on when the answer came. Knows asyncio's protocol for futures;
knows no actor, message or socket.

An asyncio.Future resumes who awaits it through a callback of its own in the event loop, one more round of the loop for
each answer. Here whoever brings the answers (a wake-up of the socket, a turn) resumes those who wait at its own end, in
the same callback of the event loop.
"""

import asyncio
import contextvars

cimport cython

cdef extern from "Python.h":
    int PyContext_Enter(object context) except -1
    int PyContext_Exit(object context) except -1

cdef enum:
    PENDING = 0
    FINISHED = 1
    CANCELLED = 2
    CROWD = 8  # from here on questions of those who go on are sent together, not each at once

cdef object InvalidStateError = asyncio.InvalidStateError
cdef object CancelledError = asyncio.CancelledError
cdef object copy_context = contextvars.copy_context


@cython.final  # and no freelist: whoever is revived from one is never finalized again, and its error never reported
cdef class AskFuture:
    """The answer of one ask, to be awaited; asyncio takes it for a future of its own (``asyncio.isfuture``).

    Only the system gives the answer. Callbacks run in the order in which they were added.
    """

    cdef int settle(self, object value, object failure) except -1:
        """Give the answer or the error; too late after a cancellation."""
        if self.state != PENDING:
            return 0
        self.state = FINISHED
        self.value = value
        if failure is not None:
            self.failure = failure
            self.traceback = failure.__traceback__
            self.unseen = True
        if self.callback is not None:
            self.resumption.add(self)
        return 0

    cdef int run_callbacks(self) except -1:
        cdef list more = self.more
        callback, context = self.callback, self.context
        self.callback = self.context = self.more = None
        if callback is None:
            return 0
        try:
            self.resumption.call(callback, self, context)
            while more:
                callback, context = more.pop(0)
                self.resumption.call(callback, self, context)
        finally:
            if more:  # an interrupt: the others must not miss it
                for callback, context in more:
                    self.resumption.call_soon(callback, self, context=context)
        return 0

    def __await__(self):
        cdef Resumption resumption = self.resumption
        if self.state == PENDING and not resumption.crowded and resumption.before_waiting is not None:
            resumption.before_waiting()
        if self.state == PENDING:
            self._asyncio_future_blocking = True
            yield self
        if self.state == PENDING:
            raise RuntimeError(f"{self!r} was awaited by something that is no asyncio task")
        return self.result()

    __iter__ = __await__

    def done(self):
        """Was it answered, or cancelled?"""
        return self.state != PENDING

    def cancelled(self):
        """Was it cancelled?"""
        return self.state == CANCELLED

    def cancel(self, msg=None):
        """Stop waiting; an answer that still comes is dropped. Returns False when it is done already."""
        if self.state != PENDING:
            return False
        self.state = CANCELLED
        self.cancel_message = msg
        if self.callback is not None:
            self.resumption.add(self)
        return True

    def result(self):
        """The answer.

        Raises:
            InvalidStateError: there is none yet.
            CancelledError: nobody waits for it any more.
            AskError: why there is none.
        """
        if self.state == FINISHED:
            if self.failure is None:
                return self.value
            self.unseen = False
            raise self.failure.with_traceback(self.traceback)
        if self.state == CANCELLED:
            raise self._make_cancelled_error()
        raise InvalidStateError("this ask is not answered yet; await it")

    def exception(self):
        """The error; None when there is an answer. Raises as ``result`` does when it is not done, or cancelled."""
        if self.state == FINISHED:
            self.unseen = False
            return self.failure
        if self.state == CANCELLED:
            raise self._make_cancelled_error()
        raise InvalidStateError("this ask is not answered yet; await it")

    def _make_cancelled_error(self):
        return CancelledError() if self.cancel_message is None else CancelledError(self.cancel_message)

    def add_done_callback(self, callback, *, context=None):
        """Call ``callback(self)`` when it is done, soon when it is done already."""
        if context is None:
            context = copy_context()
        if self.callback is None:
            if self.state != PENDING:
                self.resumption.call_soon(callback, self, context=context)
                return
            self.callback = callback
            self.context = context
        elif self.more is None:
            self.more = [(callback, context)]
        else:
            self.more.append((callback, context))

    def remove_done_callback(self, callback):
        """Forget every registration of a callback, unless it is done. Returns how many there were."""
        if self.state != PENDING:
            return 0
        entries = [] if self.callback is None else [(self.callback, self.context)]
        if self.more is not None:
            entries += self.more
        kept = [entry for entry in entries if entry[0] != callback]
        self.callback, self.context = kept[0] if kept else (None, None)
        self.more = kept[1:] or None
        return len(entries) - len(kept)

    def get_loop(self):
        """The event loop in which it is awaited."""
        return self.resumption.loop

    @property
    def _loop(self):
        return self.resumption.loop

    def __repr__(self):
        return f"<AskFuture {('pending', 'finished', 'cancelled')[self.state]}>"

    def __del__(self):
        if self.unseen and self.resumption is not None and not self.resumption.loop.is_closed():
            self.resumption.loop.call_exception_handler({
                "message": "the error of an ask was never retrieved; await what ask() returns",
                "exception": self.failure,
                "future": self,
            })


@cython.final
cdef class Resumption:
    """Whose answers came and who has not gone on yet.

    Args:
        loop: the event loop.
        before_waiting: called when somebody is about to wait for an answer, to give the system a turn first: most
            local asks are answered without a round of the event loop.
    """

    def __init__(self, loop, before_waiting=None):
        self.loop = loop
        self.call_soon = loop.call_soon
        self.current_task = asyncio.current_task
        self.before_waiting = before_waiting
        self.resume_callback = self.resume
        self.settled = []

    cdef AskFuture new(self):
        cdef AskFuture future = AskFuture.__new__(AskFuture)
        future.resumption = self
        return future

    def future(self):
        """A future for one ask."""
        return self.new()

    def settle(self, AskFuture future not None, value, failure=None):
        """Give a future its answer, or the error."""
        future.settle(value, failure)

    cdef int add(self, AskFuture future) except -1:
        """This one can go on."""
        self.settled.append(future)
        if not self.expected:
            self.later()
        return 0

    cdef int later(self) except -1:
        """Resume in a callback of its own."""
        self.expected = True
        self.call_soon(self.resume_callback)
        return 0

    cdef bint in_task(self) except -1:
        """A task runs now: another one cannot be resumed from within."""
        return self.current_task(self.loop) is not None

    cpdef resume(self):
        """Let everybody go on whose answer has come until now; those that come meanwhile follow a callback later.

        To be called from the event loop only, with no task running.
        """
        cdef AskFuture future
        cdef list settled = self.settled
        cdef Py_ssize_t resumed = 0
        self.settled = []
        self.expected = True
        self.crowded = len(settled) >= CROWD
        try:
            for future in settled:
                resumed += 1
                future.run_callbacks()
        finally:
            self.expected = self.crowded = False
            if resumed < len(settled):
                self.settled = settled[resumed:] + self.settled
            if self.settled:
                self.later()

    cdef int call(self, object callback, AskFuture future, object context) except -1:
        """Call a callback as the event loop would: in its context, and its error is the loop's to report."""
        try:
            PyContext_Enter(context)
        except RuntimeError:  # this very callback runs in it
            self.call_soon(callback, future, context=context)
            return 0
        try:
            callback(future)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            self.loop.call_exception_handler({
                "message": f"a callback of an ask failed: {callback!r}", "exception": error, "future": future,
            })
        finally:
            PyContext_Exit(context)
        return 0

    def detach(self):
        """The system takes no more turns; breaks the reference cycle with it."""
        self.before_waiting = None
