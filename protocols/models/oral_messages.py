"""Oral messages, OM(1) (Lamport, Shostak and Pease 1982): with one traitor, three generals cannot agree and four can.

The commander sends an order to every lieutenant; each tells the others what it heard; each obeys the majority, and
retreats on a tie. A traitor says anything to anybody. (In lock-step rounds silence is noticed; here a traitor that is
silent says the default.)
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.actor import Actor, on
from actors.context import Context
from actors.message import Message
from actors.verification.actor_model import ActorModel
from actors.verification.actor_network import Network
from actors.verification.actor_view import View
from actors.verification.properties import Property, always, eventually
from core_ext.mailbox import Reference

ORDERS = ("retreat", "attack")


class Order(Message, wire="models.oral-messages.order"):
    """From the commander. ``bribed`` is no part of the protocol: it tells the lieutenant that it is the traitor."""

    order: str
    bribed: bool = False


class Relay(Message, wire="models.oral-messages.relay"):
    """From a lieutenant: that is what I heard."""

    order: str


class Commander(Actor):
    """Gives the order; a traitor gives each lieutenant one of its own.

    Args:
        order: when it is loyal.
        lieutenants: from number 1 on.
        traitors: numbers of those who may be the traitor, 0 is the commander; the checker tries each.
    """

    def __init__(self, order: str, lieutenants: Sequence[Reference], traitors: Sequence[int]) -> None:
        self.order = order
        self.lieutenants = tuple(lieutenants)
        self.traitors = tuple(traitors)
        self.traitor = self.traitors[0]

    def start(self, context: Context) -> None:
        if len(self.traitors) > 1:
            self.traitor = context.choose(self.traitors)
        for number, lieutenant in enumerate(self.lieutenants, start=1):
            order = context.choose(ORDERS) if self.traitor == 0 else self.order
            context.send(lieutenant, Order(order, number == self.traitor))


class Lieutenant(Actor):
    """Tells the others what it heard, then obeys the majority; a traitor tells each other one something of its own."""

    def __init__(self, others: Sequence[Reference]) -> None:
        self.others = tuple(others)
        self.heard: list[str] = []
        self.obeys: str | None = None

    @on(Order)
    def order(self, message: Order, context: Context) -> None:
        for other in self.others:
            context.send(other, Relay(context.choose(ORDERS) if message.bribed else message.order))
        self.hear(message.order)

    @on(Relay)
    def relay(self, message: Relay, context: Context) -> None:
        self.hear(message.order)

    def hear(self, order: str) -> None:
        self.heard = sorted([*self.heard, order])
        if len(self.heard) == 1 + len(self.others):
            self.obeys = "attack" if 2 * self.heard.count("attack") > len(self.heard) else "retreat"


class OralMessages(ActorModel):
    """A commander, who orders to attack, and lieutenants.

    Args:
        n: generals, the commander included.
        traitor: number of the one that lies: 0 is the commander; -1: nobody; None: each of them in turn.
    """

    def __init__(self, n: int = 4, traitor: int | None = None) -> None:
        super().__init__(network=Network.UNORDERED)
        self.names = [f"lieutenant-{number}" for number in range(1, n)]
        lieutenants = [Reference(name, name) for name in self.names]
        self.spawn(
            Commander, "attack", lieutenants, range(n) if traitor is None else (traitor,), name="commander"
        )
        for name in self.names:
            self.spawn(Lieutenant, [other for other in lieutenants if other.name != name], name=name)

    def orders(self, state: View) -> list[str | None]:
        """What each loyal lieutenant obeys; None while it waits."""
        traitor = state.actors["commander"].traitor
        return [state.actors[name].obeys for number, name in enumerate(self.names, start=1) if number != traitor]

    def properties(self) -> list[Property]:
        return [
            always("IC1: loyal lieutenants obey the same order", lambda state: len(
                {order for order in self.orders(state) if order is not None}
            ) <= 1),
            always("IC2: they obey a loyal commander", lambda state: state.actors["commander"].traitor == 0 or all(
                order in (None, "attack") for order in self.orders(state)
            )),
            eventually("every loyal lieutenant obeys", lambda state: None not in self.orders(state)),
        ]
