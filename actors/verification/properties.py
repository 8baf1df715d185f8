"""What a model claims: properties of states and of runs. Knows neither the search nor the states' type."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from actors.verification.errors import ModelError
from actors.verification.result import Kind

Predicate = Callable[[Any], bool]


class Property(msgspec.Struct, frozen=True):
    """One claim; made by ``always``, ``sometimes``, ``eventually``, ``leads_to`` and ``deadlock_free``.

    Attributes:
        name: for people; unique within a model.
        kind: what is claimed.
        predicates: of a state. ``always``: every one of them; ``leads_to``: the cause, then the effect;
            ``deadlock_free``: where a run may end; else just one.
    """

    name: str
    kind: Kind
    predicates: tuple[Predicate, ...]


def always(name: str, *predicates: Predicate) -> Property:
    """Every reachable state satisfies every one of the predicates (safety).

    Several predicates mean their conjunction. Each is remembered by the fields that it read, so that a long
    conjunction is checked faster as several short predicates than as one.
    """
    if not predicates:
        raise TypeError(f"always({name!r}) needs at least one predicate")
    return Property(name, Kind.ALWAYS, predicates)


def sometimes(name: str, predicate: Predicate) -> Property:
    """Some reachable state satisfies the predicate (reachability: the model can get there at all)."""
    return Property(name, Kind.SOMETIMES, (predicate,))


def eventually(name: str, predicate: Predicate) -> Property:
    """Every run comes to a state that satisfies the predicate (liveness).

    A run is infinite and fair (see ``Model.weakly_fair``), or ends where nothing is enabled.
    """
    return Property(name, Kind.EVENTUALLY, (predicate,))


def leads_to(name: str, cause: Predicate, effect: Predicate) -> Property:
    """In every run, a state that satisfies ``cause`` is followed by, or itself is, one that satisfies ``effect``."""
    return Property(name, Kind.LEADS_TO, (cause, effect))


def deadlock_free(name: str, unless: Predicate = lambda state: False) -> Property:
    """In every reachable state something is enabled, unless the predicate says that a run may end there (safety)."""
    return Property(name, Kind.DEADLOCK_FREE, (unless,))


def claims(name: str, properties: Callable[[], Iterable[Property]]) -> list[Property]:
    """What a model claims, when that is fit to be checked.

    Args:
        name: of the model, for messages.
        properties: the model's method.

    Raises:
        ModelError: it raised, gave something else than properties, or two of one name.
    """
    try:
        found = list(properties())
    except Exception as error:
        raise ModelError(f"{name}: properties raised {type(error).__name__}: {error}") from error
    for one in found:
        if not isinstance(one, Property):
            raise ModelError(
                f"{name}: properties gives {one!r}; make properties with always, sometimes, eventually, leads_to or "
                f"deadlock_free"
            )
    names = [one.name for one in found]
    twice = sorted({one for one in names if names.count(one) > 1})
    if twice:
        raise ModelError(f"{name}: two properties are named {twice[0]!r}; give each a name of its own")
    return found
