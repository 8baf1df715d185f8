"""CAP (Gilbert and Lynch 2002): a partitioned register either refuses, or answers and is not linearizable.

``strong``: the majority register of ``abd``; the side without a majority refuses. ``eventual``: every replica answers
at once and tells the others; when everything has arrived, all have the same value.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.actor import Actor, on
from actors.context import Context
from actors.message import Message
from actors.verification.actor_history import linearizable
from actors.verification.actor_model import ActorModel
from actors.verification.actor_network import Network
from actors.verification.actor_view import View
from actors.verification.properties import Property, always, eventually
from protocols.models.abd import AbdServer, Stamp
from protocols.models.register_clients import Get, GetDone, Put, PutDone, RegisterClient, Value, register_history


class Refused(Message, wire="models.cap.refused"):
    """No majority was heard in time: the operation may or may not take effect."""

    request: int


class GiveUp(Message, wire="models.cap.give-up"):
    """Timer: the majority has not answered."""


class Gossip(Message, wire="models.cap.gossip"):
    """A write that one replica took."""

    stamp: Stamp
    value: Value


class StrongServer(AbdServer):
    """A majority register that says so when it has no majority."""

    def begin(self, request: int, write: Value, context: Context) -> None:
        super().begin(request, write, context)
        context.set_timer(GiveUp(), 1.0)

    @on(GiveUp)
    def give_up(self, message: GiveUp, context: Context) -> None:
        if self.phase is not None:
            context.send(self.phase.client, Refused(self.phase.request))
            self.phase = None


class EventualServer(Actor):
    """Answers from its own copy; the newest stamp wins."""

    def __init__(self, servers: Sequence[str]) -> None:
        self.servers = tuple(servers)
        self.stamp = Stamp(0, "")
        self.value: Value = None

    @on(Put)
    def put(self, message: Put, context: Context) -> None:
        self.stamp, self.value = Stamp(self.stamp.count + 1, context.node), message.value
        assert context.sender is not None
        context.send(context.sender, PutDone(message.request))
        for name in self.servers:
            if name != context.node:
                context.send(context.ref(name, name), Gossip(self.stamp, self.value))

    @on(Get)
    def get(self, message: Get, context: Context) -> None:
        assert context.sender is not None
        context.send(context.sender, GetDone(message.request, self.value))

    @on(Gossip)
    def gossip(self, message: Gossip, context: Context) -> None:
        if message.stamp > self.stamp:
            self.stamp, self.value = message.stamp, message.value


class Client(RegisterClient):
    """A register client that reads a second time, and takes a refusal for an answer."""

    refused = False

    @on(GetDone)
    def get_done(self, message: GetDone, context: Context) -> None:
        super().get_done(message, context)
        if self.done == self.puts + 1 and self.awaiting is None:
            self.next(context)

    @on(Refused)
    def refusal(self, message: Refused, context: Context) -> None:
        self.refused = True
        self.awaiting = None


class Cap(ActorModel):
    """Three replicas, a client at the first and one at the last.

    Args:
        mode: "strong" or "eventual".
        partitioned: the last replica never hears the others. Otherwise messages may be as late as one likes, which is
            a partition that heals.
    """

    def __init__(self, mode: str = "strong", partitioned: bool = True) -> None:
        names = [f"server-{number}" for number in range(3)]
        cut = [(names[2], name) for name in names[:2]] if partitioned else []
        super().__init__(network=Network.UNORDERED, history=register_history(), cut=cut)
        self.mode = mode
        self.partitioned = partitioned
        self.servers = names
        kind = {"strong": StrongServer, "eventual": EventualServer}[mode]
        replicas = [self.spawn(kind, names, name=name) for name in names]
        self.spawn(Client, 0, replicas[:1], name="client-0")
        self.spawn(Client, 1, replicas[2:], name="client-2")

    def converged(self, state: View) -> bool:
        """When everything has arrived, all replicas have one value."""
        return not state.quiet or len({state.actors[name].value for name in self.servers}) == 1

    def properties(self) -> list[Property]:
        claims = [
            always("linearizable", lambda state: linearizable(state.history)),
            eventually("every client is answered or refused", lambda state: all(
                state.actors[name].awaiting is None for name in ("client-0", "client-2")
            )),
        ]
        if self.mode == "strong" and self.partitioned:
            claims.append(always("the minority side never does anything", lambda state: (
                state.actors["client-2"].done == 0
            )))
        if self.mode == "eventual":
            claims.append(always("nobody is refused", lambda state: not any(
                state.actors[name].refused for name in ("client-0", "client-2")
            )))
            claims.append(always("replicas agree when everything has arrived", self.converged))
        return claims
