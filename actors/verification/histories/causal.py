"""Is a history causally consistent? Judges CC, and reports CC, CCv, CM and the session guarantees each by name.

The definitions stand in ``causal_patterns`` and ``sessions``; a history of transactions goes to
``causal_transactions``. Must not know files or commands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from actors.verification.histories.causal_accesses import Accesses, Unit
from actors.verification.histories.causal_patterns import (
    HITS,
    Finding,
    check_cc,
    check_ccv,
    check_cm,
    patterns,
    until,
)
from actors.verification.histories.causal_transactions import judge_causal_transactions
from actors.verification.histories.history import History, Outcome
from actors.verification.histories.models import Model
from actors.verification.histories.report import Report, Verdict
from actors.verification.histories.sessions import GUARANTEES, check_guarantees
from actors.verification.histories.transactions_registers import name_of, unfit_model
from core_ext.causal import CausalLimit

CM_BUDGET_SECONDS = 20.0


def judge_causal(history: History, model: str | Model, initial: Any, deadline: float | None) -> Report:
    """Judge causal consistency (CC).

    Args:
        history: reads and writes (or gets and puts), or transactions of "r" and "w".
        model: a model of reads and writes, by name.
        initial: what a key holds that was never written.
        deadline: ``time.monotonic`` seconds after which the rest is UNKNOWN.

    Returns:
        A report whose details hold ``CC``, ``CCv`` and ``CM``, each ``ok``, ``violation`` or ``unknown``;
        ``patterns``, the evidence against those that do not hold; and ``session_guarantees``, by name.

    Raises:
        HistoryError: there is no such model.
    """
    name = name_of(model)
    unfit = unfit_model(model, "causal", lists=False)
    if unfit:
        return Report("causal", name, Verdict.UNKNOWN, reason=unfit)
    if any(operation.f == "txn" for operation in history.operations):
        return judge_causal_transactions(history, name, initial, deadline)
    unfit = unfit_operation(history)
    if unfit:
        return Report("causal", name, Verdict.UNKNOWN, reason=unfit)
    accesses = Accesses(single_units(history), initial)
    try:
        return _judge(accesses, name, deadline)
    except CausalLimit as limit:
        return Report("causal", name, Verdict.UNKNOWN, reason=f"memory limit: {limit}")


def unfit_operation(history: History) -> str:
    """Why a history is not one of reads and writes, in a sentence; empty if it is."""
    for operation in history.operations:
        told = operation.f == "delete" and operation.result is not None
        if told or operation.f not in ("read", "get", "write", "put", "delete"):
            return (
                f"causal patterns are defined for reads and writes; {operation.describe()} is neither (transactions "
                f"of \"r\" and \"w\" are judged too)"
            )
    return ""


def single_units(history: History) -> Iterator[Unit]:
    """Each operation as one read or one write; a delete writes null."""
    for operation in history.operations:
        if operation.f in ("read", "get"):
            if operation.outcome is Outcome.OK:
                yield Unit(operation, ((operation.key, operation.result),), ())
        else:
            yield Unit(operation, (), ((operation.key, operation.value),))


def _judge(accesses: Accesses, name: str, deadline: float | None) -> Report:
    expired = until(deadline, float("inf"))
    causality = accesses.causality()
    cc = check_cc(accesses, causality)
    guarantees: dict[str, Finding] = {}
    ccv = cm = cc
    if cc.verdict is Verdict.OK:
        guarantees = check_guarantees(accesses, causality, [], expired)
        ccv = check_ccv(accesses, causality)
        cm = check_cm(accesses, causality, until(deadline, CM_BUDGET_SECONDS))
    elif causality.order():
        hits = causality.overwritten(HITS)
        guarantees = check_guarantees(accesses, causality, hits, expired)
        if len(hits) == HITS:
            guarantees = {name: _unless_found(found) for name, found in guarantees.items()}
    else:
        unordered = Finding(Verdict.UNKNOWN, reason="there is no causal order by which versions could be older")
        guarantees = dict.fromkeys(GUARANTEES, unordered)
    findings = {"CC": cc, "CCv": ccv, "CM": cm}
    if accesses.ambiguous:
        findings = {level: _doubtful(found, accesses.ambiguous) for level, found in findings.items()}
        guarantees = {level: _doubtful(found, accesses.ambiguous) for level, found in guarantees.items()}
    details: dict[str, Any] = {level: str(found.verdict) for level, found in findings.items()}
    details["patterns"] = patterns(findings)
    details["session_guarantees"] = {level: str(found.verdict) for level, found in guarantees.items()}
    details["broken_guarantees"] = patterns(guarantees)
    reasons = {found.reason: None for found in (*findings.values(), *guarantees.values()) if found.reason}
    details["unknown"] = list(reasons)
    details["operations"] = len(accesses.operations)
    details["sessions"] = len(accesses.starts) - 1
    judged = findings["CC"]
    return Report("causal", name, judged.verdict, judged.witness, details, judged.reason)


def _unless_found(found: Finding) -> Finding:
    """What holds for the reads that were looked at is not known of all."""
    if found.verdict is Verdict.OK:
        return Finding(Verdict.UNKNOWN, reason=f"session guarantees: only {HITS:,} broken reads were looked at")
    return found


def _doubtful(found: Finding, why: str) -> Finding:
    """Reads that were set aside can only break more: what was broken stays so, what held is not known."""
    return Finding(Verdict.UNKNOWN, reason=why) if found.verdict is Verdict.OK else found
