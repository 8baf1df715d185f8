"""Random systems of actors that use the whole contract, from a seed: requests answered at once, later, by an error or
never, watches, children, two actors on a node, journals that are read, cut and replaced, choices, timers, hooks.
"""

from __future__ import annotations

import random
from typing import Any

from actors.actor import Actor, Answer, on, on_answer
from actors.context import Context, Ticket
from actors.message import JournalEntries, Message, Request, Terminated
from actors.verification.actor_model import ActorModel
from actors.verification.actor_network import Network
from actors.verification.properties import Property, always
from core_ext.mailbox import Reference

MOST = 3  # things that one actor begins in one life


class Push(Message, wire="tests.busy.push"):
    value: int


class Again(Message, wire="tests.busy.again"):
    value: int


class Wish(Request[tuple[int, str]], wire="tests.busy.wish"):
    value: int


class Kept(Message, wire="tests.busy.kept"):
    value: int


class Child(Actor):
    """Greets, and answers its parent's wishes; stops itself when it is pushed."""

    def start(self, context: Context) -> None:
        assert context.parent is not None
        context.send(context.parent, Push(7))

    @on(Push)
    def push(self, message: Push, context: Context) -> None:
        context.stop()

    @on(Wish)
    def wish(self, message: Wish, context: Context) -> None:
        context.reply((message.value, "child"))

    def stopped(self, context: Context) -> None:
        assert context.parent is not None
        context.send(context.parent, Push(8))


class Busy(Actor):
    """Does what its table says, at most ``MOST`` times."""

    def __init__(self, others: tuple[Reference, ...], table: tuple[str, ...]) -> None:
        self.others = others
        self.table = table
        self.done = 0
        self.seen: list[Any] = []
        self.tickets: list[Ticket] = []
        self.kids: list[Reference] = []
        self.batches = 0

    def start(self, context: Context) -> None:
        self.act(context)

    @on(Push)
    def push(self, message: Push, context: Context) -> None:
        self.see(message.value)
        self.act(context)

    @on(Again)
    def again(self, message: Again, context: Context) -> None:
        self.act(context)

    @on(Terminated)
    def terminated(self, message: Terminated, context: Context) -> None:
        self.see((message.actor.name, message.reason.value))

    @on(Wish)
    def wish(self, message: Wish, context: Context) -> None:
        how = self.table[(self.done + message.value) % len(self.table)]
        if how in ("watch", "spawn"):
            context.fail("not now")
        elif how in ("ask", "read"):
            self.tickets.append(context.defer())
        elif how != "stop":
            context.reply((message.value, how))
        self.act(context)

    @on_answer(Wish)
    def wished(self, answer: Answer, context: Context) -> None:
        self.see((answer.key, answer.value, type(answer.failure).__name__))
        self.act(context)

    def see(self, what: Any) -> None:
        if len(self.seen) < 4:
            self.seen.append(what)

    def act(self, context: Context) -> None:
        if self.done == MOST:
            return
        does = self.table[self.done % len(self.table)]
        self.done += 1
        other = self.others[self.done % len(self.others)]
        if does == "push":
            context.send(other, Push(self.done))
        elif does == "push now":
            context.send_now(other, Push(self.done))
        elif does == "ask":
            context.request(other, Wish(self.done), key=self.done)
        elif does == "ask nobody":
            context.request(context.ref("nobody", "nowhere"), Wish(self.done), key="nobody")
        elif does == "watch":
            context.watch(other)
        elif does == "timer":
            context.set_timer(Again(self.done), 1.0)
        elif does == "choose":
            self.see(context.choose(("heads", "tails")))
        elif does == "spawn":
            self.kids.append(context.spawn(Child))
            context.watch(self.kids[-1])
        elif does == "stop":
            if self.kids:
                context.send(self.kids.pop(), Push(0))
        else:
            self.write(does, context)
        for ticket in self.tickets:
            context.reply((self.done, "late"), to=ticket)
        self.tickets.clear()

    def write(self, does: str, context: Context) -> None:
        """It has no journal."""


class Durable(Busy):
    """The same, with a journal."""

    def recover(self, record: Message) -> None:
        assert isinstance(record, Kept)
        self.see(record.value)

    @on(JournalEntries)
    def entries(self, message: JournalEntries, context: Context) -> None:
        self.see((message.first, len(message.records)))

    def write(self, does: str, context: Context) -> None:
        journal = context.journal
        if does == "append":
            context.send(self.others[0], Push(journal.append(Kept(self.done))))
        elif does == "read":
            journal.read(journal.first_position, journal.next_position - 1, 1 << 20, 5)
        elif does == "truncate" and journal.next_position > journal.first_position:
            journal.truncate(journal.next_position - 1)
        elif does == "checkpoint":
            journal.checkpoint((Kept(100 + self.done),), journal.next_position)

    def after_batch(self, context: Context) -> None:
        if self.batches < 2:
            self.batches += 1
            context.journal.append(Kept(self.batches))
            context.send(self.others[-1], Push(50 + self.batches))


DOES = (
    "push", "push", "push now", "ask", "ask", "ask nobody", "watch", "timer", "choose", "append", "append", "read",
    "truncate", "checkpoint",
)


class BusySystem(ActorModel):
    """What a seed says.

    Args:
        seed: says it.
        crashes: in one run.
        children: actors may be spawned.
    """

    def __init__(self, seed: int, crashes: int = 0, children: bool = False) -> None:
        draws = random.Random(seed)
        rounds = draws.random() < 0.15
        super().__init__(
            network=draws.choice(list(Network)), crashes=crashes, recover=draws.random() < 0.8,
            timers=None if rounds else draws.choice((None, 1)), ask_timeouts=draws.choice((None, True)), rounds=rounds,
            sync_at_once=draws.choice((None, None, False)), max_children=4 if children else 0,
            capacity=draws.choice((None, None, 1)),
        )
        places = [("a", "n1"), ("b", "n1"), ("c", "n2")]
        references = [Reference(node, name) for name, node in places]
        does = (*DOES, "spawn", "spawn", "stop") if children else DOES
        durable: set[str] = set()
        for (name, node), own in zip(places, references, strict=True):
            others = tuple(other for other in references if other != own)
            table = tuple(draws.choice(does) for _ in range(MOST))
            kind: type[Actor] = Busy
            if node not in durable and draws.random() < 0.6:
                kind = Durable
                durable.add(node)
            self.spawn(kind, others, table, name=name, node=node)

    def properties(self) -> list[Property]:
        return [always("true", lambda state: True)]
