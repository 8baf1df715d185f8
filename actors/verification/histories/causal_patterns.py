"""Bad patterns of causal consistency: CC, CCv and CM over a history whose reads are traced to their writes.

A history is causally consistent in one of the three senses exactly when it has none of that sense's patterns:

- CC (causal consistency): ThinAirRead, CyclicCO, WriteCOInitRead, WriteCORead.
- CCv (causal convergence: all agree how concurrent writes end): those of CC, and CyclicCF.
- CM (causal memory: every session sees one order of all it knows): those of CC, WriteHBInitRead and CyclicHB.

Bouajjani, Enea, Guerraoui, Hamza, "On verifying causal consistency", POPL 2017, section 5 (tables 2 and 3). Real time
plays no part: only what a session did before, and what it read. Knows accesses, and no report.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from actors.verification.histories.causal_accesses import INITIAL, Accesses
from actors.verification.histories.cycles import Arrow, shortest_cycle, shortest_path
from actors.verification.histories.history import Operation, show
from actors.verification.histories.report import Edge, Verdict, Witness
from core_ext.causal import Causality, CausalLimit

HITS = 10_000  # broken reads of which the first in the file is shown
SESSION = frozenset({"session"})


class Finding(NamedTuple):
    """What was found about one sense.

    Attributes:
        verdict: OK, VIOLATION or UNKNOWN.
        witness: of a violation; its ``what`` is the pattern's name in the paper.
        reason: of UNKNOWN.
    """

    verdict: Verdict
    witness: Witness | None = None
    reason: str = ""


FINE = Finding(Verdict.OK)
BROKEN = Finding(Verdict.VIOLATION)
ALL = -1  # sessions


class Explainer:
    """Arrows of the causal order in words, made when there is something to explain.

    Args:
        accesses: the history.
        causality: with the edges that the pattern speaks of.
    """

    def __init__(self, accesses: Accesses, causality: Causality) -> None:
        self.accesses = accesses
        self._last = dict.fromkeys(accesses.starts, True)
        self._out: dict[int, list[Arrow]] = {}
        for node in range(len(accesses.operations)):
            for _, source in accesses.reads_of(node):
                if source != INITIAL:
                    self._out.setdefault(source, []).append(Arrow(source, node, "reads"))
        for source, target, reason, kind in causality.edges():
            name = ("conflict", "anti", "time")[kind]
            self._out.setdefault(source, []).append(Arrow(source, target, name, reason))

    def arrows(self, node: int) -> Iterable[Arrow]:
        """What must come after a node at once."""
        if node + 1 not in self._last:
            yield Arrow(node, node + 1, "session")
        yield from self._out.get(node, ())

    def path(self, start: int, goal: int) -> list[Arrow]:
        """A shortest reason why one node is before another."""
        return shortest_path(start, goal, self.arrows, SESSION)[0]

    def operation(self, node: int) -> Operation:
        """The operation of a node."""
        return self.accesses.operations[node]

    def edge(self, arrow: Arrow) -> Edge:
        """The arrow in words."""
        return Edge(self.operation(arrow.source), self._why(arrow), self.operation(arrow.target))

    def _why(self, arrow: Arrow) -> str:
        if arrow.kind == "session":
            return "the same process did it earlier"
        if arrow.kind == "reads":
            return "the latter read what the former wrote"
        if arrow.kind == "time":
            return "the former completed before the latter was invoked"
        key = self._common_key(arrow)
        if arrow.kind == "anti":
            return f"the former read a value{key} that the latter overwrote"
        reader = self.operation(arrow.reason).describe()
        return f"{reader} knew the former, and yet returned what the latter wrote{key}: so it was overwritten by then"

    def _common_key(self, arrow: Arrow) -> str:
        """The key of which a conflict speaks: the one that the reason read from the target, and the source wrote."""
        wanted = arrow.target if arrow.kind == "conflict" else None
        written = set(self.accesses.writes_of(arrow.source if arrow.kind == "conflict" else arrow.target))
        for key, source in self.accesses.reads_of(arrow.reason):
            if key in written and (wanted is None or source == wanted):
                name = self.accesses.keys[key]
                return "" if name is None else f" to {show(name)}"
        return ""

    def witness(self, what: str, text: str, arrows: list[Arrow], *more: int) -> Witness:
        """A pattern's evidence: the nodes on the arrows and those that the arrows speak of."""
        at = {arrow.source for arrow in arrows} | {arrow.target for arrow in arrows} | set(more)
        spoken = at | {arrow.reason for arrow in arrows if arrow.reason >= 0}
        return Witness(
            what, text, self._sorted(at), () if spoken == at else self._sorted(spoken), tuple(map(self.edge, arrows))
        )

    def _sorted(self, nodes: Iterable[int]) -> tuple[Operation, ...]:
        return tuple(sorted(map(self.operation, nodes), key=lambda operation: operation.invoked))

    def cycle(self, what: str, text: str, nodes: Iterable[int]) -> Witness:
        """The evidence of a cyclic order: a shortest cycle among these nodes."""
        return self.witness(what, text, shortest_cycle(nodes, self.arrows, SESSION))


def thin_air(accesses: Accesses) -> Finding:
    """ThinAirRead: a value that no operation wrote, or only one that failed."""
    if not accesses.strays:
        return FINE
    stray = accesses.strays[0]
    involved = [stray.operation] if stray.writer is None else [stray.writer, stray.operation]
    return Finding(Verdict.VIOLATION, Witness("ThinAirRead", stray.text, tuple(involved)))


def check_cc(accesses: Accesses, causality: Causality) -> Finding:
    """The patterns of CC. Leaves the clocks of the causal order in ``causality`` when that order exists."""
    found = thin_air(accesses)
    if found.witness:
        return found
    if not causality.order():
        return Finding(Verdict.VIOLATION, Explainer(accesses, causality).cycle(
            "CyclicCO", "Each of these must be before the next, by its session or because it was read: a circle.",
            causality.unordered(),
        ))
    hits = causality.overwritten(HITS)
    return overwritten_read(accesses, causality, hits, "CO") if hits else FINE


def overwritten_read(
    accesses: Accesses, causality: Causality, hits: list[tuple[int, int, int]], order: str
) -> Finding:
    """WriteCORead, WriteCOInitRead or WriteHBInitRead: the first read of the file that returned what was overwritten.

    Args:
        hits: (write that was read or INITIAL, write between, read), as ``Causality.overwritten`` gives them.
        order: CO or HB: which order the clocks of ``causality`` stand for.
    """
    source, between, reader = min(hits, key=lambda hit: (accesses.operations[hit[2]].invoked, hit[1]))
    explain = Explainer(accesses, causality)
    read, newer = explain.operation(reader).describe(), explain.operation(between).describe()
    after = explain.path(between, reader)
    if source == INITIAL:
        text = f"{read} found a key as it was before any write, but {newer} is before it in its causal order."
        return Finding(Verdict.VIOLATION, explain.witness(f"Write{order}InitRead", text, after))
    text = (
        f"{read} returned what {explain.operation(source).describe()} wrote, but {newer} is between them in the causal "
        f"order: the read knew that the value was overwritten."
    )
    return Finding(Verdict.VIOLATION, explain.witness(
        "WriteCORead", text, explain.path(source, between) + after, source
    ))


def check_ccv(accesses: Accesses, causality: Causality) -> Finding:
    """CyclicCF, over clocks of a causal order that has no pattern of CC."""
    try:
        fine = not causality.add_conflicts() or causality.order(clocks=False)
    except CausalLimit as limit:
        causality.forget_edges()
        return Finding(Verdict.UNKNOWN, reason=f"causal convergence (CCv): memory limit: {limit}")
    if fine:
        causality.forget_edges()
        return FINE
    witness = Explainer(accesses, causality).cycle(
        "CyclicCF", "No order of the concurrent writes explains all reads: each of these must be before the next.",
        causality.unordered(),
    )
    causality.forget_edges()
    return Finding(Verdict.VIOLATION, witness)


def check_cm(accesses: Accesses, causality: Causality, expired: Callable[[], bool]) -> Finding:
    """WriteHBInitRead and CyclicHB: per session, the order that its own reads force, until nothing is added.

    The happened-before of a session's last operation holds those of all earlier ones (POPL 2017, section 5.3), so that
    one fixpoint per session is enough. Needs and leaves the clocks of the causal order.

    Args:
        expired: whether to give up, asked before each pass over the history.
    """
    try:
        return _causal_memory(accesses, causality, expired)
    except CausalLimit as limit:
        return Finding(Verdict.UNKNOWN, reason=f"causal memory (CM): memory limit: {limit}")


def _causal_memory(accesses: Accesses, causality: Causality, expired: Callable[[], bool]) -> Finding:
    # Most histories are fine, and shown to be so at once: what no order of all sessions' reads contradicts, no order of
    # one session's does. Only where this fails is every session asked alone.
    found = _happened_before(accesses, causality, ALL, expired)
    causality.forget_edges()
    causality.order()
    if found.verdict is not Verdict.VIOLATION:
        return found
    found = FINE
    for session in range(causality.sessions):
        found = _happened_before(accesses, causality, session, expired)
        causality.forget_edges()
        causality.order()
        if found.verdict is not Verdict.OK:
            return found
    return found


def _happened_before(
    accesses: Accesses, causality: Causality, session: int, expired: Callable[[], bool]
) -> Finding:
    """The fixpoint of one session, or of ALL (without evidence)."""
    while causality.add_conflicts(session):
        if expired():
            return Finding(Verdict.UNKNOWN, reason="causal memory (CM): the time limit was reached")
        if not causality.order():
            if session == ALL:
                return BROKEN
            return Finding(Verdict.VIOLATION, Explainer(accesses, causality).cycle(
                "CyclicHB", f"No order explains all that process {_process(accesses, session)} read: each of these "
                f"must be before the next.", causality.unordered(),
            ))
        hits = [hit for hit in causality.overwritten(HITS, session) if hit[0] == INITIAL]
        if hits:
            return BROKEN if session == ALL else overwritten_read(accesses, causality, hits, "HB")
    return FINE


def _process(accesses: Accesses, session: int) -> object:
    return accesses.operations[accesses.starts[session]].process


def until(deadline: float | None, budget_seconds: float) -> Callable[[], bool]:
    """Whether a budget is used up that begins now and ends at the deadline at the latest."""
    end = time.monotonic() + budget_seconds
    if deadline is not None:
        end = min(end, deadline)
    return lambda: time.monotonic() > end


def patterns(findings: dict[str, Finding]) -> dict[str, dict[str, Any]]:
    """The evidence against what does not hold, as plain values."""
    return {level: plain(found.witness) for level, found in findings.items() if found.witness}


def plain(witness: Witness) -> dict[str, Any]:
    """A witness for JSON."""
    return {
        "name": witness.what,
        "text": witness.text,
        "operations": [operation.describe() for operation in witness.operations],
        "edges": [f"{edge.before.describe()} -> {edge.after.describe()}: {edge.why}" for edge in witness.edges],
    }
