"""How a state lies in slots: which slots a field has, which values they hold, and back. Knows no model and no search.

Values are numbered per field in the order in which they come; 0 is nothing. Two values are the same exactly when they
are equal and of the same types (``core_ext.explore_values``): 1 and True are different states.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from actors.verification.state import State
from core_ext.explore_slots import SlotSearch
from core_ext.explore_values import Encoder

MOST_MEMBERS = 512     # different members of one frozenset field that get a slot each; beyond, the field is one slot
MOST_ITEMS = 512       # the same for the elements of a tuple
BYTES_PER_VALUE = 200  # a guess at what a numbered value takes, for the memory bound


class Relayout(Exception):
    """A field does not fit the slots it was given; the search starts again with the field as a whole.

    Attributes:
        name: of the field.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Field:
    """A field of the state that is one slot: any value, as a whole.

    Args:
        layout: that it belongs to.
        name: of the field.
    """

    def __init__(self, layout: Layout, name: str) -> None:
        self.layout = layout
        self.name = name
        self.number = layout.search.new_field()
        self.values: list[Any] = [None]
        self._numbers: dict[Any, int] = {}
        self.slots: list[int] = []

    def key_of(self, value: Any) -> Any:
        """What identifies a value: itself where its type leaves no doubt, else its bytes."""
        kind = type(value)
        return value if kind is str or kind is int else self.layout.encoder.encode(value)

    def number_of(self, value: Any) -> int:
        """The number of a value.

        Raises:
            Unsuitable: it is mutable or of an unknown type.
        """
        key = self.key_of(value)
        found = self._numbers.get(key)
        if found is None:
            found = self.layout.search.new_value(self.number, self.layout.encoder.hash(value))
            self._numbers[key] = found
            self.values.append(value)
        return found

    def open(self, value: Any) -> None:
        """Take the slots that a first value needs."""
        self.slots = [self.layout.new_slot(self, self.name)]

    def write(self, value: Any, writes: list[int]) -> None:
        """Append slot, number, slot, number, ... for this value of the field."""
        writes += (self.slots[0], self.number_of(value))

    def read(self, vector: list[int]) -> Any:
        """The value in a vector."""
        return self.values[vector[self.slots[0]]]


class Unread:
    """An element of a tuple that nobody has looked at: a slot of a field."""

    __slots__ = ("field", "slot")

    def __init__(self, field: Field, slot: int) -> None:
        self.field = field
        self.slot = slot


class ItemsField(Field):
    """A tuple of fixed length: one slot per element."""

    def open(self, value: tuple[Any, ...]) -> None:
        """One slot per element."""
        self.slots = [self.layout.new_slot(self, (self.name, at)) for at in range(len(value))]
        self.unread: list[Any] = [Unread(self, slot) for slot in self.slots]

    def write(self, value: Any, writes: list[int]) -> None:
        """Element by element."""
        if type(value) is not tuple or len(value) != len(self.slots):
            raise Relayout(self.name)
        for slot, item in zip(self.slots, value, strict=True):
            writes += (slot, self.number_of(item))

    def read(self, vector: list[int]) -> Any:
        """The tuple in a vector."""
        return tuple([self.values[vector[slot]] for slot in self.slots])


class MembersField(Field):
    """A frozenset: one slot per member that it ever had or was asked for, 1 = in; and a hidden one that counts them.

    Attributes:
        known: (key, member, slot) of each.
        count_slot: the hidden slot; who looks at all members depends on how many there are to look at.
    """

    def __init__(self, layout: Layout, name: str) -> None:
        super().__init__(layout, name)
        self.known: list[tuple[Any, Any, int]] = []
        self._keys: dict[Any, Any] = {}
        self._slot_of: dict[Any, int] = {}
        self.count_slot = layout.take_hidden()
        self.values = [False, True]
        layout.search.new_value(self.number, 1)

    def key_of(self, value: Any) -> Any:
        """What identifies a member.

        Raises:
            Relayout: an equal one of another type is known (1 and True): a set takes them for one, states do not.
        """
        key = super().key_of(value)
        if self._keys.setdefault(value, key) != key:
            raise Relayout(self.name)
        return key

    def slot_of(self, key: Any, member: Any) -> int:
        """The slot of a member; a new one when it is met first."""
        found = self._slot_of.get(key)
        if found is None:
            if len(self.known) == MOST_MEMBERS:
                raise Relayout(self.name)
            found = self._slot_of[key] = self.layout.new_slot(self, (self.name, member))
            self.known.append((key, member, found))
            self.layout.search.set_hidden(self.count_slot, len(self.known))
        return found

    def open(self, value: Any) -> None:
        """Members get their slots as they come."""

    def write(self, value: Any, writes: list[int]) -> None:
        """Every member that is known, in or out."""
        if type(value) is not frozenset:
            raise Relayout(self.name)
        inside = {self.slot_of(self.key_of(member), member) for member in value}
        for _, _, slot in self.known:
            writes += (slot, int(slot in inside))

    def read(self, vector: list[int]) -> Any:
        """The frozenset in a vector; a member that came after the vector was written is not in it."""
        return frozenset([member for _, member, slot in self.known if slot < len(vector) and vector[slot]])


class Layout:
    """All fields of a state type.

    Args:
        search: takes the slots and values.
        first: an initial state; says which fields hold tuples and frozensets.
        whole: names of fields that are one slot whatever they hold.
    """

    def __init__(self, search: SlotSearch, first: State, whole: Iterable[str]) -> None:
        self.search = search
        self.state_class = type(first)
        self.encoder = Encoder()
        self._hidden = 0
        self.fields: dict[str, Field] = {}
        for name in self.state_class.__struct_fields__:
            value = getattr(first, name)
            kind = Field if name in whole else self._kind_for(value)
            self.fields[name] = kind(self, name)
            self.fields[name].open(value)

    @staticmethod
    def _kind_for(value: Any) -> type[Field]:
        if type(value) is tuple and 0 < len(value) <= MOST_ITEMS:
            return ItemsField
        return MembersField if type(value) is frozenset else Field

    def take_hidden(self) -> int:
        """One of the slots in front of the state."""
        self._hidden += 1
        return self._hidden - 1

    def new_slot(self, field: Field, name: Any) -> int:
        """A new slot of a field."""
        return self.search.new_slot(field.number, self.encoder.hash(name))

    def writes_of(self, state: State) -> list[int]:
        """Slot, number, slot, number, ... of a whole state."""
        writes: list[int] = []
        for name, field in self.fields.items():
            field.write(getattr(state, name), writes)
        return writes

    def decode(self, vector: list[int]) -> State:
        """The state in a vector."""
        return self.state_class(**{name: field.read(vector) for name, field in self.fields.items()})

    @property
    def bytes_used(self) -> int:
        """About what the values take, in bytes."""
        return BYTES_PER_VALUE * sum(len(field.values) + len(field.slots) for field in self.fields.values())
