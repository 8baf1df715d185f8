"""Is there one order of reads and writes that are traced? First what must come before what, then a native search.

Knows accesses and integers; no model, no report.
"""

from __future__ import annotations

import time

from actors.verification.histories.causal_accesses import Accesses
from actors.verification.histories.causal_patterns import Explainer, Finding, check_cc, check_ccv
from actors.verification.histories.history import Operation
from actors.verification.histories.report import Verdict, Witness
from actors.verification.histories.sequential_search import MOST_FRONTIERS, Answer
from core_ext.causal import Causality, CausalLimit
from core_ext.frontier import Frontier

STEPS = 200_000
FRONTIER_ANSWERS = {1: Answer.FOUND, 2: Answer.NONE, 3: Answer.MEMORY_FULL}
LISTED = 20  # operations that a witness names


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
        return one_order(accesses, causality, deadline) if found.verdict is Verdict.OK else found
    except CausalLimit as limit:
        return Finding(Verdict.UNKNOWN, reason=f"memory limit: {limit}")


def one_order(accesses: Accesses, causality: Causality, deadline: float | None) -> Finding:
    """Is there one order of all nodes that holds the clocks and edges of ``causality``, in which every read returns the
    newest write? Add what every such order must hold until nothing is added; then search."""
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
    return Finding(Verdict.VIOLATION, stuck(blocked, sum(deepest), causality.nodes))


def stuck(blocked: list[Operation], placed: int, total: int) -> Witness:
    """The evidence of a search that tried everything.

    Args:
        blocked: what stood next where most operations were placed.
        placed: how many those were.
        total: how many had to be placed.
    """
    text = (
        f"Every order of the operations was tried. The longest that explains its results holds {placed} of the {total} "
        f"that completed; none of these can come next."
    )
    return Witness("no sequential order", text, tuple(sorted(blocked, key=lambda one: one.invoked)[:LISTED]))
