"""What the object is that clients used: sequential models. Knows operations, and no judge.

A model is a state machine that says which answers are right when operations come one at a time. One of your own::

    class Counter(Model):
        name = "counter"

        def initial(self):
            return 0

        def step(self, state, operation):
            if operation.f == "write":
                return True, state + operation.value
            return operation.result == state, state
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from actors.verification.histories.history import HistoryError, Key, Operation, Outcome, identity

# Objects of which the native search knows the steps, and the functions that each has.
BUILT_IN: dict[str, frozenset[str]] = {
    "register": frozenset({"read", "get", "write", "put"}),
    "cas-register": frozenset({"read", "get", "write", "put", "cas"}),
    "key-value": frozenset({"read", "get", "write", "put", "cas", "append", "delete"}),
    "mutex": frozenset({"acquire", "release"}),
}


class Model:
    """A sequential object. Subclasses define ``initial`` and ``step``; states are hashable and never changed.

    Attributes:
        name: for reports; the class's name when empty.
        process_matters: whether ``step`` looks at ``operation.process``; False lets steps of different processes be
            computed once.
    """

    name: str = ""
    process_matters: bool = True

    def initial(self) -> Hashable:
        """The state before the first operation."""
        raise NotImplementedError

    def step(self, state: Any, operation: Operation) -> tuple[bool, Hashable]:
        """Run one operation alone. Computed once per state and kind of operation, so that it must not look at when the
        operation ran, nor at its node.

        Args:
            state: before it.
            operation: OK ones must return what they did return; of INFO ones (no result) any return is right.

        Returns:
            Whether the operation may happen in this state with this result, and the state after it.
        """
        raise NotImplementedError

    def partition(self, operation: Operation) -> Hashable:
        """Operations of different partitions share no state, and are judged apart. By default all are one."""
        return None

    def reads_only(self, operation: Operation) -> bool:
        """Whether the operation leaves every state as it is. Saying so, where it is true, makes judging much faster."""
        return False

    def describe(self, state: Any) -> str:
        """A state in words, for the explanation of a violation."""
        return repr(state)


class Registers(Model):
    """Several registers or lists that transactions read, write and append to at once: ``multi-register`` and
    ``list-append``.

    Keys that no chain of transactions connects are judged apart. Of a list that nothing was appended to, both null and
    the empty list are right.

    Args:
        name: of the two.
        operations: of the history, to find which keys belong together.
        initial: value of a key that was never written.
    """

    process_matters = False

    def __init__(self, name: str, operations: Sequence[Operation], initial: Any) -> None:
        self.name = name
        self._lists = name == "list-append"
        self._first = () if self._lists else identity(initial)
        if self._lists and initial is not None:
            raise HistoryError("the lists of a list-append history begin empty; leave the initial value out")
        self._group: dict[Key, Key] = {}
        for operation in operations:
            if operation.outcome is not Outcome.FAIL:
                keys = [key for _, key, _ in self._steps(operation)]
                for key in keys[1:]:
                    self._group[self._root(key)] = self._root(keys[0])

    def initial(self) -> Hashable:
        """No key has been written."""
        return frozenset()

    def partition(self, operation: Operation) -> Hashable:
        """The keys that transactions connect with this one's."""
        steps = self._steps(operation)
        return self._root(steps[0][1]) if steps else None

    def reads_only(self, operation: Operation) -> bool:
        """Of reads."""
        return all(f == "r" for f, _, _ in self._steps(operation))

    def step(self, state: frozenset[tuple[Key, Hashable]], operation: Operation) -> tuple[bool, Hashable]:
        """All micro-operations, one after the other, with nothing between."""
        values: dict[Key, Any] = dict(state)
        known = operation.outcome is Outcome.OK
        for f, key, value in self._steps(operation):
            if f == "w":
                values[key] = identity(value)
            elif f == "append":
                values[key] = (*values.get(key, ()), identity(value))
            elif known and not self._same(values.get(key, self._first), value):
                return False, state
        return True, frozenset(values.items())

    def describe(self, state: frozenset[tuple[Key, Hashable]]) -> str:
        """Each key with what it holds."""
        held = sorted(f"{key} = {value!r}" for key, value in state)
        return ", ".join(held) if held else "nothing written"

    def _same(self, held: Hashable, read: Any) -> bool:
        if self._lists:
            return held == (() if read is None else tuple(map(identity, read)) if isinstance(read, list) else None)
        return held == identity(read)

    def _root(self, key: Key) -> Key:
        while (above := self._group.get(key, key)) != key:
            key = above
        return key

    def _steps(self, operation: Operation) -> list[Any]:
        f = operation.f
        if f == "txn":
            steps: list[Any] = operation.result if operation.outcome is Outcome.OK else operation.value
            wrong = next((f for f, _, _ in steps if f == ("w" if self._lists else "append")), None)
        else:
            kind = {"read": "r", "get": "r", "write": "w", "put": "w", "append": "append"}.get(f)
            steps = [[kind, operation.key, operation.result if kind == "r" else operation.value]]
            wrong = f if kind in (None, "w" if self._lists else "append") else None
        if wrong is not None:
            raise HistoryError(f"line {operation.invoked}: a {self.name} has no {wrong}")
        return steps


class ReentrantMutex(Model):
    """A lock that its holder may acquire again, and must release as often."""

    name = "reentrant-mutex"

    def initial(self) -> Hashable:
        """Nobody holds it."""
        return None

    def partition(self, operation: Operation) -> Hashable:
        """Each key is a lock of its own."""
        return operation.key

    def step(self, state: tuple[Any, int] | None, operation: Operation) -> tuple[bool, Hashable]:
        """The state is the holder and how often it holds."""
        holder, times = state or (operation.process, 0)
        if holder != operation.process:
            return False, state
        if operation.f == "acquire":
            return True, (holder, times + 1)
        if operation.f != "release":
            raise HistoryError(f"line {operation.invoked}: a {self.name} has no {operation.f}")
        if times == 0:
            return False, state
        return True, (holder, times - 1) if times > 1 else None


class FencedMutex(Model):
    """A lock whose every acquisition is answered with a token larger than all before it (the value of its ok)."""

    name = "fenced-mutex"

    def initial(self) -> Hashable:
        """Nobody holds it, and no token was given."""
        return (None, None)

    def partition(self, operation: Operation) -> Hashable:
        """Each key is a lock of its own."""
        return operation.key

    def step(self, state: tuple[Any, int | None], operation: Operation) -> tuple[bool, Hashable]:
        """The state is the holder and the largest token known to be given."""
        holder, token = state
        if operation.f == "release":
            return holder == operation.process, (None, token)
        if operation.f != "acquire":
            raise HistoryError(f"line {operation.invoked}: a {self.name} has no {operation.f}")
        if holder is not None:
            return False, state
        if operation.outcome is not Outcome.OK:
            return True, (operation.process, token)
        if type(operation.result) is not int:
            raise HistoryError(f"line {operation.completed}: the ok of an acquire without its token, a whole number")
        return token is None or operation.result > token, (operation.process, operation.result)


NAMES = (*BUILT_IN, "multi-register", "list-append", "reentrant-mutex", "fenced-mutex")


def model_named(name: str, operations: Sequence[Operation], initial: Any) -> Model:
    """A model that is shipped and not built in.

    Raises:
        HistoryError: there is none of that name, or the history holds operations that it does not have.
    """
    if name in ("multi-register", "list-append"):
        return Registers(name, operations, initial)
    for kind in (ReentrantMutex, FencedMutex):
        if name == kind.name:
            return kind()
    raise HistoryError(f"no model {name!r}; there are {', '.join(NAMES)}, and FILE.py:CLASS for one of your own")
