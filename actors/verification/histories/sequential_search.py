"""A search for one order of all operations of any object, by frontiers: how far each process has come, and the state.

Takes enabled reads at once; an operation of unknown outcome may be taken or left. Knows models and
operations, and no report.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Hashable
from typing import NamedTuple

from actors.verification.histories.history import HistoryError, Operation, Outcome
from actors.verification.histories.models import Model

MOST_FRONTIERS = 2_000_000
STEPS_BETWEEN_CLOCKS = 512


class Frontier(NamedTuple):
    """How many operations of each session were taken or left, the state of each partition, and how many completed
    operations were taken."""

    places: tuple[int, ...]
    states: tuple[Hashable, ...]
    placed: int


class Answer(enum.Enum):
    """What a search came to."""

    FOUND = "found"
    NONE = "none"
    TIME_OVER = "the time limit was reached"
    MEMORY_FULL = f"the limit of {MOST_FRONTIERS:,} frontiers was reached"


class ModelSearch:
    """Depth first over frontiers, each visited once.

    Args:
        operations: all that may have happened, in the order of their invocations.
        model: says which results are right.

    Attributes:
        deepest: the operations that stood next at the frontier where most were placed.
        placed: how many were placed there.
        required: how many have to be placed.
    """

    def __init__(self, operations: list[Operation], model: Model) -> None:
        self._model = model
        sessions: dict[Hashable, list[Operation]] = {}
        parts: dict[Hashable, int] = {}
        self._part: dict[int, int] = {}
        self._reads_only: dict[int, bool] = {}
        for operation in operations:
            reads_only = model.reads_only(operation)
            if operation.outcome is Outcome.INFO and reads_only:
                continue
            self._reads_only[operation.invoked] = reads_only
            sessions.setdefault(operation.process, []).append(operation)
            self._part[operation.invoked] = parts.setdefault(model.partition(operation), len(parts))
        self._sessions = list(sessions.values())
        self._first = (model.initial(),) * len(parts)
        self._cache: dict[tuple[int, Hashable], tuple[bool, Hashable]] = {}
        self.required = sum(one.outcome is Outcome.OK for session in self._sessions for one in session)
        self.placed = -1
        self.deepest: list[Operation] = []

    def run(self, deadline: float | None) -> Answer:
        """Search to the end, or to a limit."""
        visited: set[tuple[tuple[int, ...], tuple[Hashable, ...]]] = set()
        stack: list[list[Frontier]] = [[Frontier((0,) * len(self._sessions), self._first, 0)]]
        steps = 0
        while stack:
            if not stack[-1]:
                stack.pop()
                continue
            steps += 1
            if steps % STEPS_BETWEEN_CLOCKS == 0 and deadline is not None and time.monotonic() > deadline:
                return Answer.TIME_OVER
            frontier = self._take_free(stack[-1].pop())
            if frontier.placed == self.required:
                return Answer.FOUND
            mark = (frontier.places, frontier.states)
            if mark in visited:
                continue
            if len(visited) == MOST_FRONTIERS:
                return Answer.MEMORY_FULL
            visited.add(mark)
            if frontier.placed > self.placed:
                self.placed = frontier.placed
                self.deepest = [operation for _, operation in self._next(frontier.places)]
            stack.append(self._moves(frontier))
        return Answer.NONE

    def _next(self, places: tuple[int, ...]) -> list[tuple[int, Operation]]:
        """Session and next operation of each session that has one."""
        return [
            (session, self._sessions[session][place]) for session, place in enumerate(places)
            if place < len(self._sessions[session])
        ]

    def _take_free(self, frontier: Frontier) -> Frontier:
        """Take every next read that may happen, until there is none.

        Only what never changes a state: a write of the value that stands may be needed later, when another one stands.
        """
        places, placed = list(frontier.places), frontier.placed
        for session, operations in enumerate(self._sessions):
            while places[session] < len(operations):
                operation = operations[places[session]]
                state = frontier.states[self._part[operation.invoked]]
                if not self._reads_only[operation.invoked] or not self._step(operation, state)[0]:
                    break
                places[session] += 1
                placed += operation.outcome is Outcome.OK
        return Frontier(tuple(places), frontier.states, placed)

    def _moves(self, frontier: Frontier) -> list[Frontier]:
        """The frontiers one change further; the operation that was invoked first comes last, and is tried first."""
        sure: list[tuple[int, Frontier]] = []
        doubtful: list[Frontier] = []
        for session, operation in self._next(frontier.places):
            known = operation.outcome is Outcome.OK
            part = self._part[operation.invoked]
            places = (*frontier.places[:session], frontier.places[session] + 1, *frontier.places[session + 1 :])
            allowed, after = self._step(operation, frontier.states[part])
            if allowed:
                states = (*frontier.states[:part], after, *frontier.states[part + 1 :])
                taken = Frontier(places, states, frontier.placed + known)
                if known:
                    sure.append((operation.invoked, taken))
                else:
                    doubtful.append(taken)
            if not known and places[session] < len(self._sessions[session]):
                doubtful.append(Frontier(places, frontier.states, frontier.placed))
        sure.sort(key=lambda move: -move[0])
        return doubtful + [move for _, move in sure]

    def _step(self, operation: Operation, state: Hashable) -> tuple[bool, Hashable]:
        mark = (operation.invoked, state)
        found = self._cache.get(mark)
        if found is None:
            try:
                found = self._model.step(state, operation)
                hash(found[1])
            except HistoryError:
                raise
            except Exception as error:
                name = self._model.name or type(self._model).__name__
                raise HistoryError(
                    f"line {operation.invoked}: the model {name} fails at {operation.short()} in state {state!r}: "
                    f"{type(error).__name__}: {error}"
                ) from error
            if len(self._cache) == MOST_FRONTIERS:
                self._cache.clear()
            self._cache[mark] = found
        return found
