"""The role's owner in the test world: applies, takes snapshots, asks for reads, and objects to what it may not get."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from actors.message import Message
from core_ext.mailbox import Reference
from protocols.raft import messages, properties
from protocols.raft.messages import Entry

if TYPE_CHECKING:
    from tests.raft.harness import Node, World

OWNER = "log-0"


class Owner:
    """What the role's owner sees and does: applies, takes snapshots, asks for reads."""

    def __init__(self, world: World, node: Node) -> None:
        self.world, self.node = world, node
        self.applied: list[Entry] = []
        self.base = 0
        self.state: list[bytes] = []  # every command applied
        self.restored: list[bytes] = []
        self.snapshot: tuple[int, list[bytes]] | None = None
        self.roles: list[messages.RoleChanged] = []
        self.refused: list[Message] = []
        self.reads: dict[int, int] = {}
        self.answered: dict[int, int] = {}
        self.frozen = False  # takes entries and applies none

    @property
    def index(self) -> int:
        return self.base + len(self.applied)

    def receive(self, message: Message) -> None:
        world = self.world
        if isinstance(message, messages.Committed):
            for entry in message.entries:
                if entry.index != self.index + 1:
                    raise properties.Violation(f"{self.node.name}: entry {entry.index} after {self.index}")
                properties.state_machine_safety(world.history, self.node.name, entry)
                self.applied.append(entry)
                self.state.extend(entry.commands)
                world.acknowledged = max(world.acknowledged, entry.index)
            if message.report and not self.frozen:
                self.tell(messages.AppliedUpTo(index=self.index))
        elif isinstance(message, messages.RoleChanged):
            self.roles.append(message)
        elif isinstance(message, messages.BarrierReached):
            asked_at = self.reads.pop(message.tag, None)
            if asked_at is None:
                raise properties.Violation(f"{self.node.name}: read {message.tag} answered twice")
            if message.index < asked_at:
                raise properties.Violation(
                    f"stale read on {self.node.name}: {message.index}, but {asked_at} was acknowledged before it began"
                )
            self.answered[message.tag] = message.index
        elif isinstance(message, messages.BarrierRefused):
            self.refused.append(message)
            del self.reads[message.tag]
        elif isinstance(message, messages.ProposalRefused):
            self.refused.append(message)
        elif isinstance(message, messages.SnapshotWanted):
            blob = msgspec.msgpack.encode(self.state)
            size = world.settings.snapshot_chunk_bytes
            self.snapshot = (self.index, [blob[at : at + size] for at in range(0, len(blob), size)])
            self.send_chunk(0)
        elif isinstance(message, messages.SnapshotChunkStored):
            if self.snapshot is not None and self.snapshot[0] == message.index:
                self.send_chunk(message.sequence + 1)
        elif isinstance(message, messages.RestoreChunk):
            self.restore(message)
        elif isinstance(message, messages.ReportApplied):
            if not self.frozen:
                self.tell(messages.AppliedUpTo(index=self.index))
        else:
            raise TypeError(message)

    def send_chunk(self, sequence: int) -> None:
        assert self.snapshot is not None
        index, chunks = self.snapshot
        if sequence < len(chunks):
            last = sequence == len(chunks) - 1
            self.tell(messages.SnapshotChunk(index=index, sequence=sequence, data=chunks[sequence], last=last))

    def restore(self, message: messages.RestoreChunk) -> None:
        if message.sequence == 0:
            self.restored = []
        if message.sequence != len(self.restored):
            raise properties.Violation(f"{self.node.name}: restore chunk {message.sequence} after {len(self.restored)}")
        self.restored.append(message.data)
        if message.last:
            self.state = msgspec.msgpack.decode(b"".join(self.restored), type=list[bytes])
            self.base, self.applied = message.index, []
            self.world.check_state(self.node.name, self.base, self.state)

    def tell(self, message: Message) -> None:
        """To the role, over the local mailbox."""
        self.world.post(self.node, Reference(self.node.name, OWNER, self.node.incarnation), message)
