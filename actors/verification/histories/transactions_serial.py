"""Strict serializability of transactions of "r" and "w", and what of the weaker levels can be told.

What overwrote what is not seen in registers, so that an order of all transactions has to be searched for (it is
NP-complete: Papadimitriou 1979); real time leaves little to search. Where no such order exists, weaker levels are
judged: read committed, read atomic, causal by their arrows, serializability without real time for small histories.
"""

from __future__ import annotations

from typing import Any

from actors.verification.histories.causal_accesses import Accesses, Unit
from actors.verification.histories.causal_patterns import Explainer, Finding, patterns
from actors.verification.histories.causal_transactions import transaction_levels
from actors.verification.histories.history import History, HistoryError
from actors.verification.histories.report import Report, Verdict, Witness
from actors.verification.histories.sequential_order import judge_accesses, one_order
from actors.verification.histories.transactions_registers import units_of
from core_ext.causal import CausalLimit

MOST_APART = 4_000  # transactions for whose order without real time or sessions there is room


def judge_registers(history: History, name: str, initial: Any, deadline: float | None) -> Report:
    """Judge strict serializability, and report the weaker levels beside it.

    Args:
        history: transactions of "r" and "w", or single operations.
        name: of the model, for the report.
        initial: what a key holds that was never written.
        deadline: by ``time.monotonic``, or None.

    Raises:
        HistoryError: operations that are neither, such as ``acquire``.
    """
    units = units_of(history.operations)
    if units is None:
        raise HistoryError("the level transactions takes transactions of \"r\" with \"append\" or \"w\" (and single "
                           "reads, writes and appends); this history has other operations")
    if isinstance(units, Witness):
        broken = Finding(Verdict.VIOLATION, units)
        levels = {"read atomic": broken, "serializable": broken, "strictly serializable": broken}
        return _report(name, levels, len(history.operations))
    accesses = Accesses(units, initial)
    findings = transaction_levels(accesses)
    if findings["causal"].witness:  # it is part of serializability as far as sessions are, and of the strict one
        strict = findings["causal"]
    else:
        strict = _strict(accesses, deadline)
    # Without real time and sessions every transaction stands alone.
    serial = Finding(Verdict.OK) if strict.verdict is Verdict.OK else _serializable(units, initial, deadline)
    findings = {**findings, "serializable": serial, "strictly serializable": strict}
    if accesses.ambiguous:
        doubt = Finding(Verdict.UNKNOWN, reason=accesses.ambiguous)
        findings = {level: doubt if found.verdict is Verdict.OK else found for level, found in findings.items()}
    return _report(name, findings, len(accesses.operations))


def _report(name: str, findings: dict[str, Finding], transactions: int) -> Report:
    judged = findings["strictly serializable"]
    details = {
        "levels": {level: str(found.verdict) for level, found in findings.items()},
        "weakest_level_broken": next((level for level, found in findings.items() if found.witness), None),
        "anomalies": list({pattern["text"]: pattern for pattern in patterns(findings).values()}.values()),
        "transactions": transactions,
    }
    return Report("transactions", name, judged.verdict, judged.witness, details, judged.reason)


def _strict(accesses: Accesses, deadline: float | None) -> Finding:
    """An order that holds real time: of each session, the last one completed before another was invoked comes first."""
    try:
        causality = accesses.causality()
        sources, targets = _real_time(accesses)
        causality.add_edges(sources, targets)
        if not causality.order():
            return Finding(Verdict.VIOLATION, Explainer(accesses, causality).cycle(
                "not strictly serializable", "By reads and by real time each of these is before the next: a circle.",
                causality.unordered(),
            ))
        return one_order(accesses, causality, deadline)
    except CausalLimit as limit:
        return Finding(Verdict.UNKNOWN, reason=f"memory limit: {limit}")


def _real_time(accesses: Accesses) -> tuple[list[int], list[int]]:
    """Edges from completion to later invocation; per session only the newest counts, and only when it is news."""
    events: list[tuple[int, bool, int]] = []
    for node, operation in enumerate(accesses.operations):
        events.append((operation.invoked, False, node))
        if operation.completed is not None:
            events.append((operation.completed, True, node))
    session_of = [
        session for session, first in enumerate(accesses.starts[:-1])
        for _ in range(accesses.starts[session + 1] - first)
    ]
    sources: list[int] = []
    targets: list[int] = []
    newest: dict[int, int] = {}
    told: dict[tuple[int, int], int] = {}
    for _, completes, node in sorted(events):
        mine = session_of[node]
        if completes:
            newest[mine] = node
            continue
        for session, completed in newest.items():
            if session != mine and told.get((mine, session)) != completed:
                told[mine, session] = completed
                sources.append(completed)
                targets.append(node)
    return sources, targets


def _serializable(units: list[Unit], initial: Any, deadline: float | None) -> Finding:
    if len(units) > MOST_APART:
        return Finding(Verdict.UNKNOWN, reason=f"serializability without real time: more than {MOST_APART:,} "
                       f"transactions")
    return judge_accesses(Accesses(units, initial, apart=True), deadline)
