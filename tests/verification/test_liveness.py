"""Fair runs that avoid a goal, on random graphs against brute force; and the rules that make the difference."""

from __future__ import annotations

from array import array

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.verification.liveness import Fairness, Lasso, avoiding
from core_ext.explore_graph import Graph
from tests.verification.twin import avoids

VERTICES = 6
ACTIONS = 4

edges = st.lists(
    st.tuples(st.integers(0, VERTICES - 1), st.integers(0, ACTIONS - 1), st.integers(0, VERTICES - 1)), max_size=18
)
groups = st.lists(st.integers(0, 2), min_size=ACTIONS, max_size=ACTIONS)
sets = st.sets(st.integers(0, VERTICES - 1))


def found(
    given_edges: list[tuple[int, int, int]], starts: set[int], region: set[int], weak: list[int], strong: list[int]
) -> Lasso | None:
    graph = Graph()
    for source in range(VERTICES):
        graph.start(source)
        for a, action, b in given_edges:
            if a == source:
                graph.add(b, action)
    fairness = Fairness(
        array("I", weak), array("I", strong), sorted(set(weak) - {0}), sorted(set(strong) - {0})
    )
    return avoiding(graph, mask(starts), mask(region), fairness)


def mask(vertices: set[int]) -> bytearray:
    return bytearray(vertex in vertices for vertex in range(VERTICES))


def group_of(groups: list[int], action: int) -> int | None:
    return groups[action] or None


@given(edges, sets, sets, groups, groups)
@settings(max_examples=300)
def test_a_fair_run_is_found_exactly_when_there_is_one(
    given_edges: list[tuple[int, int, int]], starts: set[int], region: set[int], weak: list[int], strong: list[int]
) -> None:
    stuck = set(range(VERTICES)) - {a for a, _, _ in given_edges}
    expected = avoids(
        given_edges, stuck, starts, region, lambda action: group_of(weak, action),
        lambda action: group_of(strong, action),
    )
    lasso = found(given_edges, starts, region, weak, strong)
    assert (lasso is not None) == expected
    if lasso is not None:
        assert_is_fair(lasso, given_edges, starts, region, weak, strong)


def assert_is_fair(
    lasso: Lasso, given_edges: list[tuple[int, int, int]], starts: set[int], region: set[int], weak: list[int],
    strong: list[int],
) -> None:
    (_, first), *rest = lasso.prefix
    assert first in starts & region
    at = first
    for action, after in [*rest, *lasso.cycle]:
        assert (at, action, after) in given_edges
        assert after in region
        at = after
    if not lasso.cycle:
        assert at not in {a for a, _, _ in given_edges}
        return
    assert at == lasso.prefix[-1][1]
    visited = [vertex for _, vertex in lasso.cycle]
    for numbers, throughout in ((weak, True), (strong, False)):
        for group in set(numbers) - {0}:
            enabled = [any(a == vertex and numbers[action] == group and a != b for a, action, b in given_edges)
                       for vertex in visited]
            before = [at, *visited]
            done = any(
                action is not None and numbers[action] == group and source != target
                for source, (action, target) in zip(before, lasso.cycle, strict=False)
            )
            assert done or not (all(enabled) if throughout else any(enabled))


def test_a_cycle_that_never_enables_what_is_strongly_fair_is_found_inside_a_larger_one() -> None:
    """At 2 the fair action leads out of the region; going round 0 and 1 only never enables it."""
    graph = [(0, 0, 1), (1, 0, 0), (1, 1, 2), (2, 1, 0), (2, 2, 5)]
    lasso = found(graph, {0}, {0, 1, 2}, [0, 0, 0, 0], [0, 0, 1, 0])
    assert lasso is not None
    assert {vertex for _, vertex in lasso.cycle} == {0, 1}


def test_weak_fairness_breaks_a_cycle_that_enables_the_action_throughout() -> None:
    graph = [(0, 0, 1), (1, 0, 0), (0, 1, 5), (1, 1, 5)]
    assert found(graph, {0}, {0, 1}, [0, 1, 0, 0], [0] * 4) is None
    assert found(graph[:-1], {0}, {0, 1}, [0, 1, 0, 0], [0] * 4) is not None


def test_a_step_that_changes_nothing_fulfils_no_promise() -> None:
    """Action 1 loops at 0 and also leads out: taking the loop for ever is not fair to it."""
    assert found([(0, 1, 0), (0, 1, 5)], {0}, {0}, [0, 1, 0, 0], [0] * 4) is None
    assert found([(0, 1, 0), (0, 2, 5)], {0}, {0}, [0, 1, 0, 0], [0] * 4) is not None
