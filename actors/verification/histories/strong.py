"""The strong level: linearizability. Chooses how to judge; the searching is native, and models say what is right.

Herlihy and Wing (1990): every operation seems to happen at one moment between its invocation and its completion. The
property is local: a history holds it exactly when the history of each key does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from actors.verification.histories.history import History, HistoryError, Operation, Outcome, identity
from actors.verification.histories.models import BUILT_IN, Model, model_named
from actors.verification.histories.report import Report, Verdict
from actors.verification.histories.strong_witness import explain
from core_ext.linear_layout import Layout
from core_ext.linear_problem import Problem, compile_problems
from core_ext.linear_search import BUDGET_SPENT, LINEARIZABLE, MEMORY_FULL, NOT_LINEARIZABLE, TIME_OVER, Search
from core_ext.linear_sweep import Sweep
from core_ext.linear_table import Table
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


def problems_of(operations: Sequence[Operation], model: str | Model, initial: Any) -> list[Problem]:
    """What can be judged apart, as the native search takes it.

    Raises:
        HistoryError: the model does not exist, or does not have one of the operations.
    """
    if not isinstance(model, str):
        return _problems_of_own(operations, model)
    if model not in BUILT_IN:
        return _problems_of_own(operations, model_named(model, operations, initial))

    def refuse(operation: Operation, why: str) -> NoReturn:
        raise HistoryError(f"line {operation.invoked}: a {model} {why}")

    return compile_problems(
        operations, Table(identity), initial, BUILT_IN[model], Outcome.OK, Outcome.FAIL, refuse
    )


class _Call:
    """An operation as a model may see it: two that are equal for it are one."""

    __slots__ = ("operation", "same")

    def __init__(self, operation: Operation, process_matters: bool) -> None:
        self.operation = operation
        self.same = (
            "call", operation.process if process_matters else None, operation.f, operation.key,
            identity(operation.value), identity(operation.result), operation.outcome,
        )


def _problems_of_own(operations: Sequence[Operation], model: Model) -> list[Problem]:
    name = model.name or type(model).__name__

    def step(state: Any, call: _Call) -> tuple[bool, Any]:
        try:
            allowed, after = model.step(state, call.operation)
            hash(after)
        except HistoryError:
            raise
        except Exception as error:
            raise HistoryError(
                f"line {call.operation.invoked}: the model {name} fails at {call.operation.short()} in state "
                f"{state!r}: {type(error).__name__}: {error}"
            ) from error
        return allowed, after

    table = Table(lambda thing: thing.same if type(thing) is _Call else thing, step)
    start = table.number_of(model.initial())
    problems: dict[Any, Problem] = {}
    for source, operation in enumerate(operations):
        if operation.outcome is not Outcome.FAIL:
            key = model.partition(operation)
            problem = problems.get(key)
            if problem is None:
                problem = problems[key] = Problem(table, start, key)
            call = table.number_of(_Call(operation, model.process_matters))
            reads_only = model.reads_only(operation)
            if reads_only and operation.outcome is Outcome.INFO:
                continue
            problem.add_call(call, reads_only, operation.invoked, operation.completed, source)
    return list(problems.values())
