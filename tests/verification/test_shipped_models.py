"""The shipped plain models: exact counts, verdicts, and the shortest trace of each broken twin."""

from __future__ import annotations

import pytest

from actors.verification import Result, Verdict, check
from protocols.models.dining_philosophers import DiningPhilosophers, OrderedPhilosophers
from protocols.models.increment import Increment, LockedIncrement
from protocols.models.two_phase_commit import HastyTwoPhaseCommit, TwoPhaseCommit


def counts(result: Result) -> tuple[int, int, int]:
    return result.distinct, result.generated, result.depth


def actions(result: Result, name: str) -> list[str]:
    trace = result[name].trace
    assert trace is not None
    return [str(step.action) for step in trace.steps[1:]]


@pytest.mark.parametrize(("managers", "expected"), [(3, (288, 1_146, 11)), (5, (8_832, 58_146, 17))])
@pytest.mark.parametrize("exact", [False, True])
def test_two_phase_commit_has_the_known_counts(managers: int, expected: tuple[int, int, int], exact: bool) -> None:
    result = check(TwoPhaseCommit(managers), exact=exact)
    assert counts(result) == expected
    assert result.holds
    assert (result.collision_probability == 0.0) == exact


def test_two_phase_commit_with_seven_managers_has_the_known_counts() -> None:
    result = check(TwoPhaseCommit(7))
    assert counts(result) == (296_448, 2_744_706, 23)
    assert result.holds
    assert result.collision_probability < 1e-8


def test_two_phase_commit_up_to_symmetry() -> None:
    result = check(TwoPhaseCommit(3), symmetry=True)
    assert result.distinct == 80
    assert result.holds


def test_a_hasty_coordinator_is_caught_with_the_shortest_trace() -> None:
    result = check(HastyTwoPhaseCommit(3))
    assert result["consistent"].verdict is Verdict.VIOLATED
    assert actions(result, "consistent") == [
        "manager prepares 0", "coordinator hears of 0", "coordinator commits", "manager obeys commit 0",
        "manager gives up 1",
    ]
    assert result.exit_code == 1


def test_increments_without_a_lock_lose_one() -> None:
    result = check(Increment(2))
    assert result.distinct == 13
    assert result["nothing is lost"].verdict is Verdict.VIOLATED
    assert result["all are done"].verdict is Verdict.HOLDS
    assert actions(result, "nothing is lost") == [
        "Step(thread=0)", "Step(thread=1)", "Step(thread=0)", "Step(thread=1)",
    ]


def test_increments_up_to_symmetry_are_eight_states_and_the_trace_is_one_of_real_states() -> None:
    result = check(Increment(2), symmetry=True)
    assert result.distinct == 8
    finding = result["nothing is lost"]
    assert finding.verdict is Verdict.VIOLATED
    assert finding.trace is not None
    model = Increment(2)
    for before, step in zip(finding.trace.steps, finding.trace.steps[1:], strict=False):
        assert model.next_state(before.state, step.action) == step.state
    assert result["all are done"].verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("threads", [2, 3, 4])
def test_increments_under_a_lock_lose_none(threads: int) -> None:
    assert check(LockedIncrement(threads)).holds


def test_philosophers_who_all_take_the_left_fork_end_in_a_deadlock() -> None:
    result = check(DiningPhilosophers(3))
    finding = result["nobody waits for ever for all"]
    assert finding.verdict is Verdict.VIOLATED
    assert finding.trace is not None
    assert finding.trace.stuck
    assert finding.trace.steps[-1].state.forks == (0, 1, 2)
    assert len(finding.trace.steps) == 7
    assert result["neighbours never eat together"].verdict is Verdict.HOLDS


def test_ordered_forks_know_no_deadlock_but_a_neighbour_starves_under_weak_fairness() -> None:
    result = check(OrderedPhilosophers(3))
    assert result["nobody waits for ever for all"].verdict is Verdict.HOLDS
    finding = result["philosopher 0 eats when hungry"]
    assert finding.verdict is Verdict.VIOLATED
    assert finding.trace is not None
    assert finding.trace.back_to == 1
    cycle = finding.trace.steps[finding.trace.back_to :]
    assert cycle[0].state == cycle[-1].state
    assert all(step.state.hungry[0] and not step.state.eating[0] for step in cycle)


@pytest.mark.parametrize("philosophers", [2, 3, 4])
def test_nobody_starves_under_strong_fairness(philosophers: int) -> None:
    assert check(OrderedPhilosophers(philosophers, strong=True)).holds
