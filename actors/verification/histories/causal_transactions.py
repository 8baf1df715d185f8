"""Causal consistency of transactions of "r" and "w": atomic visibility plus causal order; and two weaker levels.

Biswas and Enea, "On the complexity of checking transactional consistency", OOPSLA 2019, section 3. A history keeps a
level when the transactions have one order, the *commit order*, that holds session order and reads-from, and in which
t2 is before t1 whenever a transaction t3 read from t1 a key that t2 writes as well, and

- read committed: t3 read something from t2 before that read;
- read atomic: t2 is before t3 in its session, or t3 read something from t2;
- causal: t2 is before t3 in the closure of session order and reads-from.

What t2 must precede does not depend on the order itself, so that a history keeps a level exactly when these arrows make
no circle. The initial values are written by a transaction before all others. Below read committed are reads of values
that failed (G1a) or that their transaction overwrote itself (G1b).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from actors.verification.histories.causal_accesses import INITIAL, Accesses
from actors.verification.histories.causal_patterns import FINE, Finding, check_cc, check_ccv, patterns
from actors.verification.histories.cycles import Arrow, components, shortest_cycle
from actors.verification.histories.history import History, Operation, show
from actors.verification.histories.report import Edge, Report, Verdict, Witness
from actors.verification.histories.transactions_registers import units_of
from core_ext.causal import CausalLimit

READ_COMMITTED = "read committed"
READ_ATOMIC = "read atomic"
CAUSAL = "causal"
SESSION = frozenset({"session"})


def judge_causal_transactions(history: History, name: str, initial: Any, deadline: float | None) -> Report:
    """Judge transactional causal consistency.

    Args:
        history: transactions of "r" and "w"; single reads and writes count as transactions.
        name: of the model, for the report.
        initial: what a key holds that was never written.
        deadline: not needed: the time is near-linear.

    Returns:
        A report whose verdict is that of the causal level, and whose details hold ``read committed``, ``read atomic``
        and ``causal``, each ``ok``, ``violation`` or ``unknown``, and ``patterns``, the evidence.
    """
    units = units_of(history.operations)
    if units is None:
        return Report(
            "causal", name, Verdict.UNKNOWN, reason="causal over transactions is defined for \"r\" and \"w\"; lists "
            "are judged by the level transactions, and a cas that failed by none",
        )
    if isinstance(units, Witness):  # its own write overlooked: not even atomic; weaker levels ask nothing of that
        internal = Finding(Verdict.VIOLATION, units)
        unknown = Finding(Verdict.UNKNOWN, reason="not judged beside a transaction that does not see its own write")
        return _report(name, {READ_COMMITTED: unknown, READ_ATOMIC: internal, CAUSAL: internal}, 0)
    accesses = Accesses(units, initial)
    findings = transaction_levels(accesses)
    if accesses.ambiguous:
        doubt = Finding(Verdict.UNKNOWN, reason=accesses.ambiguous)
        findings = {level: doubt if found.verdict is Verdict.OK else found for level, found in findings.items()}
    return _report(name, findings, len(accesses.operations))


def _report(name: str, findings: dict[str, Finding], transactions: int) -> Report:
    details: dict[str, Any] = {level: str(found.verdict) for level, found in findings.items()}
    details["patterns"] = patterns(findings)
    details["transactions"] = transactions
    judged = findings[CAUSAL]
    return Report("causal", name, judged.verdict, judged.witness, details, judged.reason)


def transaction_levels(accesses: Accesses) -> dict[str, Finding]:
    """Read committed, read atomic and causal of transactions whose reads are traced."""
    dirty = _dirty(accesses)
    if dirty is not None:
        return dict.fromkeys((READ_COMMITTED, READ_ATOMIC, CAUSAL), dirty)
    findings = {
        READ_COMMITTED: _by_arrows(accesses, READ_COMMITTED, _seen_before),
        READ_ATOMIC: _by_arrows(accesses, READ_ATOMIC, _seen_whole),
    }
    weaker = next((found for found in findings.values() if found.witness), None)
    findings[CAUSAL] = weaker or _causal(accesses)
    if findings[READ_COMMITTED].witness:
        findings[READ_ATOMIC] = findings[READ_COMMITTED]
    return findings


def _dirty(accesses: Accesses) -> Finding | None:
    if not accesses.strays:
        return None
    stray = accesses.strays[0]
    name = "ThinAirRead"
    if stray.writer is not None:
        name = "G1a" if stray.writer.outcome == "fail" else "G1b"
    involved = (stray.operation,) if stray.writer is None else (stray.writer, stray.operation)
    return Finding(Verdict.VIOLATION, Witness(name, stray.text, involved))


def _causal(accesses: Accesses) -> Finding:
    """The same arrows as causal convergence asks for, so that its native search judges them."""
    try:
        causality = accesses.causality()
        found = check_cc(accesses, causality)
        return check_ccv(accesses, causality) if found.verdict is Verdict.OK else found
    except CausalLimit as limit:
        return Finding(Verdict.UNKNOWN, reason=f"memory limit: {limit}")


Rule = Callable[[Accesses, int], Iterator[tuple[int, int, int]]]  # (key, t1, t2) of the reads of a node


def _seen_before(accesses: Accesses, node: int) -> Iterator[tuple[int, int, int]]:
    """Read committed: those from which the transaction had read something before this read."""
    seen: dict[int, None] = {}
    for key, source in accesses.reads_of(node):
        for other in seen:
            if other != source and key in accesses.writes_of(other):
                yield key, source, other
        if source != INITIAL:
            seen[source] = None


def _seen_whole(accesses: Accesses, node: int) -> Iterator[tuple[int, int, int]]:
    """Read atomic: all from which the transaction read, and the last of its session to write the key."""
    reads = accesses.reads_of(node)
    sources = dict.fromkeys(source for _, source in reads if source != INITIAL)
    for key, source in reads:
        for other in sources:
            if other != source and key in accesses.writes_of(other):
                yield key, source, other
        mine = accesses.last_in_session(node, key)
        if mine not in (INITIAL, source):
            yield key, source, mine


def _by_arrows(accesses: Accesses, level: str, rule: Rule) -> Finding:
    """Whether session order, reads-from and the arrows of a rule make a circle."""
    count = len(accesses.operations)
    out: list[list[Arrow]] = [[] for _ in range(count)]
    explain: list[tuple[int, int, int, int]] = []
    first = set(accesses.starts)
    for node in range(count):
        if node + 1 not in first:
            out[node].append(Arrow(node, node + 1, "session"))
        for _, source in accesses.reads_of(node):
            if source != INITIAL:
                out[source].append(Arrow(source, node, "reads"))
        for key, source, other in rule(accesses, node):
            if source == INITIAL:
                return _initial_read(accesses, level, node, key, other)
            out[other].append(Arrow(other, source, "commit", len(explain)))
            explain.append((node, key, source, other))

    def arrows(node: int) -> Iterable[Arrow]:
        return out[node]

    circles = components(range(count), lambda node: [arrow.target for arrow in out[node]])
    if not circles:
        return FINE
    cycle = shortest_cycle(chain.from_iterable(circles), arrows, SESSION)
    edges = tuple(_edge(accesses, arrow, explain) for arrow in cycle)
    nodes = {arrow.source for arrow in cycle} | {explain[a.reason][0] for a in cycle if a.kind == "commit"}
    text = f"{level}: in the order of commits each of these must come before the next: a circle."
    return Finding(Verdict.VIOLATION, Witness(f"not {level}", text, _operations(accesses, nodes), (), edges))


def _initial_read(accesses: Accesses, level: str, node: int, key: int, other: int) -> Finding:
    name = accesses.keys[key]
    text = (
        f"{level}: {accesses.operations[node].describe()} found {show(name)} as it was at first, but knew of "
        f"{accesses.operations[other].describe()}, which writes it."
    )
    return Finding(Verdict.VIOLATION, Witness(f"not {level}", text, _operations(accesses, {node, other})))


def _operations(accesses: Accesses, nodes: Iterable[int]) -> tuple[Operation, ...]:
    return tuple(sorted((accesses.operations[node] for node in nodes), key=lambda one: one.invoked))


def _edge(accesses: Accesses, arrow: Arrow, explain: list[tuple[int, int, int, int]]) -> Edge:
    before, after = accesses.operations[arrow.source], accesses.operations[arrow.target]
    if arrow.kind == "session":
        return Edge(before, "the same process did it earlier", after)
    if arrow.kind == "reads":
        return Edge(before, "the latter read what the former wrote", after)
    node, key, _, _ = explain[arrow.reason]
    return Edge(
        before, f"{accesses.operations[node].describe()} knew the former, and yet read {show(accesses.keys[key])} from "
        f"the latter", after,
    )

