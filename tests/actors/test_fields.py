"""What a field of a message may be: the same value in every world, or an error when the class is created."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import itertools
import os
import re
import subprocess
import sys
import typing
import uuid
from collections import namedtuple
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict

import msgspec
import pytest

from actors import Actor, Context, ContractError, Message, Reference, Request, on
from actors.other_values import other_value
from actors.simulation import Simulation
from actors.verification import ActorModel, always, sometimes
from actors.verification.actor_state import freeze, thaw
from actors.verification.result import Options
from actorum.replaying_real import replay_real
from protocols.replaying import replay
from tests.actors.field_samples import INDIA, MESSAGES, SAMPLES, TYPES, Place, holding
from tests.actors.support import run
from tests.actors.test_remote import pair
from tests.simulation.worlds import make

ROOT = Path(__file__).parents[2]


class Recall(Request[tuple[Message, ...]], wire="tests.fields.recall"):
    """What was kept?"""


def _for_each(handler: Callable[..., None]) -> Any:
    for kind in TYPES:
        handler = on(kind)(handler)
    return handler


class Keeper(Actor):
    """Keeps every message in its fields, and answers with the value."""

    def __init__(self) -> None:
        self.kept: list[Message] = []

    @_for_each
    def take(self, message: Any, context: Context) -> None:
        self.kept.append(message)
        context.reply(message.value)

    @on(Recall)
    def recall(self, message: Recall, context: Context) -> None:
        context.reply(tuple(self.kept))


class Archivist(Keeper):
    """Keeps them in its journal, too."""

    @_for_each
    def take(self, message: Any, context: Context) -> None:
        assert context.journal is not None
        context.journal.append(message)
        super().take(message, context)

    @on(Recall)
    def recall(self, message: Recall, context: Context) -> None:
        super().recall(message, context)

    def recover(self, record: Message) -> None:
        self.kept.append(record)


@pytest.mark.parametrize("kind", ["real", "memory", "wal"])
def test_a_value_of_every_type_survives_a_send_and_a_restart(kind: str, tmp_path: Path) -> None:
    with make(kind, tmp_path) as world:
        archivist = world.spawn(Archivist, name="archivist")
        for message in MESSAGES:
            answer = world.ask(archivist, message)
            assert answer == message.value
            assert type(answer) is type(message.value)
        world.restart()
        recalled = world.ask(world.spawn(Archivist, name="archivist") if kind == "real" else _again(world), Recall())
        assert recalled == tuple(MESSAGES)
        assert [type(one.value) for one in recalled] == [type(value) for _, value in SAMPLES]


def _again(world: Any) -> Reference:
    return world._node.spawn(Archivist, name="archivist")  # type: ignore[no-any-return]


def test_a_value_of_every_type_survives_the_way_to_another_node_and_back() -> None:
    async def main() -> None:
        async with pair() as (one, two):
            two.spawn(Keeper, name="keeper")
            keeper = one.ref("actorum://two/keeper")
            for message in MESSAGES:
                answer = await keeper.ask(message)
                assert answer == message.value
                assert type(answer) is type(message.value)

    run(main())


def test_a_moment_arrives_from_another_node_in_utc() -> None:
    noon = datetime.datetime(2026, 3, 1, 12, tzinfo=INDIA)
    message = next(one for one in MESSAGES if type(one.value) is datetime.datetime)

    async def main() -> None:
        async with pair() as (one, two):
            there = two.spawn(Keeper, name="keeper")
            answer = await one.ref("actorum://two/keeper").ask(type(message)(noon))
            assert answer == noon
            assert answer.tzinfo is datetime.UTC
            assert (await there.ask(type(message)(noon))).tzinfo is INDIA, "within a node it is the same object"

    run(main())


class Speaker(Actor):
    """Sends every message to the one on another node."""

    def __init__(self, target: Reference) -> None:
        self.target = target

    def start(self, context: Context) -> None:
        for message in MESSAGES:
            context.send(self.target, Parcel(message))


class Parcel(Message, wire="tests.fields.parcel"):
    content: Message


class Listener(Actor):
    """Keeps what it hears: values, too, in so far as a field of an actor may hold them."""

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self.values: list[Any] = []

    @on(Parcel)
    def hear(self, message: Parcel, context: Context) -> None:
        self.heard.append(message.content)
        value = message.content.value  # type: ignore[attr-defined]
        if not isinstance(value, frozenset):
            self.values.append(value)


class Hearsay(ActorModel):
    """All samples travel, in order."""

    def __init__(self) -> None:
        super().__init__()
        listener = self.spawn(Listener, name="listener")
        self.spawn(Speaker, listener, name="speaker")

    def properties(self) -> list[Any]:
        plain = [value for _, value in SAMPLES if not isinstance(value, frozenset)]
        return [
            always("all is as it was said", lambda state: (
                state.actors["listener"].heard == MESSAGES[: len(state.actors["listener"].heard)]
                and state.actors["listener"].values == plain[: len(state.actors["listener"].values)]
            )),
            sometimes("all is heard", lambda state: len(state.actors["listener"].heard) == len(MESSAGES)),
        ]


def test_values_of_every_type_are_the_same_in_the_checker_and_in_what_replays_its_runs() -> None:
    result = Hearsay().check_with(Options())
    assert result.holds, str(result)
    assert result.distinct == len(MESSAGES) + 1
    trace = result["all is heard"].trace
    assert trace is not None
    for replayed in (replay(Hearsay(), trace), replay_real(Hearsay(), trace)):
        assert replayed.scene.actors["listener"].heard == MESSAGES


def simulated_digest() -> str:
    """Of a run in which every sample travels and one actor lies about it."""
    simulation = Simulation(5)
    one, two = simulation.node("one"), simulation.node("two")
    two.spawn(Listener, name="listener")
    one.spawn(Speaker, Reference("two", "listener"), name="speaker")
    simulation.run(1.0)
    assert len(two.actor("listener").heard) == len(MESSAGES)
    return simulation.digest()


def test_a_simulated_run_does_not_depend_on_the_hash_seed() -> None:
    """Sets of text lie in another order in every process."""
    found = {
        subprocess.run(
            [sys.executable, "-c", "from tests.actors.test_fields import simulated_digest; print(simulated_digest())"],
            cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}, timeout=60, check=True,
            capture_output=True, text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


@pytest.mark.parametrize("value", [value for _, value in SAMPLES if value not in (None, ())], ids=repr)
def test_a_liar_says_another_value_of_the_same_type(value: Any) -> None:
    other = other_value(value, lambda options: options[0])
    if isinstance(value, Reference):
        assert other is None, "nobody speaks under another name"
    else:
        assert other != value
        assert type(other) is type(value)


class Holder:
    """A field."""

    def __init__(self, value: Any) -> None:
        self.value = value


@pytest.mark.parametrize("value", [value for _, value in SAMPLES if not isinstance(value, frozenset)], ids=repr)
def test_a_value_in_an_actors_field_comes_back_from_the_checkers_store(value: Any) -> None:
    frozen = freeze("a", Holder(value))
    back = thaw(frozen).value
    assert back == value
    assert type(back) is type(value)
    assert freeze("a", Holder(back)) == frozen
    assert hash(freeze("a", Holder(back))) == hash(frozen)


class Bag(NamedTuple):
    items: list[int]


@pytest.mark.parametrize("values", [
    (decimal.Decimal("1.0"), decimal.Decimal("1.00"), 1, 1.0, True),
    (decimal.Decimal("NaN"), decimal.Decimal("-NaN"), decimal.Decimal("sNaN")),
    (datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC), datetime.datetime(2026, 1, 1, 17, 30, tzinfo=INDIA)),
    (datetime.datetime(2026, 1, 1), datetime.datetime(2026, 1, 1, fold=1), datetime.date(2026, 1, 1)),
    ((1, "a"), Place(1, "a"), [1, "a"]),
    (Bag([1]), Bag([2])),
], ids=repr)
def test_what_is_equal_and_not_the_same_stays_apart_in_an_actors_field(values: tuple[Any, ...]) -> None:
    frozen = [freeze("a", Holder(value)) for value in values]
    for one, two in itertools.combinations(frozen, 2):
        assert one != two
    for value, kept in zip(values, frozen, strict=True):
        assert kept == freeze("a", Holder(value))
        assert repr(thaw(kept).value) == repr(value)


def test_a_named_tuple_is_copied_with_what_it_holds() -> None:
    holder = Holder(Bag([1]))
    frozen = freeze("a", holder)
    holder.value.items.append(2)
    assert thaw(frozen).value == Bag([1])


@dataclasses.dataclass
class Open:
    x: int


@dataclasses.dataclass(frozen=True, eq=False)
class Alone:
    x: int


@dataclasses.dataclass(frozen=True)
class Crate:
    items: tuple[list[int], ...]


@dataclasses.dataclass(frozen=True)
class Wrapped:
    content: Message


class Loose(msgspec.Struct):
    x: int


class Deep(msgspec.Struct, frozen=True):
    crate: Crate


class Settings(TypedDict):
    x: int


class Mixed(enum.Enum):
    A = 1
    B = "b"


class Age(int):
    """A number with a name."""


class Plain(msgspec.Struct, frozen=True):
    x: int


@pytest.mark.parametrize(("annotation", "text"), [
    (list[int], "field 'value' has the type 'list'.*use tuple"),
    (set[int], "has the type 'set'.*use frozenset"),
    (dict[str, int], "has the type 'dict'.*a frozen struct"),
    (bytearray, "use bytes"), (memoryview, "use bytes"),
    (Any, "has the type 'Any'.*use Message, or a union"), (object, "use Message, or a union"),
    (tuple, "with the types of its items"), (frozenset, "with the type of its items"),
    (Settings, "has the type 'Settings'.*a frozen struct"),
    (Open, "frozen=True in the declaration of Open"), (Loose, "frozen=True in the declaration of Loose"),
    (Alone, "no eq=False in the declaration of Alone"),
    (Crate, "field 'value.items' has the type 'list'.*use tuple"),
    (Deep | None, "field 'value.crate.items' has the type 'list'"),
    (tuple[frozenset[Crate], ...], "field 'value.items' has the type 'list'"),
    (namedtuple("Untyped", "x"), "field 'value.x' has the type 'Any'"),
    (Age, "has the type 'Age'.*use int itself"), (complex, r"use tuple\[float, float\]"),
    (Fraction, "'Fraction'.*use numbers, text, bytes"), (Callable[[], int], "use numbers, text, bytes"),
    (type[int], "'type'.*use numbers"), (re.Pattern[str], "'Pattern'.*use numbers"),
    (Mixed, "cannot travel: Enums must contain either all str or all int"),
    (Literal[b"x"], "cannot travel: Literal may only contain"),  # type: ignore[valid-type]
    (str | datetime.datetime, "cannot travel: Type unions may not contain more than one str-like"),
    (uuid.UUID | bytes, "cannot travel: Type unions"), (Reference | int, "cannot travel: Type unions"),
    (Plain | Place | tuple[int, ...], "cannot travel: Type unions"),
    (Wrapped, "a message of open type too deep inside"), (tuple[tuple[Message, ...], ...], "too deep inside"),
    (Message | int, "too deep inside"),
], ids=str)
def test_a_field_that_no_other_actor_may_share_is_refused_when_a_handler_is_declared(
    annotation: Any, text: str
) -> None:
    kind = holding(annotation, "Refused")
    with pytest.raises(ContractError, match=f"(?s)^message Refused.*{text}"):
        class Taking(Actor):
            @on(kind)
            def take(self, message: Any, context: Context) -> None: ...


def test_the_table_in_the_docs_names_every_type_that_these_tests_send() -> None:
    page = (ROOT / "docs" / "messages.md").read_text()
    rows = " ".join(line for line in page.splitlines() if line.startswith("|"))
    named = {typing.get_origin(annotation) or annotation for annotation, _ in SAMPLES}
    for kind in named & {*_NAMED, *BUILTINS}:
        assert f"`{_NAMED.get(kind, getattr(kind, '__name__', kind))}" in rows, kind
    for word in ("msgspec.Struct", "Message", "@dataclass", "NamedTuple", "Enum", "Flag", "NewType"):
        assert word in rows, word


BUILTINS = {bool, int, float, str, bytes, tuple, frozenset, Reference}
_NAMED: dict[Any, str] = {
    datetime.datetime: "datetime", datetime.date: "date", datetime.time: "time", datetime.timedelta: "timedelta",
    uuid.UUID: "UUID", decimal.Decimal: "Decimal", None: "None", Literal: "Literal[",
    typing.Union: "Optional[", typing.Annotated: "Annotated[",
}
