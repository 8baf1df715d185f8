"""The built-in objects as plain models, for the search over any object. Knows no search."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from actors.verification.histories.history import Operation, Outcome, identity
from actors.verification.histories.models import Model


class BuiltIn(Model):
    """A register, a cas-register, a key-value store or a mutex, one key or lock per partition.

    Args:
        name: which of them.
        initial: value of a key that was never written.
    """

    def __init__(self, name: str, initial: Any) -> None:
        self.name = name
        self._initial = None if name == "mutex" else identity(initial)
        self._null = identity(None)

    def initial(self) -> Hashable:
        """The value never written, or the lock that nobody holds."""
        return self._initial

    def partition(self, operation: Operation) -> Hashable:
        """Keys share nothing."""
        return operation.key

    def reads_only(self, operation: Operation) -> bool:
        """Of reads, and of a cas that found another value."""
        return operation.f in ("read", "get") or (operation.f == "cas" and operation.result is False)

    def step(self, state: Hashable, operation: Operation) -> tuple[bool, Hashable]:
        """The state is the value's identity, or ``("held", process)`` of a lock."""
        f, known = operation.f, operation.outcome is Outcome.OK
        if f in ("read", "get"):
            return not known or identity(operation.result) == state, state
        if f in ("write", "put"):
            return True, identity(operation.value)
        if f == "cas":
            same = identity(operation.value[0]) == state
            return not known or operation.result is same, identity(operation.value[1]) if same else state
        if f == "append":
            if state is not None and not isinstance(state, str):
                return False, state
            return True, (state or "") + operation.value
        if f == "delete":
            found = state != self._null
            return not known or operation.result is None or operation.result is found, self._null
        holder = ("held", operation.process)
        if f == "acquire":
            return state is None, holder
        return state == holder, None
