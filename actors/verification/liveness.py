"""Whether a fair run avoids a goal for ever: decided on the components of the graph that a complete search walked.

A run that never leaves a region ends there, where nothing is enabled, or goes round in a strongly connected component
for ever. Going round in all of a component is fair unless some group of actions is enabled throughout and never done
(weak), or enabled somewhere and never done (strong; such a component is searched again without the states where the
group is enabled: the refinement for Streett acceptance). Knows vertices and numbers of actions, no model.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core_ext.explore_graph import Graph

Path = list[tuple[int | None, int]]   # (number of the action that led there, vertex); the first action is None


class Fairness(NamedTuple):
    """Groups of actions.

    Attributes:
        weak, strong: by number of an action, the number of its group; 0 for none.
        weak_groups, strong_groups: the numbers of all groups.
    """

    weak: array[int]
    strong: array[int]
    weak_groups: Sequence[int]
    strong_groups: Sequence[int]


class Lasso(NamedTuple):
    """A run that avoids the goal.

    Attributes:
        prefix: from a start.
        cycle: what follows its last vertex again and again, ending in that vertex; empty when the run ends there.
    """

    prefix: Path
    cycle: Path


def avoiding(graph: Graph, starts: bytearray, region: bytearray, fairness: Fairness) -> Lasso | None:
    """A fair run from one of ``starts`` that never leaves ``region``; None when there is none.

    Args:
        graph: all edges.
        starts, region: one byte per vertex.
        fairness: what a run has to heed.
    """
    reached = graph.closure(starts, region)
    size = len(region)
    stuck = bytearray(a & b for a, b in zip(reached, graph.without_edges(size), strict=True))
    ending = graph.path(starts, region, stuck) if any(stuck) else None
    fair = list(_fair_components(graph, reached, fairness))
    if not fair:
        return None if ending is None else Lasso(ending, [])
    entries = _mask(size, (vertex for component in fair for vertex in component))
    entering = graph.path(starts, region, entries)
    if entering is None or (ending is not None and len(ending) <= len(entering)):
        return None if ending is None else Lasso(ending, [])
    entry = entering[-1][1]
    component = next(one for one in fair if entry in one)
    return Lasso(entering, _cycle(graph, size, component, entry, fairness))


def _fair_components(graph: Graph, within: bytearray, fairness: Fairness) -> Iterable[set[int]]:
    """Sets of vertices that a fair run can go round in; not all, but one of each component that holds any."""
    waiting = [within]
    inside = bytearray(len(within))   # one for all: a graph can have as many components as vertices
    while waiting:
        for component in graph.components(waiting.pop()):
            for vertex in component:
                inside[vertex] = 1
            # If it is not weakly fair, no part of it is: a part has fewer states to be disabled in, and fewer steps.
            if all(any(graph.fairness(component, inside, fairness.weak, g)) for g in fairness.weak_groups):
                for group in fairness.strong_groups:
                    idle, taking = graph.fairness(component, inside, fairness.strong, group)
                    if len(idle) < len(component) and not taking:
                        waiting.append(_mask(len(within), idle))
                        break
                else:
                    yield set(component)
            for vertex in component:
                inside[vertex] = 0


def _cycle(graph: Graph, size: int, component: set[int], entry: int, fairness: Fairness) -> Path:
    """A way round a fair component, from ``entry`` back to it, that itself is fair."""
    members = sorted(component)
    inside = _mask(size, members)
    path: Path = []
    at = entry

    def go(goals: bytearray, move: bool = False) -> None:
        nonlocal at
        found = graph.path(_mask(size, [at]), inside, goals, move)
        if found is None:
            raise AssertionError(f"component {members[:5]}... is not strongly connected at {at}")
        path.extend(found[1:])
        at = found[-1][1]

    def do(group_of: array[int], group: int, taking: list[int]) -> None:
        """Take a step of the group, unless the path has one."""
        nonlocal at
        before = [entry, *(vertex for _, vertex in path)]
        for (action, after), vertex in zip(path, before, strict=False):
            if action is not None and group_of[action] == group and vertex != after:
                return
        go(_mask(size, taking))
        for action, target in graph.edges_of(at):
            if group_of[action] == group and target != at and target in component:
                path.append((action, target))
                at = target
                return

    for group in fairness.weak_groups:
        idle, taking = graph.fairness(members, inside, fairness.weak, group)
        if idle:
            if not {entry, *(vertex for _, vertex in path)} & set(idle):
                go(_mask(size, idle))
        else:
            do(fairness.weak, group, taking)
    for group in fairness.strong_groups:
        idle, taking = graph.fairness(members, inside, fairness.strong, group)
        if len(idle) < len(members):
            do(fairness.strong, group, taking)
    if at != entry or not path:
        go(_mask(size, [entry]), move=not path)
    return path


def _mask(size: int, vertices: Iterable[int]) -> bytearray:
    found = bytearray(size)
    for vertex in vertices:
        found[vertex] = 1
    return found
