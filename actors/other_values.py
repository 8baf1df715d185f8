"""What a liar says in place of a value: another one of the same type. Knows what a message may hold; no world.

Every choice is the caller's, so that a run can be repeated.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import uuid
from collections.abc import Callable, Sequence
from typing import Any, cast

import msgspec

from actors.message import Message

_DAY = datetime.timedelta(days=1)


def corrupted(message: Message, choose: Callable[[Sequence[Any]], Any], fields: tuple[str, ...] = ()) -> Message | None:
    """A copy of a message with one field changed; None when no field can be."""
    names = tuple(field for field in message.__struct_fields__ if not fields or field in fields)
    return cast("Message | None", _with_other_field(message, names, msgspec.structs.replace, choose))


def _with_other_field(
    value: Any, names: Sequence[str], replace: Callable[..., Any], choose: Callable[[Sequence[Any]], Any]
) -> Any:
    """A copy with one of these fields changed; None when none can be."""
    left = list(names)
    while left:
        name = left.pop(choose(range(len(left))))
        other = other_value(getattr(value, name), choose)
        if other is not None:
            return replace(value, **{name: other})
    return None


def other_value(value: Any, choose: Callable[[Sequence[Any]], Any]) -> Any:
    """A plain value of the same type that is not the same; None when there is none."""
    match value:
        case bool():
            return not value
        case enum.Enum():
            others = tuple(member for member in type(value) if member is not value)
            return choose(others) if others else None
        case int():
            return choose((value + 1, max(0, value - 1) if value != 0 else 2))
        case float():
            return value + 1.0
        case bytes():
            return bytes((value[0] ^ 1,)) + value[1:] if value else b"\0"
        case str():
            return value + "~"
        case datetime.date():  # a datetime is one, too
            return value + (_DAY if value.year < datetime.MAXYEAR else -_DAY)
        case datetime.time():
            return value.replace(microsecond=value.microsecond ^ 1)
        case datetime.timedelta():
            return value + (_DAY if value < datetime.timedelta(0) else -_DAY)
        case uuid.UUID():
            return uuid.UUID(int=value.int ^ 1)
        case decimal.Decimal():
            return value.copy_negate() if value else decimal.Decimal(1)
        case msgspec.Struct():
            return _with_other_field(value, value.__struct_fields__, msgspec.structs.replace, choose)
        case tuple() if hasattr(value, "_fields"):
            return _with_other_field(value, value._fields, type(value)._replace, choose)  # type: ignore[attr-defined]
        case tuple() if value:
            return value[:-1]
        case frozenset() if value:
            return value - {min(value, key=repr)}
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = [field.name for field in dataclasses.fields(value) if field.init]
            return _with_other_field(value, names, dataclasses.replace, choose)
    return None
