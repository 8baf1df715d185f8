"""The disk side of the stage: streams of records in memory, batches on their way to the disk, and what waits for them.

The output gate: what an actor does after it has written leaves it when its records are on disk. What happens rarely is
filled in by the subclasses in ``actors.simulation``. Knows no format, no fault and no record.
"""

from core_ext.mailbox cimport Reference
from core_ext.stage cimport StageCell, StageNode
from core_ext.stage_hands cimport Appended, Away, Sent

cdef enum:
    STOPPING_ = 4

cdef long long PENDING_ = <long long>1 << 62

PENDING = PENDING_


cdef class StageStream:
    """One stream in memory.

    Attributes:
        first: position of the oldest record.
        records, chunks: what it holds, and its newest checkpoint.
    """

    def __init__(self):
        self.first = 1
        self.records = []
        self.chunks = ()

    def copy(self):
        """Another one, that goes its own way from now on."""
        cdef StageStream other = StageStream()
        other.first, other.records, other.chunks = self.first, list(self.records), self.chunks
        return other


cdef class StageLog:
    """A log in memory: what is written, what is on its way to the disk, what is there.

    Args:
        durable: streams by name, as the disk has them; changed when a sync is done.
        kinds: the types of operations: ``Appended``, and plain tuples: truncate (from position), checkpoint (chunks,
            the first position that is kept), resolve.

    Attributes:
        present: streams by name, as their actors see them.
        opened: operations that no batch holds yet.
        batches: committed and not durable.
        committed, synced: numbers of the newest batches.
    """

    def __init__(self, dict durable not None, tuple kinds not None):
        self.durable = durable
        self.present = {name: stream.copy() for name, stream in durable.items()}
        self.opened = []
        self.batches = []
        _, self.truncated, self.checkpointed, _ = kinds
        self.kinds = frozenset(kinds)

    def stream(self, str name not None):
        """A stream as its actor sees it; an empty one at first."""
        found = self.present.get(name)
        if found is None:
            found = self.present[name] = StageStream()
        return found

    cpdef int apply(self, str name, object operation, object prepared) except -1:
        """One operation, in memory."""
        self.change(<StageStream>self.stream(name), operation)
        self.opened.append((name, operation))
        return 0

    cdef int change(self, StageStream stream, object operation) except -1:
        kind = type(operation)
        if kind is Appended:
            stream.records.append((<Appended>operation).record)
        elif kind is self.truncated:
            del stream.records[operation[0] - stream.first:]
        elif kind is self.checkpointed:
            del stream.records[: operation[1] - stream.first]
            stream.chunks, stream.first = operation
        return 0

    cpdef long long commit(self) except -1:
        """Everything applied so far becomes a batch; its number, 0 when there was nothing."""
        if not self.opened:
            return 0
        self.batches.append(self.opened)
        self.opened = []
        self.committed += 1
        return self.committed

    def sync_begins(self):
        """The disk begins with what was committed so far."""
        self.syncing = len(self.batches)

    def sync_done(self):
        """The disk is done with that: the newest durable batch."""
        self.harden(self.syncing)
        return self.synced

    cpdef int harden(self, Py_ssize_t batches) except -1:
        """The oldest batches are on disk."""
        for batch in self.batches[:batches]:
            for name, operation in <list>batch:
                kept = self.durable.get(name)
                if kept is None:
                    kept = self.durable[name] = StageStream()
                self.change(<StageStream>kept, operation)
        del self.batches[:batches]
        self.synced += batches
        return 0


cdef class StageGates:
    """When the records of one life of a node are on disk, and what waits for that.

    Attributes:
        store: the node's log; None until a durable actor lives on it.
        gated: actors with effects, or an end, that wait for the disk.
        syncing, unsynced: the disk is at work; more was committed meanwhile.
    """

    def __init__(self, StageNode node not None):
        self.node = node
        self.gated = {}
        self.on_synced = self.sync_is_done

    def write(self, StageCell cell not None, list effects not None):
        """Hand what a handler wrote to the log; False when that failed, and none of its effects happens."""
        cdef StageLog log
        cdef bint wrote = False, asked = False
        if not isinstance(self.store, StageLog):
            return self.write_to_log(cell, effects)
        log = <StageLog>self.store
        for effect in effects:
            kind = type(effect)
            if kind is Sent or kind is Away:
                continue
            if kind in log.kinds:
                log.apply((<Reference>cell.own).name, effect, None)
                wrote = True
            elif kind in self.node.journal_effects:
                asked = True
        if wrote:
            self.close_gate(cell)
        cell.hands.view.keep()
        if asked:
            self.answer_reads(cell, effects)
        return True

    cpdef int close_gate(self, StageCell cell) except -1:
        """An actor has written: what it does from now on waits."""
        if cell.gate != PENDING_:
            cell.gate = PENDING_
            self.node.gating.append(cell)
            self.gated[cell] = None
        return 0

    def commit(self):
        """A turn is over: what was written in it becomes one batch, and the disk begins as soon as it is free."""
        cdef StageCell cell
        cdef long long batch
        cdef Py_ssize_t at
        gating = self.node.gating
        if self.store.failure is not None:
            gating.clear()
            self.failed()
            return
        batch = self.store.commit()
        for cell in gating:
            cell.journal.batch = cell.gate = batch
            gated = cell.gated
            at = len(gated) - 1
            while at >= 0 and <long long>gated[at][0] == PENDING_:
                gated[at] = batch, gated[at][1]
                at -= 1
        gating.clear()
        if self.syncing:
            self.unsynced = True
        else:
            self.sync()

    def sync(self):
        """The disk begins."""
        self.syncing, self.unsynced = True, False
        self.store.sync_begins()
        self.node.world.put(self.node.world.now_ns + self.sync_ns(), self.on_synced, None)

    cdef long long sync_ns(self) except -1:
        """How long the next sync takes."""
        cdef StageNode node = self.node
        low, high = node.world.faults.disks.sync_seconds
        cdef double seconds = node.disk_stream.uniform(low, high) * node.disk_slow
        return <long long>(seconds * 1e9)

    def sync_is_done(self, _):
        """The disk is done with what it began with."""
        cdef StageNode node = self.node
        if node.durability is not self:  # another life of the node has begun
            return
        self.syncing = False
        node.synced = self.store.sync_done()
        node.world.mix(node.world.now_ns, node.synced)
        if node.traced:
            self.trace_sync()
        if self.store.failure is not None:
            self.failed()
        elif self.unsynced:
            self.sync()
        if node.paused:
            node.hold(self.open_gates, None)
        else:
            self.open_gates(None)

    def open_gates(self, _):
        """More is on disk: release what waited for it, in order."""
        cdef StageNode node = self.node
        cdef StageCell cell
        for cell in list(self.gated):
            gated = cell.gated
            while gated and <long long>gated[0][0] <= node.synced:
                node.release(cell, gated.popleft()[1])
            if not gated and cell.gate <= node.synced:
                self.gated.pop(cell, None)
                if cell.state == STOPPING_:
                    self.may_stop(cell)
        if not node.scheduled:
            node.run_turn()
