"""Small random systems whose members are interchangeable, from a seed, and what a permutation makes of their states.

Members remember names, references and pairs, and messages carry names: all that symmetry has to rename.
"""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Iterator
from typing import Any

from actors.actor import Actor, on
from actors.context import Context
from actors.message import Message
from actors.verification.actor_model import ActorModel
from actors.verification.actor_network import Network
from actors.verification.properties import Property, always, deadlock_free, sometimes
from core_ext.mailbox import Reference
from tests.verification_actors.plain_explorer import PlainState

LEVELS = 3
HUB = "hub"


class Token(Message, wire="tests.symmetric-actors.token"):
    value: int
    about: str = ""


class Tick(Message, wire="tests.symmetric-actors.tick"):
    value: int
    about: str = ""


class Level(Message, wire="tests.symmetric-actors.level"):
    level: int
    friend: str


Rule = tuple[int, tuple[tuple[str, int, str], ...], bool, bool]  # new level, sends, timer, record


class Member(Actor):
    """Goes up through levels, by a table that knows nobody by name."""

    def __init__(self, members: tuple[str, ...], table: tuple[tuple[Rule, ...], ...], first: tuple[Any, ...]) -> None:
        self.members = members
        self.table = table
        self.first = first
        self.level = 0
        self.friend = ""
        self.reference: Reference | None = None
        self.heard: tuple[tuple[str, int], ...] = ()

    def start(self, context: Context) -> None:
        self.send(self.first, context)

    @on(Token)
    def token(self, message: Token, context: Context) -> None:
        assert context.sender is not None
        self.follow(message.value, message.about, context.sender.name, context)

    @on(Tick)
    def tick(self, message: Tick, context: Context) -> None:
        self.follow(message.value, message.about, "", context)

    def follow(self, column: int, about: str, sender: str, context: Context) -> None:
        level, sends, timer, record = self.table[self.level][column]
        if level <= self.level:
            return
        self.level = level
        self.friend = about or sender
        self.reference = context.ref(self.friend, self.friend) if self.friend else None
        if sender:
            self.heard = tuple(sorted({*self.heard, (sender, column)}))
        self.send(sends[:-1] if record else sends, context)
        if record:
            self.note(context)
            self.send(sends[-1:], context)
        if timer:
            context.set_timer(Tick(column, about), 1.0)

    def send(self, sends: tuple[Any, ...], context: Context) -> None:
        own = context.node
        peers = [name for name in self.members if name != own]
        for kind, value, about in sends:
            said = {"own": own, "friend": self.friend}.get(about, "")
            targets = {"hub": [HUB], "peers": peers, "friend": [self.friend]}.get(kind) or []
            if kind == "one":
                targets = [context.choose(peers)]
            for name in targets:
                if name and name != own:
                    context.send(context.ref(name, name), Token(value, said))

    def note(self, context: Context) -> None:
        """Nothing here."""


class DurableMember(Member):
    """Writes its level down before the last messages of a step, to one receiver."""

    def recover(self, record: Message) -> None:
        assert isinstance(record, Level)
        self.level, self.friend = record.level, record.friend

    def note(self, context: Context) -> None:
        context.journal.append(Level(self.level, self.friend))


class SymmetricSystem(ActorModel):
    """What a seed says: a hub and two or three members.

    Args:
        seed: of everything.
        crashes: in one run.
    """

    def __init__(self, seed: int, crashes: int = 0) -> None:
        draws = random.Random(seed)
        names = tuple("abc"[: draws.choice((2, 2, 3))])
        super().__init__(
            network=draws.choice(list(Network)), lossy=draws.random() < 0.2, crashes=crashes,
            timers=draws.choice((None, 1)), sync_at_once=None if draws.random() < 0.7 else True, symmetric=[names],
        )
        kind: Any = DurableMember if draws.random() < 0.5 else Member
        table, first = self.table(draws), self.sends(draws, 1, 1)
        self.spawn(Member, names, self.table(draws), self.sends(draws, 0, 1), name=HUB)
        for name in names:
            self.spawn(kind, names, table, first, name=name)

    def table(self, draws: random.Random) -> tuple[tuple[Rule, ...], ...]:
        return tuple(tuple(self.rule(draws, level) for _ in range(2)) for level in range(LEVELS))

    def rule(self, draws: random.Random, level: int) -> Rule:
        sends = self.sends(draws, 0, 2)
        # what waits for the disk goes to one receiver: several wait in an order, which is that of names
        record = bool(sends) and sends[-1][0] in ("hub", "friend") and draws.random() < 0.6
        return min(level + draws.randrange(3), LEVELS - 1), sends, draws.random() < 0.3, record

    def sends(self, draws: random.Random, least: int, most: int) -> tuple[tuple[str, int, str], ...]:
        return tuple(
            (draws.choice(("hub", "peers", "friend", "one")), draws.randrange(2), draws.choice(("", "own", "friend")))
            for _ in range(draws.randint(least, most))
        )

    def properties(self) -> list[Property]:
        def levels(state: Any) -> list[int]:
            return [one.level if one is not None else -1 for one in state.actors.values()]

        def friends(state: Any) -> list[str]:
            return [one.friend for name, one in state.actors.items() if one is not None and name != HUB]

        return [
            always("not all at the top", lambda state: min(levels(state)) < LEVELS - 1),
            always("nobody is everybody's friend", lambda state: not any(
                friends(state).count(name) > 1 for name in friends(state) if name
            )),
            sometimes("somebody at the top", lambda state: max(levels(state)) == LEVELS - 1),
            deadlock_free("goes on"),
        ]


def permutations(model: ActorModel) -> Iterator[dict[str, str]]:
    """Every permutation of the members, by name."""
    (group,) = model.symmetric
    for order in itertools.permutations(group):
        yield dict(zip(group, order, strict=True))


def permuted(state: PlainState, names: list[str], moved: dict[str, str]) -> PlainState:
    """The state in which the members have changed places."""
    def name(text: str) -> str:
        return moved.get(text, text)

    def said(message: Any) -> Any:
        if isinstance(message, Token | Tick):
            return type(message)(message.value, name(message.about))
        return Level(message.level, name(message.friend)) if isinstance(message, Level) else message

    to = [names.index(name(one)) for one in names]
    found = copy.deepcopy(state)
    for place, target in enumerate(to):
        actor = found.actors[target] = copy.deepcopy(state.actors[place])
        if actor is not None:
            actor.friend = name(actor.friend)
            actor.reference = Reference(actor.friend, actor.friend) if actor.reference is not None else None
            actor.heard = tuple(sorted((name(one), value) for one, value in actor.heard))
        found.timers[target] = {said(key) if isinstance(key, Message) else key: said(message)
                                for key, message in state.timers[place].items()}
        found.disks[target] = [said(record) for record in state.disks[place]]
        found.pending[target] = [
            ([said(record) for record in records], [_sent(one, to, said) for one in gated])
            for records, gated in state.pending[place]
        ]
        found.fires[target] = state.fires[place]
        found.lives[target] = state.lives[place]
    found.network = [_sent(one, to, said) for one in state.network]
    return found


def _sent(one: Any, to: list[int], said: Any) -> Any:
    source, target, (message, incarnation) = one
    return to[source], to[target], (said(message), incarnation)


def in_order(state: PlainState) -> PlainState:
    """The same state: nobody can tell in which order what waits for a disk leaves for different receivers."""
    found = copy.deepcopy(state)
    found.pending = [
        [(records, sorted(gated, key=lambda one: one[1])) for records, gated in batches] for batches in state.pending
    ]
    return found


def orbits(states: dict[Any, PlainState], key: Any, model: ActorModel) -> int:
    """How many classes of symmetric states there are."""
    names = [slot.reference.name for slot in model.actors]
    states = {key(ordered): ordered for ordered in map(in_order, states.values())}
    seen: set[Any] = set()
    count = 0
    for own, state in states.items():
        if own in seen:
            continue
        count += 1
        for moved in permutations(model):
            image = key(in_order(permuted(state, names, moved)))
            assert image in states, "the plain explorer's states are not closed under permutations"
            seen.add(image)
    return count
