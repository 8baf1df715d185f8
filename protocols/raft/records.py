"""What a Raft role writes to its journal, beside the entries themselves. Knows no role.

Entries are records too (``messages.Entry``, with their term as the note). The journal is only ever appended to: a
``Truncated`` record, not the end of the stream, says which entries no longer count, so that term, vote and snapshot
chunks that were written in between stay where they are.
"""

from __future__ import annotations

from actors.message import Message
from protocols.raft.configuration import Configuration


class Bootstrap(Message, wire="raft.journal.bootstrap"):
    """First record of a new journal: the group that it was created for."""

    configuration: Configuration


class HardState(Message, wire="raft.journal.hard-state"):
    """Term and vote, in one record (thesis 3.8: persisted before answering). Written as critical."""

    term: int
    vote: str | None


class Truncated(Message, wire="raft.journal.truncated"):
    """Entries from ``index`` on conflicted with a leader's (thesis 3.5). The note is the index."""

    index: int


class SnapshotPiece(Message, wire="raft.journal.snapshot-piece"):
    """One chunk of a snapshot; counts only when a SnapshotMeta names its position."""

    index: int
    sequence: int
    data: bytes


class SnapshotMeta(Message, wire="raft.journal.snapshot-meta"):
    """The journal's checkpoint: the snapshot that stands, and where the log begins.

    Attributes:
        index, term: last entry that the snapshot covers (thesis 5.1).
        configuration: the group as of that entry.
        pieces: journal positions of its chunks, in order.
        log_index, log_term: the entry before the first one that is kept.
        keep_from: the position that the journal was compacted to.
    """

    index: int
    term: int
    configuration: Configuration
    pieces: tuple[int, ...]
    log_index: int
    log_term: int
    keep_from: int


class UncertainTail(Message, wire="raft.journal.uncertain-tail"):
    """Recovery found entries after ``after`` whose content the disk damaged; they had these terms. Empty: settled."""

    after: int
    terms: tuple[int, ...]
