"""FLP (Fischer, Lynch and Paterson 1985): no deterministic protocol decides in every admissible run of an asynchronous
system in which one process may crash. Here a protocol that decides in every run without a crash, and the run in which
it never does.

A coordinator collects everybody's value, decides for the smallest, and tells. Who waits asks a neighbour whether it has
heard. When the coordinator crashes, the others ask each other for ever: every message to a live process is delivered,
one process crashed, nobody decides.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.actor import Actor, on
from actors.context import Context
from actors.message import Message
from actors.verification.actor_model import ActorModel
from actors.verification.actor_network import Network
from actors.verification.properties import Property, always, eventually
from core_ext.mailbox import Reference


class Mine(Message, wire="models.flp.mine"):
    """To the coordinator: what the sender proposes."""

    value: int


class Heard(Message, wire="models.flp.heard"):
    """To a neighbour: have you heard what was decided?"""


class NotYet(Message, wire="models.flp.not-yet"):
    """The answer, when not."""


class Decided(Message, wire="models.flp.decided"):
    """This is the decision."""

    value: int


class Coordinator(Actor):
    """Decides when it has everybody's value."""

    def __init__(self, value: int, others: Sequence[Reference]) -> None:
        self.values = [value]
        self.others = tuple(others)
        self.decided: int | None = None

    @on(Mine)
    def mine(self, message: Mine, context: Context) -> None:
        self.values = sorted([*self.values, message.value])
        if len(self.values) == 1 + len(self.others):
            self.decided = self.values[0]
            for other in self.others:
                context.send(other, Decided(self.decided))


class Participant(Actor):
    """Tells its value and waits.

    Args:
        value: its own.
        coordinator: who decides.
        neighbour: whom it asks while it waits; None: it only answers.
    """

    def __init__(self, value: int, coordinator: Reference, neighbour: Reference | None) -> None:
        self.value = value
        self.coordinator = coordinator
        self.neighbour = neighbour
        self.decided: int | None = None

    def start(self, context: Context) -> None:
        context.send(self.coordinator, Mine(self.value))
        if self.neighbour is not None:
            context.send(self.neighbour, Heard())

    @on(Heard)
    def heard(self, message: Heard, context: Context) -> None:
        assert context.sender is not None
        context.send(context.sender, NotYet() if self.decided is None else Decided(self.decided))

    @on(NotYet)
    def not_yet(self, message: NotYet, context: Context) -> None:
        if self.decided is None:
            assert context.sender is not None
            context.send(context.sender, Heard())

    @on(Decided)
    def decide(self, message: Decided, context: Context) -> None:
        if self.decided is None:
            self.decided = message.value


class Flp(ActorModel):
    """Three processes.

    Args:
        crashes: 0: it decides in every fair run; 1: the checker finds one in which it does not.
    """

    def __init__(self, crashes: int = 1) -> None:
        super().__init__(network=Network.UNORDERED, crashes=crashes, recover=False)
        one, two = Reference("p1", "p1"), Reference("p2", "p2")
        coordinator = self.spawn(Coordinator, 0, [one, two], name="p0")
        self.spawn(Participant, 1, coordinator, two, name="p1")
        self.spawn(Participant, 1, coordinator, None, name="p2")

    def properties(self) -> list[Property]:
        return [
            always("nobody decides otherwise", lambda state: len(
                {process.decided for process in state.actors.values() if process and process.decided is not None}
            ) <= 1),
            eventually("every live process decides", lambda state: all(
                process is None or process.decided is not None for process in state.actors.values()
            )),
        ]
