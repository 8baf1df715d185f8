"""Small random systems of actors, from a seed: table-driven, with choices, timers and journals."""

from __future__ import annotations

import random
from typing import Any

from actors.actor import Actor, on
from actors.context import Context
from actors.message import Message
from actors.verification.actor_model import ActorModel
from actors.verification.actor_network import Network
from actors.verification.properties import Property, always, sometimes

LEVELS = 3


class Token(Message, wire="tests.random-actors.token"):
    value: int


class Tick(Message, wire="tests.random-actors.tick"):
    number: int


class Note(Message, wire="tests.random-actors.note"):
    level: int


Rule = tuple[int, tuple[tuple[str, int], ...], bool, bool, bool]  # new level, sends, timer, choice, record


class Machine(Actor):
    """Goes up through levels, by a table."""

    def __init__(self, table: tuple[tuple[Rule, ...], ...], first: tuple[tuple[str, int], ...]) -> None:
        self.table = table
        self.first = first
        self.level = 0

    def start(self, context: Context) -> None:
        for name, value in self.first:
            context.send(context.ref(name, name), Token(value))

    @on(Token)
    def token(self, message: Token, context: Context) -> None:
        self.follow(message.value, context)

    @on(Tick)
    def tick(self, message: Tick, context: Context) -> None:
        self.follow(message.number, context)

    def follow(self, column: int, context: Context) -> None:
        level, sends, timer, choice, record = self.table[self.level][column]
        if level <= self.level:
            return
        self.level = level
        if choice and context.choose((False, True)):
            return
        for number, (name, value) in enumerate(sends):
            if record and number == len(sends) - 1:
                self.note(context)
            context.send(context.ref(name, name), Token(value))
        if timer:
            context.set_timer(Tick(column), 1.0)

    def note(self, context: Context) -> None:
        """Nothing here."""


class DurableMachine(Machine):
    """Writes its level down before the last message of a step."""

    def recover(self, record: Message) -> None:
        assert isinstance(record, Note)
        self.level = record.level

    def note(self, context: Context) -> None:
        context.journal.append(Note(self.level))


class RandomSystem(ActorModel):
    """What a seed says."""

    def __init__(self, seed: int, crashes: int = 0) -> None:
        draws = random.Random(seed)
        network = draws.choice(list(Network))
        super().__init__(
            network=network, lossy=draws.random() < 0.3, crashes=crashes, timers=draws.choice((None, 1)),
            sync_at_once=None if draws.random() < 0.7 else True,
        )
        names = [f"m{number}" for number in range(draws.choice((2, 3)))]
        kind: Any = DurableMachine if draws.random() < 0.6 else Machine
        for name in names:
            others = [other for other in names if other != name]  # what an actor sends to itself travels otherwise
            table = tuple(
                tuple(self.rule(draws, level, others) for _ in range(2)) for level in range(LEVELS)
            )
            first = tuple((draws.choice(others), draws.randrange(2)) for _ in range(draws.randrange(2)))
            self.spawn(kind, table, first, name=name)

    def rule(self, draws: random.Random, level: int, names: list[str]) -> Rule:
        sends = tuple((draws.choice(names), draws.randrange(2)) for _ in range(draws.randrange(3)))
        return (
            min(level + draws.randrange(3), LEVELS - 1), sends, draws.random() < 0.3, draws.random() < 0.2,
            draws.random() < 0.7,
        )

    def properties(self) -> list[Property]:
        return [
            always("not all at the top", lambda state: not all(
                machine is not None and machine.level == LEVELS - 1 for machine in state.actors.values()
            )),
            sometimes("somebody at the top", lambda state: any(
                machine is not None and machine.level == LEVELS - 1 for machine in state.actors.values()
            )),
        ]
