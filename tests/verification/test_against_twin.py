"""The checker against a slow twin on random models: counts, depths, verdicts, and that each trace is a run."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.verification import Finding, Kind, Result, Verdict, check
from tests.verification.random_models import Plain, RandomModel, Row, arguments
from tests.verification.twin import Explored, avoids, typed

STATES = [Row, Plain]
MOST_VERTICES = 6   # of a region that is searched for fair cycles by brute force


def assert_is_a_run(model: RandomModel, finding: Finding) -> None:
    """The trace starts in an initial state, every step is one of the model's, and it ends as it says."""
    trace = finding.trace
    assert trace is not None
    states = [step.state for step in trace.steps]
    assert states[0] in list(model.initial_states())
    for before, step in zip(states, trace.steps[1:], strict=False):
        assert step.action in list(model.actions(before))
        assert typed(model.next_state(before, step.action)) == typed(step.state)
    if trace.back_to is not None:
        assert typed(states[-1]) == typed(states[trace.back_to])
        assert trace.back_to < len(states) - 1
    assert trace.stuck == all(
        model.next_state(states[-1], action) is None for action in model.actions(states[-1])
    ) or not trace.stuck


def assert_is_fair(model: RandomModel, finding: Finding) -> None:
    """The cycle heeds every group of actions, by the definition."""
    trace = finding.trace
    assert trace is not None
    if trace.back_to is None:
        assert trace.stuck
        return
    cycle = trace.steps[trace.back_to :]
    for group_of, throughout in ((model.weakly_fair, True), (model.strongly_fair, False)):
        for group in {group_of(action) for action in range(len(model.rules))} - {None}:
            enabled = [
                any(
                    group_of(action) == group and (after := model.next_state(step.state, action)) is not None
                    and after != step.state
                    for action in range(len(model.rules))
                )
                for step in cycle[1:]
            ]
            done = any(
                group_of(step.action) == group and before.state != step.state
                for before, step in itertools.pairwise(cycle)
            )
            assert done or not (all(enabled) if throughout else any(enabled)), (group, throughout)


def expected(model: RandomModel, twin: Explored) -> dict[str, bool | None]:
    """By property, whether it is violated; None where brute force would take too long."""
    vertices = set(range(len(twin.states)))
    free = {at for at in vertices if not model.goal(twin.states[at])}
    caused = {at for at in free if 1 in twin.states[at].members}
    stuck = {at for at in twin.stuck() if sum(twin.states[at].cells) != 0}
    small = len(free) <= MOST_VERTICES
    lasso = {
        name: avoids(twin.edges, twin.stuck(), starts, free, model.weakly_fair, model.strongly_fair) if small else None
        for name, starts in (("at last", set(twin.initial)), ("after", caused))
    }
    return {
        "never": len(free) < len(vertices) or any(state.last >= 3 for state in twin.states),
        "once": len(free) == len(vertices), "goes on": bool(stuck), **lasso,
    }


def assert_agrees(model: RandomModel, result: Result, twin: Explored, shortest: bool) -> None:
    """The same verdicts as the twin, with traces that are runs."""
    for name, violated in expected(model, twin).items():
        finding = result[name]
        if violated is not None:
            assert finding.verdict is (Verdict.VIOLATED if violated else Verdict.HOLDS), name
        if finding.trace is not None:
            assert_is_a_run(model, finding)
            if finding.kind in (Kind.EVENTUALLY, Kind.LEADS_TO):
                assert_is_fair(model, finding)
    never = result["never"].trace
    if shortest and never is not None:
        wrong = twin.first_depth(lambda state: model.goal(state) or state.last >= 3)
        assert len(never.steps) == wrong


@pytest.mark.parametrize("state", STATES)
@given(drawn=arguments(), exact=st.booleans())
@settings(max_examples=100, deadline=None)
def test_a_breadth_first_search_finds_what_the_twin_finds(state: Any, drawn: dict[str, Any], exact: bool) -> None:
    model = RandomModel(state=state, **drawn)
    twin = Explored(model)
    result = check(model, exact=exact)
    assert (result.distinct, result.generated, result.depth) == (len(twin.states), twin.generated, twin.depth)
    assert result.complete
    assert_agrees(model, result, twin, shortest=True)


@pytest.mark.parametrize("state", STATES)
@given(drawn=arguments(cells=2, values=2))
@settings(max_examples=100, deadline=None)
def test_liveness_is_decided_as_by_brute_force(state: Any, drawn: dict[str, Any]) -> None:
    model = RandomModel(state=state, **drawn)
    twin = Explored(model)
    assert_agrees(model, check(model), twin, shortest=True)


@pytest.mark.parametrize("state", STATES)
@given(drawn=arguments())
@settings(max_examples=40, deadline=None)
def test_a_depth_first_search_finds_the_same_states(state: Any, drawn: dict[str, Any]) -> None:
    model = RandomModel(state=state, **drawn)
    twin = Explored(model)
    result = check(model, strategy="depth")
    assert (result.distinct, result.generated) == (len(twin.states), twin.generated)
    assert_agrees(model, result, twin, shortest=False)


@pytest.mark.parametrize("strategy", ["breadth", "depth"])
@pytest.mark.parametrize("state", STATES)
@given(drawn=arguments(), depth=st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_a_bounded_search_reaches_all_within_the_bound_and_never_says_that_something_holds(
    state: Any, strategy: str, drawn: dict[str, Any], depth: int
) -> None:
    model = RandomModel(state=state, **drawn)
    twin = Explored(model)
    result = check(model, strategy=strategy, max_depth=depth)
    assert result.distinct == sum(one <= depth for one in twin.depths)
    wrong = twin.first_depth(lambda state: model.goal(state) or state.last >= 3)
    assert (result["never"].verdict is Verdict.VIOLATED) == (wrong is not None and wrong <= depth)
    if result.distinct < len(twin.states):
        assert not result.complete
        for finding in result.findings:
            assert finding.verdict is not Verdict.HOLDS or finding.kind is Kind.SOMETIMES
        # What is violated in a part is violated in the whole.
        for name, violated in expected(model, twin).items():
            if violated is False:
                assert result[name].verdict is not Verdict.VIOLATED, name
