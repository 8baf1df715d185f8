"""Requests that wait for their answers: of actors, and of the code around the simulation. Knows one node's cells."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from actors.errors import AskTimeout
from actors.message import Answer
from actors.simulation.cell import Cell
from core_ext.mailbox import Reference
from core_ext.stage import ANSWER

if TYPE_CHECKING:
    from actors.simulation.node import Node

DEFAULT_TIMEOUT_SECONDS = 5.0


class Pending:
    """An answer that code around the simulation waits for; it appears while the simulation runs.

    Attributes:
        done: whether it is there.
        value: the answer, when it is.
        failure: the error, when the ask failed.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self.done = False
        self.value: Any = None
        self.failure: Exception | None = None

    def result(self) -> Any:
        """The answer.

        Raises:
            AskError: the ask failed.
            RuntimeError: there is none yet; run the simulation first.
        """
        if not self.done:
            raise RuntimeError(f"{self._what} has no answer yet; let time pass: simulation.run_until(...)")
        if self.failure is not None:
            raise self.failure
        return self.value

    def __repr__(self) -> str:
        state = "waiting" if not self.done else repr(self.value if self.failure is None else self.failure)
        return f"<{self._what}: {state}>"


class Ask:
    """One request under way."""

    __slots__ = ("correlation", "generation", "key", "owner", "request_type", "target")

    def __init__(
        self, owner: Cell | Pending, key: Hashable, request_type: type[Any], target: Reference, correlation: int
    ) -> None:
        self.owner = owner
        self.generation = owner.generation if isinstance(owner, Cell) else 0
        self.key = key
        self.request_type = request_type
        self.target = target
        self.correlation = correlation


class Asks:
    """The requests of one node's life."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._next = 0
        self.pending: dict[int, Ask] = {}

    def new(
        self, owner: Cell | Pending, target: Reference, request_type: type[Any], key: Hashable,
        timeout_seconds: float | None,
    ) -> int:
        """A request sets out: its time-out runs from now on. Returns its correlation."""
        self._next += 1
        self.pending[self._next] = Ask(owner, key, request_type, target, self._next)
        seconds = DEFAULT_TIMEOUT_SECONDS if timeout_seconds is None else timeout_seconds
        self._node.after(seconds, self._expire, (self._next, seconds))
        return self._next

    def settle(self, correlation: int, value: Any, failure: Exception | None) -> None:
        """Give the answer, or the error, once; late ones are counted."""
        ask = self.pending.pop(correlation, None)
        if ask is None:
            self._node.counters["late_answers"] += 1
            return
        owner = ask.owner
        if isinstance(owner, Pending):
            owner.done, owner.value, owner.failure = True, value, failure
        elif owner.generation == ask.generation:
            owner.accept(ANSWER, (ask.request_type, Answer(ask.key, value, failure)), None, 0, False)

    def fail_all(self, node: str | None, failure: Any) -> None:
        """Fail what was asked of actors on a node (None: of anybody); ``failure`` makes the error from the ask."""
        for ask in [ask for ask in self.pending.values() if node is None or ask.target.node == node]:
            self.settle(ask.correlation, None, failure(ask))

    def _expire(self, which: tuple[int, float]) -> None:
        correlation, seconds = which
        ask = self.pending.get(correlation)
        if ask is not None:
            what = f"{ask.target.node}/{ask.target.name} ({ask.request_type.__qualname__})"
            self.settle(correlation, None, AskTimeout(f"no answer within {seconds:g} s from {what}"))
