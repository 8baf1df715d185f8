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
    """From the commander."""

    order: str


class Relay(Message, wire="models.oral-messages.relay"):
    """From a lieutenant: that is what I heard."""

    order: str


class Commander(Actor):
    """Gives the order; a traitor gives each lieutenant one of its own."""

    def __init__(self, order: str, lieutenants: Sequence[Reference], traitor: bool) -> None:
        self.order = order
        self.lieutenants = tuple(lieutenants)
        self.traitor = traitor

    def start(self, context: Context) -> None:
        for lieutenant in self.lieutenants:
            context.send(lieutenant, Order(context.choose(ORDERS) if self.traitor else self.order))


class Lieutenant(Actor):
    """Tells the others what it heard, then obeys the majority; a traitor tells each other one something of its own."""

    def __init__(self, others: Sequence[Reference], traitor: bool) -> None:
        self.others = tuple(others)
        self.traitor = traitor
        self.heard: list[str] = []
        self.obeys: str | None = None

    @on(Order)
    def order(self, message: Order, context: Context) -> None:
        for other in self.others:
            context.send(other, Relay(context.choose(ORDERS) if self.traitor else message.order))
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
        traitor: number of the one that lies: 0 is the commander; -1: nobody.
    """

    def __init__(self, n: int = 4, traitor: int = 0) -> None:
        super().__init__(network=Network.UNORDERED)
        self.traitor = traitor
        names = [f"lieutenant-{number}" for number in range(1, n)]
        lieutenants = [Reference(name, name) for name in names]
        self.spawn(Commander, "attack", lieutenants, traitor == 0, name="commander")
        for number, name in enumerate(names, start=1):
            others = [other for other in lieutenants if other.name != name]
            self.spawn(Lieutenant, others, traitor == number, name=name)
        self.loyal = [name for number, name in enumerate(names, start=1) if number != traitor]

    def orders(self, state: View) -> list[str | None]:
        """What each loyal lieutenant obeys; None while it waits."""
        return [state.actors[name].obeys for name in self.loyal]

    def properties(self) -> list[Property]:
        claims = [
            always("IC1: loyal lieutenants obey the same order", lambda state: len(
                {order for order in self.orders(state) if order is not None}
            ) <= 1),
            eventually("every loyal lieutenant obeys", lambda state: None not in self.orders(state)),
        ]
        if self.traitor != 0:
            claims.append(always("IC2: they obey a loyal commander", lambda state: all(
                order in (None, "attack") for order in self.orders(state)
            )))
        return claims
