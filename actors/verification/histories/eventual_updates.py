"""What may a key hold once everything has settled? Updates of one key, and whether they explain a final value.

Knows nothing of replicas and agreement.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

from actors.verification.histories.history import HistoryError, Key, Operation, Outcome, identity, show

PARSE_STEPS = 300_000  # of one string that appends made


class Kind(enum.Enum):
    """What an update does to its key."""

    SET = "set"
    LIST_APPEND = "append to a list"
    TEXT_APPEND = "append to a string"


class Update(NamedTuple):
    """One update of one key that may have happened: it did not fail."""

    operation: Operation
    kind: Kind
    value: Any

    @property
    def acknowledged(self) -> bool:
        """Whether it happened for sure."""
        return self.operation.outcome is Outcome.OK

    def ended_before(self, other: Update) -> bool:
        """Whether this one was complete when the other was invoked."""
        return self.operation.completed is not None and self.operation.completed < other.operation.invoked


class Undecided(Exception):
    """A final value that could not be explained within the limit."""


class Problem(NamedTuple):
    """What is wrong with a final value: a name, a sentence, and the operations at fault."""

    name: str
    text: str
    operations: tuple[Operation, ...]


def updates_of(operation: Operation, lists: bool) -> Iterator[tuple[Key, Update]]:
    """The updates of one operation with their keys.

    Args:
        lists: ``append`` outside transactions adds to a list, not to a string.

    Raises:
        HistoryError: an operation of which nobody can say what remains of it, such as ``acquire``.
    """
    f, key, value = operation.f, operation.key, operation.value
    if f in ("write", "put", "delete"):
        yield key, Update(operation, Kind.SET, value)
    elif f == "cas":
        if operation.result is not False:
            yield key, Update(operation, Kind.SET, value[1])
    elif f == "append":
        if not lists and not isinstance(value, str):
            raise HistoryError(f"line {operation.invoked}: an append to a string of {show(value)}, which is none")
        yield key, Update(operation, Kind.LIST_APPEND if lists else Kind.TEXT_APPEND, value)
    elif f == "txn":
        last: dict[Key, Any] = {}
        for step, its_key, its_value in value:
            if step == "append":
                yield its_key, Update(operation, Kind.LIST_APPEND, its_value)
            elif step == "w":
                last[its_key] = its_value
        for its_key, its_value in last.items():
            yield its_key, Update(operation, Kind.SET, its_value)
    elif f not in ("read", "get"):
        raise HistoryError(f"line {operation.invoked}: what remains of {f} in the end is not defined; eventual is not "
                           f"for locks")


def explain(final: Any, updates: list[Update], initial: Any, lists: bool = False) -> Problem | None:
    """What is wrong with a value that a key holds in the end; None: nothing.

    - Of sets: the value is that of a set which no acknowledged set certainly follows (was invoked after it completed),
      or the initial value when no set was acknowledged.
    - Of appends to a list: each acknowledged element is there once, each of unknown outcome at most once, no other.
    - Of appends to a string: such a base (or the initial value), and behind it pieces, each at most once: all
      acknowledged ones that certainly follow the base, and none that certainly came before it.

    Args:
        updates: of this key, those of unknown outcome included.
        initial: what the key held at first.
        lists: the key holds a list even if nothing was appended.

    Raises:
        Undecided: too many ways to read a string.
        HistoryError: a list that is also set.
    """
    kinds = {update.kind for update in updates}
    if Kind.LIST_APPEND in kinds and len(kinds) > 1:
        raise HistoryError(f"{updates[0].operation.describe()}: its key is set as well as appended to")
    if lists or Kind.LIST_APPEND in kinds:
        return _explain_list(final, updates)
    if Kind.TEXT_APPEND in kinds:
        return _explain_text(final, updates, initial)
    return _explain_set(final, updates, initial)


def _explain_set(final: Any, updates: list[Update], initial: Any) -> Problem | None:
    held = identity(final)
    newest = _newest_set(updates)
    writers = [update for update in updates if identity(update.value) == held]
    if held == identity(initial):
        if newest is None or any(not writer.ended_before(newest) for writer in writers):
            return None
        return Problem(
            "lost update", f"the key is as it was at first, but {newest.operation.describe()} was acknowledged.",
            (newest.operation,),
        )
    if not writers:
        return Problem("value from nowhere", f"{show(final)} was never written there.", ())
    if newest is None or any(not writer.ended_before(newest) for writer in writers):
        return None
    return Problem(
        "lost update", f"{writers[0].operation.describe()} wrote that, and was complete when "
        f"{newest.operation.describe()} was invoked, which was acknowledged.", (writers[0].operation, newest.operation),
    )


def _newest_set(updates: list[Update]) -> Update | None:
    """The acknowledged set that was invoked last: what ended before it was certainly overwritten."""
    sets = [update for update in updates if update.kind is Kind.SET and update.acknowledged]
    return max(sets, key=lambda update: update.operation.invoked, default=None)


def _explain_list(final: Any, updates: list[Update]) -> Problem | None:
    if final is not None and not isinstance(final, list):
        return Problem("value from nowhere", f"{show(final)} is not a list.", ())
    counts: Counter[Hashable] = Counter(map(identity, final or ()))
    needed: Counter[Hashable] = Counter()
    possible: Counter[Hashable] = Counter()
    for update in updates:
        possible[identity(update.value)] += 1
        needed[identity(update.value)] += update.acknowledged
    for update in updates:
        if counts[identity(update.value)] < needed[identity(update.value)]:
            if update.acknowledged:
                return Problem(
                    "lost update", f"{show(update.value)} is not there, but {update.operation.describe()} was "
                    f"acknowledged.", (update.operation,),
                )
        elif counts[identity(update.value)] > possible[identity(update.value)]:
            return Problem(
                "applied twice", f"{show(update.value)} is there {counts[identity(update.value)]} times, and was "
                f"appended {possible[identity(update.value)]} times.", (update.operation,),
            )
    for element in final or ():
        if identity(element) not in possible:
            return Problem("value from nowhere", f"{show(element)} was never appended there.", ())
    return None


def _explain_text(final: Any, updates: list[Update], initial: Any) -> Problem | None:
    sets = [update for update in updates if update.kind is Kind.SET]
    pieces = [update for update in updates if update.kind is Kind.TEXT_APPEND]
    if final is not None and not isinstance(final, str):
        return _explain_set(final, sets, initial) if not any(piece.acknowledged for piece in pieces) else Problem(
            "value from nowhere", f"{show(final)} is not a string, but strings were appended.", ()
        )
    newest = _newest_set(sets)
    bases: list[Update | None] = [update for update in sets if newest is None or not update.ended_before(newest)]
    if newest is None:
        bases.append(None)
    for base in bases:
        text = initial if base is None else base.value
        if text is not None and not isinstance(text, str):
            continue
        usable = [piece for piece in pieces if base is None or not piece.ended_before(base)]
        needed = {
            index for index, piece in enumerate(usable)
            if piece.acknowledged and (base is None or base.ended_before(piece))
        }
        start = text or ""
        if (final or "").startswith(start) and _parses((final or "")[len(start) :], usable, needed):
            return None
    missing = next((piece for piece in pieces if piece.acknowledged and piece.value not in (final or "")), None)
    if missing is not None:
        return Problem(
            "lost update", f"{show(missing.value)} is not in {show(final)}, but {missing.operation.describe()} was "
            f"acknowledged.", (missing.operation,),
        )
    return Problem("value from nowhere", f"{show(final)} cannot be put together from what was written and appended, "
                   f"each piece once and none that was acknowledged left out.", ())


def _parses(text: str, pieces: list[Update], needed: set[int]) -> bool:
    """Whether a string is some pieces in some order, each at most once and all needed ones among them.

    Depth first, and without choices where the pieces are such that one text can be cut in one way.
    """
    total = Counter(piece.value for piece in pieces)
    left = dict(total)
    missing = Counter(pieces[index].value for index in needed)
    if sum(len(piece) * count for piece, count in missing.items()) > len(text):
        return False
    left.pop("", None)  # an empty piece is there wherever one looks
    lengths = sorted({len(piece) for piece in left}, reverse=True)
    path: list[tuple[str, Iterator[int]]] = [("", iter(lengths))]
    at = steps = 0
    while path:
        if at == len(text) and all(
            piece == "" or left[piece] + count <= total[piece] for piece, count in missing.items()
        ):
            return True
        steps += 1
        if steps > PARSE_STEPS:
            raise Undecided(f"a string of {len(text):,} characters can be cut into what was appended in too many ways")
        for length in path[-1][1]:
            piece = text[at : at + length]
            if len(piece) == length and left.get(piece, 0):
                left[piece] -= 1
                at += length
                path.append((piece, iter(lengths)))
                break
        else:
            piece = path.pop()[0]
            if path:
                left[piece] += 1
                at -= len(piece)
    return False
