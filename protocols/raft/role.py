"""The Raft role: one server of one group, as an actor. Binds messages to the rules in the modules beside it.

    FOLLOWER --time-out--> pre-vote --quorum--> CANDIDATE --quorum--> LEADER
       ^--- a higher term, a leader, or no majority within an election time-out ---'

The only durable actor of a node. Written against the actor contract alone.
"""

from __future__ import annotations

from actors.actor import on
from actors.context import Context
from actors.message import JournalEntries, Message, Terminated
from protocols.raft import (
    delivery,
    election,
    following,
    guard,
    messages,
    reading,
    recovery,
    replication,
    snapshots,
    tail,
)
from protocols.raft.messages import LEADER
from protocols.raft.state import RoleState


class RaftRole(RoleState):
    """One server of a Raft group. See ``RoleState`` for the arguments, ``messages`` for what it understands."""

    def recover(self, record: Message) -> None:
        """One journal record, before ``start``."""
        recovery.replay(self, record)

    def start(self, context: Context) -> None:
        """After recovery.

        Raises:
            DiskLost: this server may not take part any more.
            ContractError: the journal belongs to another group.
        """
        recovery.begin(self, context)

    def after_batch(self, context: Context) -> None:
        """The end of a turn: what came together is appended, sent and asked together."""
        if (self.unsent or self.proposals) and self.role is LEADER:
            replication.end_turn(self, context)
        if self.reads:
            reading.end_turn(self, context)

    # --- owner ---

    @on(messages.Propose)
    def propose(self, message: messages.Propose, context: Context) -> None:
        if guard.from_here(self, context):
            replication.on_propose(self, message, context)

    @on(messages.AppliedUpTo)
    def applied_up_to(self, message: messages.AppliedUpTo, context: Context) -> None:
        if guard.from_here(self, context):
            delivery.on_applied(self, message, context)

    @on(messages.ReadBarrier)
    def read_barrier(self, message: messages.ReadBarrier, context: Context) -> None:
        if guard.from_here(self, context):
            reading.on_barrier(self, message, context)

    @on(messages.SnapshotChunk)
    def snapshot_chunk(self, message: messages.SnapshotChunk, context: Context) -> None:
        if guard.from_here(self, context):
            snapshots.on_chunk(self, message, context)

    # --- elections ---

    @on(messages.ElectionTimeout)
    def election_timeout(self, message: messages.ElectionTimeout, context: Context) -> None:
        election.on_timeout(self, context)

    @on(messages.LeaderStale)
    def leader_stale(self, message: messages.LeaderStale, context: Context) -> None:
        self.leader_fresh = False

    @on(Terminated)
    def terminated(self, message: Terminated, context: Context) -> None:
        election.on_terminated(self, message, context)

    @on(messages.VoteRequest)
    def vote_request(self, message: messages.VoteRequest, context: Context) -> None:
        election.on_request(self, message, context)

    @on(messages.VoteReply)
    def vote_reply(self, message: messages.VoteReply, context: Context) -> None:
        election.on_reply(self, message, context)

    @on(messages.TailProbe)
    def tail_probe(self, message: messages.TailProbe, context: Context) -> None:
        tail.on_probe(self, message, context)

    @on(messages.TailReport)
    def tail_report(self, message: messages.TailReport, context: Context) -> None:
        tail.on_report(self, message, context)

    # --- replication ---

    @on(messages.AppendEntries)
    def append_entries(self, message: messages.AppendEntries, context: Context) -> None:
        following.on_append(self, message, context)

    @on(messages.AppendReply)
    def append_reply(self, message: messages.AppendReply, context: Context) -> None:
        replication.on_reply(self, message, context)

    @on(messages.OwnAppendDurable)
    def own_append_durable(self, message: messages.OwnAppendDurable, context: Context) -> None:
        replication.on_own_durable(self, message, context)

    @on(messages.HeartbeatTick)
    def heartbeat_tick(self, message: messages.HeartbeatTick, context: Context) -> None:
        replication.tick(self, context)

    @on(messages.Heartbeat)
    def heartbeat(self, message: messages.Heartbeat, context: Context) -> None:
        following.on_heartbeat(self, message, context)

    @on(messages.HeartbeatReply)
    def heartbeat_reply(self, message: messages.HeartbeatReply, context: Context) -> None:
        replication.on_heartbeat_reply(self, message, context)

    @on(JournalEntries)
    def journal_entries(self, message: JournalEntries, context: Context) -> None:
        purpose = self.journal_reads.pop(message.key, None)
        if purpose is None:
            return
        if purpose.piece and purpose.peer:
            snapshots.piece_read(self, context, purpose.peer, purpose.index, message.records)
        elif purpose.piece:
            snapshots.own_piece_read(self, context, purpose.index, message.records)
        else:
            entries = delivery.live_entries(self, message, purpose.index)
            if purpose.peer:
                replication.entries_read(self, context, purpose.peer, entries)
            else:
                delivery.entries_read(self, context, entries)

    # --- reads ---

    @on(messages.ReadIndexRequest)
    def read_index_request(self, message: messages.ReadIndexRequest, context: Context) -> None:
        reading.on_request(self, message, context)

    @on(messages.ReadIndexReply)
    def read_index_reply(self, message: messages.ReadIndexReply, context: Context) -> None:
        reading.on_reply(self, message, context)

    @on(messages.ForwardTick)
    def forward_tick(self, message: messages.ForwardTick, context: Context) -> None:
        reading.on_forward_tick(self, context)

    # --- snapshots ---

    @on(messages.InstallSnapshot)
    def install_snapshot(self, message: messages.InstallSnapshot, context: Context) -> None:
        snapshots.on_install(self, message, context)

    @on(messages.InstallReply)
    def install_reply(self, message: messages.InstallReply, context: Context) -> None:
        snapshots.on_install_reply(self, message, context)

    # --- watching ---

    @on(messages.Inspect)
    def inspect(self, message: messages.Inspect, context: Context) -> None:
        # nothing here promises anything, so it need not wait for the disk
        context.reply_now(
            messages.Status(
                term=self.term, role=self.role, leader=self.leader, commit_index=self.commit,
                applied_index=self.applied, last_index=self.log.last_index, snapshot_index=self.snapshot_index,
                first_index=self.log.base + 1, possibly_lost=self.possibly_lost,
                snapshots_installed=self.snapshots_installed, peer_messages_dropped=self.peer_messages_dropped,
            )
        )
