"""A state as a function of the model reads it while the checker writes down what it reads.

A view behaves as the state, the tuple or the frozenset that it stands for. What it cannot do by reading parts it does
by reading all of them; what it cannot do at all raises, and the checker then runs the function on the plain state
instead. Nothing gets past it: a view holds no values. Knows neither the model nor the search's order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from actors.verification.layout import Field, ItemsField, Layout, MembersField, Unread
from actors.verification.state import State
from core_ext.explore_slots import SlotSearch


class Recorder:
    """What one run of a function reads: each slot once, in order."""

    def __init__(self, search: SlotSearch) -> None:
        self._search = search
        self.reads: list[tuple[int, int]] = []
        self._seen: dict[int, int] = {}

    def start(self) -> None:
        """Forget the last run."""
        self.reads = []
        self._seen = {}

    def read(self, slot: int) -> int:
        """The number in a slot."""
        found = self._seen.get(slot)
        if found is None:
            found = self._seen[slot] = self._search.value_at(slot)
            self.reads.append((slot, found))
        return found


class Items:
    """A tuple whose elements are read one by one; slices and concatenations read nothing."""

    __slots__ = ("_recorder", "parts")

    def __init__(self, recorder: Recorder, parts: list[Any]) -> None:
        self._recorder = recorder
        self.parts = parts

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return tuple

    def _value(self, part: Any) -> Any:
        if type(part) is Unread:
            return part.field.values[self._recorder.read(part.slot)]
        return part

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Items(self._recorder, self.parts[index])
        return self._value(self.parts[index])

    def __iter__(self) -> Iterator[Any]:
        return map(self._value, self.parts)

    def __reversed__(self) -> Iterator[Any]:
        return map(self._value, reversed(self.parts))

    def __contains__(self, value: Any) -> bool:
        return any(value is one or value == one for one in self)

    def __add__(self, other: Any) -> Items:
        if type(other) is Items:
            return Items(self._recorder, self.parts + other.parts)
        return Items(self._recorder, self.parts + list(other)) if isinstance(other, tuple) else NotImplemented

    def __radd__(self, other: Any) -> Items:
        return Items(self._recorder, list(other) + self.parts) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, times: int) -> Items:
        return Items(self._recorder, self.parts * times)

    def __eq__(self, other: object) -> bool:
        return bool(tuple(self) == _plain(other))

    def __lt__(self, other: Any) -> bool:
        return bool(tuple(self) < _plain(other))

    def __le__(self, other: Any) -> bool:
        return bool(tuple(self) <= _plain(other))

    def __gt__(self, other: Any) -> bool:
        return bool(tuple(self) > _plain(other))

    def __ge__(self, other: Any) -> bool:
        return bool(tuple(self) >= _plain(other))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

    def index(self, value: Any, *limits: int) -> int:
        """As of a tuple."""
        return tuple(self).index(value, *limits)

    def count(self, value: Any) -> int:
        """As of a tuple."""
        return sum(one == value for one in self)


class Members:
    """A frozenset whose members are asked for one by one.

    Args:
        recorder: writes down the reads.
        field: whose members it begins with.
        changed: by key: (member, whether it is in), for what was added and removed since.
    """

    __slots__ = ("_recorder", "changed", "field")

    def __init__(self, recorder: Recorder, field: MembersField, changed: dict[Any, tuple[Any, bool]]) -> None:
        self._recorder = recorder
        self.field = field
        self.changed = changed

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return frozenset

    def __contains__(self, member: Any) -> bool:
        plain = _plain(member)
        key = self.field.key_of(plain)
        found = self.changed.get(key)
        return found[1] if found is not None else bool(self._recorder.read(self.field.slot_of(key, plain)))

    def __iter__(self) -> Iterator[Any]:
        known = self._recorder.read(self.field.count_slot)
        for key, member, slot in self.field.known[:known]:
            if key not in self.changed and self._recorder.read(slot):
                yield member
        for member, inside in self.changed.values():
            if inside:
                yield member

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return any(True for _ in self)

    def _with(self, members: Iterable[Any], inside: bool) -> Members:
        changed = dict(self.changed)
        for member in members:
            plain = _plain(member)
            changed[self.field.key_of(plain)] = (plain, inside)
        return Members(self._recorder, self.field, changed)

    def __or__(self, other: Any) -> Members:
        return self._with(other, True) if isinstance(other, (set, frozenset)) else NotImplemented

    __ror__ = __or__

    def __sub__(self, other: Any) -> Members:
        return self._with(other, False) if isinstance(other, (set, frozenset)) else NotImplemented

    def __rsub__(self, other: Any) -> frozenset[Any]:
        return frozenset(one for one in other if one not in self)

    def __and__(self, other: Any) -> frozenset[Any]:
        if not isinstance(other, (set, frozenset)):
            return NotImplemented
        return frozenset(one for one in other if one in self)

    __rand__ = __and__

    def __xor__(self, other: Any) -> frozenset[Any]:
        return frozenset(self) ^ frozenset(other)

    __rxor__ = __xor__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (set, frozenset)) and self <= other and self >= other

    def __le__(self, other: Any) -> bool:
        known = self._recorder.read(self.field.count_slot)
        for key, member, slot in self.field.known[:known]:
            if key not in self.changed and member not in other and self._recorder.read(slot):
                return False
        return all(member in other for member, inside in self.changed.values() if inside)

    def __ge__(self, other: Any) -> bool:
        return all(member in self for member in other)

    def __lt__(self, other: Any) -> bool:
        return self <= other and not self >= other

    def __gt__(self, other: Any) -> bool:
        return self >= other and not self <= other

    def __hash__(self) -> int:
        return hash(frozenset(self))

    def __repr__(self) -> str:
        return repr(frozenset(self))

    def union(self, *others: Iterable[Any]) -> Members:
        """As of a frozenset."""
        return self._with([member for other in others for member in other], True)

    def difference(self, *others: Iterable[Any]) -> Members:
        """As of a frozenset."""
        return self._with([member for other in others for member in other], False)

    def intersection(self, other: Iterable[Any]) -> frozenset[Any]:
        """As of a frozenset."""
        return frozenset(one for one in other if one in self)

    def issubset(self, other: Iterable[Any]) -> bool:
        """As of a frozenset."""
        return self <= frozenset(other)

    def issuperset(self, other: Iterable[Any]) -> bool:
        """As of a frozenset."""
        return all(member in self for member in other)

    def isdisjoint(self, other: Iterable[Any]) -> bool:
        """As of a frozenset."""
        return not any(member in self for member in other)


def _plain(value: Any) -> Any:
    """A value of which nothing is a view, for comparisons and keys; a view in it is read as a whole."""
    if type(value) is Items:
        return tuple(map(_plain, value))
    if type(value) is Members:
        return frozenset(value)
    if type(value) is tuple:
        return tuple(map(_plain, value)) if any(type(one) in _VIEWS for one in value) else value
    return value


_VIEWS = (Items, Members, tuple)


class StateView:
    """A state whose fields are read one by one; ``view_class`` adds the fields and methods of a state type."""

    __slots__ = ("_recorder", "changes", "layout")
    _state_class: type[State]

    def __init__(self, recorder: Recorder, layout: Layout, changes: dict[str, Any]) -> None:
        self._recorder = recorder
        self.layout = layout
        self.changes = changes

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return self._state_class

    def replace(self, **changes: Any) -> StateView:
        """See ``State.replace``."""
        unknown = changes.keys() - self.layout.fields.keys()
        if unknown:
            raise TypeError(f"{self._state_class.__name__} has no field {sorted(unknown)[0]!r}")
        return type(self)(self._recorder, self.layout, {**self.changes, **changes})

    def plain(self) -> State:
        """The state itself; reads all of it."""
        return self._state_class(**{name: _plain(getattr(self, name)) for name in self.layout.fields})

    def __eq__(self, other: object) -> bool:
        return self.plain() == (other.plain() if isinstance(other, StateView) else other)

    def __hash__(self) -> int:
        return hash(self.plain())

    def __repr__(self) -> str:
        return repr(self.plain())


def _reader(name: str) -> Callable[[StateView], Any]:
    def read(view: StateView) -> Any:
        if name in view.changes:
            return view.changes[name]
        return _view_of(view._recorder, view.layout.fields[name])

    return read


def _view_of(recorder: Recorder, field: Field) -> Any:
    if isinstance(field, ItemsField):
        return Items(recorder, field.unread)
    if isinstance(field, MembersField):
        return Members(recorder, field, {})
    return field.values[recorder.read(field.slots[0])]


def view_class(state_class: type[State]) -> type[StateView]:
    """The views of a state type: its fields, and its own methods and properties run on the view."""
    namespace: dict[str, Any] = {"__slots__": (), "_state_class": state_class}
    for base in reversed(state_class.__mro__[: state_class.__mro__.index(State)]):
        for name, value in vars(base).items():
            # Special methods of Python's and msgspec's own stay those of the view.
            own = callable(value) or isinstance(value, (property, staticmethod, classmethod))
            if own and not name.startswith("__"):
                namespace[name] = value
    for name in state_class.__struct_fields__:
        namespace[name] = property(_reader(name))
    return type(f"{state_class.__name__}View", (StateView,), namespace)
