"""Values of every type that a field of a message may have, each in a message type of its own."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import types
import typing
import uuid
from typing import Annotated, Any, Literal, NamedTuple, NewType

import msgspec

from actors import Message, Reference, Request


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Place(NamedTuple):
    x: int
    name: str = ""


@dataclasses.dataclass(frozen=True)
class Span:
    begin: datetime.datetime
    places: tuple[Place, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Slim:
    x: int


class Pair(msgspec.Struct, frozen=True):
    left: int
    right: decimal.Decimal


class Tree(msgspec.Struct, frozen=True):
    value: int
    branches: tuple[Tree, ...] = ()


class Circle(msgspec.Struct, frozen=True, tag=True):
    radius: float


class Square(msgspec.Struct, frozen=True, tag=True):
    side: float


class Inner(Message, wire="tests.fields.inner"):
    at: datetime.datetime


UserId = NewType("UserId", int)
UTC = datetime.timezone.utc  # noqa: UP017  # as people write it
INDIA = datetime.timezone(datetime.timedelta(hours=5, minutes=30))

#: (type, value of it), in the order of the table in docs/messages.md.
SAMPLES: list[tuple[Any, Any]] = [
    (bool, True), (int, 2**63), (float, -0.5), (str, "t\u00e4xt"), (bytes, b"\x00\xff"), (None, None),
    (datetime.datetime, datetime.datetime(2026, 3, 1, 12, 30, 0, 123456, UTC)),
    (datetime.datetime, datetime.datetime(2026, 3, 1, 12, 30, tzinfo=INDIA)),
    (datetime.datetime, datetime.datetime(1, 1, 1)), (datetime.datetime, datetime.datetime.max.replace(tzinfo=UTC)),
    (datetime.date, datetime.date(2026, 3, 1)), (datetime.time, datetime.time(23, 59, 59, 999999)),
    (datetime.time, datetime.time(8, tzinfo=INDIA)),
    (datetime.timedelta, datetime.timedelta(days=-3, microseconds=7)), (datetime.timedelta, datetime.timedelta.max),
    (uuid.UUID, uuid.UUID(int=2**127 + 5)),
    (decimal.Decimal, decimal.Decimal("1.00")), (decimal.Decimal, decimal.Decimal("-1E+400")),
    (Colour, Colour.BLUE), (Level, Level.HIGH), (Rights, Rights.READ | Rights.WRITE),
    (Literal["on", "off", 3, None], "off"),
    (Reference, Reference("n", "a", 7)),
    (Inner, Inner(datetime.datetime(2026, 1, 1, tzinfo=UTC))), (Message, Inner(datetime.datetime(2026, 1, 1))),
    (Pair, Pair(1, decimal.Decimal("0.10"))), (Tree, Tree(1, (Tree(2), Tree(3, (Tree(4),))))),
    (Circle | Square, Square(2.0)),
    (Span, Span(datetime.datetime(2026, 1, 1, tzinfo=UTC), (Place(1, "a"),))), (Slim, Slim(3)), (Place, Place(4, "x")),
    (tuple[int, str], (1, "a")), (tuple[Place, ...], (Place(1), Place(2))), (tuple[()], ()),
    (frozenset[int], frozenset({0, 8, 16, 24})), (frozenset[Colour], frozenset(Colour)),
    (frozenset[tuple[int, str | None]], frozenset({(1, None), (1, "a")})),
    (frozenset[str], frozenset({"a", "b", "c", "d", "e"})),
    (uuid.UUID | None, None), (datetime.datetime | int, datetime.datetime(2026, 1, 1, tzinfo=UTC)),
    (int | decimal.Decimal, decimal.Decimal(7)), (typing.Optional[Colour], Colour.RED),  # noqa: UP045
    (UserId, UserId(9)), (Annotated[int, msgspec.Meta(ge=0)], 5),
]


def holding(annotation: Any, name: str) -> type[Request[Any]]:
    """A message type with one field ``value``; it is answered with that value."""
    namespace = {"__annotations__": {"value": annotation}, "__module__": __name__, "__qualname__": name}
    made: Any = types.new_class(
        name, (Request[annotation],), {"wire": f"tests.fields.{name.lower()}"}, lambda found: found.update(namespace)
    )
    return made  # type: ignore[no-any-return]


TYPES: list[type[Request[Any]]] = [holding(annotation, f"Holds{n}") for n, (annotation, _) in enumerate(SAMPLES)]
MESSAGES: list[Any] = [made(value) for made, (_, value) in zip(TYPES, SAMPLES, strict=True)]
