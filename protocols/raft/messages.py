"""Raft's messages. First what a role and its *owner* (the local actor that the log is kept for) say to each other,
then what roles say to their peers. Knows no role and no state machine.

Terms and indices are integers from 0 (nothing) upwards. An entry holds the batch of commands that reached the leader
in one turn.
"""

from __future__ import annotations

import enum

from actors.message import Lane, Message


class EntryKind(enum.IntEnum):
    """What an entry carries."""

    NOOP = 0
    COMMANDS = 1
    CONFIGURATION = 2


class RoleName(enum.Enum):
    """What a server is in its current term."""

    FOLLOWER = "follower"
    CANDIDATE = "candidate"
    LEADER = "leader"


class Entry(Message, wire="raft.entry"):
    """One slot of the replicated log."""

    index: int
    term: int
    kind: EntryKind
    commands: tuple[bytes, ...]


# --- owner and role, on one node -----------------------------------------------------------------------------------


class Propose(Message, wire="raft.propose"):
    """Owner to role: append these commands when leader. No answer but ProposalRefused; the owner sees its command
    again in Committed. ``tag`` is the owner's, to tell refusals apart."""

    tag: int
    commands: tuple[bytes, ...]


class RefusalReason(enum.Enum):
    """Why a role did not take a proposal or a read barrier; nothing was appended."""

    NOT_LEADER = "not leader"
    OVERLOADED = "overloaded"
    LEADERSHIP_LOST = "leadership lost"  # read barriers only: ask again


class ProposalRefused(Message, wire="raft.proposal-refused"):
    """Role to owner: certainly not appended."""

    tag: int
    reason: RefusalReason


class Committed(Message, wire="raft.committed"):
    """Role to owner: consecutive committed entries, in order, no gaps. The next ones come after AppliedUpTo."""

    entries: tuple[Entry, ...]


class AppliedUpTo(Message, wire="raft.applied-up-to"):
    """Owner to role: the state machine holds everything up to ``index``."""

    index: int


class RoleChanged(Message, wire="raft.role-changed", lane=Lane.CONTROL):
    """Role to owner: what this server is now and whom it takes for the leader (None: nobody known)."""

    term: int
    role: RoleName
    leader: str | None


class ReadBarrier(Message, wire="raft.read-barrier"):
    """Owner to role, on any node: from which applied index on is a read linearizable? Batched per turn."""

    tag: int


class BarrierReached(Message, wire="raft.barrier-reached", lane=Lane.CONTROL):
    """Role to owner: a state applied up to ``index`` holds everything acknowledged before the barrier was asked."""

    tag: int
    index: int


class BarrierRefused(Message, wire="raft.barrier-refused", lane=Lane.CONTROL):
    """Role to owner: no index can be given; ask again."""

    tag: int
    reason: RefusalReason


class SnapshotWanted(Message, wire="raft.snapshot-wanted"):
    """Role to owner: the log has grown; send the state as of some applied index, chunk by chunk."""


class SnapshotChunk(Message, wire="raft.snapshot-chunk"):
    """Owner to role: one piece of the state as of ``index``; the next one is sent after SnapshotChunkStored."""

    index: int
    sequence: int
    data: bytes
    last: bool


class SnapshotChunkStored(Message, wire="raft.snapshot-chunk-stored"):
    """Role to owner: the piece is in the journal."""

    index: int
    sequence: int


class RestoreChunk(Message, wire="raft.restore-chunk"):
    """Role to owner: replace the state by this snapshot; ``sequence`` 0 begins it, ``last`` completes it. Sent after a
    restart and when a leader's snapshot was installed; Committed goes on at ``index`` + 1."""

    index: int
    sequence: int
    data: bytes
    last: bool


# --- role and role, between nodes ----------------------------------------------------------------------------------
