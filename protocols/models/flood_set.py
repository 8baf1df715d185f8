"""FloodSet (Lynch, "Distributed Algorithms", 1996, section 6.2): synchronous consensus under f crashes in f + 1 rounds.

Everybody tells everybody all values that it has seen, round after round, and decides for the smallest at the end. A
process that crashes may reach only some. The broken twin stops a round too early.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.actor import Actor, on
from actors.context import Context
from actors.message import Message
from actors.verification.agreement import Agreement, Claim, Fault, Time
from core_ext.mailbox import Reference


class Values(Message, wire="models.flood-set.values"):
    """Everything that the sender has seen."""

    values: tuple[int, ...]


class RoundEnd(Message, wire="models.flood-set.round-end"):
    """Timer: every message of this round is here."""


class Flooder(Actor):
    """One process.

    Args:
        value: its proposal.
        others: everybody else.
        rounds: after which it decides.
    """

    def __init__(self, value: int, others: Sequence[Reference], rounds: int) -> None:
        self.seen: tuple[int, ...] = (value,)
        self.others = tuple(others)
        self.rounds = rounds
        self.round = 1
        self.decided: int | None = None

    def start(self, context: Context) -> None:
        self.tell(context)

    def tell(self, context: Context) -> None:
        for other in self.others:
            context.send(other, Values(self.seen))
        context.set_timer(RoundEnd(), 1.0)

    @on(Values)
    def values(self, message: Values, context: Context) -> None:
        self.seen = tuple(sorted({*self.seen, *message.values}))

    @on(RoundEnd)
    def round_end(self, message: RoundEnd, context: Context) -> None:
        if self.round == self.rounds:
            self.decided = self.seen[0]
        else:
            self.round += 1
            self.tell(context)


class FloodSet(Agreement):
    """n processes, f of which may crash.

    Args:
        n, f: the claim.
        rounds: f + 1 when not given; fewer is the broken twin.
    """

    def __init__(self, n: int = 3, f: int = 1, rounds: int | None = None) -> None:
        super().__init__(Claim(Time.SYNCHRONOUS, Fault.CRASH, n, f))
        references = [Reference(f"p{number}", f"p{number}") for number in range(n)]
        for number, own in enumerate(references):
            others = [other for other in references if other is not own]
            self.participant(
                Flooder, number, others, f + 1 if rounds is None else rounds, name=own.name, proposes=number
            )
