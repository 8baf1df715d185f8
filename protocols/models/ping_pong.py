"""Two actors that count by answering each other: the smallest model with a network that loses and doubles messages."""

from __future__ import annotations

from actors.actor import Actor, on
from actors.context import Context
from actors.message import Message
from actors.verification.actor_model import ActorModel
from actors.verification.actor_network import Network
from actors.verification.actor_view import View
from actors.verification.properties import Property, always, eventually, sometimes
from core_ext.mailbox import Reference


class Ping(Message, wire="models.ping-pong.ping"):
    """From the one who serves."""

    number: int


class Pong(Message, wire="models.ping-pong.pong"):
    """The answer to the Ping of that number."""

    number: int


class Player(Actor):
    """Counts what it expected and got.

    Args:
        serves_to: whom it sends the first Ping to; None for the other one.
    """

    def __init__(self, serves_to: Reference | None = None) -> None:
        self.serves_to = serves_to
        self.count = 0

    def start(self, context: Context) -> None:
        if self.serves_to is not None:
            context.send(self.serves_to, Ping(0))

    @on(Ping)
    def ping(self, message: Ping, context: Context) -> None:
        if message.number == self.count:
            assert context.sender is not None
            context.send(context.sender, Pong(message.number))
            self.count += 1

    @on(Pong)
    def pong(self, message: Pong, context: Context) -> None:
        if message.number == self.count:
            assert context.sender is not None
            context.send(context.sender, Ping(message.number + 1))
            self.count += 1


class CarelessPlayer(Player):
    """The broken twin counts every Ping, also one that it has counted before."""

    @on(Ping)
    def ping(self, message: Ping, context: Context) -> None:
        assert context.sender is not None
        context.send(context.sender, Pong(message.number))
        self.count += 1


class PingPong(ActorModel):
    """A server and a receiver, up to a count.

    Args:
        to: runs are followed while no count is above it.
        network, lossy: between the two.
        careless: the receiver is the broken twin.
    """

    def __init__(
        self, to: int = 5, network: str = "duplicating", lossy: bool = True, careless: bool = False
    ) -> None:
        super().__init__(network=Network(network), lossy=lossy)
        self.to = to
        other = Reference("bob", "bob")
        self.spawn(Player, other, name="alice")
        self.spawn(CarelessPlayer if careless else Player, name="bob")

    def boundary(self, state: View) -> bool:
        return all(player.count <= self.to for player in state.actors.values())

    def properties(self) -> list[Property]:
        return [
            always("counts differ by at most one", lambda state: (
                0 <= state.actors["bob"].count - state.actors["alice"].count <= 1
            )),
            sometimes("both reach the end", lambda state: all(
                player.count == self.to for player in state.actors.values()
            )),
            eventually("somebody reaches the end", lambda state: any(
                player.count == self.to for player in state.actors.values()
            )),
        ]
