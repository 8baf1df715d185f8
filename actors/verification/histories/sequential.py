"""The sequential level: is there one order of all operations that holds each process's order, and explains all results?

Lamport 1979. Unlike linearizability it does not ask for real time, and it is not local: keys cannot be judged apart.
Reads and writes with unique values are judged by what must come before what, until nothing is added, and then by a
native search; everything else by a search over any model. Must not know files or commands.
"""

from __future__ import annotations

import time
from typing import Any

from actors.verification.histories.causal_accesses import Accesses
from actors.verification.histories.causal_patterns import Explainer, Finding, check_cc, check_ccv
from actors.verification.histories.history import History, Operation, Outcome
from actors.verification.histories.models import BUILT_IN, Model, model_named
from actors.verification.histories.report import Report, Verdict, Witness
from actors.verification.histories.sequential_objects import BuiltIn
from actors.verification.histories.sequential_search import MOST_FRONTIERS, Answer, ModelSearch
from actors.verification.histories.strong import problems_of
from actors.verification.histories.transactions_registers import units_of
from core_ext.causal import CausalLimit, Causality
from core_ext.frontier import Frontier

STEPS = 200_000
FRONTIER_ANSWERS = {1: Answer.FOUND, 2: Answer.NONE, 3: Answer.MEMORY_FULL}
LISTED = 20  # operations that a witness names


def judge_sequential(history: History, model: str | Model, initial: Any, deadline: float | None) -> Report:
    """Is the history sequentially consistent?

    Args:
        history: to judge.
        model: name of a shipped object, or one of your own.
        initial: the value of a key that was never written.
        deadline: by ``time.monotonic``, or None.

    Returns:
        OK; VIOLATION with a cycle of operations that must each be before the next, or with the operations of which
        none can come next; UNKNOWN when time or memory ran out.

    Raises:
        HistoryError: the model does not exist, or does not have the operations of the history.
    """
    name = model if isinstance(model, str) else model.name or type(model).__name__
    problems_of(history.operations, model, initial)  # refuses what the model does not have
    if isinstance(model, str):
        units = units_of(history.operations)
        if isinstance(units, Witness):
            return Report("sequential", name, Verdict.VIOLATION, units)
        if units is not None:
            accesses = Accesses(units, initial)
            found = judge_accesses(accesses, deadline)
            if found.verdict is Verdict.VIOLATION or not accesses.ambiguous:
                return Report("sequential", name, found.verdict, found.witness, {}, found.reason)
    return _judge_model(history, name, _model_of(history, model, initial), deadline)


def _model_of(history: History, model: str | Model, initial: Any) -> Model:
    if isinstance(model, Model):
        return model
    return BuiltIn(model, initial) if model in BUILT_IN else model_named(model, history.operations, initial)


def judge_accesses(accesses: Accesses, deadline: float | None) -> Finding:
    """Sequential consistency of reads and writes that are traced; reads that were set aside are ignored.

    What is sequentially consistent is causally consistent in the sense of CC and CCv, so that their patterns are
    looked for first: they name what is wrong.
    """
    try:
        causality = accesses.causality()
        found = check_cc(accesses, causality)
        if found.verdict is Verdict.OK:
            found = check_ccv(accesses, causality)
        return _one_order(accesses, causality, deadline) if found.verdict is Verdict.OK else found
    except CausalLimit as limit:
        return Finding(Verdict.UNKNOWN, reason=f"memory limit: {limit}")


def _one_order(accesses: Accesses, causality: Causality, deadline: float | None) -> Finding:
    """Add what every order must hold until nothing is added; then search."""
    while causality.add_conflicts() + causality.add_anti():
        if deadline is not None and time.monotonic() > deadline:
            return Finding(Verdict.UNKNOWN, reason=Answer.TIME_OVER.value)
        if not causality.order():
            return Finding(Verdict.VIOLATION, Explainer(accesses, causality).cycle(
                "no sequential order", "In any one order of all operations each of these is before the next: a circle.",
                causality.unordered(),
            ))
    ranks = [operation.invoked for operation in accesses.operations]
    search = Frontier(causality, ranks, MOST_FRONTIERS)
    while (state := search.run(STEPS)) == 0:
        if deadline is not None and time.monotonic() > deadline:
            return Finding(Verdict.UNKNOWN, reason=Answer.TIME_OVER.value)
    answer = FRONTIER_ANSWERS[state]
    if answer is Answer.FOUND:
        return Finding(Verdict.OK)
    if answer is not Answer.NONE:
        return Finding(Verdict.UNKNOWN, reason=answer.value)
    deepest = search.deepest()
    blocked = [
        accesses.operations[accesses.starts[session] + place] for session, place in enumerate(deepest)
        if accesses.starts[session] + place < accesses.starts[session + 1]
    ]
    return Finding(Verdict.VIOLATION, _stuck(blocked, sum(deepest), causality.nodes))


def _judge_model(history: History, name: str, model: Model, deadline: float | None) -> Report:
    search = ModelSearch([one for one in history.operations if one.outcome is not Outcome.FAIL], model)
    answer = search.run(deadline)
    if answer is Answer.FOUND:
        return Report("sequential", name, Verdict.OK)
    if answer is Answer.NONE:
        return Report(
            "sequential", name, Verdict.VIOLATION, _stuck(search.deepest, search.placed, search.required)
        )
    return Report("sequential", name, Verdict.UNKNOWN, reason=answer.value)


def _stuck(blocked: list[Operation], placed: int, total: int) -> Witness:
    text = (
        f"Every order of the operations was tried. The longest that explains its results holds {placed} of the {total} "
        f"that completed; none of these can come next."
    )
    return Witness("no sequential order", text, tuple(sorted(blocked, key=lambda one: one.invoked)[:LISTED]))
