"""Journals of the real world, as far as every record needs them: what a handler appends is staged here, handed to the
log when the handler returned, and committed with everything else of its turn.

What happens rarely, and the words of errors, are the runtime's subclasses' (``actors.runtime.journal``). Knows the
log's interface, not its format; knows no scheduler and no event loop.
"""

cimport cython

from core_ext.log_format cimport BODY_LIMIT

ctypedef unsigned long long u64


@cython.final
cdef class Record:
    """One record that a handler has appended."""

    cdef u64 position
    cdef u64 note
    cdef object tag
    cdef bytes body
    cdef bint critical


cdef class Staging:
    """One actor's durable stream, and what the running handler has done to it.

    Args:
        hub: all journals of the node.
        log: the open log.
        codec: encodes records.
        name: of the actor, and of the stream.
        uncertain: records at the tail that recovery could not read.
        lost: recovery found that critical records of this stream are gone.

    Attributes:
        batch: number of the log batch that holds this journal's newest committed records (0: none since start).
        dirty: True from a release that reached the log until the next commit.
        operations: what the running handler has staged, in order: records, and what to call for anything else. Such a
            call returns a message for the actor's own mailbox, or None.
    """

    def __init__(self, Journals hub not None, log, codec, str name not None, tuple uncertain not None, bint lost):
        self.hub = hub
        self.log = log
        self.codec = codec
        self.name = name
        self.stream = log.stream(name)
        self.operations = []
        self._first = log.first_position(self.stream)
        self._next = log.next_position(self.stream)
        self._uncertain = uncertain
        self._lost = lost
        self.keep()

    cdef int keep(self) except -1:
        """This is how things stand when the next handler raises."""
        self.kept_first = self._first
        self.kept_next = self._next
        self.kept_uncertain = self._uncertain
        self.kept_lost = self._lost
        return 0

    # --- what the actor sees ---------------------------------------------------------------------------------------

    @property
    def first_position(self):
        """Position of the oldest record that is still kept."""
        return self._first

    @property
    def next_position(self):
        """Position that the next append returns."""
        return self._next

    @property
    def uncertain(self):
        """Records at the tail that recovery could not read; empty after ``resolve``."""
        return self._uncertain

    @property
    def lost(self):
        """True when recovery found that critical records of this stream are gone."""
        return self._lost

    def append(self, record, note=0, bint critical=False):
        """Append one record when the handler returns.

        Args:
            record: any message; its wire name is its tag.
            note: 64 unsigned bits that stay readable when the body is damaged.
            critical: written twice, apart from each other.

        Returns:
            The record's position in this stream.

        Raises:
            ContractError: ``note`` does not fit 64 unsigned bits, or the record does not fit the log.
        """
        cdef Record staged = Record.__new__(Record)
        try:
            staged.note = note
        except OverflowError:
            self.refuse_note(note)
        staged.body = self.body_of(record)
        staged.tag = record.wire_id
        staged.position = self._next
        staged.critical = critical
        self.operations.append(staged)
        self._writes = True
        self._next += 1
        return staged.position

    def encode(self, record):
        """A record's tag and body; what the log would refuse fails in the handler that made it, not at its release."""
        body = self.body_of(record)
        return record.wire_id, body

    cdef bytes body_of(self, record):
        cdef bytes body
        try:
            body = self.codec.encode(record)
        except Exception:
            self.check_record(record)
            raise
        if len(body) > <Py_ssize_t>BODY_LIMIT:
            self.refuse_size(record, len(body))
        return body

    def stage(self, operation, bint writes):
        """Call ``operation`` when the handler returned, in its place among the records; ``writes``: it must be on disk
        before what the handler did is seen."""
        self.operations.append(operation)
        self._writes = self._writes or writes

    # --- what the runtime does -------------------------------------------------------------------------------------

    def staged(self):
        """Has the running handler done anything here that must be on disk before its effects? Reads do not count."""
        return self._writes

    def release(self):
        """The handler returned: staged operations go to the log, in order.

        Returns:
            Messages for the actor's own mailbox: the answers to staged reads.

        Raises:
            JournalError: the log gave another position than the one the handler was told.
        """
        return tuple(self.release_staged() or ())

    cdef list release_staged(self):
        """The same; None when there is no message."""
        cdef list staged = self.operations
        cdef list messages = None
        cdef Record record
        if not staged:
            return None
        self.operations = []
        if self._writes:
            self._writes = False
            self.keep()
            if not self.dirty:
                self.dirty = True
                self.hub.dirty_journals.append(self)
        for operation in staged:
            if type(operation) is Record:
                record = <Record>operation
                given = self.log.append(self.stream, record.tag, record.note, record.body, record.critical)
                if given != record.position:
                    self.promise_broken(record.position, given)
            else:
                message = operation()
                if message is not None:
                    if messages is None:
                        messages = []
                    messages.append(message)
        return messages

    def discard(self):
        """The handler raised: nothing that it staged happens, and positions stand where they stood before."""
        self.operations.clear()
        self._writes = False
        self._first = self.kept_first
        self._next = self.kept_next
        self._uncertain = self.kept_uncertain
        self._lost = self.kept_lost


cdef class Journals:
    """All journals of a node, as the end of a turn sees them, and the news of what is on disk.

    Args:
        log: an open log.
        on_synced: called with the highest durable batch number, whenever it grew: from ``notified``, or from within
            ``commit``, when the log made the batch durable at once. None: nobody wants to know.
        on_failure: called once with the reason when the log failed. None likewise.
    """

    def __init__(self, log, on_synced, on_failure):
        self.log = log
        self.dirty_journals = []
        self.told = log.synced()
        self._on_synced = on_synced
        self._on_failure = on_failure

    cpdef u64 commit(self) except? 0:
        """Hand everything released since the last commit to the disk as one batch.

        Returns:
            The batch's number, or 0 when there was nothing to write.

        Raises:
            core_ext.log_errors.LogFailed: the disk failed; ``on_failure`` was told.
        """
        cdef Staging journal
        cdef u64 batch
        if not self.dirty_journals and not self._unnumbered:
            return 0
        self._unnumbered = False
        try:
            batch = self.log.commit(True)
        finally:
            self.check_failure()
        for journal in self.dirty_journals:
            journal.dirty = False
            journal.batch = batch
        self.dirty_journals.clear()
        self.tell_synced()
        return batch

    def notified(self):
        """The log's descriptor is readable: a batch is durable or is left to its owner, or the log failed."""
        self.log.drain_notification()
        self.tell_synced()
        self.check_failure()

    cdef int tell_synced(self) except -1:
        cdef u64 synced = self.log.synced()
        if synced > self.told:
            self.told = synced
            if self._on_synced is not None and not self._closed:
                self._on_synced(synced)
        return 0

    cdef int check_failure(self) except -1:
        if self.failure_told:
            return 0
        failure = self.log.failure
        if failure is not None:
            self.failure_told = True
            if self._on_failure is not None:
                self._on_failure(failure)
        return 0
