"""A model checker in plain Python, as slow as it is simple: the oracle of the real one.

Breadth-first over a dict; liveness by brute force over the graph (a fair cycle is searched in every set of vertices
that Warshall's closure says is strongly connected, as the definition has it).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from actors.verification import Model


class Explored:
    """Everything that is reachable.

    Attributes:
        states: in breadth-first order.
        index: by state.
        edges: (source, action, target) by index.
        generated, depth: as in ``Result``.
        depths: of each state, the initial ones 1.
    """

    def __init__(self, model: Model[Any, Any]) -> None:
        self.states: list[Any] = []
        self.index: dict[Any, int] = {}
        self.depths: list[int] = []
        self.edges: list[tuple[int, Any, int]] = []
        self.generated = 0
        self.initial: list[int] = []
        for state in model.initial_states():
            self.generated += 1
            at = self._reach(state, 1)
            if at not in self.initial:
                self.initial.append(at)
        at = 0
        while at < len(self.states):
            for action in model.actions(self.states[at]):
                after = model.next_state(self.states[at], action)
                if after is not None:
                    self.generated += 1
                    self.edges.append((at, action, self._reach(after, self.depths[at] + 1)))
            at += 1
        self.depth = max(self.depths)

    def _reach(self, state: Any, depth: int) -> int:
        key = typed(state)
        if key not in self.index:
            self.index[key] = len(self.states)
            self.states.append(state)
            self.depths.append(depth)
        return self.index[key]

    def first_depth(self, predicate: Callable[[Any], bool]) -> int | None:
        """The depth of the shallowest state with this predicate; None when there is none."""
        found = [depth for state, depth in zip(self.states, self.depths, strict=True) if predicate(state)]
        return min(found, default=None)

    def stuck(self) -> set[int]:
        """States in which nothing is enabled."""
        return set(range(len(self.states))) - {source for source, _, _ in self.edges}


Group = Callable[[Any], Hashable | None]
Edges = list[tuple[int, Any, int]]


def avoids(edges: Edges, stuck: set[int], starts: set[int], region: set[int], weak: Group, strong: Group) -> bool:
    """Whether a fair run from a start stays in the region for ever, or ends in it.

    Args:
        edges: (source, action, target).
        stuck: vertices where a run ends.
        starts, region: vertices.
        weak, strong: the group of an action.
    """
    reached = starts & region
    while more := {b for a, _, b in edges if a in reached and b in region} - reached:
        reached |= more
    if reached & stuck:
        return True
    # A set that a run visits again and again is strongly connected by its own edges; every such set is tried.
    vertices = sorted(reached)
    for bits in range(1, 1 << len(vertices)):
        part = {vertex for at, vertex in enumerate(vertices) if bits >> at & 1}
        if _connected(edges, part) and _fair(edges, part, weak, strong):
            return True
    return False


def _connected(edges: Edges, part: set[int]) -> bool:
    inner = [(a, b) for a, _, b in edges if a in part and b in part]
    for start in part:
        seen: set[int] = set()
        frontier = {b for a, b in inner if a == start}
        while frontier:
            seen |= frontier
            frontier = {b for a, b in inner if a in frontier} - seen
        if seen != part:
            return False
    return True


def _fair(edges: Edges, part: set[int], weak: Group, strong: Group) -> bool:
    """Whether going round in all of this set is fair."""
    for group_of, throughout in ((weak, True), (strong, False)):
        for group in {group_of(action) for _, action, _ in edges} - {None}:
            of_group = [(a, b) for a, action, b in edges if group_of(action) == group and a != b]
            enabled = {a for a, _ in of_group} & part
            owed = enabled == part if throughout else bool(enabled)
            if owed and not any(a in part and b in part for a, b in of_group):
                return False
    return True


def typed(value: Any) -> Any:
    """A value that equals only values of the same types throughout: 1, 1.0 and True differ."""
    if isinstance(value, tuple):
        return (type(value), tuple(map(typed, value)))
    if isinstance(value, frozenset):
        return (type(value), frozenset(map(typed, value)))
    return (type(value), value)
