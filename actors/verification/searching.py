"""Drives a search to its end or to a bound, and judges the properties then. Knows spaces and properties, no model.

Never says that something holds when anything was left out.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from actors.verification.liveness import Fairness, Path, avoiding
from actors.verification.properties import Property
from actors.verification.result import Finding, Kind, Options, Progress, ProgressCallback, Result, Trace, Verdict
from actors.verification.space import Space
from core_ext.explore_slots import MARKED, MAY_HOLD, MUST_HOLD

USES = {Kind.ALWAYS: MUST_HOLD, Kind.SOMETIMES: MAY_HOLD, Kind.EVENTUALLY: MARKED, Kind.LEADS_TO: MARKED}
LIVENESS = (Kind.EVENTUALLY, Kind.LEADS_TO)
PROGRESS_SECONDS = 0.25
FIRST_BATCH = 256
BATCH_SECONDS = 0.05


def run(space: Space, options: Options, progress: ProgressCallback | None, enough: Callable[[], bool]) -> str:
    """Explore until nothing is left, or a bound is met.

    Args:
        space: begun.
        options: the bounds.
        progress: called a few times per second.
        enough: whether nothing more is to be learned.

    Returns:
        What ended the search, for people; empty when everything was explored.
    """
    start = shown = time.monotonic()
    batch = FIRST_BATCH
    while True:
        before = time.monotonic()
        limit = batch
        if options.max_states is not None:
            # A state reaches several others; near the bound, states are explored one by one.
            limit = max(1, min(batch, (options.max_states - space.store.count) // 64))
        done = space.expand(limit)
        now = time.monotonic()
        if done < limit:
            break
        if options.max_states is not None and space.store.count >= options.max_states and space.queue:
            return f"{space.store.count:,} states (at most {options.max_states:,} were asked for)"
        if options.seconds is not None and now - start >= options.seconds and space.queue:
            return f"{options.seconds:g} s"
        if space.bytes_used + space.store.bytes_soon > options.memory_bytes:
            return (
                f"{options.memory_bytes >> 20:,} MB of memory: more is needed at {space.store.count:,} states; raise "
                f"the bound (--memory) or bound the model"
            )
        if enough():
            return "the search up to the first violation"
        if progress is not None and now - shown >= PROGRESS_SECONDS:
            shown = now
            progress(Progress(
                space.store.count, space.generated, space.queue, space.depth, now - start, space.bytes_used
            ))
        if now - before < BATCH_SECONDS and batch < 1 << 16:
            batch *= 2
        elif now - before > 4 * BATCH_SECONDS and batch > 1:
            batch //= 2
    left_out = []
    if space.cut_by_depth:
        left_out.append(f"a depth of {options.max_depth}")
    if space.cut_by_boundary:
        left_out.append("the model's boundary")
    return " and ".join(left_out)


class Judge:
    """Judges the properties of a model when a search has ended.

    Args:
        properties: what is claimed.
        space: that was searched.
        options: of the search.
        bound: what ended the search; empty when it is complete.
        path_to: how a state was reached.
        trace_of: a path as a run.
        groups_of: by weak or strong fairness, the group of an action.
    """

    def __init__(
        self, properties: Sequence[Property], space: Space, options: Options, bound: str,
        path_to: Callable[[int], Path], trace_of: Callable[[Path], tuple[Any, ...]],
        groups_of: Sequence[Callable[[Any], Hashable | None]],
    ) -> None:
        self._properties = properties
        self._space = space
        self._options = options
        self._bound = bound
        self._path_to = path_to
        self._trace_of = trace_of
        self._groups_of = groups_of
        self._fairness: Fairness | None = None

    def findings(self) -> tuple[Finding, ...]:
        """One per property, in their order."""
        found = []
        number = 0
        for one in self._properties:
            numbers = range(number, number + len(one.predicates) * (one.kind in USES))
            number = numbers.stop
            if one.kind in LIVENESS:
                found.append(self._liveness(one, list(numbers)))
            elif one.kind is Kind.SOMETIMES:
                found.append(self._sometimes(one, numbers[0]))
            else:
                found.append(self._safety(one, list(numbers)))
        return tuple(found)

    def _safety(self, one: Property, numbers: list[int]) -> Finding:
        if one.kind is Kind.DEADLOCK_FREE:
            states, stuck, reason = [self._space.stuck_at], True, "nothing is enabled in the last state"
        else:
            states = [self._space.first_noted(number) for number in numbers]
            stuck, reason = False, "it is false in the last state"
        hits = [state for state in states if state is not None]
        if not hits:
            return self._not_refuted(one)
        trace = Trace(self._trace_of(self._path_to(min(hits))), stuck=stuck)
        return Finding(one.name, one.kind, Verdict.VIOLATED, reason, trace)

    def _sometimes(self, one: Property, number: int) -> Finding:
        state = self._space.first_noted(number)
        if state is not None:
            return Finding(one.name, one.kind, Verdict.HOLDS, "", Trace(self._trace_of(self._path_to(state))))
        if self._bound:
            return Finding(one.name, one.kind, Verdict.UNKNOWN, f"not reached within {self._bound}")
        return Finding(one.name, one.kind, Verdict.VIOLATED, "no reachable state satisfies it")

    def _not_refuted(self, one: Property) -> Finding:
        if self._bound:
            return Finding(one.name, one.kind, Verdict.BOUNDED, f"no violation within {self._bound}")
        return Finding(one.name, one.kind, Verdict.HOLDS)

    def _liveness(self, one: Property, numbers: list[int]) -> Finding:
        if self._options.symmetry:
            return Finding(
                one.name, one.kind, Verdict.UNKNOWN, "liveness is not decided on representatives; check it without "
                "symmetry",
            )
        graph, size = self._space.graph, self._space.store.count
        assert graph is not None, "a search for liveness keeps its graph"
        effect = self._space.marks_of(numbers[-1])
        region = bytearray(not mark for mark in effect)
        if one.kind is Kind.LEADS_TO:
            cause = self._space.marks_of(numbers[0])
            starts = bytearray(mark and free for mark, free in zip(cause, region, strict=True))
        else:
            starts = bytearray(size)
            for index in self._space.initial:
                starts[index] = region[index]
        lasso = avoiding(graph, starts, region, self._fair())
        if lasso is None:
            return self._not_refuted(one)
        path = self._path_to(lasso.prefix[0][1]) + lasso.prefix[1:]
        back_to = len(path) - 1 if lasso.cycle else None
        trace = Trace(self._trace_of(path + lasso.cycle), back_to, stuck=not lasso.cycle)
        after = "goes round for ever" if lasso.cycle else "ends, as nothing is enabled,"
        return Finding(one.name, one.kind, Verdict.VIOLATED, f"the run {after} without it", trace)

    def _fair(self) -> Fairness:
        if self._fairness is None:
            arrays, groups = [], []
            for group_of in self._groups_of:
                numbers: dict[Hashable, int] = {}
                by_action = array("I")
                for action in self._space.action_values:
                    group = group_of(action)
                    by_action.append(0 if group is None else numbers.setdefault(group, len(numbers) + 1))
                arrays.append(by_action)
                groups.append(list(numbers.values()))
            self._fairness = Fairness(arrays[0], arrays[1], groups[0], groups[1])
        return self._fairness


def uses_of(properties: Iterable[Property]) -> list[tuple[tuple[str, Callable[[Any], Any]], int]]:
    """The predicates that a space evaluates in every state, with the use of each."""
    return [
        ((f"the property {one.name!r}", predicate), USES[one.kind])
        for one in properties if one.kind in USES for predicate in one.predicates
    ]


def wants_edges(properties: Iterable[Property]) -> bool:
    """Whether a property needs the graph."""
    return any(one.kind in LIVENESS for one in properties)


def collision_probability(distinct: int, exact: bool) -> float:
    """That some state was taken for another: a birthday bound for 64 bits."""
    return 0.0 if exact else min(1.0, distinct * max(distinct - 1, 0) / 2**65)


def result_of(
    model: str, space: Space, options: Options, bound: str, seconds: float, findings: tuple[Finding, ...]
) -> Result:
    """The counts of a space and the findings."""
    distinct = space.store.count
    return Result(
        model, distinct, space.generated, space.depth, seconds, findings, bound, options.strategy, options.exact,
        collision_probability(distinct, options.exact), space.bytes_used / max(distinct, 1),
    )
