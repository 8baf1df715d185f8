"""The library of lies: any actor, wrapped, says what a Byzantine one may say."""

from __future__ import annotations

import enum

import pytest

from actors import Actor, Context, Message, Request, on
from actors.simulation import Simulation
from actors.simulation.lies import (
    EVERY_LIE,
    Corrupt,
    Delay,
    Equivocate,
    Forge,
    Lie,
    Replay,
    Silence,
    corrupted,
    lying,
    other_value,
)


class Vote(Message, wire="sim-tests.vote"):
    voter: str
    digest: bytes


class Certificate(Message, wire="sim-tests.certificate"):
    number: int
    votes: tuple[Vote, ...]


class Value(Request[int], wire="sim-tests.value"):
    pass


class Speak(Message, wire="sim-tests.speak"):
    times: int


NAMES = ("a", "b", "c", "d")


class Speaker(Actor):
    """Says numbered certificates to everybody."""

    def __init__(self) -> None:
        self.said = 0
        self.heard: list[Certificate] = []

    @on(Speak)
    def speak(self, message: Speak, context: Context) -> None:
        for _ in range(message.times):
            self.said += 1
            certificate = Certificate(self.said, (Vote("a", b"digest"), Vote("b", b"digest")))
            for name in NAMES:
                if name != context.node:
                    context.send(context.ref("speaker", name), certificate)

    @on(Certificate)
    def hear(self, message: Certificate, context: Context) -> None:
        self.heard.append(message)

    @on(Value)
    def value(self, message: Value, context: Context) -> None:
        context.reply(self.said)


def _heard(*lies: Lie, seed: int = 1) -> tuple[Simulation, list[list[Certificate]]]:
    simulation = Simulation(seed)
    for name in NAMES:
        simulation.node(name).spawn(lying(Speaker, *lies) if name == "a" else Speaker, name="speaker")
    simulation.tell(simulation.ref("a", "speaker"), Speak(20))
    simulation.run(1)
    return simulation, [simulation.nodes[name].actor("speaker").heard for name in NAMES[1:]]


TRUTH = [Certificate(number, (Vote("a", b"digest"), Vote("b", b"digest"))) for number in range(1, 21)]


def test_without_a_lie_nothing_changes() -> None:
    _, heard = _heard()
    assert heard == [TRUTH] * 3


def test_silence() -> None:
    simulation, heard = _heard(Silence(50))
    assert all(0 < len(one) < 20 for one in heard)
    assert simulation.injected["lie:silence"] == 60 - sum(map(len, heard))


def test_a_corrupted_field_and_only_that() -> None:
    _, heard = _heard(Corrupt(100, ("number",)))
    assert all(one.number != true.number and one.votes == true.votes for got in heard
               for one, true in zip(got, TRUTH, strict=True))


def test_equivocation_tells_two_stories_of_one_message() -> None:
    _, heard = _heard(Equivocate(50, ("number",)))
    stories = [{got[i] for got in heard} for i in range(20)]
    assert all(len(story) <= 2 for story in stories)
    assert any(len(story) == 2 for story in stories)


def test_replay_repeats_old_messages() -> None:
    _, heard = _heard(Replay(50))
    for got in heard:
        assert [one for i, one in enumerate(got) if one not in got[:i]] == TRUTH
    assert sum(map(len, heard)) > 60


def test_a_forged_certificate_has_one_vote_more() -> None:
    _, heard = _heard(Forge(100))
    for got in heard:
        assert all(len(one.votes) == 3 and one.votes[2] not in one.votes[:2] for one in got)


def test_what_is_delayed_comes_later_in_another_order() -> None:
    _, heard = _heard(Delay(30, messages=4))
    assert all(set(got) <= set(TRUTH) for got in heard)
    assert any(got != sorted(got, key=lambda one: one.number) for got in heard)


@pytest.mark.parametrize("seed", range(5))
def test_all_lies_together_are_repeatable(seed: int) -> None:
    first, second = _heard(*EVERY_LIE, seed=seed), _heard(*EVERY_LIE, seed=seed)
    assert first[1] == second[1]
    assert first[0].digest() == second[0].digest()
    assert sum(count for kind, count in first[0].injected.items() if kind.startswith("lie:")) > 5


def test_answers_lie_too() -> None:
    simulation = Simulation(1)
    liar = simulation.node("a").spawn(lying(Speaker, Corrupt(100)), name="speaker")
    asked = simulation.ask(liar, Value())
    simulation.run(1)
    assert asked.result() != 0


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


def test_another_value_is_another_one_of_the_same_type() -> None:
    for value in (True, 3, 0, 1.5, b"", b"xy", "", "text", Colour.RED, (1, 2), Vote("a", b"")):
        other = other_value(value, lambda options: options[0])
        assert other != value
        assert type(other) is type(value)
    assert other_value(None, lambda options: options[0]) is None
    assert other_value((), lambda options: options[0]) is None
    assert corrupted(Speak(1), lambda options: options[0], ("absent",)) is None
