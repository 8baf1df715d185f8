"""Runs a model's functions when the search does not know the answer, and tells it what they read and what they did.

A function runs on a view of the state, which writes down what it reads; what comes of it then holds for every state
that agrees in those parts. Two nets are below: a function that a view cannot serve, or that reads nearly everything,
runs on the plain state every time; and answers are compared with a plain run of the function now and then (the 1st,
2nd, 4th, 8th, ... that each function gives, and again those that are remembered).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from actors.verification.blame import Blame
from actors.verification.layout import ItemsField, Layout, MembersField, Relayout, Unread
from actors.verification.state import State
from actors.verification.views import Items, Members, Recorder, view_class
from core_ext.explore_slots import (
    ACTIONS_ONCE,
    FALSE,
    NOT_ENABLED,
    NOTHING_WRITTEN,
    REPRESENTATIVE_ONCE,
    STEP_ONCE,
    TRUE,
    SlotSearch,
)

Function = Callable[[Any], Any]
Memory = tuple[int, dict[tuple[int, ...], int]]   # an outcome to overwrite, and the outcomes that are kept

NOTHING = object()
TRIED_BEFORE_PLAIN = 2_000   # runs of a function that were not remembered before it is asked whether recording pays


class LocalSteps:
    """The functions of one model on the vectors of one search.

    Args:
        model: anything with the methods of ``Model``.
        predicates: (name for errors, predicate) of the properties, in the order of the search's predicates.
        stuck: says where a run may end.
        blame: makes errors that name model, state and field.
    """

    def __init__(self, model: Any, predicates: Sequence[tuple[str, Function]], stuck: Function, blame: Blame) -> None:
        self._model = model
        self._predicates = predicates
        self._stuck = stuck
        self._blame = blame
        self.action_values: list[Any] = []
        self._action_numbers: dict[bytes, int] = {}
        self._outcomes: dict[tuple[int, ...], int] = {(): NOTHING_WRITTEN}
        self._action_outcomes: dict[tuple[int, ...], int] = {}
        self._misses: dict[int, int] = {}
        self._plain: set[int] = set()
        self._base: State | None = None   # the plain state that the function runs on, if it does
        self._function_at: dict[int, tuple[str, int]] = {}

    def attach(self, search: SlotSearch, layout: Layout) -> None:
        """Say which search and which layout it is for; both refer to this front."""
        self._search = search
        self._layout = layout
        self._recorder = Recorder(search)
        self._view = view_class(layout.state_class)
        for kind in ("actions", "boundary", "representative", "stuck"):
            self._function_at[search.root_of(kind)] = (kind, 0)
        for number in range(len(self._predicates)):
            self._function_at[search.root_of("predicate", number)] = ("predicate", number)

    # What the search asks for.

    def actions(self) -> int:
        """The outcome that holds the actions to try."""
        return self._run("actions", 0, self._actions_outcome, (ACTIONS_ONCE, self._action_outcomes))

    def step(self, action: int) -> int:
        """The outcome of an action: what it writes."""
        return self._run("step", action, self._writes_outcome, (STEP_ONCE, self._outcomes))

    def representative(self) -> int:
        """The outcome that turns a state into its representative."""
        return self._run("representative", 0, self._writes_outcome, (REPRESENTATIVE_ONCE, self._outcomes))

    def boundary(self) -> int:
        """Whether the state is inside."""
        return self._run("boundary", 0, self._truth_outcome, (0, self._outcomes))

    def stuck(self) -> int:
        """Whether a run may end here."""
        return self._run("stuck", 0, self._truth_outcome, (0, self._outcomes))

    def predicate(self, number: int) -> int:
        """Whether a predicate of a property holds."""
        return self._run("predicate", number, self._truth_outcome, (0, self._outcomes))

    def audit(self, root: int, outcome: int) -> None:
        """Compare a remembered outcome with a plain run.

        Raises:
            ModelError: they differ.
        """
        kind, number = self._function_at[root]
        state = self._layout.decode(self._search.vector())
        name, function = self._function(kind, number)
        found = self._call(function, state, name)
        known: Any
        if kind == "actions":
            known = [self.action_values[one] for one in self._search.numbers_of(outcome)]
        elif kind in ("step", "representative"):
            known = None if outcome == NOT_ENABLED else self._after(outcome)
        else:
            found, known = bool(found), outcome == TRUE
        if found != known:
            raise self._blame.changed_its_mind(name, state, known, found)
        if kind == "representative" and (again := self._call(function, found, name)) != found:
            raise self._blame.drifting(state, found, again)

    def _function(self, kind: str, number: int) -> tuple[str, Function]:
        """A function of the model, with its name for errors."""
        if kind == "step":
            action = self.action_values[number]
            return f"next_state for the action {action!r}", lambda state: self._model.next_state(state, action)
        if kind == "actions":
            return "actions", lambda state: list(self._model.actions(state))
        if kind == "representative":
            return "representative", self._model.representative
        if kind == "predicate":
            name, predicate = self._predicates[number]
            return name, self._truth(predicate)
        return kind, self._truth(self._model.boundary if kind == "boundary" else self._stuck)

    @staticmethod
    def _truth(predicate: Function) -> Function:
        def run(state: Any) -> bool:
            value = predicate(state)
            if value is None:
                raise TypeError("it returned None, neither true nor false; is a return missing?")
            return bool(value)

        return run

    # One run.

    def _run(self, kind: str, number: int, outcome_of: Callable[..., int], memory: Memory) -> int:
        """Run a function on the current vector; the number of its outcome."""
        root = self._search.root_of(kind, number)
        name, function = self._function(kind, number)
        self._base = None
        if root not in self._plain:
            recorder = self._recorder
            recorder.start()
            try:
                outcome = outcome_of(function(self._view(recorder, self._layout, {})), memory, True)
            except Relayout:
                raise
            except Exception:
                # Either the model is at fault, and the plain run says so, or a view cannot do what it needs.
                self._plain.add(root)
            else:
                self._learn(root, recorder.reads, outcome, name)
                return outcome
        self._base = self._layout.decode(self._search.vector())
        return outcome_of(self._call(function, self._base, name), memory, False)

    def _learn(self, root: int, reads: list[tuple[int, int]], outcome: int, name: str) -> None:
        try:
            self._search.trees.learn(root, reads, outcome)
        except ValueError as error:
            state = self._layout.decode(self._search.vector())
            raise self._blame.not_deterministic(name, state, str(error)) from None
        missed = self._misses[root] = self._misses.get(root, 0) + 1
        if missed & (missed - 1) == 0:
            self.audit(root, outcome)
        if missed % TRIED_BEFORE_PLAIN == 0 and self._search.trees.hits(root) < missed:
            self._plain.add(root)

    def _call(self, function: Function, state: State, name: str) -> Any:
        """A plain run; an error of the model is an error that names the state."""
        try:
            return function(state)
        except Exception as error:
            raise self._blame.raised(name, state, error) from error

    # Outcomes.

    def _truth_outcome(self, value: bool, memory: Memory, recorded: bool) -> int:
        return TRUE if value else FALSE

    def _actions_outcome(self, actions: list[Any], memory: Memory, recorded: bool) -> int:
        numbers = [self._action_number(action) for action in actions]
        return self._outcome(numbers, memory, recorded)

    def _action_number(self, action: Any) -> int:
        key = self._blame.encoded(self._layout.encoder, action, "an action")
        found = self._action_numbers.get(key)
        if found is None:
            found = self._action_numbers[key] = self._search.new_action()
            self._function_at[self._search.root_of("step", found)] = ("step", found)
            self.action_values.append(action)
        return found

    def _outcome(self, numbers: list[int], memory: Memory, recorded: bool) -> int:
        once, known = memory
        if not recorded:
            return self._search.set_outcome(once, numbers)
        key = tuple(numbers)
        found = known.get(key)
        if found is None:
            found = known[key] = self._search.new_outcome(numbers)
        return found

    def _writes_outcome(self, result: Any, memory: Memory, recorded: bool) -> int:
        if result is None:
            return NOT_ENABLED
        if type(result) is self._view:
            changes = result.changes
        elif type(result) is self._layout.state_class:
            changes = {
                name: value for name in self._layout.fields
                if (value := getattr(result, name)) is not getattr(self._base, name, NOTHING)
            }
        else:
            raise self._blame.wrong_type(result, self._layout.state_class)
        writes: list[int] = []
        for name, value in changes.items():
            with self._blame.field(name, value):
                self._write(self._layout.fields[name], value, writes)
        return self._outcome(writes, memory, recorded)

    def _write(self, field: Any, value: Any, writes: list[int]) -> None:
        """Slots and numbers of a field's new value; what was not touched is not written."""
        if isinstance(field, ItemsField) and type(value) is Items and len(value) == len(field.slots):
            for slot, part in zip(field.slots, value.parts, strict=True):
                if type(part) is Unread:
                    if part.slot == slot:
                        continue
                    part = part.field.values[self._recorder.read(part.slot)]  # noqa: PLW2901
                writes += (slot, field.number_of(part))
            return
        if isinstance(field, MembersField) and type(value) is Members and value.field is field:
            for key, (member, inside) in value.changed.items():
                writes += (field.slot_of(key, member), int(inside))
            return
        if type(value) is Items:
            value = tuple(value)
        elif type(value) is Members:
            value = frozenset(value)
        if isinstance(field, MembersField):
            # A new set says of every member whether it is in, also of those that nobody knows yet.
            self._recorder.read(field.count_slot)
        field.write(value, writes)

    def _after(self, outcome: int) -> State:
        """The state that an outcome leads to."""
        vector = self._search.vector()
        numbers = self._search.numbers_of(outcome)
        for at in range(0, len(numbers), 2):
            vector[numbers[at]] = numbers[at + 1]
        return self._layout.decode(vector)
