"""The storage shard: the replicated state (keys and sessions) as an actor. It applies what the log brings, answers
reads, gives and takes snapshots, and computes digests. Must not know which consensus protocol orders the log.

A snapshot is ``u64 bytes of the session table, the table, the store's own stream``, cut into pieces anywhere.
"""

from __future__ import annotations

import heapq
import struct

from actors.actor import Actor, on
from actors.context import Context
from core_ext.applier import Applier
from core_ext.session_table import SessionTable
from core_ext.store import Store, Walk
from protocols.storage.messages import (
    Applied,
    Apply,
    AskApplied,
    CountKeys,
    InspectShard,
    KeyCounts,
    Read,
    ReadAnswer,
    ReadBatch,
    ReadResult,
    RestoreState,
    ShardStatus,
    StateChunk,
    StateChunkStored,
    SubmitOutcome,
    SubmitStatus,
    TakeSnapshot,
)
from protocols.storage.settings import ShardSettings

_LENGTH = struct.Struct("<Q")
_NOT_A_BATCH = b"-ERR the command batch is malformed; nothing was executed\r\n"
_NOT_A_BATCH_REPLIES = struct.pack("<I", len(_NOT_A_BATCH)) + _NOT_A_BATCH


class StorageShard(Actor):
    """One shard's replica.

    Args:
        settings: bounds that replicas need not agree on.
    """

    def __init__(self, settings: ShardSettings | None = None) -> None:
        self._settings = settings or ShardSettings()
        self._store = Store()
        self._sessions = SessionTable()
        self._applier = Applier(self._store, self._sessions, tuple(SubmitStatus))
        self._applied = 0
        self._reads: list[tuple[int, int, Read]] = []  # a heap by index, then arrival
        self._read_count = 0
        self._walk: Walk | None = None
        self._walk_index = 0
        self._walk_head = (b"", 0)  # what comes before the store's stream, and how much of it was given
        self._next_piece = b""  # one ahead: the last one must be known as such
        self._restoring: tuple[int, int] | None = None  # snapshot index, next sequence
        self._restored_head: list[bytes] = []  # of a snapshot being taken in: until the session table is complete
        self._restored_sessions: bytes | None = None

    # --- the log ----------------------------------------------------------------------------------------------------

    @on(Apply)
    def apply(self, message: Apply, context: Context) -> None:
        """The next entry, or a few. Deterministic: nothing but the entries and the state decides what happens."""
        first = message.first or message.index
        if first != self._applied + 1:
            raise AssertionError(f"the log brought entry {first} after {self._applied}: entries must not skip")
        outcomes = self._applier.run(message.commands, message.report)
        self._applied = message.index
        if message.report:
            self._report(tuple([SubmitOutcome(*each) for each in outcomes]), context)
        if self._reads:
            self._answer_reads(context)

    @on(AskApplied)
    def ask_applied(self, message: AskApplied, context: Context) -> None:
        """The log adapter was told nothing for a while."""
        self._report((), context)

    def _report(self, outcomes: tuple[SubmitOutcome, ...], context: Context) -> None:
        assert context.sender is not None
        context.send(
            context.sender,
            Applied(index=self._applied, outcomes=outcomes, next_deadline_ms=self._store.next_deadline_ms),
        )

    # --- reads ------------------------------------------------------------------------------------------------------

    @on(Read)
    def read(self, message: Read, context: Context) -> None:
        """Answer when the index is applied."""
        if message.index <= self._applied:
            self._answer(message, context)
        elif len(self._reads) >= self._settings.max_waiting_reads:
            context.send(message.asker, ReadResult(tag=message.tag, answers=(), refused=True))
        else:
            self._read_count += 1
            heapq.heappush(self._reads, (message.index, self._read_count, message))

    def _answer_reads(self, context: Context) -> None:
        while self._reads and self._reads[0][0] <= self._applied:
            self._answer(heapq.heappop(self._reads)[2], context)

    def _answer(self, message: Read, context: Context) -> None:
        now_ms = int(context.now() * 1000)
        answers = tuple([self._look(read, now_ms) for read in message.reads])
        context.send(message.asker, ReadResult(tag=message.tag, answers=answers))

    def _look(self, read: ReadBatch, now_ms: int) -> ReadAnswer:
        # the clock only decides whether to ask the log for the time, and labels remaining times to live
        time_ms = 0 if read.at_log_time else now_ms
        replies: bytes | None
        try:
            replies = self._store.read(time_ms, read.batch)
        except ValueError:
            replies = _NOT_A_BATCH_REPLIES
        return ReadAnswer(ticket=read.ticket, replies=replies or b"", tick_needed=replies is None)

    # --- snapshots --------------------------------------------------------------------------------------------------

    @on(TakeSnapshot)
    def take_snapshot(self, message: TakeSnapshot, context: Context) -> None:
        """Begin to give the state as it is now; a snapshot that was being given is forgotten."""
        saved = self._sessions.snapshot()
        self._walk = self._store.snapshot()
        self._walk_index = self._applied
        self._walk_head = (_LENGTH.pack(len(saved)) + saved, 0)
        self._next_piece = self._make_piece(self._walk)
        self._give_piece(context, 0)

    @on(StateChunkStored)
    def chunk_stored(self, message: StateChunkStored, context: Context) -> None:
        """The next piece, one at a time: the log's disk sets the pace."""
        if self._walk is not None and message.index == self._walk_index:
            self._give_piece(context, message.sequence + 1)

    def _give_piece(self, context: Context, sequence: int) -> None:
        assert self._walk is not None
        assert context.sender is not None
        piece, self._next_piece = self._next_piece, self._make_piece(self._walk)
        last = not self._next_piece
        if last:
            self._walk = None
        context.send(context.sender, StateChunk(index=self._walk_index, sequence=sequence, data=piece, last=last))

    def _make_piece(self, walk: Walk) -> bytes:
        limit = self._settings.snapshot_chunk_bytes
        head, given = self._walk_head
        piece = head[given:given + limit]
        self._walk_head = (head, given + len(piece)) if given + len(piece) < len(head) else (b"", 0)
        if len(piece) < limit:
            piece += walk.next(limit - len(piece)) or b""
        return piece

    @on(RestoreState)
    def restore_state(self, message: RestoreState, context: Context) -> None:
        """Take in a snapshot beside the state, which it replaces when complete.

        Raises:
            ValueError: the bytes are not a snapshot: this replica cannot go on with them.
        """
        if message.sequence == 0:
            self._restoring = (message.index, 0)
            self._restored_head = []
            self._restored_sessions = None
            self._store.begin_restore()
        if self._restoring != (message.index, message.sequence):
            return  # a piece of a snapshot whose beginning was not seen, or that another one replaced
        self._restoring = (message.index, message.sequence + 1)
        self._take_piece(message.data)
        if not message.last:
            return
        if self._restored_sessions is None:
            raise ValueError(f"the snapshot of index {message.index} ends within its session table")
        self._store.finish_restore()
        self._sessions.restore(self._restored_sessions)
        self._applied = message.index
        self._restoring = self._restored_sessions = self._walk = None
        self._answer_reads(context)

    def _take_piece(self, data: bytes) -> None:
        if self._restored_sessions is None:
            self._restored_head.append(data)
            start = b"".join(self._restored_head[:_LENGTH.size])  # pieces are not empty, so these are enough
            if len(start) < _LENGTH.size:
                return
            end = _LENGTH.size + _LENGTH.unpack_from(start)[0]
            if sum(map(len, self._restored_head)) < end:
                return
            head = b"".join(self._restored_head)
            self._restored_head = []
            self._restored_sessions, data = head[_LENGTH.size:end], head[end:]
        self._store.restore_chunk(data)

    # --- watching ---------------------------------------------------------------------------------------------------

    @on(CountKeys)
    def count_keys(self, message: CountKeys, context: Context) -> None:
        """Report the number of keys."""
        context.reply(KeyCounts(len(self._store), self._store.stats()["keys_with_deadline"]))

    @on(InspectShard)
    def inspect(self, message: InspectShard, context: Context) -> None:
        """Report."""
        context.reply(self.status())

    @property
    def applied_index(self) -> int:
        """The last entry that this replica holds the effects of."""
        return self._applied

    def status(self) -> ShardStatus:
        """What this replica holds."""
        stats = self._store.stats()
        return ShardStatus(
            applied_index=self._applied,
            revision=self._store.revision,
            digest=self._store.digest() ^ self._sessions.digest(),
            log_time_ms=self._store.log_time_ms,
            keys=len(self._store),
            sessions=len(self._sessions),
            memory_bytes=stats["entry_bytes"] + stats["table_bytes"] + stats["deadline_bytes"]
            + self._sessions.kept_bytes,
            expired_keys=stats["expired_keys"],
        )
