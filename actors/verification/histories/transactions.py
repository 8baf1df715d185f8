"""The transactions level: is the history strictly serializable, and which weaker levels does it keep?

Lists (``append``) are judged by their dependency graph, registers (``w``) by a search. Knows no file and no command.
"""

from __future__ import annotations

from typing import Any

from actors.verification.histories.causal_patterns import plain
from actors.verification.histories.history import History, HistoryError
from actors.verification.histories.models import Model
from actors.verification.histories.report import Report, Verdict
from actors.verification.histories.transactions_graph import Graph, TooManyArrows
from actors.verification.histories.transactions_lists import Anomaly, AppendedTwice, Lists, read_lists
from actors.verification.histories.transactions_registers import LISTS, name_of, unfit_model
from actors.verification.histories.transactions_serial import judge_registers

# From weak to strict, with the anomalies that break each and all that are stricter.
LEVELS: tuple[tuple[str, frozenset[str]], ...] = (
    ("read uncommitted", frozenset({"G0", "duplicate elements", "garbage read", "incompatible order"})),
    ("read committed", frozenset({"G1a", "G1b", "G1c"})),
    ("consistent view", frozenset({"internal", "G-single"})),
    ("serializable", frozenset({"G2"})),
    ("strictly serializable", frozenset()),
)


def judge_transactions(history: History, model: str | Model, initial: Any, deadline: float | None) -> Report:
    """Is the history strictly serializable: one order of all transactions, that of real time where one ended before
    the other began?

    Args:
        history: transactions of "r" and "append", or of "r" and "w"; single operations count as transactions.
        model: ``list-append``, or a name of registers.
        initial: of a register that was never written; lists begin empty.
        deadline: by ``time.monotonic``, or None.

    Returns:
        A report whose verdict is that of strict serializability. Its details hold ``levels``, each level's name with
        its verdict; ``anomalies``, each with its name and evidence; and ``weakest_level_broken``.

    Raises:
        HistoryError: operations that are no transactions of either kind, or of both, or no such model.
    """
    name = name_of(model)
    unfit = unfit_model(model, "transactions", lists=True)
    if unfit:
        return Report("transactions", name, Verdict.UNKNOWN, reason=unfit)
    appends = [one for one in history.operations if _uses(one, "append")]
    writes = [one for one in history.operations if _uses(one, "w", "write", "put")]
    if appends and writes:
        raise HistoryError(
            f"{appends[0].describe()} appends and {writes[0].describe()} writes: a history of transactions has either"
        )
    if writes or not (appends or name == LISTS):
        return judge_registers(history, name, initial, deadline)
    return _judge_lists(history, name)


def _uses(operation: Any, *names: str) -> bool:
    return operation.f in names or (operation.f == "txn" and any(step[0] in names for step in operation.value))


def _judge_lists(history: History, name: str) -> Report:
    try:
        lists = read_lists(history.operations)
    except AppendedTwice as why:
        return Report("transactions", name, Verdict.UNKNOWN, reason=str(why))
    anomalies = list(lists.anomalies)
    reason = ""
    if not any(anomaly.name in LEVELS[0][1] for anomaly in anomalies):
        try:
            found = _cycle(lists)
            if found is not None:
                anomalies.append(found)
        except TooManyArrows as why:
            reason = f"memory limit: {why}"
    return report(name, anomalies, len(lists.operations), reason)


def _cycle(lists: Lists) -> Anomaly | None:
    """The cycle that breaks the weakest level; real time is asked for where there is none without it."""
    timed = Graph(lists)
    timed.add_real_time()
    if timed.acyclic():
        return None
    return Graph(lists).cycle() or timed.cycle()


def broken_level(anomaly: str) -> int:
    """Index of the weakest level that an anomaly breaks."""
    return next((at for at, (_, names) in enumerate(LEVELS) if anomaly in names), len(LEVELS) - 1)


def report(name: str, anomalies: list[Anomaly], transactions: int, reason: str) -> Report:
    """The answer for a history with these anomalies.

    Args:
        reason: why anomalies may be missing; empty when none is.
    """
    anomalies.sort(key=lambda anomaly: broken_level(anomaly.name))
    weakest = broken_level(anomalies[0].name) if anomalies else len(LEVELS)
    unbroken = Verdict.UNKNOWN if reason else Verdict.OK
    details: dict[str, Any] = {
        "levels": {
            level: str(Verdict.VIOLATION if at >= weakest else unbroken) for at, (level, _) in enumerate(LEVELS)
        },
        "weakest_level_broken": LEVELS[weakest][0] if anomalies else None,
        "anomalies": [plain(anomaly.witness) for anomaly in anomalies],
        "transactions": transactions,
    }
    if anomalies:
        return Report("transactions", name, Verdict.VIOLATION, anomalies[0].witness, details)
    return Report("transactions", name, unbroken, None, details, reason)
