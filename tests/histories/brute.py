"""The slow twin of the strong judge: every order that respects real time is tried, with models of plain Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from actors.verification.histories import Operation, Outcome

Step = Callable[[Any, Operation], tuple[bool, Any]]


def linearizable(operations: Sequence[Operation], model: str, initial: Any = None) -> bool:
    """Whether some order explains everything; key by key where keys are objects of their own."""
    happened = [one for one in operations if one.outcome is not Outcome.FAIL]
    if model in ("multi-register", "list-append"):
        return explained(happened, transaction, {})
    keys = {one.key for one in happened}
    return all(explained([one for one in happened if one.key == key], single, initial) for key in keys)


def explained(left: list[Operation], step: Step, state: Any) -> bool:
    """Whether the operations can be put in an order; those without completion may be left out."""
    waiting = [one.completed for one in left if one.completed is not None]
    if not waiting:
        return True
    first_return = min(waiting)
    for number, operation in enumerate(left):
        if operation.invoked < first_return:
            right, after = step(state, operation)
            if right and explained(left[:number] + left[number + 1 :], step, after):
                return True
    return False


def same(one: Any, other: Any) -> bool:
    """Equality of JSON values: true is not 1."""
    return type(one) is type(other) and one == other


def single(state: Any, operation: Operation) -> tuple[bool, Any]:
    """One step of one register, value or lock."""
    f, value, result, known = operation.f, operation.value, operation.result, operation.outcome is Outcome.OK
    if f in ("read", "get"):
        return not known or same(result, state), state
    if f in ("write", "put"):
        return True, value
    if f == "append":
        return True, (state or "") + value
    if f == "delete":
        return not known or result is None or result == (state is not None), None
    if f == "cas":
        matches = same(state, value[0])
        return not known or result == matches, value[1] if matches else state
    if f == "acquire":
        return state is None, ("held", operation.process)
    assert f == "release"
    return state == ("held", operation.process), None


def transaction(state: dict[str, Any], operation: Operation) -> tuple[bool, Any]:
    """All micro-operations of a transaction, on registers or on lists."""
    known = operation.outcome is Outcome.OK
    state = dict(state)
    for f, key, value in operation.result if known else operation.value:
        if f == "w":
            state[key] = value
        elif f == "append":
            state[key] = [*state.get(key, []), value]
        elif known and not same(state.get(key), None if value == [] else value):
            return False, state
    return True, state
