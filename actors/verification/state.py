"""States that a model is written with when it is to be checked fast. Knows neither the search nor how states are read.

A plain tuple is a state too; but only of a ``State`` the checker sees which parts a step reads and writes, and so runs
the model's Python once per distinct local step instead of once per state.
"""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

T = TypeVar("T")

if TYPE_CHECKING:
    from msgspec import StructMeta as _StructMeta
else:
    _StructMeta = type(msgspec.Struct)


@typing.dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class _StateMeta(_StructMeta):
    """For type checkers: a subclass of ``State`` is frozen without saying so."""


class State(msgspec.Struct, metaclass=_StateMeta, frozen=True):
    """Base of a model's state: a frozen struct of plain values.

    A field that holds a tuple is followed element by element, a frozenset member by member, anything else as a whole.
    ``state.replace(field=value)`` gives the next state.
    """

    def replace(self, **changes: Any) -> Self:
        """This state with some fields changed."""
        return msgspec.structs.replace(self, **changes)


def put(values: tuple[T, ...], index: int, value: T) -> tuple[T, ...]:
    """The tuple with one element replaced; the others are not even read.

    Raises:
        IndexError: there is no such element.
    """
    if not -len(values) <= index < len(values):
        raise IndexError(f"put: index {index} of a tuple of {len(values)}")
    index %= len(values)
    # Sums and not one display, which would iterate over the elements and so read them.
    return values[:index] + (value,) + values[index + 1 :]  # noqa: RUF005
