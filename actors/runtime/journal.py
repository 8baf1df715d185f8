"""Journals of the real world: one stream of the node's write-ahead log per durable actor.

The hub owns the log and its descriptor in the event loop; an ``ActorJournal`` stages what a handler does and hands it
to the log when the handler returns. What every record needs stands in the native base classes (``core_ext.journal``).
Knows the log's interface, not its format; knows no scheduler and no transport.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, Protocol

from actors.arguments import check_numbers, check_record
from actors.context import Uncertain
from actors.errors import ActorumError, ContractError
from actors.message import JournalEntries, Message
from core_ext.journal import Journals, Staging
from core_ext.log import DEFAULT_SEGMENT_BYTES, Log
from core_ext.log_format import BODY_LIMIT
from core_ext.log_opening import Recovery

PEERS_STREAM = "$peers"


class JournalError(ActorumError):
    """A journal holds what this program cannot read, or the log broke its promise about positions."""


class RecordCodec(Protocol):
    """What turns records into bytes and back (``core_ext.codec.MessageCodec``)."""

    def encode(self, message: Message) -> bytes: ...
    def decode(self, wire_id: int, body: bytes | memoryview) -> Any: ...


class PeerFolder(Message, wire="actors.peer-folder"):
    """The data folder that a peer introduced itself with; kept so that an emptied folder is recognised."""

    node: str
    folder_id: str


class ActorJournal(Staging):
    """One actor's durable stream; implements ``actors.context.Journal``.

    Everything a handler does here is staged. The runtime calls ``release`` when the handler returned and ``discard``
    when it raised; positions that ``append`` returned while staged are the ones the log then gives.
    """

    def __init__(self, hub: JournalHub, log: Log, codec: RecordCodec, name: str) -> None:
        stream = log.stream(name)
        uncertain = tuple(Uncertain(*found) for found in log.uncertain(stream))
        super().__init__(hub, log, codec, name, uncertain, log.lost(stream))
        self._log = log
        self._codec = codec
        self._stream = stream

    def read(self, first: int, last: int, limit_bytes: int, key: int = 0) -> None:
        """Ask for the records first..last (both included); ``release`` returns the JournalEntries with ``key``."""
        check_numbers(f"journal of {self.name!r}", "read", first, last, limit_bytes, key)
        self.stage(partial(self._entries, first, last, limit_bytes, key), False)

    def truncate(self, from_position: int) -> None:
        """Cut the stream before ``from_position``; the next append gets that position.

        Raises:
            ContractError: the position was never appended or stands before what the checkpoint replaced.
        """
        if not self._first <= from_position <= self._next:
            raise ContractError(
                f"journal of {self.name!r}: truncate({from_position}) is outside of what it holds, "
                f"positions {self._first} to {self._next}"
            )
        self.stage(partial(self._log.truncate, self._stream, from_position), True)
        self._next = from_position

    def resolve(self) -> None:
        """The uncertain tail was confirmed or replaced, or what was lost was made good: forget both."""
        if self._uncertain or self._lost:
            self.stage(partial(self._log.resolve, self._stream), True)
            self._uncertain = ()
            self._lost = False

    def checkpoint(self, chunks: Iterable[Message], keep_from: int) -> None:
        """Replace everything before ``keep_from`` by ``chunks``.

        Raises:
            ContractError: ``keep_from`` stands before an earlier checkpoint's or beyond the next position, or a chunk
                does not fit the log.
        """
        if not self._first <= keep_from <= self._next:
            raise ContractError(
                f"journal of {self.name!r}: checkpoint keeps from {keep_from}, which is outside of what it holds, "
                f"positions {self._first} to {self._next}"
            )
        encoded = [self.encode(chunk) for chunk in chunks]
        self.stage(partial(self._log.checkpoint, self._stream, encoded, keep_from), True)
        self._first = keep_from

    # --- what the runtime does ---------------------------------------------------------------------------------

    def recover_into(self, actor: Any) -> int:
        """Give the newest checkpoint's chunks, then every record after it, to ``actor.recover``.

        Returns:
            How many records the actor received.

        Raises:
            JournalError: a record's type is unknown to this program or its body cannot be decoded.
        """
        count = 0
        for tag, body in self._log.checkpoint_of(self._stream):
            actor.recover(self._decode(tag, body, "a checkpoint chunk"))
            count += 1
        for position, tag, _, body in self._log.records(self._stream):
            actor.recover(self._decode(tag, body, f"the record at position {position}"))
            count += 1
        return count

    def check_record(self, record: object) -> None:
        """Refuse what is no message."""
        check_record(f"journal of {self.name!r}", record)

    def refuse_note(self, note: object) -> NoReturn:
        """A note that the log has no room for."""
        raise ContractError(f"journal of {self.name!r}: note {note} does not fit 64 unsigned bits")

    def refuse_size(self, record: Message, size: int) -> NoReturn:
        """A record that the log would not take."""
        raise ContractError(
            f"journal of {self.name!r}: a {type(record).__qualname__} of {size} bytes; a record has at most "
            f"{BODY_LIMIT}, split it into several"
        )

    def promise_broken(self, told: int, given: int) -> NoReturn:
        """The log gave a record another position than its handler was told."""
        raise JournalError(
            f"journal of {self.name!r}: the log gave position {given} to a record whose handler was told {told}; the "
            f"node must stop"
        )

    def _entries(self, first: int, last: int, limit_bytes: int, key: int) -> JournalEntries:
        start = self._log.first_position(self._stream)
        last = min(last, self._log.next_position(self._stream) - 1)
        if first < start or first > last:
            return JournalEntries(key=key, first=first, records=())
        found = self._log.read(self._stream, first, last, limit_bytes)
        records = tuple(self._decode(tag, body, f"the record at position {at}") for at, tag, _, body in found)
        return JournalEntries(key=key, first=first, records=records)

    def _decode(self, tag: int, body: bytes | memoryview, what: str) -> Any:
        try:
            return self._codec.decode(tag, body)
        except ValueError as error:
            raise JournalError(
                f"journal of {self.name!r}: {what} (type {tag:#010x}) cannot be read: {error}; start the version of "
                f"the program that wrote it, or import the module that declares its type"
            ) from error


class JournalHub(Journals):
    """All journals of one node, the log below them, and the log's place in the event loop.

    Args:
        log: an open log; the hub closes it.
        codec: encodes and decodes records.
        loop: the event loop that learns of finished syncs; None leaves polling ``synced`` to the caller.
        on_synced: called in the loop with the highest durable batch number, whenever it grew; from within ``commit``
            when the log made a small batch durable at once.
        on_failure: called once, in the loop, with the reason when the log failed: nothing may be acknowledged any more.
    """

    def __init__(
        self,
        log: Log,
        codec: RecordCodec,
        loop: asyncio.AbstractEventLoop | None = None,
        on_synced: Callable[[int], None] | None = None,
        on_failure: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(log, on_synced, on_failure)
        self._log = log
        self._codec = codec
        self._loop = loop
        self._journals: dict[str, ActorJournal] = {}
        self._peers = log.stream(PEERS_STREAM)
        self._folders: dict[str, str] = {}
        for _, tag, _, body in log.records(self._peers):
            if tag == PeerFolder.wire_id:
                known = codec.decode(tag, body)
                self._folders[known.node] = known.folder_id
        if loop is not None:
            loop.add_reader(log.fileno(), self.notified)

    @classmethod
    def open(
        cls,
        data: str | Path,
        cluster_id: str,
        node: str,
        codec: RecordCodec,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        on_synced: Callable[[int], None] | None = None,
        on_failure: Callable[[str], None] | None = None,
        alone: bool = False,
        segment_bytes: int = DEFAULT_SEGMENT_BYTES,
        open_log: Callable[..., Log] = Log.open,
    ) -> JournalHub:
        """Open the log in folder ``data``, creating it when it is empty.

        Args:
            alone: True when no peer holds a copy of what is in this log (a node without a group).
            segment_bytes: size of one log file.
            open_log: called like ``Log.open``.

        Raises:
            core_ext.log_errors.LogError: the folder is in use, another node's, of a newer version, or corrupt.
        """
        log = open_log(data, cluster_id=cluster_id, node_id=node, segment_bytes=segment_bytes, alone=alone)
        return cls(log, codec, loop, on_synced, on_failure)

    @property
    def folder_id(self) -> str:
        """Random id of the data folder, made when it was created."""
        return self._log.folder_id

    @property
    def failure(self) -> str | None:
        """Why the log failed; None while it works."""
        return self._log.failure

    @property
    def recovery(self) -> Recovery:
        """What opening the log found."""
        return self._log.recovery

    def journal(self, actor_name: str) -> ActorJournal:
        """The journal of the actor with this name; the same object for each incarnation of it."""
        found = self._journals.get(actor_name)
        if found is None:
            found = self._journals[actor_name] = ActorJournal(self, self._log, self._codec, actor_name)
        return found

    def synced(self) -> int:
        """The highest batch number that is on disk."""
        return self._log.synced()

    def stats(self) -> dict[str, Any]:
        """The log's counters: syncs, bytes, sync-time histogram, queue depth."""
        return self._log.stats()

    @property
    def known_folders(self) -> Mapping[str, str]:
        """Data-folder id that each peer was last accepted with."""
        return self._folders

    def remember_folder(self, node: str, folder_id: str) -> None:
        """Keep the folder id that a peer introduced itself with; it is on disk with the next commit."""
        if self._folders.get(node) == folder_id or self._closed:
            return
        self._folders[node] = folder_id
        record = PeerFolder(node=node, folder_id=folder_id)
        self._log.append(self._peers, record.wire_id, 0, self._codec.encode(record))
        self._unnumbered = True

    def close(self) -> None:
        """Commit what was released, wait for the disk, and close the log, whatever fails.

        Raises:
            core_ext.log_errors.LogFailed: the last records are not on disk; they were never acknowledged.
        """
        if self._closed:
            return
        self._closed = True
        if self._loop is not None:
            self._loop.remove_reader(self._log.fileno())
        try:
            if self._log.failure is None:
                self.commit()
        finally:
            self._log.close()
