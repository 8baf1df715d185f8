"""Slow and obvious judges of transactions, for tiny histories: every order of the transactions is tried."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from actors.verification.histories import History, Operation, Outcome


def happened(history: History) -> list[Operation]:
    """All that may have happened."""
    return [one for one in history.operations if one.outcome is not Outcome.FAIL]


def serial_orders_exist(history: History, lists: bool) -> dict[str, bool]:
    """Serializable and strictly serializable: is there an order in which every transaction returns what it did?"""
    everything = happened(history)
    return {
        "serializable": _serial(everything, {}, False, lists),
        "strictly serializable": _serial(everything, {}, True, lists),
    }


def _serial(rest: list[Operation], state: dict[Any, Any], strict: bool, lists: bool) -> bool:
    if all(one.outcome is Outcome.INFO for one in rest):
        return True
    for one in rest:
        if strict and any(p.completed is not None and p.completed < one.invoked for p in rest if p is not one):
            continue
        after = run(one, state, lists)
        if after is not None and _serial([other for other in rest if other is not one], after, strict, lists):
            return True
    return False


def run(one: Operation, state: dict[Any, Any], lists: bool) -> dict[Any, Any] | None:
    """The state after a transaction, or None if it would not have returned what it did."""
    after = dict(state)
    known = one.outcome is Outcome.OK
    for f, key, value in one.result if known else one.value:
        if f == "append":
            after[key] = (*after.get(key, ()), value)
        elif f == "w":
            after[key] = value
        elif known and (tuple(value or ()) != after.get(key, ()) if lists else value != after.get(key)):
            return None
    return after


def weak_levels(history: History) -> dict[str, bool]:
    """Read committed, read atomic and causal of register transactions by their axioms over every commit order.

    Biswas and Enea 2019, figure 2. Values are unique per key, all outcomes OK; 0 is the transaction that wrote null.
    """
    writer: dict[tuple[Any, Any], int] = {}
    last: list[dict[Any, Any]] = [{}]
    events: list[list[tuple[Any, Any]]] = [[]]
    for number, one in enumerate(history.operations, 1):
        written: dict[Any, Any] = {}
        reads = []
        for f, key, value in one.result:
            if f == "w":
                written[key] = value
            elif key not in written:
                reads.append((key, value))
            elif written[key] != value:
                return {"read atomic": False, "causal": False}
        last.append(written)
        events.append(reads)
        for key, value in written.items():
            writer[key, value] = number
    keys = {key for written in last for key in written} | {key for reads in events for key, _ in reads}
    last[0] = dict.fromkeys(keys)
    count = len(last)
    sources: list[list[tuple[Any, int]]] = []
    for reads in events:
        if any(value is not None and (key, value) not in writer for key, value in reads):
            return dict.fromkeys(("read committed", "read atomic", "causal"), False)
        sources.append([(key, 0 if value is None else writer[key, value]) for key, value in reads])
    before = [set(range(min(node, 1))) for node in range(count)]  # session order and reads-from
    session = [set(range(min(node, 1))) for node in range(count)]
    for node in range(1, count):
        mine = history.operations[node - 1].process
        for other in range(1, node):
            if history.operations[other - 1].process == mine:
                session[node].add(other)
        before[node] |= session[node] | {source for _, source in sources[node]}
    closure = [set(past) for past in before]
    for _ in range(count):
        for node in range(count):
            for other in list(closure[node]):
                closure[node] |= closure[other]
    premises = {
        "read committed": lambda t2, t3, at: any(source == t2 for _, source in sources[t3][:at]),
        "read atomic": lambda t2, t3, at: t2 in before[t3],
        "causal": lambda t2, t3, at: t2 in closure[t3],
    }
    found = dict.fromkeys(premises, False)
    for order in permutations(range(1, count)):
        place = {node: at for at, node in enumerate((0, *order))}
        if any(place[other] >= place[node] for node in range(count) for other in before[node]):
            continue
        for level, premise in premises.items():
            found[level] = found[level] or all(
                place[t2] < place[t1]
                for t3 in range(1, count) for at, (key, t1) in enumerate(sources[t3])
                for t2 in range(count) if t2 not in (t1, t3) and key in last[t2] and premise(t2, t3, at)
            )
    return found
