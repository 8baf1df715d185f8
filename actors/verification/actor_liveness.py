"""Liveness of actor models: a fair run that never comes to what was promised, as a lasso. Knows graph and labels.

A run that never satisfies p stays in the states without p; it is infinite inside one strongly connected component of
them, or rests where nothing is owed. Every delivery, timer, sync and recovery is an action of its own, owed to it by
weak fairness (a component is fair when each label is taken in it or disabled somewhere in it) or by strong fairness
(taken in it, or disabled everywhere: where that fails, the states that enable the label are taken away and what remains
is searched again; Emerson and Lei 1987). Faults are owed to nobody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from actors.verification.actor_steps import Replayer
from actors.verification.properties import Property
from actors.verification.result import Finding, Kind, Trace, Verdict
from core_ext.explore_graph import OUTSIDE

if TYPE_CHECKING:
    from actors.verification.actor_model import Fairness
    from core_ext.interleave import Interleaving

FAULT = 0

Edge = tuple[int | None, int]


class Liveness:
    """Judges ``eventually`` and ``leads_to`` on an explored graph.

    Args:
        engine: of the search.
        fairness: which infinite runs count.
        bounded: the exploration was not complete.
        replayer: makes traces.
        initial: how many initial states there are; they have the first numbers.
    """

    def __init__(
        self, engine: Interleaving, fairness: Fairness, bounded: bool, replayer: Replayer, initial: int
    ) -> None:
        assert engine.graph is not None
        self.engine = engine
        self.graph = engine.graph
        self.fairness = fairness.value
        self.bounded = bounded
        self.replayer = replayer
        self.initial = initial
        self.count = engine.states.count

    def judge(self, claim: Property, masks: Sequence[int]) -> Finding:
        """Is there a fair run that breaks the promise?"""
        goal = masks[-1]
        without = self.engine.where(goal, 0)
        for state, explored in enumerate(self.graph.opened(self.count)):
            without[state] &= explored  # otherwise nobody knows how runs go on from there
        starts = bytearray(self.count)
        if claim.kind is Kind.EVENTUALLY:
            for state in range(self.initial):
                starts[state] = 1
        else:
            starts = self.engine.where(masks[0], masks[0])
        reach = self.graph.closure(starts, without)
        trace = self._rest(starts, reach) or self._lasso(starts, reach)
        if trace is not None:
            what = "rests for ever" if trace.stuck else "goes on for ever"
            return Finding(claim.name, claim.kind, Verdict.VIOLATED, f"a fair run {what} without it", trace)
        if self.bounded:
            return Finding(claim.name, claim.kind, Verdict.BOUNDED, "no violation within the bounds of the exploration")
        return Finding(claim.name, claim.kind, Verdict.HOLDS)

    # --- runs that end -----------------------------------------------------------------------------------------------

    def at_rest(self, state: int) -> bool:
        """Nothing is owed in this state: a run may stay in it."""
        return all(label == FAULT and target != OUTSIDE for label, target in self.graph.edges_of(state))

    def _rest(self, starts: bytearray, reach: bytearray) -> Trace | None:
        for state in range(self.count):
            if reach[state] and self.at_rest(state):
                goals = bytearray(self.count)
                goals[state] = 1
                run = self._into(starts, reach, goals)
                return self.replayer.as_trace(run, None, True)
        return None

    def _into(self, starts: bytearray, reach: bytearray, goals: bytearray) -> list:  # type: ignore[type-arg]
        """A run from an initial state to a start, and from there inside ``reach`` to a goal."""
        path = self.graph.path(starts, reach, goals)
        assert path is not None
        run = self.replayer.walk(path[0][1])
        return run + self.replayer.along(run[-1][1], path[1:])

    # --- runs that do not --------------------------------------------------------------------------------------------

    def _lasso(self, starts: bytearray, reach: bytearray) -> Trace | None:
        waiting = self.graph.components(reach)
        waiting.sort(key=min)
        while waiting:
            component = waiting.pop(0)
            inside = bytearray(self.count)
            for state in component:
                inside[state] = 1
            refused = self._refused(component, inside)
            if not refused:
                return self._cycle(starts, reach, component, inside)
            if self.fairness == "strong":
                for state in component:
                    if any(label in refused for label, _ in self.graph.edges_of(state)):
                        inside[state] = 0
                waiting = self.graph.components(inside) + waiting
        return None

    def _refused(self, component: list[int], inside: bytearray) -> set[int]:
        """Labels that are owed in the component and never taken inside it."""
        if self.fairness == "none":
            return set()
        enabled: Counter[int] = Counter()
        taken: set[int] = set()
        for state in component:
            edges = self.graph.edges_of(state)
            enabled.update({label for label, _ in edges})
            taken.update(label for label, target in edges if target != OUTSIDE and inside[target])
        owed = len(component) if self.fairness == "weak" else 1
        return {label for label, count in enabled.items() if count >= owed and label not in taken} - {FAULT}

    def _cycle(self, starts: bytearray, reach: bytearray, component: list[int], inside: bytearray) -> Trace:
        goals = bytearray(inside)
        run = self._into(starts, reach, goals)
        back_to = len(run) - 1
        first = self.engine.number_of(run[-1][1])
        assert first is not None
        edges: list[Edge] = self._between(first, inside, [first], move=True)
        while True:
            owed = self._owed_on(first, edges, inside)
            if not owed:
                break
            last = edges[-1][1]
            edges += self._towards(last, inside, component, min(owed))
            edges += self._between(edges[-1][1], inside, [first])
        run += self.replayer.along(run[-1][1], edges)
        return self.replayer.as_trace(run, back_to)

    def _between(self, start: int, inside: bytearray, goals: Iterable[int], move: bool = False) -> list[Edge]:
        starts, wanted = bytearray(self.count), bytearray(self.count)
        starts[start] = 1
        for goal in goals:
            wanted[goal] = 1
        path = self.graph.path(starts, inside, wanted, move)
        assert path is not None
        return list(path[1:])

    def _owed_on(self, first: int, edges: list[Edge], inside: bytearray) -> set[int]:
        """Labels that the cycle owes: weak: those enabled all along it; strong: those enabled anywhere on it."""
        if self.fairness == "none":
            return set()
        taken = {label for label, _ in edges}
        states = {state for _, state in edges} | {first}
        enabled = [{label for label, _ in self.graph.edges_of(state)} for state in states]
        owed = set.intersection(*enabled) if self.fairness == "weak" else set.union(*enabled)
        return {label for label in owed if label not in taken} - {FAULT}

    def _towards(self, start: int, inside: bytearray, component: list[int], label: int) -> list[Edge]:
        """A path that pays a label: over an edge of it, or (weak) to a state where it is not enabled."""
        paying = {}
        idle = []
        for state in component:
            edges = self.graph.edges_of(state)
            mine = [target for its, target in edges if its == label]
            staying = [target for target in mine if target != OUTSIDE and inside[target]]
            if staying:
                paying[state] = staying[0]
            elif not mine:
                idle.append(state)
        goals = [*paying, *(idle if self.fairness == "weak" else ())]
        path = self._between(start, inside, goals)
        end = path[-1][1] if path else start
        return [*path, (label, paying[end])] if end in paying else path
