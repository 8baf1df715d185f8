"""Raft's messages. First what a role and its *owner* (the local actor that the log is kept for) say to each other,
then what roles say to their peers. Knows no role and no state machine.

Terms and indices are integers from 0 (nothing) upwards. An entry holds the batch of commands that reached the leader
in one turn.
"""

from __future__ import annotations

import enum

from actors.message import Lane, Message, Request


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


# asked for by every handler; before Python 3.12 a name is found several times as fast as a member of its enum
NOOP, COMMANDS, _ = EntryKind
FOLLOWER, CANDIDATE, LEADER = RoleName


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
    """Role to owner: consecutive committed entries, in order, no gaps. ``report``: the role wants AppliedUpTo when they
    are applied, without which no more come for long; otherwise a later one will do."""

    entries: tuple[Entry, ...]
    report: bool = True


class ReportApplied(Message, wire="raft.report-applied"):
    """Role to owner: say AppliedUpTo when everything that was given so far is applied."""


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
# Every reply carries the responder's own term *and* the term of the request that it answers. Who speaks is the sender
# that the world vouches for, never a field.


class VoteRequest(Message, wire="raft.vote-request", lane=Lane.CONTROL):
    """Candidate to voters (thesis 3.4; ``pre``: section 9.6, ``term`` is then the one that it would stand for)."""

    term: int
    last_term: int
    last_index: int
    pre: bool


class VoteReply(Message, wire="raft.vote-reply", lane=Lane.CONTROL):
    """Voter to candidate."""

    term: int
    request_term: int
    pre: bool
    granted: bool


class AppendEntries(Message, wire="raft.append-entries"):
    """Leader to follower (thesis 3.5): entries that follow (``prev_term``, ``prev_index``)."""

    term: int
    prev_index: int
    prev_term: int
    commit: int
    entries: tuple[Entry, ...]


class AppendReply(Message, wire="raft.append-reply", lane=Lane.CONTROL):
    """Follower to leader.

    Attributes:
        prev_index: the request's, so that a stale refusal can be told from the one that is waited for.
        match_index: when accepted, prev_index + number of entries of *that* request, all on disk; else 0.
        hint_index, hint_term: when refused, where the logs may agree at the latest (thesis 3.5, faster back-up).
        damaged: the follower's disk lost entries that it may have acknowledged; earlier match indices are void.
    """

    term: int
    request_term: int
    prev_index: int
    accepted: bool
    match_index: int
    hint_index: int = 0
    hint_term: int = 0
    damaged: bool = False


class Heartbeat(Message, wire="raft.heartbeat", lane=Lane.CONTROL):
    """Leader to follower.

    Attributes:
        commit: min(that follower's match index, commit index): a heartbeat may overtake appends.
        round: numbers read-index rounds; 0 wants no answer.
        tick: it comes with the leader's clock: the follower waits for the next one anew. The others come with reads.
    """

    term: int
    commit: int
    round: int
    tick: bool = True


class HeartbeatReply(Message, wire="raft.heartbeat-reply", lane=Lane.CONTROL):
    """Follower to leader: still in that term when ``round`` arrived."""

    term: int
    request_term: int
    round: int


class ReadIndexRequest(Message, wire="raft.read-index-request", lane=Lane.CONTROL):
    """Follower to leader: one for all read barriers of a turn. ``request`` is the follower's."""

    term: int
    request: int


class ReadIndexReply(Message, wire="raft.read-index-reply", lane=Lane.CONTROL):
    """Leader to that incarnation of the follower which asked; not granted: ask again."""

    request: int
    index: int
    granted: bool


class InstallSnapshot(Message, wire="raft.install-snapshot"):
    """Leader to a follower whose next entry is compacted away (thesis 5): one chunk of the snapshot."""

    term: int
    index: int
    index_term: int
    voters: tuple[str, ...]
    voters_outgoing: tuple[str, ...]
    learners: tuple[str, ...]
    sequence: int
    data: bytes
    last: bool


class InstallReply(Message, wire="raft.install-reply", lane=Lane.CONTROL):
    """Follower to leader: chunks below ``next_sequence`` of the snapshot are on disk; ``done``: it stands."""

    term: int
    request_term: int
    index: int
    next_sequence: int
    done: bool


class TailProbe(Message, wire="raft.tail-probe", lane=Lane.CONTROL):
    """A voter whose disk damaged its log's tail asks every voter: what do you hold at ``index``?"""

    term: int
    index: int


class TailReport(Message, wire="raft.tail-report", lane=Lane.CONTROL):
    """Answer to TailProbe: the term of the intact entry at ``index`` (0: none)."""

    term: int
    index: int
    index_term: int


# --- what a role says to itself ------------------------------------------------------------------------------------


class OwnAppendDurable(Message, wire="raft.own-append-durable", lane=Lane.CONTROL):
    """Gated: when it arrives, the leader's own copy up to ``index`` is on disk."""

    term: int
    index: int


class ElectionTimeout(Message, wire="raft.election-timeout"):
    """Timer: nothing was heard of a leader for an election time-out."""


class LeaderStale(Message, wire="raft.leader-stale"):
    """Timer: the minimum election time-out has passed since the leader was heard; votes are free again."""


class HeartbeatTick(Message, wire="raft.heartbeat-tick"):
    """Timer of a leader."""


class ForwardTick(Message, wire="raft.forward-tick"):
    """Timer of a follower that has forwarded reads: what was asked before the last one is given up."""


# --- for whoever watches a role ------------------------------------------------------------------------------------


class Status(Message, wire="raft.status"):
    """What a role knows; answer to Inspect.

    Attributes:
        possibly_lost: entries that were cut because the disk damaged them and no voter had a copy.
        peer_messages_dropped: messages that no correct peer sends.
    """

    term: int
    role: RoleName
    leader: str | None
    commit_index: int
    applied_index: int
    last_index: int
    snapshot_index: int
    first_index: int
    possibly_lost: int
    snapshots_installed: int
    peer_messages_dropped: int = 0


class Inspect(Request[Status], wire="raft.inspect"):
    """Anyone to role: how are you?"""
