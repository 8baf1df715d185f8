"""Small random models as hypothesis draws them, twice: with plain tuples as states, and with a ``State`` type."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, NamedTuple

from hypothesis import strategies as st

from actors.verification import Model, Property, State, always, deadlock_free, eventually, leads_to, put, sometimes


class Rule(NamedTuple):
    """What one action does: when ``needs`` hold of the cells and the set, some of them change."""

    cell: int
    needs: int
    writes: int
    by: int
    wants: int | None     # member that must be in the set
    adds: int | None
    removes: int | None
    reads_all: bool       # looks at every member of the set


class Row(State):
    """Cells, a set, a scalar."""

    cells: tuple[int, ...]
    members: frozenset[int]
    last: int


class Plain(NamedTuple):
    """The same as plain values."""

    cells: tuple[int, ...]
    members: frozenset[int]
    last: int

    def replace(self, **changes: Any) -> Plain:
        return self._replace(**changes)


class RandomModel(Model[Any, int]):
    """A model from rules.

    Args:
        rules: one per action.
        cells: how many.
        values: cells hold 0 up to this, exclusive.
        state: the type of states: ``Row`` or ``Plain``.
        weak, strong: by action, its group.
        goals: what the properties are about.
    """

    def __init__(
        self, rules: list[Rule], cells: int, values: int, state: Callable[..., Any],
        weak: tuple[int | None, ...] = (), strong: tuple[int | None, ...] = (), goals: tuple[int, int] = (0, 0),
    ) -> None:
        self.rules = rules
        self.cells = cells
        self.values = values
        self.state = state
        self.weak = weak
        self.strong = strong
        self.goals = goals

    def initial_states(self) -> Iterable[Any]:
        yield self.state((0,) * self.cells, frozenset(), 0)
        yield self.state((0,) * (self.cells - 1) + (1 % self.values,), frozenset({1}), 0)

    def actions(self, state: Any) -> Iterable[int]:
        return range(len(self.rules))

    def next_state(self, state: Any, action: int) -> Any:
        rule = self.rules[action]
        if state.cells[rule.cell % self.cells] != rule.needs % self.values:
            return None
        if rule.wants is not None and rule.wants not in state.members:
            return None
        if rule.reads_all and len(state.members) > 2:
            return None
        target = rule.writes % self.cells
        value = (state.cells[target] + rule.by) % self.values
        after = state.replace(cells=put(state.cells, target, value))
        if rule.adds is not None:
            after = after.replace(members=after.members | {rule.adds})
        if rule.removes is not None:
            after = after.replace(members=after.members - {rule.removes}, last=value)
        return after

    def goal(self, state: Any) -> bool:
        """What ``always`` denies, ``sometimes`` and ``eventually`` look for."""
        return bool(state.cells[0] == self.goals[0] % self.values and self.goals[1] not in state.members)

    def properties(self) -> Iterable[Property]:
        return [
            always("never", lambda state: not self.goal(state), lambda state: state.last < 3),
            sometimes("once", self.goal),
            eventually("at last", self.goal),
            leads_to("after", lambda state: 1 in state.members, self.goal),
            deadlock_free("goes on", lambda state: sum(state.cells) == 0),
        ]

    def weakly_fair(self, action: int) -> Hashable | None:
        return self.weak[action] if self.weak else None

    def strongly_fair(self, action: int) -> Hashable | None:
        return self.strong[action] if self.strong else None


rules = st.builds(
    Rule, st.integers(0, 2), st.integers(0, 2), st.integers(0, 2), st.integers(0, 2), st.none() | st.integers(0, 2),
    st.none() | st.integers(0, 3), st.none() | st.integers(0, 2), st.booleans(),
)


@st.composite
def arguments(draw: st.DrawFn, cells: int = 3, values: int = 3) -> dict[str, Any]:
    """Arguments of a ``RandomModel``, the state type left out."""
    drawn = draw(st.lists(rules, min_size=1, max_size=6))
    groups = st.tuples(*[st.none() | st.integers(1, 2) for _ in drawn])
    return {
        "rules": drawn, "cells": cells, "values": values, "weak": draw(groups), "strong": draw(groups),
        "goals": (draw(st.integers(0, 2)), draw(st.integers(0, 3))),
    }
