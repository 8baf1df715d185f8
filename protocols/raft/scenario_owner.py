"""The owner of a simulated Raft role: applies, takes snapshots, asks for reads, and objects to what it may not get.

It is its own client too. Many owners share one ``Oracle``, which knows what a person outside of the run would know.
Knows no world.
"""

from __future__ import annotations

import zlib
from typing import Protocol

import msgspec

from actors.actor import Actor, on
from actors.context import Context
from actors.message import Message
from core_ext.mailbox import Reference
from protocols.raft import messages, properties
from protocols.raft.messages import Entry, RoleName

OWNER_NAME = "log-0"
KEYS = 40


class Draws(Protocol):
    """Where an owner's choices come from: a stream of the run's tape."""

    def below(self, n: int) -> int:
        """0 to n - 1."""

    def uniform(self, low: float, high: float) -> float:
        """A number from low to high."""


class Oracle(msgspec.Struct):
    """What is known of a group as a whole.

    Attributes:
        history: for the invariants.
        acknowledged: the highest index that any owner has applied.
        states: checksum of the state after each applied index.
        reads, snapshots, restored: how many were answered, taken, taken in.
        working: False ends the work: owners propose and ask nothing more by themselves.
        period_seconds: mean time between two pieces of work of an owner.
    """

    history: properties.History = msgspec.field(default_factory=properties.History)
    acknowledged: int = 0
    states: dict[int, int] = {}
    reads: int = 0
    snapshots: int = 0
    restored: int = 0
    working: bool = True
    period_seconds: float = 0.02

    def applied(self, node: str, index: int, state: int) -> None:
        """An owner has applied up to ``index``, or restored a snapshot there.

        Raises:
            Violation: another one was in another state at that index.
        """
        known = self.states.setdefault(index, state)
        if known != state:
            raise properties.Violation(f"state machine safety: {node} is not in the state of the others at {index}")
        self.acknowledged = max(self.acknowledged, index)


class Work(Message, wire="raft.scenario.work"):
    """Timer: time to propose or to ask."""


class ProposeNow(Message, wire="raft.scenario.propose"):
    """From outside: propose one command."""


class ReadNow(Message, wire="raft.scenario.read"):
    """From outside: ask for a read."""


class Owner(Actor):
    """One role's owner.

    Args:
        group: name of the role.
        oracle: shared by all owners of a run.
        draws: its choices.
        chunk_bytes: of its snapshots.
    """

    def __init__(self, group: str, oracle: Oracle, draws: Draws, chunk_bytes: int) -> None:
        self._group = group
        self._oracle = oracle
        self._draws = draws
        self._chunk_bytes = chunk_bytes
        self.index = 0
        self.state: dict[int, bytes] = {}  # the last command of each key
        self.chain = 0  # checksum of every command applied, in order
        self.leads = False
        self.reads: dict[int, int] = {}  # by tag: what had been acknowledged when it was asked
        self.answered = 0
        self._tag = 0
        self._restored: list[bytes] = []
        self._snapshot: tuple[int, list[bytes]] | None = None

    def start(self, context: Context) -> None:
        """The first piece of work."""
        self._plan(context)

    def _plan(self, context: Context) -> None:
        if self._oracle.working:
            context.set_timer(Work(), self._draws.uniform(0.1, 1.9) * self._oracle.period_seconds)

    def _role(self, context: Context) -> Reference:
        return context.ref(self._group)

    # --- work -------------------------------------------------------------------------------------------------------

    @on(Work)
    def work(self, message: Work, context: Context) -> None:
        """Proposals at who thinks that it leads, sometimes elsewhere; reads anywhere."""
        draws = self._draws
        if self.leads or draws.below(10) == 9:
            commands = tuple(
                b"%d=%d" % (draws.below(KEYS), draws.below(1 << 30)) * (5 if draws.below(4) == 3 else 1)
                for _ in range(1 + draws.below(4))
            )
            self._propose(commands, context)
        if draws.below(3) == 2:
            self._read(context)
        self._plan(context)

    @on(ProposeNow)
    def propose_now(self, message: ProposeNow, context: Context) -> None:
        self._propose((b"0=now",), context)

    @on(ReadNow)
    def read_now(self, message: ReadNow, context: Context) -> None:
        self._read(context)

    def _propose(self, commands: tuple[bytes, ...], context: Context) -> None:
        self._tag += 1
        context.send(self._role(context), messages.Propose(tag=self._tag, commands=commands))

    def _read(self, context: Context) -> None:
        self._tag += 1
        self.reads[self._tag] = self._oracle.acknowledged
        context.send(self._role(context), messages.ReadBarrier(tag=self._tag))

    # --- the role ---------------------------------------------------------------------------------------------------

    @on(messages.Committed)
    def committed(self, message: messages.Committed, context: Context) -> None:
        """Apply; in order, without gaps, the same everywhere."""
        for entry in message.entries:
            if entry.index != self.index + 1:
                raise properties.Violation(f"log order: {context.node} gets entry {entry.index} after {self.index}")
            properties.state_machine_safety(self._oracle.history, context.node, entry)
            self._apply(entry)
            self._oracle.applied(context.node, self.index, self.chain)
        if message.report:
            context.send(self._role(context), messages.AppliedUpTo(index=self.index))

    @on(messages.ReportApplied)
    def report_applied(self, message: messages.ReportApplied, context: Context) -> None:
        context.send(self._role(context), messages.AppliedUpTo(index=self.index))

    def _apply(self, entry: Entry) -> None:
        for command in entry.commands:
            self.state[int(command.partition(b"=")[0])] = command
            self.chain = zlib.crc32(command, self.chain)
        self.index = entry.index

    @on(messages.RoleChanged)
    def role_changed(self, message: messages.RoleChanged, context: Context) -> None:
        self.leads = message.role is RoleName.LEADER

    @on(messages.ProposalRefused)
    def proposal_refused(self, message: messages.ProposalRefused, context: Context) -> None:
        """It was certainly not appended; nobody waits for it here."""

    @on(messages.BarrierReached)
    def barrier_reached(self, message: messages.BarrierReached, context: Context) -> None:
        """Linearizable: not older than what was acknowledged when it was asked."""
        asked_at = self.reads.pop(message.tag, None)
        if asked_at is None:
            raise properties.Violation(f"reads: {context.node} answers read {message.tag} twice")
        if message.index < asked_at:
            raise properties.Violation(
                f"stale read: {context.node} reads from {message.index} on, but {asked_at} was acknowledged before"
            )
        self.answered += 1
        self._oracle.reads += 1

    @on(messages.BarrierRefused)
    def barrier_refused(self, message: messages.BarrierRefused, context: Context) -> None:
        if self.reads.pop(message.tag, None) is None:
            raise properties.Violation(f"reads: {context.node} refuses read {message.tag} twice")

    # --- snapshots --------------------------------------------------------------------------------------------------

    @on(messages.SnapshotWanted)
    def snapshot_wanted(self, message: messages.SnapshotWanted, context: Context) -> None:
        """The state as it is, in small pieces."""
        content = msgspec.msgpack.encode((self.chain, self.state))
        size = self._chunk_bytes
        self._snapshot = (self.index, [content[at : at + size] for at in range(0, len(content), size)])
        self._oracle.snapshots += 1
        self._send_chunk(0, context)

    @on(messages.SnapshotChunkStored)
    def chunk_stored(self, message: messages.SnapshotChunkStored, context: Context) -> None:
        if self._snapshot is not None and self._snapshot[0] == message.index:
            self._send_chunk(message.sequence + 1, context)

    def _send_chunk(self, sequence: int, context: Context) -> None:
        assert self._snapshot is not None
        index, chunks = self._snapshot
        if sequence < len(chunks):
            last = sequence == len(chunks) - 1
            context.send(
                self._role(context),
                messages.SnapshotChunk(index=index, sequence=sequence, data=chunks[sequence], last=last),
            )

    @on(messages.RestoreChunk)
    def restore_chunk(self, message: messages.RestoreChunk, context: Context) -> None:
        """Replace the state; it must be the one that all others had at that index."""
        if message.sequence == 0:
            self._restored = []
        if message.sequence != len(self._restored):
            raise properties.Violation(
                f"snapshots: {context.node} gets piece {message.sequence} after {len(self._restored)}"
            )
        self._restored.append(message.data)
        if not message.last:
            return
        self.chain, self.state = msgspec.msgpack.decode(b"".join(self._restored), type=tuple[int, dict[int, bytes]])
        self.index = message.index
        self._restored = []
        self._oracle.restored += 1
        self._oracle.applied(context.node, self.index, self.chain)
