"""Single-decree Paxos (Lamport, "Paxos Made Simple", 2001) behind a register: the first value that a majority accepts
is the value for ever.

Here one server plays proposer, acceptor and learner, and talks to itself without messages, which keeps the model small;
``paxos_roles`` has each role as an actor of its own. The broken twins are a proposer that ignores what a promise tells
it, and an acceptor that accepts below its promise.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    register_history,
    register_properties,
)


class Ballot(Message, order=True, wire="models.paxos.ballot"):
    """Orders attempts: a round, then the server that makes it."""

    round: int
    server: str


class Proposal(Message, wire="models.paxos.proposal"):
    """A value, and whom to tell when it is chosen."""

    request: int
    client: Reference
    value: str


class Accepted(Message, wire="models.paxos.accepted-proposal"):
    """What an acceptor accepted last."""

    ballot: Ballot
    proposal: Proposal


class Prepare(Message, wire="models.paxos.prepare"):
    """Phase 1a."""

    ballot: Ballot


class Promise(Message, wire="models.paxos.promise"):
    """Phase 1b: nothing below ``ballot`` will be accepted; ``accepted`` is what was accepted last."""

    ballot: Ballot
    accepted: Accepted | None


class Accept(Message, wire="models.paxos.accept"):
    """Phase 2a."""

    ballot: Ballot
    proposal: Proposal


class Acceptance(Message, wire="models.paxos.acceptance"):
    """Phase 2b."""

    ballot: Ballot


class Chosen(Message, wire="models.paxos.chosen"):
    """A majority accepted ``proposal`` in ``ballot``."""

    ballot: Ballot
    proposal: Proposal


class PaxosServer(Actor):
    """All three roles for one value.

    Args:
        servers: names of all of them, this one included.
        heed_promises: False: propose one's own value whatever was accepted before.
        heed_ballots: False: accept below what was promised.
    """

    def __init__(self, servers: Sequence[str], heed_promises: bool = True, heed_ballots: bool = True) -> None:
        self.servers = tuple(servers)
        self.majority = len(servers) // 2 + 1
        self.heed_promises = heed_promises
        self.heed_ballots = heed_ballots
        self.promised = Ballot(0, "")
        self.accepted: Accepted | None = None
        self.proposal: Proposal | None = None
        # who promised and who accepted in this server's own ballot, in the order of names
        self.promises: tuple[tuple[str, Accepted | None], ...] = ()
        self.acceptances: tuple[str, ...] = ()
        self.chosen = False

    def broadcast(self, message: Message, context: Context) -> None:
        for name in self.servers:
            if name != context.node:
                context.send(context.ref(name, name), message)

    @on(Get)
    def get(self, message: Get, context: Context) -> None:
        if self.chosen:  # before that, nobody here knows whether a value is chosen elsewhere
            assert self.accepted is not None
            assert context.sender is not None
            context.send(context.sender, GetDone(message.request, self.accepted.proposal.value))

    @on(Put)
    def put(self, message: Put, context: Context) -> None:
        if self.chosen or self.proposal is not None:
            return
        assert context.sender is not None
        self.proposal = Proposal(message.request, context.sender, message.value)
        self.promised = Ballot(self.promised.round + 1, context.node)
        self.promises = ((context.node, self.accepted),)
        self.acceptances = ()
        self.broadcast(Prepare(self.promised), context)

    @on(Prepare)
    def prepare(self, message: Prepare, context: Context) -> None:
        if self.chosen or message.ballot <= self.promised:
            return
        self.promised = message.ballot
        assert context.sender is not None
        context.send(context.sender, Promise(message.ballot, self.accepted))

    @on(Promise)
    def promise(self, message: Promise, context: Context) -> None:
        if self.chosen or message.ballot != self.promised:
            return
        assert context.sender is not None
        assert self.proposal is not None
        promises = dict(self.promises)
        promises[context.sender.name] = message.accepted
        self.promises = tuple(sorted(promises.items(), key=lambda promise: promise[0]))
        if len(promises) != self.majority:
            return
        known = [accepted for accepted in promises.values() if accepted is not None]
        if known and self.heed_promises:
            self.proposal = max(known, key=lambda accepted: accepted.ballot).proposal
        self.accepted = Accepted(message.ballot, self.proposal)
        self.acceptances = (context.node,)
        self.broadcast(Accept(message.ballot, self.proposal), context)

    @on(Accept)
    def accept(self, message: Accept, context: Context) -> None:
        if self.chosen or (self.heed_ballots and message.ballot < self.promised):
            return
        self.promised = message.ballot
        self.accepted = Accepted(message.ballot, message.proposal)
        assert context.sender is not None
        context.send(context.sender, Acceptance(message.ballot))

    @on(Acceptance)
    def acceptance(self, message: Acceptance, context: Context) -> None:
        if self.chosen or message.ballot != self.promised:
            return
        assert context.sender is not None
        assert self.proposal is not None
        self.acceptances = tuple(sorted({*self.acceptances, context.sender.name}))
        if len(self.acceptances) == self.majority:
            self.chosen = True
            self.broadcast(Chosen(message.ballot, self.proposal), context)
            context.send(self.proposal.client, PutDone(self.proposal.request))

    @on(Chosen)
    def learn(self, message: Chosen, context: Context) -> None:
        if not self.chosen:
            self.promised = message.ballot
            self.accepted = Accepted(message.ballot, message.proposal)
            self.chosen = True


class Paxos(ActorModel):
    """Clients that put a value and then get it.

    Args:
        servers, clients: how many.
        puts: writes of each client (a second one has no effect on a value that is chosen).
        heed_promises, heed_ballots: False: the broken twins.
    """

    def __init__(
        self, servers: int = 3, clients: int = 2, puts: int = 1, heed_promises: bool = True, heed_ballots: bool = True
    ) -> None:
        super().__init__(network=Network.UNORDERED, history=register_history())
        names = [f"server-{number}" for number in range(servers)]
        replicas = [self.spawn(PaxosServer, names, heed_promises, heed_ballots, name=name) for name in names]
        for number in range(clients):
            self.spawn(RegisterClient, number, replicas, puts, name=f"client-{number}")

    def properties(self) -> list[Property]:
        return register_properties()
