"""A cluster in the simulated world under the words of ``actorum.cluster.Cluster``, so that one test can run in either.

Whatever blocks there lets virtual time pass here. No process, socket or file; commands that a real node's door answers
by itself (PING, INFO, …) are not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar

import hiredis
import msgspec

from actors.actor import Actor, on
from actors.context import Context
from actors.message import Message
from actors.simulation import BoundedDelay, Faults, Node, Simulation, SimulationError, TimeModel, Violation
from actorum.client import Argument, Commands, NotReachable, ReplyError
from protocols.raft import RaftRole
from protocols.raft import properties as raft_properties
from protocols.raft.messages import RoleName
from protocols.raft.scenario import watch_roles
from protocols.storage import batch, properties
from protocols.storage.messages import Execute, Outcome, Query, Status
from protocols.storage.node import ESCALATE, StoreSettings, spawn_store
from protocols.storage.settings import GATEWAY_NAME, SHARD_NAME
from protocols.storage.shard import StorageShard

T = TypeVar("T")

DOOR_NAME = "door"
START_SECONDS = 30.0


class Run(Message, wire="actorum.simulated.run"):
    """From outside to the door: bring this batch to the gateway."""

    ticket: int
    commands: bytes
    writes: bool


class SimulatedDoor(Actor):
    """Stands where a node's Redis door stands.

    Args:
        answers: where outcomes go, by ticket.
    """

    def __init__(self, answers: dict[int, Outcome]) -> None:
        self._answers = answers

    @on(Run)
    def run(self, message: Run, context: Context) -> None:
        """To the gateway."""
        kind = Execute if message.writes else Query
        context.send(context.ref(GATEWAY_NAME), kind(message.ticket, message.commands))

    @on(Outcome)
    def outcome(self, message: Outcome, context: Context) -> None:
        """From the gateway."""
        if message.ticket in self._answers:
            raise properties.Violation(f"answered once: ticket {message.ticket} was answered again")
        self._answers[message.ticket] = message


class SimulatedClient(Commands):
    """A client of one node, under the words of ``actorum.client.Client``.

    Args:
        node: whose client it is.
        timeout_seconds: of virtual time, for each wait for a reply.
    """

    def __init__(self, node: SimulatedNode, timeout_seconds: float) -> None:
        self._node = node
        self.timeout_seconds = timeout_seconds

    def execute(self, *command: Argument) -> Any:
        """Run one command; see ``Client.execute``.

        Raises:
            ReplyError: an error is the reply.
            NotReachable: the node is down, or went down before it answered.
        """
        encoded = [str(part) if isinstance(part, float) else part for part in command]
        try:
            writes = batch.writes(encoded)
            commands = batch.encode(encoded)
        except KeyError:
            raise ReplyError(f"ERR unknown command {command[0]!r}: not one of the store's") from None
        outcome = self._node.run(commands, writes, self.timeout_seconds)
        if outcome.status is Status.NOT_EXECUTED:
            raise ReplyError(f"CLUSTERDOWN {outcome.reason}")
        if outcome.status is Status.UNKNOWN:
            raise ReplyError(f"UNKNOWN {outcome.reason}")
        (reply,) = batch.split(outcome.replies)
        reader = hiredis.Reader(replyError=ReplyError)
        reader.feed(reply)
        value = reader.gets()
        if isinstance(value, ReplyError):
            raise value
        return value

    def pipeline(self, commands: Iterable[Sequence[Argument]]) -> list[Any]:
        """Run commands one after the other; an error is a ReplyError in its place."""
        replies: list[Any] = []
        for command in commands:
            try:
                replies.append(self.execute(*command))
            except ReplyError as error:
                replies.append(error)
        return replies

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> SimulatedClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SimulatedNode:
    """One node, under the words of ``actorum.node_process.NodeProcess``. Made by ``SimulatedCluster``."""

    def __init__(self, cluster: SimulatedCluster, name: str) -> None:
        self.name = name
        self._cluster = cluster
        self._answers: dict[int, Outcome] = {}
        self._tickets = 0
        self.world: Node = cluster.simulation.node(name, self._boot)

    def _boot(self, node: Node) -> None:
        self._answers.clear()
        spawn_store(node.spawn, self._cluster.names, self._cluster.settings)
        node.spawn(SimulatedDoor, self._answers, name=DOOR_NAME, supervision=ESCALATE)

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self.world.up

    @property
    def paused(self) -> bool:
        """Whether it stands still."""
        return self.world.paused

    def kill(self) -> None:
        """As ``kill -9`` and a power failure: what was not synced is lost."""
        self._cluster.simulation.kill(self.world)

    def pause(self) -> None:
        """As SIGSTOP."""
        self._cluster.simulation.pause(self.world)

    def resume(self) -> None:
        """As SIGCONT."""
        self._cluster.simulation.resume(self.world)

    def restart(self) -> None:
        """Start it, again when it runs."""
        self._cluster.simulation.restart(self.world)

    def isolate(self) -> None:
        """It hears nobody, and nobody hears it, until ``heal``."""
        self._cluster.simulation.isolate(self.world)

    @property
    def role(self) -> RaftRole | None:
        """Its Raft role, to look into; None while it is down."""
        found = self.world.actor(self._cluster.settings.raft.group)
        return found if isinstance(found, RaftRole) else None

    @property
    def shard(self) -> StorageShard | None:
        """Its replica, to look into; None while it is down."""
        found = self.world.actor(SHARD_NAME)
        return found if isinstance(found, StorageShard) else None

    def status(self, timeout_seconds: float = 1.0) -> dict[str, Any] | None:
        """What it is and how far it got; None when it is down or stands still."""
        role, shard = self.role, self.shard
        if role is None or shard is None or self.paused:
            return None
        return {
            "name": self.name, "role": role.role.value, "term": role.term, "leader": role.leader,
            "commit_index": role.commit, "applied_index": shard.applied_index,
        }

    def client(self, timeout_seconds: float = 10.0) -> SimulatedClient:
        """A client of this node."""
        return SimulatedClient(self, timeout_seconds)

    def run(self, commands: bytes, writes: bool, timeout_seconds: float) -> Outcome:
        """Bring a batch to the gateway and wait for its outcome.

        Raises:
            NotReachable: it is down, or went down before it answered, or did not answer in time.
        """
        if not self.running:
            raise NotReachable(f"no answer from {self.name}: it is down", certainly_not_executed=True)
        self._tickets += 1
        ticket, boots, simulation = self._tickets, self.world.boots, self._cluster.simulation
        simulation.tell(simulation.ref(self.name, DOOR_NAME), Run(ticket, commands, writes))
        try:
            simulation.run_until(
                lambda: ticket in self._answers or not self.running or self.world.boots != boots, timeout_seconds
            )
        except Violation:
            raise
        except SimulationError as error:
            raise NotReachable(f"no answer from {self.name}: {error}", certainly_not_executed=False) from error
        outcome = self._answers.pop(ticket, None)
        if outcome is None:
            raise NotReachable(f"no answer from {self.name}: it went down", certainly_not_executed=False)
        return outcome


class SimulatedCluster:
    """The nodes of one cluster in one simulation; the invariants of Raft and of the store hold after every event.

    Args:
        nodes: how many: n1, n2, …
        seed: of every choice.
        settings: overrides by path, ``{"raft.heartbeat_seconds": 0.02}``; sections raft, detector, adapter, shard and
            gateway.
        faults: what goes wrong by itself; nothing by default.
        time_model: how long messages take.
        disk: ``"memory"`` or ``"wal"``, see ``Simulation``.

    Raises:
        ValueError: a setting that does not exist, or cannot be.
    """

    def __init__(
        self, nodes: int = 3, *, seed: int = 0, settings: Mapping[str, Any] | None = None,
        faults: Faults | None = None, time_model: TimeModel | None = None, disk: str = "memory",
    ) -> None:
        self.settings = _settings(settings or {})
        self.names = [f"n{number}" for number in range(1, nodes + 1)]
        self.simulation = Simulation(
            seed, faults=faults, time_model=time_model or BoundedDelay(), disk=disk, trace_limit=0
        )
        states = properties.History()
        watch_roles(self.simulation, raft_properties.History(), self.settings.raft.group)
        self.simulation.invariant(
            "replicas agree", lambda node, shard: properties.check(states, node, shard.status()), StorageShard
        )
        self.simulation.on_failure = self._failed
        self.nodes = [SimulatedNode(self, name) for name in self.names]

    def _failed(self, label: str, error: BaseException) -> None:
        raise self.simulation.violation("no actor fails", f"{label}: {type(error).__name__}: {error}") from error

    # --- the words of Cluster ---------------------------------------------------------------------------------------

    def node(self, which: int | str) -> SimulatedNode:
        """A node by number (from 0) or name."""
        return self.nodes[which] if isinstance(which, int) else self.nodes[self.names.index(which)]

    def live(self) -> list[SimulatedNode]:
        """Nodes whose process runs and is not paused."""
        return [node for node in self.nodes if node.running and not node.paused]

    def find_leader(self) -> SimulatedNode | None:
        """The live node that leads in the highest term; None when none does."""
        leaders = [
            (role.term, node) for node in self.live() if (role := node.role) and role.role is RoleName.LEADER
        ]
        return max(leaders, key=lambda found: found[0])[1] if leaders else None

    def leader(self, timeout_seconds: float = START_SECONDS) -> SimulatedNode:
        """Let time pass until a live node leads, and return it."""
        return self._wait(self.find_leader, timeout_seconds, "a live node leads")

    def wait_stable(self, timeout_seconds: float = START_SECONDS) -> SimulatedNode:
        """Let time pass until every live node names the same leader and term and has applied what it committed.

        Returns:
            The leader.
        """
        return self._wait(self._stable_leader, timeout_seconds, "the cluster is stable")

    def _stable_leader(self) -> SimulatedNode | None:
        leader = self.find_leader()
        if leader is None:
            return None
        statuses = [status for node in self.live() if (status := node.status()) is not None]
        agreed = len({(status["term"], status["leader"]) for status in statuses}) == 1
        goal = max(status["commit_index"] for status in statuses)
        return leader if agreed and goal and all(status["applied_index"] >= goal for status in statuses) else None

    def client(self, which: int | str = 0, timeout_seconds: float = 10.0) -> SimulatedClient:
        """A client of one node."""
        return self.node(which).client(timeout_seconds)

    # --- what only this world can do --------------------------------------------------------------------------------

    def partition(self, *sides: Iterable[SimulatedNode | str]) -> None:
        """Nodes on different sides do not hear each other, until ``heal``."""
        self.simulation.partition(
            *[[node.name if isinstance(node, SimulatedNode) else node for node in side] for side in sides]
        )

    def heal(self) -> None:
        """Everybody hears everybody again."""
        self.simulation.heal()

    def run(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.simulation.run(seconds)

    def _wait(self, probe: Callable[[], T | None], seconds: float, reason: str) -> T:
        found: T = self.simulation.run_until(probe, seconds, reason)
        return found

    def __iter__(self) -> Iterator[SimulatedNode]:
        return iter(self.nodes)


def _settings(overrides: Mapping[str, Any]) -> StoreSettings:
    """Settings by path.

    Raises:
        ValueError: names the path.
    """
    nested: dict[str, dict[str, Any]] = {}
    for path, value in overrides.items():
        section, dot, field = path.partition(".")
        if not dot or section not in StoreSettings.__struct_fields__:
            raise ValueError(f"setting {path!r}: sections are {', '.join(StoreSettings.__struct_fields__)}")
        nested.setdefault(section, {})[field] = value
    try:
        return msgspec.convert(nested, StoreSettings)
    except msgspec.ValidationError as error:
        raise ValueError(f"settings of a simulated cluster: {error}") from error
