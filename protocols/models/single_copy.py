"""A register on one server that keeps the only copy: linearizable with one server, and not with two.

The second server is the broken twin: both answer from their own copy.
"""

from __future__ import annotations

from actors.actor import Actor, on
from actors.context import Context
from actors.verification.actor_model import ActorModel
from actors.verification.actor_network import Network
from actors.verification.properties import Property
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


class SingleCopy(Actor):
    """Keeps one value."""

    def __init__(self) -> None:
        self.value: Value = None

    @on(Put)
    def put(self, message: Put, context: Context) -> None:
        self.value = message.value
        assert context.sender is not None
        context.send(context.sender, PutDone(message.request))

    @on(Get)
    def get(self, message: Get, context: Context) -> None:
        assert context.sender is not None
        context.send(context.sender, GetDone(message.request, self.value))


class SingleCopyRegister(ActorModel):
    """Clients that write and then read.

    Args:
        servers: more than one is wrong.
        clients: how many.
        puts: writes of each client.
    """

    def __init__(self, servers: int = 1, clients: int = 2, puts: int = 1) -> None:
        super().__init__(network=Network.UNORDERED, history=register_history())
        replicas = [self.spawn(SingleCopy, name=f"server-{number}") for number in range(servers)]
        for number in range(clients):
            self.spawn(RegisterClient, number, replicas, puts, name=f"client-{number}")

    def properties(self) -> list[Property]:
        return register_properties()
