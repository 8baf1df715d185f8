"""Cycles in a graph of operations: strongly connected components, and a shortest cycle or path with its reasons.

Knows numbers and arrows only: no operation, no anomaly.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable, Mapping
from typing import NamedTuple

VISITS = 300_000  # arrows looked at before the shortest cycle found so far will do


class Arrow(NamedTuple):
    """One node must stand before another.

    Attributes:
        kind: by which rule. Arrows of a kind that is *transitive* come as single steps of a longer order (a session's,
            or real time's), and several in a row count as one.
        reason: of the rule, such as the read that it speaks of; -1: none.
    """

    source: int
    target: int
    kind: str
    reason: int = -1


Arrows = Callable[[int], Iterable[Arrow]]


def components(nodes: Iterable[int], successors: Callable[[int], Iterable[int]]) -> list[list[int]]:
    """The strongly connected components that hold a cycle, by Tarjan's algorithm without recursion.

    Args:
        nodes: where to begin; what they reach is looked at too.
        successors: the nodes behind a node.
    """
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    standing: set[int] = set()
    found: list[list[int]] = []
    for root in nodes:
        if root in index:
            continue
        index[root] = low[root] = len(index)
        stack.append(root)
        standing.add(root)
        work = [(root, iter(successors(root)))]
        while work:
            node, rest = work[-1]
            for following in rest:
                if following not in index:
                    index[following] = low[following] = len(index)
                    stack.append(following)
                    standing.add(following)
                    work.append((following, iter(successors(following))))
                    break
                if following in standing:
                    low[node] = min(low[node], index[following])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    component = [stack.pop()]
                    while component[-1] != node:
                        component.append(stack.pop())
                    standing.difference_update(component)
                    if len(component) > 1 or node in successors(node):
                        found.append(component)
    return found


def shortest_path(
    start: int, goal: int, arrows: Arrows, transitive: frozenset[str], within: Container[int] | None = None,
    longest: int | None = None, visits: int | None = VISITS,
) -> tuple[list[Arrow], int]:
    """The path of fewest arrows, runs of one transitive kind counted once and returned as one arrow.

    Args:
        start, goal: the same node asks for a cycle through it.
        arrows: the arrows that leave a node.
        transitive: the kinds whose runs count once.
        within: the only nodes to visit; None: all.
        longest: give up beyond so many arrows.
        visits: arrows to look at before giving up; None: look at all.

    Returns:
        The path, empty if none was found, and how many arrows were looked at.
    """
    # Breadth first over (node, the transitive kind by which it was reached): a step of that kind again costs nothing.
    first = (start, "")
    cost: dict[tuple[int, str], int] = {first: 0}
    came: dict[tuple[int, str], tuple[tuple[int, str], Arrow]] = {}
    queue = deque([first])
    done: set[tuple[int, str]] = set()
    looked = 0
    while queue and (visits is None or looked <= visits):
        state = queue.popleft()
        if state in done:
            continue
        done.add(state)
        node, by = state
        if node == goal and state != first:
            return merged(_trace(came, first, state), transitive), looked
        for arrow in arrows(node):
            if within is not None and arrow.target not in within:
                continue
            looked += 1
            again = arrow.kind == by
            price = cost[state] + (not again)
            if longest is not None and price > longest:
                continue
            # A cycle's end is not its beginning: it has a mark of its own.
            reached = (arrow.target, arrow.kind if arrow.kind in transitive else "end" if arrow.target == goal else "")
            if price < cost.get(reached, price + 1):
                cost[reached] = price
                came[reached] = (state, arrow)
                if again:
                    queue.appendleft(reached)
                else:
                    queue.append(reached)
    return [], looked


def _trace(
    came: Mapping[tuple[int, str], tuple[tuple[int, str], Arrow]], first: tuple[int, str], state: tuple[int, str]
) -> list[Arrow]:
    steps: list[Arrow] = []
    while state != first:
        state, arrow = came[state]
        steps.append(arrow)
    steps.reverse()
    return steps


def merged(steps: list[Arrow], transitive: frozenset[str]) -> list[Arrow]:
    """The same path or cycle with every run of one transitive kind as one arrow."""
    result: list[Arrow] = []
    for arrow in steps:
        if result and arrow.kind in transitive and result[-1].kind == arrow.kind:
            result[-1] = Arrow(result[-1].source, arrow.target, arrow.kind)
        else:
            result.append(arrow)
    first, last = result[0], result[-1]
    if len(result) > 1 and first.source == last.target and first.kind == last.kind and first.kind in transitive:
        result[0] = Arrow(last.source, first.target, first.kind)
        result.pop()
    return result


def shortest_cycle(
    nodes: Iterable[int], arrows: Arrows, transitive: frozenset[str], visits: int = VISITS
) -> list[Arrow]:
    """A cycle among these nodes, the shortest if the budget lasts; empty when there is none.

    Args:
        nodes: where to look; arrows to others are ignored.
        arrows, transitive: as for ``shortest_path``.
        visits: arrows to look at before the shortest cycle found so far will do. One cycle is always looked for.

    Returns:
        The arrows in order, each beginning where the last one ended, from the cycle's smallest node on.
    """
    inside = frozenset(nodes)
    found = components(inside, lambda node: [arrow.target for arrow in arrows(node) if arrow.target in inside])
    found.sort(key=len)
    best: list[Arrow] = []
    for component in found:
        if best := _pair(component, arrows):
            return rotated(best)
    for component in found:
        members = frozenset(component)
        for start in component:
            cycle, looked = shortest_path(
                start, start, arrows, transitive, members, len(best) - 1 if best else None, visits if best else None
            )
            if cycle and (not best or len(cycle) < len(best)):
                best = cycle
            visits -= looked
            if best and (len(best) <= 3 or visits <= 0):
                return rotated(best)
    return rotated(best)


def _pair(component: list[int], arrows: Arrows) -> list[Arrow]:
    """A cycle of one or two arrows, by one look at each arrow."""
    seen: dict[tuple[int, int], Arrow] = {}
    for node in component:
        for arrow in arrows(node):
            if arrow.target == node:
                return [arrow]
            back = seen.get((arrow.target, node))
            if back is not None:
                return [back, arrow]
            seen[node, arrow.target] = arrow
    return []


def rotated(cycle: list[Arrow]) -> list[Arrow]:
    """The same cycle from its smallest node on."""
    if not cycle:
        return cycle
    at = min(range(len(cycle)), key=lambda place: cycle[place].source)
    return cycle[at:] + cycle[:at]
