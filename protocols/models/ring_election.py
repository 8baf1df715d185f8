"""Leader election on a one-way ring (Chang and Roberts 1979): a name goes round as long as it meets smaller ones; the
one that comes home is the leader's.

The broken twin passes every name on.
"""

from __future__ import annotations

from actors.actor import Actor, on
from actors.context import Context
from actors.message import Message
from actors.verification.actor_model import ActorModel
from actors.verification.actor_network import Network
from actors.verification.properties import Property, always, eventually
from core_ext.mailbox import Reference


class Candidate(Message, wire="models.ring-election.candidate"):
    """The largest name so far on this message's way."""

    name: str


class Elected(Message, wire="models.ring-election.elected"):
    """This one leads."""

    name: str


class Member(Actor):
    """One process of the ring.

    Args:
        name: its own, unique.
        next: its neighbour.
        swallow: False is the broken twin.
    """

    def __init__(self, name: str, next: Reference, swallow: bool = True) -> None:
        self.name = name
        self.next = next
        self.swallow = swallow
        self.leader: str | None = None

    def start(self, context: Context) -> None:
        context.send(self.next, Candidate(self.name))

    @on(Candidate)
    def candidate(self, message: Candidate, context: Context) -> None:
        if message.name == self.name:
            self.leader = self.name
            context.send(self.next, Elected(self.name))
        elif message.name > self.name or not self.swallow:
            context.send(self.next, message)

    @on(Elected)
    def elected(self, message: Elected, context: Context) -> None:
        if message.name != self.name:
            self.leader = message.name
            context.send(self.next, message)


class RingElection(ActorModel):
    """A ring in which everybody stands.

    Args:
        members: how many.
        swallow: False is the broken twin.
    """

    def __init__(self, members: int = 4, swallow: bool = True) -> None:
        super().__init__(network=Network.UNORDERED)
        self.names = [f"p{number}" for number in range(members)]
        for place, name in enumerate(self.names):
            after = self.names[(place + 1) % members]
            self.spawn(Member, name, Reference(after, after), swallow, name=name)

    def properties(self) -> list[Property]:
        return [
            always("one leader", lambda state: len(
                {member.leader for member in state.actors.values() if member.leader is not None}
            ) <= 1),
            eventually("everybody knows the leader", lambda state: all(
                member.leader == max(self.names) for member in state.actors.values()
            )),
        ]
