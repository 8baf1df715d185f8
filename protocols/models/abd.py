"""The register of Attiya, Bar-Noy and Dolev ("Sharing Memory Robustly in Message-Passing Systems", 1995), with many
writers: every operation asks a majority for its newest value and then writes back to a majority.

Linearizable while a majority answers. The broken twin says that it is done before a majority keeps the value.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from actors.actor import Actor, on
from actors.context import Context
from actors.message import Message
from actors.verification.actor_model import ActorModel
from actors.verification.actor_network import Network
from actors.verification.properties import Property
from core_ext.mailbox import Reference
from protocols.models.register_clients import (
    Get,
    GetDone,
    Put,
    PutDone,
    RegisterClient,
    Value,
    register_history,
    register_properties,
)


class Stamp(Message, order=True, wire="models.abd.stamp"):
    """Orders writes: a count, then the name of the server that ran the write."""

    count: int
    server: str


class Query(Message, wire="models.abd.query"):
    """What is your newest value?"""

    request: int


class Newest(Message, wire="models.abd.newest"):
    """The answer to a Query."""

    request: int
    stamp: Stamp
    value: Value


class Record(Message, wire="models.abd.record"):
    """Keep this value, unless yours is newer."""

    request: int
    stamp: Stamp
    value: Value


class Recorded(Message, wire="models.abd.recorded"):
    """The answer to a Record."""

    request: int


class Asking(msgspec.Struct, frozen=True):
    """Phase one of an operation: what each server that answered has, in the order of their names."""

    request: int
    client: Reference
    write: Value
    answers: tuple[tuple[str, Stamp, Value], ...]


class Recording(msgspec.Struct, frozen=True):
    """Phase two: who keeps the value by now."""

    request: int
    client: Reference
    is_read: bool
    value: Value
    kept_by: tuple[str, ...]


class AbdServer(Actor):
    """One replica, which also runs the operations of the clients that ask it, one at a time.

    Args:
        servers: names of all replicas, this one included.
        wait: whether an operation ends only when a majority keeps its value.
    """

    def __init__(self, servers: Sequence[str], wait: bool = True) -> None:
        self.servers = tuple(servers)
        self.majority = len(servers) // 2 + 1
        self.wait = wait
        self.stamp = Stamp(0, "")
        self.value: Value = None
        self.phase: Asking | Recording | None = None

    def start(self, context: Context) -> None:
        self.stamp = Stamp(0, context.node)

    def others(self, context: Context) -> list[Reference]:
        return [context.ref(name, name) for name in self.servers if name != context.node]

    @on(Put)
    def put(self, message: Put, context: Context) -> None:
        self.begin(message.request, message.value, context)

    @on(Get)
    def get(self, message: Get, context: Context) -> None:
        self.begin(message.request, None, context)

    def begin(self, request: int, write: Value, context: Context) -> None:
        if self.phase is not None:
            return  # one at a time; the client's message waits
        assert context.sender is not None
        for other in self.others(context):
            context.send(other, Query(request))
        self.phase = Asking(request, context.sender, write, ((context.node, self.stamp, self.value),))

    @on(Query)
    def query(self, message: Query, context: Context) -> None:
        assert context.sender is not None
        context.send(context.sender, Newest(message.request, self.stamp, self.value))

    @on(Newest)
    def newest(self, message: Newest, context: Context) -> None:
        phase = self.phase
        if not isinstance(phase, Asking) or phase.request != message.request:
            return
        assert context.sender is not None
        answers = {name: (stamp, value) for name, stamp, value in phase.answers}
        answers[context.sender.name] = (message.stamp, message.value)
        self.phase = phase = msgspec.structs.replace(
            phase, answers=tuple((name, *answers[name]) for name in sorted(answers))
        )
        if len(answers) != self.majority:
            return
        stamp, value = max(answers.values(), key=lambda answer: answer[0])
        is_read = phase.write is None
        if not is_read:
            stamp, value = Stamp(stamp.count + 1, context.node), phase.write
        for other in self.others(context):
            context.send(other, Record(phase.request, stamp, value))
        self.keep(stamp, value)
        self.phase = Recording(phase.request, phase.client, is_read, value, (context.node,))
        if not self.wait:
            self.finish(self.phase, context)

    def keep(self, stamp: Stamp, value: Value) -> None:
        if stamp > self.stamp:
            self.stamp, self.value = stamp, value

    @on(Record)
    def record(self, message: Record, context: Context) -> None:
        assert context.sender is not None
        context.send(context.sender, Recorded(message.request))
        self.keep(message.stamp, message.value)

    @on(Recorded)
    def recorded(self, message: Recorded, context: Context) -> None:
        phase = self.phase
        assert context.sender is not None
        name = context.sender.name
        if not isinstance(phase, Recording) or phase.request != message.request or name in phase.kept_by:
            return
        kept_by = tuple(sorted((*phase.kept_by, name)))
        if len(kept_by) < self.majority:
            self.phase = msgspec.structs.replace(phase, kept_by=kept_by)
            return
        self.finish(phase, context)

    def finish(self, phase: Recording, context: Context) -> None:
        """Tell the client."""
        self.phase = None
        done = GetDone(phase.request, phase.value) if phase.is_read else PutDone(phase.request)
        context.send(phase.client, done)


class AbdRegister(ActorModel):
    """Clients that write and then read, each at servers of its own.

    Args:
        servers, clients: how many.
        puts: writes of each client.
        wait: False is the broken twin; it shows from three servers on.
    """

    def __init__(self, servers: int = 2, clients: int = 2, puts: int = 1, wait: bool = True) -> None:
        super().__init__(network=Network.UNORDERED, history=register_history())
        names = [f"server-{number}" for number in range(servers)]
        replicas = [self.spawn(AbdServer, names, wait, name=name) for name in names]
        for number in range(clients):
            self.spawn(RegisterClient, number, replicas, puts, name=f"client-{number}")

    def properties(self) -> list[Property]:
        return register_properties()


class HastyAbdRegister(AbdRegister):
    """The broken twin, with the three servers that it takes to see it: of two, every majority is everybody."""

    def __init__(self, servers: int = 3, clients: int = 2, puts: int = 1) -> None:
        super().__init__(servers, clients, puts, wait=False)
