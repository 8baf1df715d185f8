"""The fields of a Raft role, and the few questions that every part of it asks. No handlers, no decisions.

The rules stand in the modules beside it, as functions over this state: terms, election, replication, following,
reading, snapshots, delivery, tail, recovery. ``role`` binds them to messages.
"""

from __future__ import annotations

from collections import deque

import msgspec

from actors.actor import Actor
from actors.context import Context
from core_ext.mailbox import Reference
from protocols.raft.configuration import Configuration
from protocols.raft.log import LogId, LogView
from protocols.raft.messages import FOLLOWER, AppendEntries, Propose, RoleName
from protocols.raft.progress import Progress
from protocols.raft.records import SnapshotMeta
from protocols.raft.settings import RaftSettings


class Read(msgspec.Struct, frozen=True):
    """Who waits for a read index: the owner (``asker`` None) with its tag, or a follower with its request."""

    asker: Reference | None
    tag: int


class Round(msgspec.Struct, frozen=True):
    """A heartbeat round that reads wait for (thesis 6.4)."""

    number: int
    index: int
    reads: tuple[Read, ...]


class Incoming(msgspec.Struct, frozen=True):
    """A snapshot that is being stored, chunk by chunk. ``term`` is the sending leader's, 0 for the owner's own."""

    index: int
    index_term: int
    term: int
    configuration: Configuration
    positions: tuple[int, ...]


class JournalRead(msgspec.Struct, frozen=True):
    """Why a journal read is under way. ``peer`` is empty when it is for the owner."""

    peer: str
    index: int
    piece: bool


class RoleState(Actor):
    """What a Raft role remembers.

    Args:
        settings: of the group.
        configuration: the group's members when it was created; ignored when the journal knows better.
        owner: name of the local actor that the log is kept for.
    """

    def __init__(self, settings: RaftSettings, configuration: Configuration, owner: str = "log-0") -> None:
        self.settings = settings
        self.owner_name = owner
        self.node = ""
        self.references: dict[str, Reference] = {}  # of every member's role, made at the start; the owner's under ""
        self.configuration = configuration
        # persistent (thesis figure 3.1); term and vote are in the journal before anybody hears of them
        self.term = 0
        self.vote: str | None = None
        self.log = LogView(settings.cache_bytes)
        self.snapshot_meta: SnapshotMeta | None = None
        self.uncertain: deque[int] = deque()  # terms of the entries after the log's last the disk damaged; 0: unknown
        # volatile, every role
        self.role = FOLLOWER
        self.leader: str | None = None
        self.leader_fresh = False  # set by a leader's message, cleared by a timer; never a difference of clocks
        self.watched = ""  # node of the leader whose end this server would be told
        self.canvassing = False  # a pre-vote is under way
        self.votes: dict[str, bool] = {}
        self.commit = 0
        self.announced: tuple[int, RoleName, str | None] | None = None
        # owner
        self.delivered = 0
        self.applied = 0
        self.window: deque[int] = deque()  # last index of each Committed that is not known to be applied
        self.unreported_ticks = 0  # since the owner's last word, while one is to come
        self.awaited = 0  # reads of the owner wait for this index
        self.restoring: int | None = None  # the next snapshot chunk that the owner is to get
        self.snapshot_asked = False
        self.incoming: Incoming | None = None
        # leader
        self.progress: dict[str, Progress] = {}
        self.own_durable = 0
        self.term_start = 0
        self.proposals: list[Propose] = []
        self.proposed_bytes = 0
        self.unsent = False  # a follower may lack something that could be sent to it
        self.newest_append: AppendEntries | None = None  # while followers are being sent the same
        # reads
        self.round = 0
        self.rounds: deque[Round] = deque()
        self.reads: list[Read] = []
        self.forwarded: dict[int, tuple[int, ...]] = {}
        self.forwarded_before = 0
        self.next_request = 1
        # journal
        self.journal_reads: dict[int, JournalRead] = {}
        self.next_journal_read = 1
        self.recovered = 0
        self.bootstrap: Configuration | None = None
        self.gap_at: int | None = None
        self.pieces_found: list[int] = []
        self.tail_reports: dict[str, int] = {}
        # counters
        self.possibly_lost = 0
        self.peer_messages_dropped = 0
        self.snapshots_installed = 0

    def peers(self) -> list[str]:
        """Every other member, in a fixed order."""
        return [member for member in self.configuration.members() if member != self.node]

    def peer(self, context: Context, node: str) -> Reference:
        """The role of this group on another node, whichever incarnation is there."""
        return self.references.get(node) or context.ref(self.settings.group, node)

    def owner(self, context: Context) -> Reference:
        """The local actor that the log is kept for."""
        return self.references.get("") or context.ref(self.owner_name)

    def know_members(self, context: Context) -> None:
        """Make the references that every entry needs."""
        group = self.settings.group
        self.references = {member: context.ref(group, member) for member in self.configuration.members()}
        self.references[""] = context.ref(self.owner_name)

    def sender(self, context: Context) -> str | None:
        """Node of the role that sent the message being handled; None when no role of this group did. Not asked: whether
        it is a member. A server answers also those that its own configuration does not name (thesis 4.1)."""
        sender = context.sender
        if sender is None or sender.name != self.settings.group or sender.node == self.node:
            return None
        return sender.node

    def claimed_last(self) -> LogId:
        """End of the own log for comparing with a candidate's: what the disk damaged counts as present."""
        if not self.uncertain:
            return self.log.last
        # no entry is of a later term than the server's own
        return LogId(self.uncertain[-1] or self.term, self.log.last_index + len(self.uncertain))

    @property
    def snapshot_index(self) -> int:
        return self.snapshot_meta.index if self.snapshot_meta is not None else 0
