"""The alternating bit protocol (Bartlett, Scantlebury and Wilkinson 1969): everything arrives once and in order over a
channel that loses messages but keeps their order.

Delivery is promised under strong fairness only: a network may lose again and again, but not everything for ever. The
broken twin is a receiver that does not look at the bit.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.actor import Actor, on
from actors.context import Context
from actors.message import Message
from actors.verification.actor_model import ActorModel, Fairness
from actors.verification.actor_network import Network
from actors.verification.properties import Property, always, eventually
from core_ext.mailbox import Reference


class Data(Message, wire="models.alternating-bit.data"):
    """One item, with the bit of its turn."""

    bit: bool
    item: str


class Received(Message, wire="models.alternating-bit.received"):
    """The item with that bit is here."""

    bit: bool


class SendAgain(Message, wire="models.alternating-bit.send-again"):
    """Timer: nothing was heard for a while."""


class Sender(Actor):
    """Sends items one at a time, each until it is acknowledged."""

    def __init__(self, receiver: Reference, items: Sequence[str]) -> None:
        self.receiver = receiver
        self.items = tuple(items)
        self.acknowledged = 0

    def start(self, context: Context) -> None:
        self.send(context)

    def send(self, context: Context) -> None:
        if self.acknowledged < len(self.items):
            context.send(self.receiver, Data(self.acknowledged % 2 == 1, self.items[self.acknowledged]))
            context.set_timer(SendAgain(), 1.0)
        else:
            context.cancel_timer(SendAgain)

    @on(SendAgain)
    def send_again(self, message: SendAgain, context: Context) -> None:
        self.send(context)

    @on(Received)
    def received(self, message: Received, context: Context) -> None:
        if self.acknowledged < len(self.items) and message.bit == (self.acknowledged % 2 == 1):
            self.acknowledged += 1
            self.send(context)


class Receiver(Actor):
    """Takes each item once.

    Args:
        room: items that it can hold; what comes then is acknowledged and thrown away.
        heed_bit: False is the broken twin.
    """

    def __init__(self, room: int, heed_bit: bool = True) -> None:
        self.room = room
        self.heed_bit = heed_bit
        self.items: list[str] = []

    @on(Data)
    def data(self, message: Data, context: Context) -> None:
        expected = message.bit == (len(self.items) % 2 == 1)
        if len(self.items) < self.room and (expected or not self.heed_bit):
            self.items.append(message.item)
        assert context.sender is not None
        context.send(context.sender, Received(message.bit))


class AlternatingBit(ActorModel):
    """A sender and a receiver.

    Args:
        items: how many are sent.
        capacity: messages that each direction of the channel holds.
        fairness: "strong", or "weak": then nothing is promised.
        heed_bit: False is the broken twin.
    """

    def __init__(self, items: int = 3, capacity: int = 2, fairness: str = "strong", heed_bit: bool = True) -> None:
        super().__init__(network=Network.ORDERED, lossy=True, capacity=capacity, fairness=Fairness(fairness))
        self.items = [chr(ord("a") + number) for number in range(items)]
        receiver = Reference("receiver", "receiver")
        self.spawn(Sender, receiver, self.items, name="sender")
        self.spawn(Receiver, items, heed_bit, name="receiver")

    def properties(self) -> list[Property]:
        return [
            always("in order, each once", lambda state: (
                state.actors["receiver"].items == self.items[: len(state.actors["receiver"].items)]
            )),
            eventually("everything arrives", lambda state: state.actors["receiver"].items == self.items),
        ]
