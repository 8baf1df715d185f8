"""Raft as the store's log: the log adapter that is the Raft role's owner. Knows no key and no client.

The leader's adapter encodes the submits of a turn with one reading of its clock and proposes them together.
"""

from __future__ import annotations

from actors.actor import on
from actors.context import Context
from core_ext.mailbox import Reference
from protocols.raft.messages import (
    COMMANDS,
    FOLLOWER,
    LEADER,
    AppliedUpTo,
    BarrierReached,
    BarrierRefused,
    Committed,
    ProposalRefused,
    Propose,
    ReadBarrier,
    RefusalReason,
    ReportApplied,
    RestoreChunk,
    RoleChanged,
    SnapshotChunk,
    SnapshotChunkStored,
    SnapshotWanted,
)
from protocols.storage import command as commands
from protocols.storage.log_adapter import LogAdapter, milliseconds, refusal
from protocols.storage.messages import (
    Applied,
    Apply,
    AskApplied,
    AskLeadership,
    Barrier,
    Leadership,
    Read,
    ReadResult,
    RestoreState,
    StateChunk,
    StateChunkStored,
    Submit,
    SubmitStatus,
    TakeSnapshot,
)
from protocols.storage.settings import GATEWAY_NAME, MAX_BATCH_BYTES, ROLE_NAME, SHARD_NAME, LogSettings

_COMMANDS_TOGETHER = 64  # of several entries in one Apply: one turn of the shard stays short

_REFUSED = {
    RefusalReason.NOT_LEADER: SubmitStatus.NOT_LEADER,
    RefusalReason.OVERLOADED: SubmitStatus.OVERLOADED,
    RefusalReason.LEADERSHIP_LOST: SubmitStatus.LEADERSHIP_LOST,
}


class RaftLog(LogAdapter):
    """The log adapter over Raft; see LogAdapter for the arguments."""

    def __init__(
        self, settings: LogSettings | None = None, role: str = ROLE_NAME, shard: str = SHARD_NAME,
        gateway: str = GATEWAY_NAME,
    ) -> None:
        super().__init__(settings, role=role, shard=shard, gateway=gateway)
        self._role = FOLLOWER
        self._term = 0
        self._leader: str | None = None
        self._tag = 0  # of this turn's proposal
        self._submits: list[Submit] = []  # of this turn
        self._ready: list[bytes] = []  # of this turn, encoded already
        self._barrier_tag = 0
        self._barriers: dict[int, tuple[Reference, Barrier]] = {}
        self._given = 0  # the last entry that the shard was given
        self._applied = 0
        self._wanted = 0  # when the shard has come so far, the role wants to know
        self._told = 0  # the index of the last AppliedUpTo

    def orders(self) -> bool:
        """Only a leader does."""
        return self._role is LEADER

    def propose(self, command: bytes) -> None:
        """Goes out when the turn ends."""
        self._ready.append(command)

    def after_batch(self, context: Context) -> None:
        """The commands of a turn go to the role together; progress is reported when the role wants it."""
        if self._submits or self._ready:
            now_ms = milliseconds(context)
            encoded = (*self._ready, *[commands.encode(now_ms, submit) for submit in self._submits])
            self._submits = []
            self._ready = []
            context.send(self.role, Propose(tag=self._tag, commands=encoded))
            self._tag += 1
        if self._applied >= self._wanted > self._told:
            self._told = self._applied
            context.send(self.role, AppliedUpTo(index=self._applied))

    # --- gateways ---------------------------------------------------------------------------------------------------

    @on(Submit)
    def submit(self, message: Submit, context: Context) -> None:
        """Take it into this turn's proposal, or say why not."""
        asker = context.sender
        if asker is None or not commands.fits(message):
            return
        key = (message.session, message.serial, message.origin)
        if not self.orders():
            context.send(asker, refusal(key, SubmitStatus.NOT_LEADER, self._leader))
        elif len(self._pending) >= self._settings.max_pending or len(message.batch) > MAX_BATCH_BYTES:
            context.send(asker, refusal(key, SubmitStatus.OVERLOADED, None))
        elif self.expect(message, self._tag, asker):
            self._submits.append(message)

    @on(AskLeadership)
    def ask_leadership(self, message: AskLeadership, context: Context) -> None:
        """The gateway has just started."""
        if context.sender is not None:
            context.send(context.sender, Leadership(leader=self._leader, term=self._term))

    @on(Barrier)
    def barrier(self, message: Barrier, context: Context) -> None:
        """Tags of our own: an answer must never reach a later barrier of the same number."""
        if context.sender is None:
            return
        tag = self._barrier_tag
        self._barrier_tag += 1
        if len(self._barriers) >= self._settings.max_pending:  # the role lost the oldest; its gateway asks again
            del self._barriers[next(iter(self._barriers))]
        self._barriers[tag] = (context.sender, message)
        context.send(self.role, ReadBarrier(tag=tag))

    # --- the role ---------------------------------------------------------------------------------------------------

    @on(BarrierReached)
    def barrier_reached(self, message: BarrierReached, context: Context) -> None:
        """Linearizable from this index on."""
        self._read(message.tag, message.index, context)

    def _read(self, tag: int, index: int, context: Context) -> None:
        waiting = self._barriers.pop(tag, None)
        if waiting is not None:
            gateway, barrier = waiting
            context.send(
                self.shard, Read(tag=barrier.tag, index=index, reads=barrier.reads, asker=gateway)
            )

    @on(BarrierRefused)
    def barrier_refused(self, message: BarrierRefused, context: Context) -> None:
        """Not now."""
        waiting = self._barriers.pop(message.tag, None)
        if waiting is not None:
            gateway, barrier = waiting
            context.send(gateway, ReadResult(tag=barrier.tag, answers=(), refused=True))

    @on(ProposalRefused)
    def proposal_refused(self, message: ProposalRefused, context: Context) -> None:
        """Nothing of it was appended."""
        self.refuse(message.tag, _REFUSED[message.reason], self._leader, context)

    @on(RoleChanged)
    def role_changed(self, message: RoleChanged, context: Context) -> None:
        """A leader that is none any more cannot say what becomes of its proposals; they may yet commit."""
        was_leader = self.orders()
        self._role, self._term, self._leader = message.role, message.term, message.leader
        if was_leader:
            self._submits = []
            self._ready = []
            self.refuse(None, SubmitStatus.LEADERSHIP_LOST, self._leader, context)
        elif self.orders():
            context.send(self.shard, AskApplied())  # what deadlines there are
        context.send(self.gateway, Leadership(leader=self._leader, term=self._term))
        self.arm_tick(context)

    @on(Committed)
    def committed(self, message: Committed, context: Context) -> None:
        """Entries for the shard, small neighbours together; those that are not commands only move its index."""
        report = message.report or self.orders()  # on other nodes nobody waits for outcomes, and no deadline is watched
        found: tuple[bytes, ...] = ()
        first = message.entries[0].index
        for entry in message.entries:
            commands_ = entry.commands if entry.kind is COMMANDS else ()
            if entry.index > first and len(found) + len(commands_) > _COMMANDS_TOGETHER:
                context.send(self.shard, Apply(index=entry.index - 1, commands=found, first=first, report=report))
                found, first = (), entry.index
            found = found + commands_ if found else commands_
        self._given = message.entries[-1].index
        context.send(self.shard, Apply(index=self._given, commands=found, first=first, report=report))
        if message.report:
            self._wanted = self._given

    @on(ReportApplied)
    def report_applied(self, message: ReportApplied, context: Context) -> None:
        """The role wants to know when all of that is applied. It asks until it hears, also of what it was told already:
        its full mailbox may have refused that."""
        self._wanted = self._given
        self._told = min(self._told, self._given - 1)
        if self._applied < self._given:
            context.send(self.shard, AskApplied())

    @on(SnapshotWanted)
    def snapshot_wanted(self, message: SnapshotWanted, context: Context) -> None:
        """The log has grown."""
        context.send(self.shard, TakeSnapshot())

    @on(SnapshotChunkStored)
    def chunk_stored(self, message: SnapshotChunkStored, context: Context) -> None:
        """The next piece may come."""
        context.send(
            self.shard, StateChunkStored(index=message.index, sequence=message.sequence)
        )

    @on(RestoreChunk)
    def restore(self, message: RestoreChunk, context: Context) -> None:
        """A snapshot for the shard."""
        context.send(
            self.shard,
            RestoreState(index=message.index, sequence=message.sequence, data=message.data, last=message.last),
        )

    # --- the shard --------------------------------------------------------------------------------------------------

    @on(Applied)
    def applied(self, message: Applied, context: Context) -> None:
        """Outcomes go to those who wait for them here."""
        self._applied = max(self._applied, message.index)
        if self._pending:
            for outcome in message.outcomes:
                self.answer(outcome, context)
        self.note_deadline(message, context)

    @on(StateChunk)
    def state_chunk(self, message: StateChunk, context: Context) -> None:
        """A piece of the snapshot for the role."""
        context.send(
            self.role,
            SnapshotChunk(index=message.index, sequence=message.sequence, data=message.data, last=message.last),
        )
