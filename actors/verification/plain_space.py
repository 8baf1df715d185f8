"""The space of states that are any immutable values: the model's Python runs for every state and action."""

from __future__ import annotations

from typing import Any

from actors.verification.blame import Blame
from actors.verification.result import Options, Strategy
from actors.verification.space import Predicate, Wishes
from core_ext.explore import StateStore
from core_ext.explore_graph import OUTSIDE, Graph
from core_ext.explore_slots import MARKED, MAY_HOLD
from core_ext.explore_values import Encoder, Unsuitable


class PlainSpace:
    """See the module; the arguments are as of ``RecordedSpace``."""

    def __init__(self, model: Any, initial: list[Any], wishes: Wishes, options: Options, blame: Blame) -> None:
        self._model = model
        self._states = initial
        self._wishes = wishes
        self._options = options
        self._blame = blame
        self._encoder = Encoder()
        self._depth_first = options.strategy is Strategy.DEPTH
        self._max_depth = options.max_depth or 0
        self.store = StateStore(options.exact, options.exact)
        self.graph = Graph() if wishes.edges else None
        self.initial: list[int] = []
        self.generated = 0
        self.depth = 0
        self.cut_by_depth = False
        self.cut_by_boundary = False
        self.stuck_at: int | None = None
        self.action_values: list[Any] = []
        self._action_numbers: dict[Any, int] = {}
        self._noted: list[int | None] = [None] * len(wishes.predicates)
        self._marks = [bytearray() for _ in wishes.predicates]
        self._waiting: list[tuple[int, Any, int]] = []   # (index, state, depth); a stack, or two levels of a queue
        self._level: list[tuple[int, Any, int]] = []
        self._level_at = 0
        self._depths: list[int] = []

    def begin(self) -> None:
        """See ``Space``."""
        for ordinal, state in enumerate(self._states):
            self.generated += 1
            index = self._reach(state, None, ordinal, 1)
            if index is not None and index not in self.initial:
                self.initial.append(index)
        self.depth = 1 if self.initial else 0

    def expand(self, limit: int) -> int:
        """See ``Space``."""
        for done in range(limit):
            found = self._next()
            if found is None:
                return done
            self._explore(*found)
        return limit

    def _next(self) -> tuple[int, Any, int] | None:
        if self._depth_first:
            while self._waiting:
                index, state, depth = self._waiting.pop()
                self.depth = max(self.depth, depth)
                if not self._max_depth or depth < self._max_depth:
                    return index, state, depth
                self.cut_by_depth = True
            return None
        if self._level_at == len(self._level):
            if not self._waiting:
                return None
            self._level, self._waiting, self._level_at = self._waiting, [], 0
            self.depth = self._level[0][2]
        if self._max_depth and self.depth >= self._max_depth:
            self.cut_by_depth = True
            return None
        self._level_at += 1
        return self._level[self._level_at - 1]

    def _explore(self, index: int, state: Any, depth: int) -> None:
        model, graph = self._model, self.graph
        enabled = False
        if graph is not None:
            graph.start(index)
        try:
            actions = list(model.actions(state))
        except Exception as error:
            raise self._blame.raised("actions", state, error) from error
        for action in actions:
            try:
                after = model.next_state(state, action)
            except Exception as error:
                raise self._blame.raised(f"next_state for the action {action!r}", state, error) from error
            if after is None:
                continue
            enabled = True
            self.generated += 1
            if self.generated & (self.generated - 1) == 0:
                self._audit(state, action, after)
            number = self._action_number(action)
            target = self._reach(after, index, number, depth + 1)
            if graph is not None:
                graph.add(OUTSIDE if target is None else target, number)
        stuck = self._wishes.stuck
        if not enabled and stuck and self.stuck_at is None and not self._holds(("deadlock_free", stuck), state):
            self.stuck_at = index

    def _audit(self, state: Any, action: Any, after: Any) -> None:
        """Now and then a step is computed twice: a model that is no function of its arguments has no verdict."""
        again = self._model.next_state(state, action)
        if self._encoded(again) != self._encoded(after):
            raise self._blame.changed_its_mind(f"next_state for the action {action!r}", state, after, again)

    def _encoded(self, state: Any) -> bytes:
        return self._blame.encoded(self._encoder, state, "a state")

    def _action_number(self, action: Any) -> int:
        try:
            found = self._action_numbers.get((action, type(action)))
        except TypeError:
            raise self._blame.unsuitable(self._encoder, action, "an action") from None
        if found is None:
            self._blame.encoded(self._encoder, action, "an action")
            found = self._action_numbers[action, type(action)] = len(self.action_values)
            self.action_values.append(action)
        return found

    def _reach(self, state: Any, source: int | None, action: int, depth: int) -> int | None:
        """The index of a state, judged if it is new; None when it is outside of the boundary."""
        if self._options.symmetry:
            state = self._representative(state)
        if self._wishes.boundary and not self._holds(("boundary", self._model.boundary), state):
            self.cut_by_boundary = True
            return None
        try:
            row, fingerprint = self._encoder.digest(state)
        except Unsuitable:
            raise self._blame.unsuitable(self._encoder, state, "a state", "state") from None
        index, is_new = self.store.add(row if self._options.exact else b"", fingerprint, source, action)
        if is_new:
            self._waiting.append((index, state, depth))
            self._depths.append(depth)
            self._judge(index, state)
        elif self._depth_first and self._max_depth and depth < self._depths[index]:
            # Reached on a shorter path: what lies behind it comes within the bound.
            self._depths[index] = depth
            self._waiting.append((index, state, depth))
        return index

    def _representative(self, state: Any) -> Any:
        try:
            found = self._model.representative(state)
            if self.generated & (self.generated - 1) == 0 and (again := self._model.representative(found)) != found:
                raise self._blame.drifting(state, found, again)
        except Exception as error:
            raise self._blame.raised("representative", state, error) from error
        return found

    def _judge(self, index: int, state: Any) -> None:
        for number, (predicate, use) in enumerate(self._wishes.predicates):
            if use == MARKED:
                self._marks[number].append(self._holds(predicate, state))
            elif self._noted[number] is None and self._holds(predicate, state) == (use == MAY_HOLD):
                self._noted[number] = index

    def _holds(self, predicate: Predicate, state: Any) -> bool:
        name, function = predicate
        try:
            value = function(state)
            if value is None:
                raise TypeError("it returned None, neither true nor false; is a return missing?")
            return bool(value)
        except Exception as error:
            raise self._blame.raised(name, state, error) from error

    @property
    def queue(self) -> int:
        """See ``Space``."""
        return len(self._waiting) + len(self._level) - self._level_at

    @property
    def bytes_used(self) -> int:
        """See ``Space``; a state that waits is taken for 500 bytes."""
        edges = 0 if self.graph is None else self.graph.bytes_used
        waiting = 500 * (len(self._waiting) + len(self._level)) + 8 * len(self._depths)
        return self.store.bytes_used + edges + waiting + sum(map(len, self._marks))

    def first_noted(self, predicate: int) -> int | None:
        """See ``Space``."""
        return self._noted[predicate]

    def marks_of(self, predicate: int) -> bytearray:
        """See ``Space``."""
        return self._marks[predicate]

    def identify(self, state: Any) -> int | None:
        """See ``Space``."""
        return self.store.find(*self._encoder.digest(state))
