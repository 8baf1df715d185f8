"""What a value becomes when interchangeable actors change places: references and names inside of it follow them.

Knows frozen fields, messages and local states as values; no numbers, no engine, no search.

A renaming must be undone by the opposite one, also where an order is kept. So a list, tuple or dict all of whose items
(or first items of its tuples, or keys) are actors or their names is taken for a *set* of them: symmetric ones stand in
it in the order in which they were spawned, and still do afterwards. One in another order is refused.
"""

from __future__ import annotations

import dataclasses
import enum
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from actors.verification.actor_state import Frozen, Shared
from actors.verification.actor_text import name_of
from actors.verification.errors import ModelError
from core_ext.mailbox import Reference

Address = tuple[str, str]


class Members:
    """Who is interchangeable with whom, and who else there is.

    Args:
        groups: of symmetric actors, each in the order in which they were spawned.
        everybody: every actor of the model.

    Raises:
        ModelError: a name could mean two of them.
    """

    def __init__(self, groups: Sequence[Sequence[Reference]], everybody: Sequence[Reference]) -> None:
        self._ranks: dict[Any, tuple[int, int]] = {}
        self._known: set[Any] = {key for one in everybody for key in ((one.node, one.name), one.node, one.name)}
        meant: dict[str, Address] = {}
        for number, group in enumerate(groups):
            # a name that they all have means none of them
            named = len({one.name for one in group}) > 1
            for rank, one in enumerate(group):
                address = one.node, one.name
                for text in address if named else address[:1]:
                    if meant.setdefault(text, address) != address:
                        raise ModelError(f"{text!r} means {name_of(one)} and another one; give each a name of its own")
                    self._ranks[text] = number, rank
                self._ranks[address] = number, rank
        for one in everybody:
            for text in (one.node, one.name):
                if meant.get(text, (one.node, one.name)) != (one.node, one.name):
                    raise ModelError(f"{text!r} means {name_of(one)} and another one; give each a name of its own")

    def means(self, text: str) -> bool:
        """Whether a text is the name of a symmetric actor, or of its node."""
        return text in self._ranks

    def rank(self, item: Any) -> tuple[int, int] | None:
        """(group, place in it) of what an item begins with."""
        return self._ranks.get(_key(item))

    def are_actors(self, items: Sequence[Any]) -> bool:
        """Whether everything begins with an actor, or the name of one."""
        return len(items) > 1 and all(_key(item) in self._known for item in items)


def _key(item: Any) -> Any:
    """The actor that an item is, or that a pair begins with; the item itself when it is none."""
    if type(item) is tuple and item:
        item = item[0]
    if isinstance(item, Reference):
        return item.node, item.name
    return item if type(item) is str else None


class Renaming:
    """One permutation of symmetric actors, on values.

    Args:
        members: see there.
        moved: where each symmetric actor goes, by its address.
    """

    def __init__(self, members: Members, moved: Mapping[Address, Address]) -> None:
        self._members = members
        self._moved = dict(moved)
        self._names: dict[str, str] = {}
        for one, other in moved.items():
            self._names.update((text, to) for text, to in zip(one, other, strict=True) if members.means(text))

    def reference(self, reference: Reference) -> Reference:
        """To whom a reference leads then."""
        node, name = self._moved.get((reference.node, reference.name), (reference.node, reference.name))
        return Reference(node, name, reference.incarnation)

    def value(self, value: Any) -> Any:
        """Any value of a field, message, journal or history.

        Raises:
            ModelError: something in it cannot be renamed, or symmetric actors stand in an order that is not theirs.
        """
        kind = type(value)
        if value is None or kind is int:
            return value
        if kind is str:
            return self._names.get(value, value)
        if kind is Frozen:
            return self._frozen(value)
        if kind is tuple:
            return self._sequence(value)
        if isinstance(value, Reference):
            return self.reference(value)
        if isinstance(value, Shared):
            raise ModelError("two fields share one object, which symmetry cannot follow; give each its own")
        if isinstance(value, enum.Enum | type):
            return value
        if isinstance(value, tuple) and hasattr(kind, "_fields"):
            return kind(*map(self.value, value))
        if kind is frozenset:
            return frozenset(map(self.value, value))
        if isinstance(value, msgspec.Struct):
            return kind(**{name: self.value(getattr(value, name)) for name in kind.__struct_fields__})
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return dataclasses.replace(value, **{
                field.name: self.value(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init
            })
        return value

    def _frozen(self, value: Frozen) -> Frozen:
        kind, items = value.kind, value.items
        if value.model is not None:
            raise ModelError(
                f"a {kind.__name__} takes snapshots of itself, and what these leave out cannot be renamed; symmetry "
                f"needs fields that are plain values"
            )
        if kind is list:
            return Frozen(kind, self._sequence(items))
        if kind is deque:
            return Frozen(kind, (items[0], self._sequence(items[1])))
        if kind is dict:
            keys = tuple(key for key, _ in items)
            if self._members.are_actors(keys):
                return Frozen(kind, self._sequence(items))
            return Frozen(kind, tuple((self.value(key), self.value(item)) for key, item in items))
        if not value.names:
            return value  # bytes and numbers
        return Frozen(kind, tuple(map(self.value, items)), value.names)

    def _sequence(self, items: tuple[Any, ...]) -> tuple[Any, ...]:
        renamed = tuple(map(self.value, items))
        if not self._members.are_actors(items):
            return renamed
        ranks = [self._members.rank(item) for item in items]
        places: dict[int, list[int]] = {}
        for place, rank in enumerate(ranks):
            if rank is not None:
                places.setdefault(rank[0], []).append(place)
        found = list(renamed)
        for its in places.values():
            self._ordered(items, [ranks[place] for place in its])
            came = sorted((renamed[place] for place in its), key=self._rank)
            for place, item in zip(its, came, strict=True):
                found[place] = item
        return tuple(found)

    def _rank(self, item: Any) -> tuple[int, int]:
        found = self._members.rank(item)
        assert found is not None, item
        return found

    def _ordered(self, items: tuple[Any, ...], ranks: list[Any]) -> None:
        if ranks != sorted(ranks):
            shown = ", ".join(name_of(item) if isinstance(item, Reference) else repr(item) for item in items)
            raise ModelError(
                f"({shown}) has symmetric actors in another order than that in which they were spawned; a sequence of "
                f"actors is taken for a set of them under symmetry: keep it sorted, or leave the option out"
            )
