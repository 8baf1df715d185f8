"""Models that cannot be checked get an error that names model, state and field, and never a verdict."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pytest

from actors.verification import Model, ModelError, Property, State, Verdict, always, check, deadlock_free, put


class Cell(State):
    """One number, a tuple and a set."""

    number: int
    items: tuple[Any, ...] = (0, 0)
    members: frozenset[Any] = frozenset()


class Pair(NamedTuple):
    """The same without a ``State`` type."""

    number: int
    items: tuple[Any, ...] = (0, 0)
    members: frozenset[Any] = frozenset()

    def replace(self, **changes: Any) -> Pair:
        return self._replace(**changes)


class Counter(Model[Any, int]):
    """Counts to a limit; the rest can be overridden.

    Args:
        state: the type of states.
        limit: None counts for ever.
        step: what comes of a state.
        claim: what always holds.
    """

    def __init__(
        self, state: Any = Cell, limit: int | None = 5, step: Callable[[Any], Any] | None = None,
        claim: Callable[[Any], Any] = lambda state: state.number >= 0,
    ) -> None:
        self.state = state
        self.limit = limit
        self.step = step or (lambda state: state.replace(number=state.number + 1))
        self.claim = claim

    def initial_states(self) -> Iterable[Any]:
        return [self.state(0)]

    def actions(self, state: Any) -> Iterable[int]:
        return (1,)

    def next_state(self, state: Any, action: int) -> Any:
        return self.step(state) if self.limit is None or state.number < self.limit else None

    def properties(self) -> Iterable[Property]:
        return [always("claim", self.claim)]


STATES = pytest.mark.parametrize("state", [Cell, Pair])


@STATES
@pytest.mark.parametrize(
    ("change", "path", "found"),
    [
        ({"items": ([1], 0)}, "items", "list"), ({"items": ({}, 0)}, "items", "dict"),
        ({"number": {1}}, "number", "set"), ({"items": ((1, [2]), 0)}, "items[0][1]", "list"),
        ({"number": object()}, "number", "object"),
    ],
)
def test_a_mutable_or_unknown_value_in_a_state_is_named(
    state: Any, change: dict[str, Any], path: str, found: str
) -> None:
    with pytest.raises(ModelError, match="Counter") as raised:
        check(Counter(state, step=lambda state: state.replace(**change)))
    assert path in str(raised.value)
    assert f"is a {found}" in str(raised.value)


@STATES
def test_a_mutable_value_in_an_initial_state_is_named(state: Any) -> None:
    class Bad(Counter):
        def initial_states(self) -> Iterable[Any]:
            return [self.state(0, ([],))]

    with pytest.raises(ModelError, match=r"items.*list"):
        check(Bad(state))


@STATES
@pytest.mark.parametrize("strategy", ["breadth", "depth", "random"])
def test_a_step_that_raises_names_the_state(state: Any, strategy: str) -> None:
    def step(before: Any) -> Any:
        return before.replace(number=before.number + 1) if before.number < 3 else 1 // 0

    with pytest.raises(ModelError, match=r"next_state.*ZeroDivisionError.*number=3"):
        check(Counter(state, step=step), strategy=strategy)


@STATES
def test_a_property_that_raises_names_the_property_and_the_state(state: Any) -> None:
    with pytest.raises(ModelError, match=r"'claim' raised ZeroDivisionError.*number=2"):
        check(Counter(state, claim=lambda state: 1 // (2 - state.number) >= 0))


@STATES
def test_a_property_that_returns_nothing_is_no_verdict(state: Any) -> None:
    with pytest.raises(ModelError, match="neither true nor false"):
        check(Counter(state, claim=lambda state: None))


@STATES
def test_a_model_that_is_not_a_function_is_found_out(state: Any) -> None:
    """With a State type by the audit of remembered steps, otherwise when the counterexample is run again."""
    calls = itertools.count()

    def step(before: Any) -> Any:
        return before.replace(number=before.number + 1 + next(calls) % 6)

    with pytest.raises(ModelError, match="no clock, no randomness"):
        check(Counter(state, limit=50, step=step, claim=lambda state: state.number < 50))


def test_a_remembered_step_that_changes_with_an_attribute_is_found_out() -> None:
    class Moody(Counter):
        mood = 0

        def next_state(self, state: Any, action: int) -> Any:
            self.mood += 1
            return state.replace(items=put(state.items, 0, (state.items[0] + self.mood // 3) % 4))

        def actions(self, state: Any) -> Iterable[int]:
            return (1, 2)

    with pytest.raises(ModelError, match="no clock, no randomness"):
        check(Moody())


@STATES
def test_an_endless_model_ends_at_its_bound_and_holds_nothing(state: Any) -> None:
    for bounds in ({"max_states": 1_000}, {"max_depth": 20}, {"seconds": 0.3}, {"memory_bytes": 1 << 20}):
        result = check(Counter(state, limit=None), **bounds)
        assert not result.complete
        assert result["claim"].verdict is Verdict.BOUNDED
        assert result["claim"].reason.startswith("no violation within")
        assert result.exit_code == 4


def test_the_bound_on_states_is_kept_closely() -> None:
    assert 1_000 <= check(Counter(limit=None), max_states=1_000).distinct < 1_100


@STATES
def test_the_refusal_for_memory_says_what_to_do(state: Any) -> None:
    result = check(Counter(state, limit=None), memory_bytes=1 << 20)
    assert "raise the bound (--memory) or bound the model" in result.bound


@STATES
def test_a_boundary_is_a_bound(state: Any) -> None:
    class Bounded(Counter):
        def boundary(self, state: Any) -> bool:
            return bool(state.number <= 7)

    result = check(Bounded(state, limit=None))
    assert result.distinct == 8
    assert result.bound == "the model's boundary"
    assert result["claim"].verdict is Verdict.BOUNDED


@STATES
def test_true_and_one_are_different_states(state: Any) -> None:
    values = {0: 1, 1: True, 2: 1.0}

    def step(before: Any) -> Any:
        return before.replace(number=before.number + 1, items=(values[before.number], 0))

    class Merging(Counter):
        def next_state(self, state: Any, action: int) -> Any:
            return state.replace(items=(values[action], 0))

        def actions(self, state: Any) -> Iterable[int]:
            return (0, 1, 2)

    assert check(Merging(state)).distinct == 4


def test_a_model_without_initial_states_is_refused() -> None:
    class Nowhere(Counter):
        def initial_states(self) -> Iterable[Any]:
            return []

    with pytest.raises(ModelError, match="nothing to check"):
        check(Nowhere())


def test_two_properties_of_one_name_are_refused() -> None:
    class Twice(Counter):
        def properties(self) -> Iterable[Property]:
            return [always("claim", bool), always("claim", bool)]

    with pytest.raises(ModelError, match="two properties are named 'claim'"):
        check(Twice())


def test_a_property_that_is_none_is_refused() -> None:
    class Odd(Counter):
        def properties(self) -> Iterable[Property]:
            return [lambda state: True]  # type: ignore[list-item]

    with pytest.raises(ModelError, match="make properties with always"):
        check(Odd())


def test_states_of_two_types_are_refused() -> None:
    with pytest.raises(ModelError, match=r"Pair.*Cell"):
        check(Counter(step=lambda state: Pair(1)))


def test_symmetry_needs_a_representative() -> None:
    with pytest.raises(ModelError, match="define representative"):
        check(Counter(), symmetry=True)


@STATES
def test_a_representative_that_is_not_its_own_is_found_out(state: Any) -> None:
    class Drifting(Counter):
        def representative(self, state: Any) -> Any:
            return state.replace(number=min(state.number + 1, 20))

    with pytest.raises(ModelError, match="representative"):
        check(Drifting(state, limit=30), symmetry=True)


def test_an_option_that_there_is_not_is_named() -> None:
    with pytest.raises(ValueError, match=r"no option 'depth'; it has strategy"):
        check(Counter(), depth=3)
    with pytest.raises(ValueError, match="strategy"):
        check(Counter(), strategy="sideways")


@STATES
def test_a_deadlock_is_found_where_a_run_may_not_end(state: Any) -> None:
    class Ending(Counter):
        def properties(self) -> Iterable[Property]:
            return [deadlock_free("ends at five", lambda state: state.number == 5)]

    assert check(Ending(state, limit=5)).holds
    result = check(Ending(state, limit=4))
    assert result["ends at five"].verdict is Verdict.VIOLATED
    assert result["ends at five"].trace is not None
    assert [step.state.number for step in result["ends at five"].trace.steps] == [0, 1, 2, 3, 4]


def test_equal_members_of_different_types_are_told_apart_in_states_and_taken_for_one_in_sets() -> None:
    class Mixed(Counter):
        def next_state(self, state: Any, action: int) -> Any:
            added = {1: frozenset({1}), 2: frozenset({True}), 3: frozenset({1.0})}[action]
            return state.replace(members=added) if not state.members else None

        def actions(self, state: Any) -> Iterable[int]:
            return (1, 2, 3)

        def properties(self) -> Iterable[Property]:
            return [always("one of them", lambda state: not state.members or 1 in state.members)]

    for state in (Cell, Pair):
        result = check(Mixed(state))
        assert result.distinct == 4
        assert result.holds


def test_a_field_that_outgrows_its_slots_is_followed_as_a_whole() -> None:
    """Tuples that change their length, and sets with very many members, cost a second start and no state."""
    class Growing(Counter):
        def next_state(self, state: Any, action: int) -> Any:
            if state.number == 700:
                return None
            queue = (*state.items, state.number) if len(state.items) < 5 else state.items[1:]
            return state.replace(number=state.number + 1, items=queue, members=state.members | {state.number})

    for state in (Cell, Pair):
        assert check(Growing(state)).distinct == 701
