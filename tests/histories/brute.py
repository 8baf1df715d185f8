"""The slow twins of the strong judge: every order that respects real time is tried, with a model of plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actors.verification.histories import Operation, Outcome

Absent = object()


def apply(model: str, state: Any, operation: Operation) -> tuple[bool, Any]:
    """One step of one key: whether the result is right, and the state after it."""
    f, value, known = operation.f, operation.value, operation.outcome is Outcome.OK
    if f in ("read", "get"):
        return not known or (operation.result == state and type(operation.result) is type(state)), state
    if f in ("write", "put"):
        return True, value
    if f == "append":
        return True, (state or "") + value
    if f == "delete":
        right = not known or operation.result is None or operation.result == (state is not None)
        return right, None
    if f == "cas":
        same = state == value[0] and type(state) is type(value[0])
        return not known or operation.result == same, value[1] if same else state
    if f == "acquire":
        return state is None, ("held", operation.process)
    if f == "release":
        return state == ("held", operation.process), None
    raise AssertionError(f)


def linearizable(operations: Sequence[Operation], model: str, initial: Any = None) -> bool:
    """Key by key, by trying everything."""
    keys = {operation.key for operation in operations}
    return all(
        _search([one for one in operations if one.key == key and one.outcome is not Outcome.FAIL], model, initial)
        for key in keys
    )


def _search(left: list[Operation], model: str, state: Any) -> bool:
    waiting = [one.completed for one in left if one.completed is not None]
    if not waiting:
        return True
    first_return = min(waiting)
    for number, operation in enumerate(left):
        if operation.invoked < first_return:
            right, after = apply(model, state, operation)
            if right and _search(left[:number] + left[number + 1 :], model, after):
                return True
    return False
