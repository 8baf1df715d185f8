"""Journals of one simulated node: the streams of its durable actors, the log below them, and when it is on disk.

The log is the real write-ahead log on a simulated disk (``wal``), or plain lists with the same loss (``memory``, many
times faster). Knows records as messages; knows no scheduler: it says when a sync is wanted and is told when it is done.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from actors.context import Uncertain
from actors.errors import ActorumError
from actors.message import JournalEntries, Message
from actors.recording import Checkpoint, JournalView, Read, Resolve, Truncate, check_append
from actors.simulation.disk import SimulatedDisk
from actors.simulation.tape import Stream
from core_ext.codec import MessageCodec
from core_ext.log import Log
from core_ext.stage_disk import StageLog, StageStream
from core_ext.stage_hands import Appended, StageView

WAL_SEGMENT_BYTES = 1 << 20
Operation = Appended | Truncate | Resolve | Checkpoint


_WRITES = (Appended, Truncate, Checkpoint, Resolve)


class JournalError(ActorumError):
    """A journal holds what this program cannot read."""


class Store(Protocol):
    """What journals need of a log; a stream is known by its name."""

    @property
    def failure(self) -> str | None:
        """Why nothing is acknowledged any more; None while it works."""

    def bounds(self, name: str) -> tuple[int, int, tuple[Uncertain, ...], bool]:
        """(first, next, uncertain, lost) of a stream."""

    def prepare(self, operation: Operation) -> Any:
        """What ``apply`` needs besides; raises when the record cannot be written."""

    def apply(self, name: str, operation: Operation, prepared: Any) -> None:
        """One operation, in memory."""

    def recovered(self, name: str) -> Iterator[Message]:
        """The newest checkpoint's chunks, then every record."""

    def read(self, name: str, first: int, last: int, limit_bytes: int) -> tuple[Message, ...]:
        """Records first..last; none when they are not all there."""

    def commit(self) -> int:
        """Everything applied so far becomes a batch; its number."""

    def sync_begins(self) -> None:
        """The disk begins with what was committed so far."""

    def sync_done(self) -> int:
        """The disk is done with that: the newest durable batch; or ``failure`` is set."""

    def sync_oldest(self) -> int:
        """The disk has done the oldest batch that waited, and no other: the newest durable batch."""

    def crash(self, draws: Stream, under_way: bool, keep: float) -> None:
        """Power off, with a sync ``under_way`` or not. What the next life finds is drawn; the store is dead."""


class Medium(Protocol):
    """What outlives a node's crash."""

    disk: SimulatedDisk | None

    def open(self, alone: bool) -> Store:
        """The store of the node's next life; ``alone``: no other node has a copy.

        Raises:
            core_ext.log_errors.LogError: the log cannot be opened.
        """


class MemoryMedium:
    """Journals in plain lists.

    Args:
        codec: tells the size of a record.
    """

    disk: SimulatedDisk | None = None

    def __init__(self, codec: MessageCodec) -> None:
        self.codec = codec
        self.durable: dict[str, StageStream] = {}

    def open(self, alone: bool) -> MemoryStore:
        """See ``Medium.open``."""
        return MemoryStore(self.codec, self.durable)


class MemoryStore(StageLog):
    """A log in memory: a crash keeps what was synced, and perhaps whole batches after it."""

    failure: str | None = None

    def __init__(self, codec: MessageCodec, durable: dict[str, StageStream]) -> None:
        super().__init__(durable, _WRITES)
        self._codec = codec

    def bounds(self, name: str) -> tuple[int, int, tuple[Uncertain, ...], bool]:
        kept = self.stream(name)
        return kept.first, kept.first + len(kept.records), (), False

    def prepare(self, operation: Operation) -> Any:
        return None

    def recovered(self, name: str) -> Iterator[Message]:
        kept = self.stream(name)
        yield from kept.chunks
        yield from list(kept.records)

    def read(self, name: str, first: int, last: int, limit_bytes: int) -> tuple[Message, ...]:
        kept = self.stream(name)
        if not kept.first <= first <= min(last, kept.first + len(kept.records) - 1):
            return ()
        found: list[Message] = []
        for record in kept.records[first - kept.first : last - kept.first + 1]:
            limit_bytes -= len(self._codec.encode(record))
            if found and limit_bytes < 0:
                break
            found.append(record)
        return tuple(found)

    def sync_oldest(self) -> int:
        self.harden(min(1, len(self.batches)))
        return self.synced

    def crash(self, draws: Stream, under_way: bool, keep: float) -> None:
        if under_way and self.batches and draws.chance(keep):
            self.harden(1 + draws.below(len(self.batches)))


class WalMedium:
    """A simulated disk for the real log.

    Args:
        codec: records to bytes and back.
        node: whose log it is.
    """

    def __init__(self, codec: MessageCodec, node: str) -> None:
        self.codec = codec
        self.node = node
        self.disk: SimulatedDisk | None = SimulatedDisk()

    def open(self, alone: bool) -> WalStore:
        """See ``Medium.open``."""
        return WalStore(self, alone)


class WalStore:
    """The real log on a simulated disk.

    Raises:
        core_ext.log_errors.LogError: the log cannot be opened.
    """

    def __init__(self, medium: WalMedium, alone: bool) -> None:
        self._medium = medium
        self._codec = medium.codec
        self._log = Log.open(
            f"simulated disk of {medium.node}", cluster_id="simulation", node_id=medium.node,
            segment_bytes=WAL_SEGMENT_BYTES, disk=medium.disk, alone=alone, stepped=True,
        )
        self._waiting = 0  # pieces of work that the running sync began with

    @property
    def failure(self) -> str | None:
        """Why nothing is acknowledged any more."""
        return self._log.failure

    def bounds(self, name: str) -> tuple[int, int, tuple[Uncertain, ...], bool]:
        log = self._log
        stream = log.stream(name)
        uncertain = tuple(Uncertain(*found) for found in log.uncertain(stream))
        return log.first_position(stream), log.next_position(stream), uncertain, log.lost(stream)

    def prepare(self, operation: Operation) -> Any:
        match operation:
            case Appended():
                return self._codec.encode(operation.record)
            case Checkpoint():
                return [(chunk.wire_id, self._codec.encode(chunk)) for chunk in operation.chunks]
        return None

    def apply(self, name: str, operation: Operation, prepared: Any) -> None:
        log = self._log
        stream = log.stream(name)
        match operation:
            case Appended():
                record = operation.record
                given = log.append(stream, record.wire_id, operation.note, prepared, operation.critical)
                if given != operation.position:
                    raise JournalError(
                        f"journal of {name!r}: the log gave position {given} to a record whose handler was told "
                        f"{operation.position}"
                    )
            case Truncate():
                log.truncate(stream, operation.from_position)
            case Resolve():
                log.resolve(stream)
            case Checkpoint():
                log.checkpoint(stream, prepared, operation.keep_from)

    def recovered(self, name: str) -> Iterator[Message]:
        log = self._log
        stream = log.stream(name)
        for tag, body in log.checkpoint_of(stream):
            yield self._codec.decode(tag, body)
        for _, tag, _, body in log.records(stream):
            yield self._codec.decode(tag, body)

    def read(self, name: str, first: int, last: int, limit_bytes: int) -> tuple[Message, ...]:
        log = self._log
        stream = log.stream(name)
        last = min(last, log.next_position(stream) - 1)
        if first < log.first_position(stream) or first > last:
            return ()
        return tuple(
            self._codec.decode(tag, body) for _, tag, _, body in log.read(stream, first, last, limit_bytes)
        )

    def commit(self) -> int:
        return self._log.commit()

    def sync_begins(self) -> None:
        self._waiting = self._log.stats()["queue"]

    def sync_done(self) -> int:
        log = self._log
        depth = log.stats()["queue"]
        done = 0
        while done < self._waiting and log.step(self._waiting - done):
            left = log.stats()["queue"]
            if left == depth:  # the disk failed: nothing moves any more
                break
            done, depth = done + depth - left, left
        self._waiting = 0
        return log.synced()

    def sync_oldest(self) -> int:
        log = self._log
        before = log.synced()
        while log.synced() == before and log.failure is None and log.step(1):
            pass  # a new segment comes before its first batch
        return log.synced()

    def crash(self, draws: Stream, under_way: bool, keep: float) -> None:
        disk = self._medium.disk
        assert disk is not None
        if under_way and draws.chance(keep):
            disk.fail_sync = draws.below(2) == 0  # written and perhaps torn; or all there, and nobody knows
            self._log.step(self._waiting)
        disk.fail_sync = False
        self._medium.disk = disk.crash(draws)
        self._log.close()


class NodeView(StageView, JournalView):
    """What an actor sees of its journal; the calls that are paid for every record are native."""

    def check_append(self, record: Any, note: Any) -> None:
        """Refuse what cannot be a record; asked for those that are not obviously right."""
        check_append(record, note)


class ActorJournal:
    """One durable actor's stream.

    Args:
        store: the node's log.
        name: of the actor, and of the stream.

    Attributes:
        batch: number of the batch with its newest records (0: none in this life of the node).
        dirty: it has records that no batch holds yet.
    """

    def __init__(self, store: Store, name: str) -> None:
        self.batch = 0
        self.dirty = False
        self._store = store
        self._name = name

    def recover_into(self, actor: Any, effects: list[Any]) -> NodeView:
        """Give everything that is kept to ``actor.recover``; the view for its handlers, which notes into ``effects``.

        Raises:
            JournalError: a record cannot be read; whatever ``recover`` raises.
        """
        try:
            for record in self._store.recovered(self._name):
                actor.recover(record)
        except ValueError as error:
            raise JournalError(f"journal of {self._name!r}: a record cannot be read: {error}") from error
        first, following, uncertain, lost = self._store.bounds(self._name)
        return NodeView(effects, first, following, uncertain, lost)

    def stage(self, effects: list[Any]) -> list[tuple[Operation, Any]]:
        """Check and encode what a handler wrote; nothing is changed yet.

        Raises:
            CodecError: a record cannot be written.
        """
        return [(effect, self._store.prepare(effect)) for effect in effects if type(effect) in _WRITES]

    def apply(self, staged: list[tuple[Operation, Any]]) -> None:
        """The handler returned: its operations go to the log, in order."""
        for operation, prepared in staged:
            self._store.apply(self._name, operation, prepared)

    def entries(self, read: Read) -> JournalEntries:
        """The answer to ``journal.read``."""
        records = self._store.read(self._name, read.first, read.last, read.limit_bytes)
        return JournalEntries(key=read.key, first=read.first, records=records)
