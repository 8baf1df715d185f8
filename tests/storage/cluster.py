"""Three nodes of role, log adapter, shard, gateway and a door that remembers every answer, in the small world."""

from __future__ import annotations

from collections.abc import Iterable

from actors.actor import Actor, on
from actors.context import Context
from core_ext.mailbox import Reference
from protocols.raft import RaftRole, RaftSettings, configuration
from protocols.raft.messages import RoleName
from protocols.storage import properties
from protocols.storage.gateway import Gateway
from protocols.storage.messages import Execute, Outcome, Query, Status
from protocols.storage.raft_log import RaftLog
from protocols.storage.settings import GATEWAY_NAME, LOG_NAME, ROLE_NAME, SHARD_NAME, GatewaySettings, ShardSettings
from protocols.storage.shard import StorageShard
from tests.storage.batches import Command, batch, split
from tests.storage.world import Faults, World

NAMES = ("a", "b", "c")


class Door(Actor):
    """Keeps every outcome, by ticket."""

    def __init__(self, answers: dict[int, Outcome]) -> None:
        self.answers = answers

    @on(Outcome)
    def outcome(self, message: Outcome, context: Context) -> None:
        assert message.ticket not in self.answers, f"ticket {message.ticket} was answered twice"
        self.answers[message.ticket] = message


class Cluster(World):
    """A replicated store.

    Args:
        seed: of every choice.
        faults: between nodes.
        raft: settings of the group.
        gateway: settings of every gateway.
    """

    def __init__(
        self, seed: int = 0, faults: Faults | None = None, raft: RaftSettings | None = None,
        gateway: GatewaySettings | None = None,
    ) -> None:
        super().__init__(seed, faults)
        self.raft = raft or RaftSettings()
        self.gateway = gateway or GatewaySettings()
        self.history = properties.History()
        self.answers: dict[int, Outcome] = {}
        self.tickets = 0
        for name in NAMES:
            self.boot(name)

    def boot(self, node: str) -> None:
        """Start a node, or start it again."""
        self.spawn(node, SHARD_NAME, StorageShard(ShardSettings(snapshot_chunk_bytes=1000)))
        self.spawn(node, LOG_NAME, RaftLog())
        self.spawn(node, GATEWAY_NAME, Gateway(self.gateway))
        self.spawn(node, "door", Door(self.answers))
        self.spawn(node, ROLE_NAME, RaftRole(self.raft, configuration(*NAMES), LOG_NAME))

    def up(self) -> list[str]:
        """Nodes that live."""
        return [name for name in NAMES if (name, ROLE_NAME) in self.cells]

    def role(self, node: str) -> RaftRole:
        """A node's role."""
        found = self.cells[node, ROLE_NAME].actor
        assert isinstance(found, RaftRole)
        return found

    def shard(self, node: str) -> StorageShard:
        """A node's shard."""
        found = self.cells[node, SHARD_NAME].actor
        assert isinstance(found, StorageShard)
        return found

    def check(self) -> None:
        """All properties, on every node that lives."""
        for name in self.up():
            properties.check(self.history, name, self.shard(name).status())

    def leader(self) -> str | None:
        """The leader of the highest term, when there is one."""
        leaders = [name for name in self.up() if self.role(name).role is RoleName.LEADER]
        return max(leaders, key=lambda name: self.role(name).term, default=None)

    def wait_leader(self) -> str:
        """Let time pass until somebody leads."""
        self.run_until(self.leader, why="a leader")
        found = self.leader()
        assert found is not None
        return found

    def send(self, node: str, commands: Iterable[Command], read: bool = False) -> int:
        """Give a batch to a node's gateway; returns the ticket."""
        self.tickets += 1
        encoded = batch(*commands)
        message = (
            Query(ticket=self.tickets, batch=encoded) if read else Execute(ticket=self.tickets, batch=encoded)
        )
        self.tell(Reference(node, GATEWAY_NAME), message, self.cells[node, "door"].self)
        return self.tickets

    def wait(self, ticket: int, seconds: float = 20.0) -> Outcome:
        """Let time pass until a ticket is answered."""
        self.run_until(lambda: ticket in self.answers, seconds, f"an answer to ticket {ticket}")
        return self.answers[ticket]

    def do(self, node: str, *commands: Command, read: bool = False) -> list[bytes]:
        """Run commands through a node and return their replies."""
        outcome = self.wait(self.send(node, commands, read))
        assert outcome.status is Status.DONE, outcome
        return split(outcome.replies)
