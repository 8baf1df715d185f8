"""An actor's fields as one hashable value, and back: what the checked world compares, keeps and starts handlers from.

Knows no world, no message flow and no search. The rules (contract rule 9):

- A field holds numbers, text, bytes, None, enums, references, dates and times, UUIDs, frozen structs (messages among
  them), tuples and named tuples of those; lists, deques, dicts, bytearrays and arrays; dataclasses and other plain
  objects of Python classes; and objects with ``snapshot()`` and ``restore()``.
- What is equal and still not the same stays apart: 1, 1.0 and True; Decimal 1.0 and 1.00; noon in UTC and in another
  zone. (Inside a message equal values count as one.)
- A dict counts in insertion order: a handler may iterate over it, so two orders may behave differently. (An actor that
  wants fewer states fills its dicts in a fixed order.)
- A set is refused, a frozen one too: its order differs from process to process, so a handler that iterates over it has
  no one behaviour. (Inside a message it is taken for a value.)
- Two fields that share one mutable object still share it after ``thaw``.
- Of an object with ``snapshot()`` everything that the snapshot leaves out counts as configuration: the same in every
  state, shared by all copies.
"""

from __future__ import annotations

import copy
import datetime
import decimal
import enum
import math
import types
import uuid
from array import array
from collections import deque
from typing import Any, NamedTuple

import msgspec

from actors.context import Ticket, Uncertain
from actors.verification.errors import ModelError
from core_ext.mailbox import Reference

MAX_NESTING = 64  # deeper is a linked structure, which belongs into a list

_by_value = (
    str, bytes, int, enum.Enum, Reference, type, types.BuiltinFunctionType, datetime.timedelta, uuid.UUID,
)


class Shared(NamedTuple):
    """The same mutable object as the one met ``number``-th."""

    number: int


class Frozen:
    """A mutable object as a value: what it is, and what it holds.

    Attributes:
        kind: its class; arrays carry their type code with them.
        items: what it holds, frozen, in order.
        names: of the fields, for plain objects; else empty.
        model: for objects with ``snapshot()`` one of them to copy the configuration from; not compared.
    """

    __slots__ = ("hash", "items", "kind", "model", "names")

    def __init__(self, kind: Any, items: Any, names: tuple[str, ...] = (), model: Any = None) -> None:
        self.kind = kind
        self.items = items
        self.names = names
        self.model = model
        self.hash = hash((kind, items, names))

    def __hash__(self) -> int:
        return self.hash

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Frozen) and self.hash == other.hash and self.kind == other.kind
            and self.names == other.names and self.items == other.items
        )

    def __repr__(self) -> str:
        name = getattr(self.kind, "__name__", str(self.kind))
        if self.names:
            return f"{name}({', '.join(f'{n}={i!r}' for n, i in zip(self.names, self.items, strict=True))})"
        return f"{name}{self.items!r}"


class _Number(NamedTuple):
    """A float or a bool beside the integer that it is equal to."""

    kind: type
    value: Any


class _Exact:
    """A value beside those that it is equal to: compared by all that makes it different."""

    __slots__ = ("marks", "value")

    def __init__(self, value: Any, marks: tuple[Any, ...]) -> None:
        self.value = value
        self.marks = marks

    def __hash__(self) -> int:
        return hash(self.marks)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Exact) and self.marks == other.marks

    def __repr__(self) -> str:
        return repr(self.value)


def _exact_decimal(value: decimal.Decimal) -> _Exact:
    return _Exact(value, (decimal.Decimal, *value.as_tuple()))


def _exact_time(value: Any) -> _Exact:
    return _Exact(value, (type(value), value.replace(tzinfo=None), value.fold, value.tzinfo))


_exact = {decimal.Decimal: _exact_decimal, datetime.datetime: _exact_time, datetime.time: _exact_time}


def plain_value(value: Any) -> Any:
    """A frozen value that is kept beside its equals as what it was; every other value as it is."""
    if type(value) is _Exact:
        return value.value
    if type(value) is not _Number:
        return value
    return float(value.value) if value.kind is float else value.value


class Freezer:
    """Turns one actor's fields into a value.

    Args:
        actor: whose fields they are, for error messages.
    """

    def __init__(self, actor: str) -> None:
        self.actor = actor
        self._met: dict[int, int] = {}
        self._alive: list[Any] = []  # what a snapshot() made must not die before the end: its id would be given again
        self._path: list[str] = []

    def fields(self, instance: Any) -> Frozen:
        """The whole actor.

        Raises:
            ModelError: names the actor and the field that cannot be copied, compared and hashed.
        """
        self._meet(instance)
        return self._object(instance)

    def value(self, value: Any) -> Any:
        """One value of a field, as a hashable one."""
        kind = type(value)
        if kind is int or kind is str or value is None:
            return value
        if kind is float or kind is bool:
            return _Number(kind, repr(value) if kind is float and math.isnan(value) else value)
        if kind is tuple:
            return tuple(self._part(index, item) for index, item in enumerate(value))
        if isinstance(value, _by_value) or kind is datetime.date:
            return value
        if kind in _exact:
            return _exact[kind](value)
        if isinstance(value, msgspec.Struct) and kind.__struct_config__.frozen:
            return self._hashable(value)
        if kind in (Ticket, Uncertain):
            return value
        if kind is types.FunctionType and value.__closure__ is None:
            return value
        return self._mutable(value)

    def _meet(self, value: Any) -> None:
        self._met[id(value)] = len(self._met)
        self._alive.append(value)

    def _mutable(self, value: Any) -> Any:
        number = self._met.get(id(value))
        if number is not None:
            return Shared(number)
        if isinstance(value, set | frozenset):
            self._refuse(value, "a set has no stable order; use a dict with None as values, or a sorted tuple")
        if len(self._path) > MAX_NESTING:
            self._refuse(value, f"it is nested more than {MAX_NESTING} levels deep")
        self._meet(value)
        kind = type(value)
        if kind is list:
            return Frozen(kind, tuple(self._part(index, item) for index, item in enumerate(value)))
        if kind is deque:
            items = tuple(self._part(index, item) for index, item in enumerate(value))
            return Frozen(kind, (value.maxlen, items))
        if kind is dict:
            return Frozen(kind, tuple((self._part("key", key), self._part(key, item)) for key, item in value.items()))
        if kind is bytearray:
            return Frozen(kind, bytes(value))
        if kind is array:
            return Frozen(kind, (value.typecode, tuple(value)))
        if isinstance(value, tuple) and hasattr(kind, "_fields"):
            items = tuple(self._part(name, item) for name, item in zip(kind._fields, value, strict=True))
            return Frozen(kind, items, kind._fields)
        return self._object(value)

    def _object(self, value: Any) -> Frozen:
        kind = type(value)
        if hasattr(kind, "snapshot") and hasattr(kind, "restore"):
            return Frozen(kind, self._part("snapshot()", value.snapshot()), (), value)
        if isinstance(value, msgspec.Struct):
            names: tuple[str, ...] = kind.__struct_fields__
        else:
            names = self._names(value)
        return Frozen(kind, tuple(self._part(name, getattr(value, name)) for name in names), names)

    def _names(self, value: Any) -> tuple[str, ...]:
        """Fields of a plain object, in a fixed order: slots first, then the order in which fields were set."""
        kind = type(value)
        for base in kind.__mro__[:-1]:
            if not base.__flags__ & (1 << 9):  # Py_TPFLAGS_HEAPTYPE: made by a class statement
                self._refuse(value, "it can be neither copied nor compared; give its class snapshot() and restore()")
        slots = [
            name for base in reversed(kind.__mro__) for name in base.__dict__.get("__slots__", ())
            if name not in ("__dict__", "__weakref__") and hasattr(value, name)
        ]
        if not slots and not hasattr(value, "__dict__"):
            self._refuse(value, "it can be neither copied nor compared; give its class snapshot() and restore()")
        return (*slots, *sorted(getattr(value, "__dict__", ())))

    def _part(self, name: object, value: Any) -> Any:
        kind = type(value)
        if kind is int or kind is str or value is None:
            return value
        self._path.append(name if isinstance(name, str) else f"[{name!r}]")
        found = self.value(value)
        self._path.pop()
        return found

    def _hashable(self, value: Any) -> Any:
        try:
            hash(value)
        except TypeError as error:
            self._refuse(value, f"it cannot be hashed ({error}); messages hold immutable values only")
        return value

    def _refuse(self, value: Any, why: str) -> None:
        path = ".".join(self._path).replace(".[", "[")
        raise ModelError(
            f"actor {self.actor}: field {path!r} is a {type(value).__name__}, which cannot enter the checked "
            f"world: {why}"
        )


class Thawer:
    """Makes fresh, unshared objects of frozen ones."""

    def __init__(self) -> None:
        self._made: list[Any] = []

    def fields(self, frozen: Frozen) -> Any:
        """A new instance with these fields, without calling its class."""
        return self._object(frozen)

    def value(self, frozen: Any) -> Any:
        """One value of a field."""
        kind = type(frozen)
        if kind is int or kind is str or frozen is None:
            return frozen
        if kind is tuple:
            return tuple(self.value(item) for item in frozen)
        if kind is _Number or kind is _Exact:
            return plain_value(frozen)
        if kind is Shared:
            return self._made[frozen.number]
        if kind is Frozen:
            return self._mutable(frozen)
        return frozen

    def _mutable(self, frozen: Frozen) -> Any:
        kind, items = frozen.kind, frozen.items
        if kind is list:
            made: Any = []
            self._made.append(made)
            made.extend(self.value(item) for item in items)
        elif kind is deque:
            made = deque(maxlen=items[0])
            self._made.append(made)
            made.extend(self.value(item) for item in items[1])
        elif kind is dict:
            made = {}
            self._made.append(made)
            for key, item in items:
                made[self.value(key)] = self.value(item)
        elif kind is bytearray:
            made = bytearray(items)
            self._made.append(made)
        elif kind is array:
            made = array(*items)
            self._made.append(made)
        else:
            return self._object(frozen)
        return made

    def _object(self, frozen: Frozen) -> Any:
        kind = frozen.kind
        if frozen.model is not None:
            made = _fresh(frozen.model)
            self._made.append(made)
            made.restore(self.value(frozen.items))
            return made
        if issubclass(kind, (msgspec.Struct, tuple)):
            number = len(self._made)
            self._made.append(None)
            made = kind(**{name: self.value(item) for name, item in zip(frozen.names, frozen.items, strict=True)})
            self._made[number] = made
            return made
        made = kind.__new__(kind)
        self._made.append(made)
        for name, item in zip(frozen.names, frozen.items, strict=True):
            object.__setattr__(made, name, self.value(item))  # also of a frozen dataclass
        return made


def _fresh(model: Any) -> Any:
    """An object of the same class and configuration, to restore a snapshot in."""
    if hasattr(model, "__deepcopy__"):
        return copy.deepcopy(model)
    try:
        return copy.copy(model)
    except TypeError:  # a native class without __copy__: its configuration belongs into its snapshot
        kind: Any = type(model)
        return kind.__new__(kind)


def freeze(actor: str, instance: Any) -> Frozen:
    """An actor's fields as a hashable value. See the rules above.

    Args:
        actor: how to name it in an error.
        instance: the actor.

    Raises:
        ModelError: names the actor and the field that cannot enter the checked world.
    """
    return Freezer(actor).fields(instance)


def thaw(frozen: Frozen) -> Any:
    """A new actor instance with the frozen fields; shares nothing mutable with any other."""
    return Thawer().fields(frozen)
