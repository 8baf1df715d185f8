"""The strong level: linearizability. Chooses how to judge; the searching is native, and models say what is right.

Herlihy and Wing (1990): every operation seems to happen at one moment between its invocation and its completion. The
property is local: a history holds it exactly when the history of each key does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors.verification.histories.history import History
from actors.verification.histories.models import Model
from actors.verification.histories.problems import problems_of
from actors.verification.histories.report import Report, Verdict
from actors.verification.histories.strong_witness import explain
from core_ext.linear_layout import Layout
from core_ext.linear_problem import Problem
from core_ext.linear_search import BUDGET_SPENT, LINEARIZABLE, MEMORY_FULL, NOT_LINEARIZABLE, TIME_OVER, Search
from core_ext.linear_sweep import Sweep
from core_ext.linear_zones import judge_zones

FIRST_BUDGET = 100_000
STEPS_PER_OPERATION = 8
MEMORY_BYTES = 1 << 30


def judge_strong(history: History, model: str | Model, initial: Any, deadline: float | None) -> Report:
    """Is the history linearizable?

    Args:
        history: to judge.
        model: name of a built-in object, or one of your own.
        initial: the value of a key that was never written.
        deadline: by ``time.monotonic``, or None.

    Returns:
        OK, VIOLATION with the operation that cannot be placed, or UNKNOWN when time or memory ran out.

    Raises:
        HistoryError: the model does not exist, or does not have the operations of the history.
    """
    problems = problems_of(history.operations, model, initial)
    name = model if isinstance(model, str) else model.name or type(model).__name__
    undecided = ""
    steps = 0
    for problem in problems:
        answer, taken = solve(problem, deadline)
        steps += taken
        if answer == NOT_LINEARIZABLE:
            witness = explain(history.operations, problem, model, initial, deadline)
            return Report("strong", name, Verdict.VIOLATION, witness, {"partitions": len(problems), "steps": steps})
        if answer == TIME_OVER:
            undecided = undecided or f"the time limit was reached{_of(problem)}"
            break
        if answer == MEMORY_FULL:
            undecided = undecided or f"the memory limit of {MEMORY_BYTES >> 20} MiB was reached{_of(problem)}"
    verdict = Verdict.UNKNOWN if undecided else Verdict.OK
    return Report("strong", name, verdict, None, {"partitions": len(problems), "steps": steps}, undecided)


def _of(problem: Problem) -> str:
    return "" if problem.key is None else f" at key {problem.key}"


def solve(problem: Problem, deadline: float | None) -> tuple[int, int]:
    """Judge one problem by the way that is quickest for it.

    Unique-value registers have a formula. For others three searches take turns with budgets that double: depth first by
    return, depth first by call (what failed is remembered between the two), and just in time.

    Returns:
        The native search's answer, never BUDGET_SPENT, and the steps it took.
    """
    if (zones := judge_zones(problem)) is not None:
        return (NOT_LINEARIZABLE if zones[0] else LINEARIZABLE), problem.size
    layout = Layout(problem)
    search, sweep = Search(layout, MEMORY_BYTES // 2), Sweep(layout, MEMORY_BYTES // 2)
    turns: list[Callable[[int], int]] = [
        lambda budget: search.run(budget, True, deadline),
        lambda budget: search.run(budget, False, deadline),
        lambda budget: sweep.run(budget, deadline),
    ]
    budget = FIRST_BUDGET + STEPS_PER_OPERATION * (problem.size + problem.optional)
    answer = BUDGET_SPENT
    while turns:
        for turn in list(turns):
            answer = turn(budget)
            if answer == MEMORY_FULL:
                turns.remove(turn)
            elif answer != BUDGET_SPENT:
                return answer, search.steps + sweep.steps
        budget *= 2
    return MEMORY_FULL, search.steps + sweep.steps
