"""The sequential level: is there one order of all operations that holds each process's order, and explains all results?

Lamport 1979. Unlike linearizability it does not ask for real time, and it is not local: keys cannot be judged apart.
Reads and writes with unique values are judged by what must come before what, until nothing is added, and then by a
native search; everything else by a search over any model. Must not know files or commands.
"""

from __future__ import annotations

from typing import Any

from actors.verification.histories.causal_accesses import Accesses
from actors.verification.histories.history import History, Outcome
from actors.verification.histories.models import BUILT_IN, Model, model_named
from actors.verification.histories.problems import problems_of
from actors.verification.histories.report import Report, Verdict, Witness
from actors.verification.histories.sequential_objects import BuiltIn
from actors.verification.histories.sequential_order import judge_accesses, stuck
from actors.verification.histories.sequential_search import Answer, ModelSearch
from actors.verification.histories.transactions_registers import REGISTERS, name_of, units_of


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
    name = name_of(model)
    problems_of(history.operations, model, initial)  # refuses what the model does not have
    if isinstance(model, str) and model in REGISTERS:
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


def _judge_model(history: History, name: str, model: Model, deadline: float | None) -> Report:
    search = ModelSearch([one for one in history.operations if one.outcome is not Outcome.FAIL], model)
    answer = search.run(deadline)
    if answer is Answer.FOUND:
        return Report("sequential", name, Verdict.OK)
    if answer is Answer.NONE:
        return Report(
            "sequential", name, Verdict.VIOLATION, stuck(search.deepest, search.placed, search.required)
        )
    return Report("sequential", name, Verdict.UNKNOWN, reason=answer.value)
