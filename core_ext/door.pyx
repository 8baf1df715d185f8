"""The hot path of the Redis door: requests of all connections into batches, replies of batches onto connections.

Knows RESP, the batch format and what a connection is owed; must not know sockets, event loops, actors or what a command
means. Nothing here makes a Python object per command: what a connection sent in one piece is encoded into one batch,
and its replies come back as one bytes object.

Order, per connection:

- Replies go out in the order of the commands, local ones included.
- Commands take effect in the order in which they came. What arrived in one piece and holds a write goes through the log
  as a whole, its reads included; while writes are unanswered, reads join them there. While reads are unanswered,
  everything behind them is *held* until they are answered: nothing orders two reads, or a read and a write, in flight.
"""

import logging
from collections import deque

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memmove, strlen

from core_ext.resp cimport (
    EMPTY,
    INCOMPLETE,
    LINE,
    MALFORMED,
    Arguments,
    Buffer,
    Found,
    Limits,
    arguments_add,
    arguments_free,
    buffer_append,
    buffer_free,
    buffer_reserve,
    gather,
    scan_request,
)
from core_ext.durations cimport Durations, monotonic
from core_ext.sessions cimport Command, Session, Slot

from core_ext.resp import split_line

cdef enum:
    MAX_ENCODED_ARGUMENTS = 65535  # the batch format counts them in 16 bits
    LONGEST_NAME = 32
    RESUME_READING_BYTES = 65536
    MAX_LOCAL_BYTES = 1 << 20  # of replies given here that wait for earlier ones or to be written
    KEEP_ARGUMENTS = 65536  # scratch beyond this is given back after a huge command

cdef object _log = logging.getLogger("actorum.door")
cdef bytes _NO_AUTH = b"-NOAUTH Authentication required.\r\n"
cdef bytes _INTERNAL = b"-ERR internal error in this command; the node's log says more\r\n"
cdef bytes _DAMAGED = b"-UNKNOWN the reply was lost inside the cluster: the command may have been executed\r\n"


@cython.final
cdef class Batch:
    """Commands on their way to the gateway, and who is owed their replies, in order."""

    cdef Buffer commands
    cdef int64_t count
    cdef size_t size
    cdef double departed  # when it was taken, in seconds of the monotonic clock
    cdef bint is_write
    cdef list slots

    def __dealloc__(self):
        buffer_free(&self.commands)


cdef inline void _put_u16(char *to, uint64_t number) noexcept:
    to[0] = <char>(number & 255)
    to[1] = <char>(number >> 8 & 255)


cdef inline void _put_u32(char *to, uint64_t number) noexcept:
    _put_u16(to, number)
    _put_u16(to + 2, number >> 16)


cdef bytes _error_line(bytes text):
    """An error reply; line ends inside become blanks, as Redis does it."""
    return b"-" + text.replace(b"\r", b" ").replace(b"\n", b" ") + b"\r\n"


@cython.final
cdef class DoorCore:
    """All connections of one door.

    Args:
        commands: the store's: upper-case name -> (opcode, least arguments, most arguments or -1, is a write); the
            name itself is not counted.
        local: answered here: upper-case name -> (handler, least, most or -1, allowed before authentication). A handler
            gets (owner, arguments without the name) and returns the encoded reply.
        unknown: handler for any other command; gets (owner, arguments with the name).
        max_argument_bytes, max_command_bytes, max_inline_bytes, max_arguments: larger requests are protocol errors.
        max_batch_bytes, max_batch_commands: a batch is closed before it exceeds them (one command always fits).
        max_unanswered: commands of one connection; more are held.
        max_in_flight_bytes: of all batches not answered yet; beyond it everything is held.
        max_output_bytes: replies that one connection leaves unread; beyond it it is aborted.
        durations: counts for each batch the time between ``take`` and ``complete``; None: nobody wants to know.
    """

    cdef dict table
    cdef object unknown
    cdef Limits limits
    cdef size_t max_batch_bytes
    cdef int64_t max_batch_commands
    cdef int64_t max_unanswered
    cdef size_t max_in_flight_bytes
    cdef size_t max_output_bytes
    cdef Durations durations
    cdef Arguments arguments
    cdef Buffer chunk  # encoded commands of the piece being parsed
    cdef int64_t chunk_count
    cdef bint chunk_writes
    cdef list chunk_slots
    cdef Slot run
    cdef Batch reads
    cdef Batch writes
    cdef list sealed
    cdef dict in_flight
    cdef size_t in_flight_bytes
    cdef object waiting  # sessions held because of max_in_flight_bytes, the oldest first
    cdef readonly uint64_t last_ticket
    cdef readonly uint64_t commands
    cdef readonly uint64_t batches
    cdef readonly uint64_t bytes_in
    cdef readonly uint64_t bytes_out
    cdef readonly uint64_t protocol_errors
    cdef readonly uint64_t stray_outcomes

    def __init__(self, commands, local, unknown, *, size_t max_argument_bytes, size_t max_command_bytes,
                 size_t max_inline_bytes, int64_t max_arguments, size_t max_batch_bytes, int64_t max_batch_commands,
                 int64_t max_unanswered, size_t max_in_flight_bytes, size_t max_output_bytes,
                 Durations durations=None):
        self.table = {}
        for name, (opcode, least, most, is_write) in commands.items():
            self._enter(name, opcode, least, most, is_write, None, False)
        for name, (handler, least, most, before_auth) in local.items():
            self._enter(name, -1, least, most, False, handler, before_auth)
        self.unknown = unknown
        self.limits = Limits(max_argument_bytes, max_command_bytes, max_inline_bytes, max_arguments)
        self.max_batch_bytes = max_batch_bytes
        self.max_batch_commands = max_batch_commands
        self.max_unanswered = max_unanswered
        self.max_in_flight_bytes = max_in_flight_bytes
        self.max_output_bytes = max_output_bytes
        self.durations = durations
        self.chunk_slots = []
        self.sealed = []
        self.in_flight = {}
        self.waiting = deque()

    def __dealloc__(self):
        arguments_free(&self.arguments)
        buffer_free(&self.chunk)

    cdef int _enter(self, bytes name, int opcode, int64_t least, int64_t most, bint is_write, object handler,
                    bint before_auth) except -1:
        cdef Command command = Command.__new__(Command)
        command.name = name
        command.opcode = opcode
        command.minimum = least
        command.maximum = most
        command.is_write = is_write
        command.handler = handler
        command.before_auth = before_auth
        self.table[name] = command
        self.table[name.lower()] = command
        return 0

    # --- in: bytes to batches ---

    def feed(self, Session session not None, bytes data not None) -> bool:
        """Take what a connection sent.

        Returns:
            True when a batch waits to be taken.
        """
        cdef const char *start = PyBytes_AS_STRING(data)
        cdef size_t size = <size_t>PyBytes_GET_SIZE(data)
        cdef size_t used
        self.bytes_in += size
        if session.finishing or session.closed:
            return self._waits()
        if session.input.size == 0 and not session.held:
            used = self._parse(session, start, size)
            if used < size:
                buffer_append(&session.input, start + used, size - used)
                self._limit_input(session)
        else:
            buffer_append(&session.input, start, size)
            if session.held:
                self._limit_input(session)
            else:
                self._parse_input(session)
        self._flush(session)
        return self._waits()

    @property
    def waits(self) -> bool:
        """Whether a batch waits to be taken."""
        return self._waits()

    cdef inline bint _waits(self):
        return self.writes is not None or self.reads is not None or len(self.sealed) > 0

    cdef int _limit_input(self, Session session) except -1:
        """A held connection is not read from, and so bounded by one read of the event loop and this much more."""
        if session.held and not session.reading_paused \
                and session.input.size - session.start > RESUME_READING_BYTES:
            session.reading_paused = True
            session.transport.pause_reading()
        return 0

    cdef int _parse_input(self, Session session) except -1:
        cdef Buffer *input = &session.input
        session.start += self._parse(session, input.data + session.start, input.size - session.start)
        if session.start == input.size or session.finishing:
            session.start = input.size = 0
            if input.capacity > 16 * RESUME_READING_BYTES:
                buffer_free(input)
        elif session.start > input.size // 2:
            memmove(input.data, input.data + session.start, input.size - session.start)
            input.size -= session.start
            session.start = 0
        if session.held:
            self._limit_input(session)
        elif session.reading_paused and not session.closed:
            session.reading_paused = False
            session.transport.resume_reading()
        return 0

    cdef size_t _parse(self, Session session, const char *data, size_t size) except? 0:
        """Execute or encode the complete commands at the front of ``data``; returns how much of it is done."""
        cdef size_t position = 0
        cdef size_t consumed = 0
        cdef Found found
        cdef char error[128]
        try:
            while position < size and not session.finishing:
                if self.chunk_count >= self.max_batch_commands or self.chunk.size >= self.max_batch_bytes:
                    self._end_chunk(session)
                if self._must_hold(session):
                    session.held = not session.finishing
                    break
                found = scan_request(data + position, size - position, &self.limits, session.authenticated,
                                     &session.scan, &self.arguments, &consumed, error)
                if found == INCOMPLETE:
                    break
                if found == MALFORMED:
                    self.protocol_errors += 1
                    session.reply(_error_line(b"ERR Protocol error: " + error[:strlen(error)]))
                    session.finishing = True
                    break
                position += consumed
                if found == LINE:
                    self._dispatch_line(session)
                elif found != EMPTY:
                    self._dispatch(session)
        finally:
            self._end_chunk(session)
        return size if session.finishing else position

    cdef inline bint _must_hold(self, Session session) except -1:
        if self.in_flight_bytes >= self.max_in_flight_bytes:
            if not session.waiting:
                session.waiting = True
                self.waiting.append(session)
            return True
        if session.local_bytes > MAX_LOCAL_BYTES:
            self._flush(session)
            if session.local_bytes > MAX_LOCAL_BYTES:
                return True
        return session.reads > 0 or session.blocked or session.writes + self.chunk_count >= self.max_unanswered

    cdef int _dispatch_line(self, Session session) except -1:
        cdef bytes argument
        arguments = split_line(<unsigned char[:self.arguments.lengths[0]]><unsigned char *>self.arguments.starts[0]) \
            if self.arguments.lengths[0] else []
        if arguments is None:
            self.protocol_errors += 1
            session.reply(b"-ERR Protocol error: unbalanced quotes in request\r\n")
            session.finishing = True
        elif arguments:
            self.arguments.count = 0
            for argument in arguments:
                arguments_add(&self.arguments, PyBytes_AS_STRING(argument), <size_t>PyBytes_GET_SIZE(argument))
            self._dispatch(session)
        return 0

    cdef list _argument_list(self, int64_t first):
        cdef int64_t i
        return [
            PyBytes_FromStringAndSize(self.arguments.starts[i], <Py_ssize_t>self.arguments.lengths[i])
            for i in range(first, self.arguments.count)
        ]

    cdef Command _look_up(self):
        cdef bytes name
        cdef object found
        if self.arguments.lengths[0] > LONGEST_NAME:
            return None
        name = PyBytes_FromStringAndSize(self.arguments.starts[0], <Py_ssize_t>self.arguments.lengths[0])
        found = self.table.get(name)
        if found is None:
            found = self.table.get(name.upper())
        return <Command>found

    cdef int _dispatch(self, Session session) except -1:
        """Encode one command for the store, or answer it here."""
        cdef Command command = self._look_up()
        cdef int64_t count = self.arguments.count - 1
        self.commands += 1
        if command is None:
            return self._call(session, self.unknown, 0)
        session.last = command
        if count < command.minimum or (count > command.maximum and command.maximum >= 0):
            return session.reply(b"-ERR wrong number of arguments for '" + command.name.lower() + b"' command\r\n")
        if not session.authenticated and not command.before_auth:
            return session.reply(_NO_AUTH)
        if command.opcode < 0:
            return self._call(session, command.handler, 1)
        if count > MAX_ENCODED_ARGUMENTS:
            return session.reply(
                b"-ERR too many arguments for '" + command.name.lower() + b"' command: 65535 are possible\r\n")
        self._encode(command)
        self.chunk_writes |= command.is_write
        self.chunk_count += 1
        if self.run is None or self.run is not session.tail:
            self.run = Slot.__new__(Slot)
            self.run.session = session
            self.run.resp2 = session.protocol == 2
            session.add(self.run)
            self.chunk_slots.append(self.run)
        self.run.count += 1
        return 0

    cdef int _call(self, Session session, object handler, int64_t first) except -1:
        cdef bytes reply
        try:
            reply = handler(session.owner, self._argument_list(first))
        except Exception:  # a bug in one local command must not take the connection's other commands with it
            _log.exception("a local command of the Redis door failed")
            reply = _INTERNAL
        if self.arguments.capacity > KEEP_ARGUMENTS:
            arguments_free(&self.arguments)
        return session.reply(reply)

    cdef int _encode(self, Command command) except -1:
        cdef int64_t i
        cdef size_t total = 4 + 4 * <size_t>(self.arguments.count - 1)
        cdef char *to
        for i in range(1, self.arguments.count):
            total += self.arguments.lengths[i]
        buffer_reserve(&self.chunk, total)
        to = self.chunk.data + self.chunk.size
        _put_u16(to, <uint64_t>command.opcode)
        _put_u16(to + 2, <uint64_t>(self.arguments.count - 1))
        self.chunk.size += 4
        for i in range(1, self.arguments.count):
            _put_u32(self.chunk.data + self.chunk.size, self.arguments.lengths[i])
            self.chunk.size += 4
            buffer_append(&self.chunk, self.arguments.starts[i], self.arguments.lengths[i])
        if self.arguments.capacity > KEEP_ARGUMENTS:
            arguments_free(&self.arguments)
        return 0

    cdef int _end_chunk(self, Session session) except -1:
        """Append what was encoded for this connection to the turn's write batch or read batch, as a whole."""
        cdef Batch batch
        cdef bint is_write = self.chunk_writes or session.writes > 0
        cdef size_t size = self.chunk.size
        if self.chunk_count == 0:
            return 0
        batch = self.writes if is_write else self.reads
        if batch is not None and (batch.count + self.chunk_count > self.max_batch_commands
                                  or batch.size + size > self.max_batch_bytes):
            self.sealed.append(batch)
            batch = None
        if batch is None:
            batch = Batch.__new__(Batch)
            batch.is_write = is_write
            batch.slots = []
            if is_write:
                self.writes = batch
            else:
                self.reads = batch
        buffer_append(&batch.commands, self.chunk.data, size)
        batch.size += size
        batch.count += self.chunk_count
        batch.slots.extend(self.chunk_slots)
        self.in_flight_bytes += size
        if is_write:
            session.writes += self.chunk_count
        else:
            session.reads += self.chunk_count
        self.chunk.size = 0
        self.chunk_count = 0
        self.chunk_writes = False
        self.chunk_slots.clear()
        self.run = None
        if self.chunk.capacity > 4 * self.max_batch_bytes:
            buffer_free(&self.chunk)
        return 0

    def take(self) -> list:
        """This turn's batches, in order, as (ticket, is a write, commands); each wants one ``complete``."""
        cdef Batch batch
        cdef list taken = []
        if self.writes is not None:
            self.sealed.append(self.writes)
            self.writes = None
        if self.reads is not None:
            self.sealed.append(self.reads)
            self.reads = None
        for batch in self.sealed:
            self.last_ticket += 1
            self.batches += 1
            batch.departed = monotonic()
            self.in_flight[self.last_ticket] = batch
            taken.append((self.last_ticket, batch.is_write,
                          PyBytes_FromStringAndSize(batch.commands.data, <Py_ssize_t>batch.commands.size)))
            buffer_free(&batch.commands)
        self.sealed.clear()
        return taken

    # --- out: replies to connections ---

    def complete(self, uint64_t ticket, bytes replies, bytes error) -> bool:
        """Give a batch's replies to the connections that wait for them.

        Args:
            ticket: from ``take``; one that is not in flight (any more) is counted and ignored.
            replies: per command u32 length (little endian) and one RESP3 value; ignored when ``error`` is given.
            error: None, or the error that every command of the batch is answered with, without '-' and line end.

        Returns:
            True when held commands made a batch that waits to be taken.
        """
        cdef Batch batch = self.in_flight.pop(ticket, None)
        cdef Slot slot
        cdef Session session
        cdef size_t position = 0
        cdef size_t size = 0 if replies is None else <size_t>PyBytes_GET_SIZE(replies)
        cdef const char *data = NULL if replies is None else PyBytes_AS_STRING(replies)
        cdef bytes line = None if error is None else _error_line(error)
        if batch is None:
            self.stray_outcomes += 1
            return self._waits()
        self.in_flight_bytes -= batch.size
        for slot in batch.slots:
            session = slot.session
            if batch.is_write:
                session.writes -= slot.count
            else:
                session.reads -= slot.count
            if line is not None:
                slot.known = line * slot.count
            else:
                slot.known = gather(data, size, &position, slot.count, slot.resp2)
                if slot.known is None:
                    line = _DAMAGED
                    slot.known = line * slot.count
        if line is not None:
            if line is _DAMAGED:
                _log.error("ticket %d: the replies do not fit its %d commands", ticket, batch.count)
        for slot in batch.slots:
            self._flush(slot.session)
        for slot in batch.slots:
            self._resume(slot.session)
        while self.waiting and self.in_flight_bytes < self.max_in_flight_bytes:
            session = self.waiting.popleft()
            session.waiting = False
            self._resume(session)
        if self.durations is not None:
            self.durations.count(monotonic() - batch.departed)
        return self._waits()

    cdef inline int _flush(self, Session session) except -1:
        self.bytes_out += session.flush(self.max_output_bytes)
        return 0

    cdef int _resume(self, Session session) except -1:
        if not session.held or session.reads > 0 or session.blocked:
            return 0
        session.held = False
        if session.finishing or session.closed:
            return 0
        self._parse_input(session)
        return self._flush(session)

    # --- what happens to a connection ---

    def end_of_input(self, Session session not None) -> None:
        """The client sends no more: close once everything that it sent is answered."""
        session.ended = True
        session.close_if_done()

    def output_blocked(self, Session session not None) -> None:
        """The client does not read its replies: hold its commands."""
        session.blocked = True
        session.limit_output(self.max_output_bytes)

    def output_drained(self, Session session not None) -> bool:
        """The client has read its replies: go on. Returns True when a batch waits to be taken."""
        session.blocked = False
        self._resume(session)
        return self._waits()

    def lost(self, Session session not None) -> None:
        """The connection is gone; what it sent is still executed, its replies are dropped."""
        session.forget()

    def unanswered(self, uint64_t up_to) -> list:
        """Tickets in flight, up to this one, as (ticket, is a write)."""
        return [
            (ticket, (<Batch>batch).is_write) for ticket, batch in self.in_flight.items() if ticket <= up_to
        ]

    @property
    def in_flight_batches(self) -> int:
        """Batches taken and not answered yet."""
        return len(self.in_flight)
