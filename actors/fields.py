"""What a field of a message may be: immutable all through, and of a type that comes back from the wire as it went.

Knows type annotations; knows no message, no codec and no world. The table for users stands in docs/messages.md.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import types
import typing
import uuid
from typing import Any, NamedTuple, TypeVar

import msgspec

from core_ext.mailbox import Reference

_WITHOUT_PARTS: frozenset[type[Any]] = frozenset({
    int, float, bool, str, bytes, types.NoneType, Reference, datetime.datetime, datetime.date, datetime.time,
    datetime.timedelta, uuid.UUID, decimal.Decimal,
})
_OF_PARTS = (typing.Union, types.UnionType, tuple, frozenset)

_INSTEAD = {
    list: "tuple[...]", set: "frozenset[...]", bytearray: "bytes", memoryview: "bytes",
    dict: "tuple[tuple[key, value], ...] or a frozen struct",
    tuple: "tuple[...] with the types of its items", frozenset: "frozenset[...] with the type of its items",
    object: "Message, or a union of what it may be", complex: "tuple[float, float]",
}
_ALL = (
    "numbers, text, bytes, dates and times, UUID, Decimal, enums, references, messages, frozen structs, frozen "
    "dataclasses, named tuples, and tuple[...] or frozenset[...] of those"
)


class Refused(NamedTuple):
    """A part of a field that must not be there.

    Attributes:
        path: the fields from the message's own to this one, joined by dots.
        name: of the type that was found.
        instead: what to declare in its place.
    """

    path: str
    name: str
    instead: str


def refused_part(path: str, annotation: Any) -> Refused | None:
    """The first part of a field's type that two actors cannot share or that the wire does not know.

    Args:
        path: the field's name.
        annotation: its type, with names resolved.

    Returns:
        What was found; None when the field may be of this type.

    Raises:
        NameError: a class inside has an annotation that cannot be resolved.
    """
    return _refused(path, annotation, set())


def _refused(path: str, annotation: Any, seen: set[Any]) -> Refused | None:
    if annotation is None or annotation is Ellipsis or isinstance(annotation, TypeVar) or annotation in _WITHOUT_PARTS:
        return None
    if isinstance(annotation, typing.NewType):
        return _refused(path, annotation.__supertype__, seen)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return None
    if origin is typing.Annotated:
        return _refused(path, arguments[0], seen)
    if origin in _OF_PARTS:
        return _first_refused((path, argument, seen) for argument in arguments)
    if origin is not None:
        return _refused(path, origin, seen) or _first_refused((path, argument, seen) for argument in arguments)
    if not isinstance(annotation, type):
        return Refused(path, _name(annotation), _instead(annotation))
    if issubclass(annotation, enum.Enum):
        return None
    return _refused_class(path, annotation, seen)


def _first_refused(parts: typing.Iterable[tuple[str, Any, set[Any]]]) -> Refused | None:
    return next((found for part in parts if (found := _refused(*part)) is not None), None)


def _refused_class(path: str, cls: type[Any], seen: set[Any]) -> Refused | None:
    """What is wrong with a class that has fields of its own, or with one that is unknown."""
    if cls in seen:
        return None
    if issubclass(cls, msgspec.Struct):
        names, frozen, compared = cls.__struct_fields__, cls.__struct_config__.frozen, cls.__struct_config__.eq
    elif dataclasses.is_dataclass(cls):
        parameters = cls.__dataclass_params__  # type: ignore[attr-defined]
        names = tuple(field.name for field in dataclasses.fields(cls))
        frozen, compared = parameters.frozen, parameters.eq
    elif issubclass(cls, tuple) and hasattr(cls, "_fields"):
        names, frozen, compared = cls._fields, True, True
    else:
        return Refused(path, _name(cls), _instead(cls))
    if not frozen:
        return Refused(path, _name(cls), f"frozen=True in the declaration of {cls.__qualname__}")
    if not compared:
        return Refused(path, _name(cls), f"no eq=False in the declaration of {cls.__qualname__}: a copy must be equal")
    seen.add(cls)
    hints = typing.get_type_hints(cls, include_extras=True)
    return _first_refused((f"{path}.{name}", hints.get(name, Any), seen) for name in names)


def _name(annotation: Any) -> str:
    return getattr(annotation, "__name__", None) or str(annotation)


def _instead(annotation: Any) -> str:
    if annotation is Any:
        return _INSTEAD[object]
    if typing.is_typeddict(annotation):
        return "a frozen struct"
    if annotation in _INSTEAD:
        return _INSTEAD[annotation]
    for known in _WITHOUT_PARTS - {types.NoneType}:
        if isinstance(annotation, type) and issubclass(annotation, known):
            return f"{_name(known)} itself: a subclass does not come back from the wire"
    return _ALL
