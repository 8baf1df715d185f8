"""A slow twin of the explanation of final values: every order of the updates is run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, combinations, permutations
from typing import Any

from actors.verification.histories.eventual_updates import Kind, Update


def possible_finals(updates: list[Update], initial: Any, text: bool) -> set[Any]:
    """What a key of sets (and, with ``text``, of appends to a string) may hold in the end.

    Any subset of the updates of unknown outcome happened. The last set is one that no acknowledged set certainly
    follows; appends that certainly come before it are gone, those that certainly follow it stand behind it in any
    order, and of the others any subset does.
    """
    sure = [update for update in updates if update.acknowledged]
    doubtful = [update for update in updates if not update.acknowledged]
    found: set[Any] = set()
    for more in subsets(doubtful):
        happened = [*sure, *more]
        sets = [update for update in happened if update.kind is Kind.SET]
        appends = [update for update in happened if update.kind is not Kind.SET]
        lasts: list[Update | None] = [
            last for last in sets if not any(last.ended_before(other) for other in sets if other.acknowledged)
        ]
        if not any(update.acknowledged for update in sets):
            lasts.append(None)
        for last in lasts:
            value = initial if last is None else last.value
            after = [one for one in appends if last is None or last.ended_before(one)]
            open_ = [one for one in appends if one not in after and last is not None and not one.ended_before(last)]
            for chosen in subsets(open_):
                for order in permutations([*after, *chosen]):
                    found.add((value or "") + "".join(one.value for one in order) if text and order else value)
    return found


def subsets(updates: list[Update]) -> Iterator[Iterable[Update]]:
    """All of them."""
    return chain.from_iterable(combinations(updates, size) for size in range(len(updates) + 1))
