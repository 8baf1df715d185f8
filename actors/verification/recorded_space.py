"""The space of states with a ``State`` type: a native search, and Python once per distinct local step."""

from __future__ import annotations

from typing import Any

from actors.verification.blame import Blame
from actors.verification.layout import Layout, Relayout
from actors.verification.local_steps import LocalSteps
from actors.verification.result import Options, Strategy
from actors.verification.space import Wishes
from actors.verification.state import State
from core_ext.explore import StateStore
from core_ext.explore_graph import Graph
from core_ext.explore_slots import SlotSearch


class RecordedSpace:
    """See the module.

    Args:
        model: whose functions are run.
        initial: states, at least one; all of one type.
        wishes: what the properties ask for.
        options: of the check.
        blame: makes the errors.
    """

    def __init__(self, model: Any, initial: list[State], wishes: Wishes, options: Options, blame: Blame) -> None:
        self._model = model
        self._states = initial
        self._wishes = wishes
        self._options = options
        self._blame = blame
        self._whole: set[str] = set()
        self._start()

    def _start(self) -> None:
        options, wishes, first = self._options, self._wishes, self._states[0]
        depth_first = options.strategy is Strategy.DEPTH
        steps = LocalSteps(
            self._model, [predicate for predicate, _ in wishes.predicates], wishes.stuck or bool, self._blame
        )
        hidden = sum(
            type(getattr(first, name)) is frozenset for name in first.__struct_fields__ if name not in self._whole
        )
        self._steps = steps
        self._search = SlotSearch(
            StateStore(depth_first, options.exact), Graph() if wishes.edges else None, steps, hidden,
            boundary=wishes.boundary, symmetry=options.symmetry, stuck=wishes.stuck is not None,
            depth_first=depth_first, max_depth=options.max_depth or 0,
        )
        for _, use in wishes.predicates:
            self._search.new_predicate(use)
        with self._blame.state(first):
            self._layout = Layout(self._search, first, self._whole)
        steps.attach(self._search, self._layout)

    def begin(self) -> None:
        """See ``Space``."""
        self._begin()
        self.initial = list(range(self._search.store.count))

    def _begin(self) -> None:
        try:
            for ordinal, state in enumerate(self._states):
                if type(state) is not self._layout.state_class:
                    raise self._blame.wrong_type(state, self._layout.state_class)
                with self._blame.state(state):
                    writes = self._layout.writes_of(state)
                self._search.begin(writes, ordinal)
        except Relayout as found:
            self._again(found)

    def _again(self, found: Relayout) -> None:
        self._whole.add(found.name)
        self._start()
        self.begin()

    def expand(self, limit: int) -> int:
        """See ``Space``."""
        try:
            return self._search.expand(limit)
        except Relayout as found:
            self._again(found)
            return limit

    @property
    def store(self) -> StateStore:
        """See ``Space``."""
        return self._search.store

    @property
    def graph(self) -> Graph | None:
        """See ``Space``."""
        return self._search.graph

    @property
    def generated(self) -> int:
        """See ``Space``."""
        return self._search.generated

    @property
    def depth(self) -> int:
        """See ``Space``."""
        return self._search.depth

    @property
    def cut_by_depth(self) -> bool:
        """See ``Space``."""
        return self._search.cut_by_depth

    @property
    def cut_by_boundary(self) -> bool:
        """See ``Space``."""
        return self._search.cut_by_boundary

    @property
    def stuck_at(self) -> int | None:
        """See ``Space``."""
        return self._search.stuck_at

    @property
    def queue(self) -> int:
        """See ``Space``."""
        return self._search.queue

    @property
    def bytes_used(self) -> int:
        """See ``Space``."""
        return self._search.bytes_used + self._layout.bytes_used

    @property
    def action_values(self) -> list[Any]:
        """See ``Space``."""
        return self._steps.action_values

    def first_noted(self, predicate: int) -> int | None:
        """See ``Space``."""
        return self._search.first_noted(predicate)

    def marks_of(self, predicate: int) -> bytes:
        """See ``Space``."""
        return self._search.marks_of(predicate)

    def identify(self, state: Any) -> int | None:
        """See ``Space``."""
        return self._search.index_of(self._layout.writes_of(state))
