"""Shapes of partitions: which directions between nodes are cut. Knows no link and no time."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

from actors.simulation.faults import Shape
from actors.simulation.tape import Stream

N = TypeVar("N", bound=Hashable)


def draw(shape: Shape, nodes: Sequence[N], draws: Stream) -> list[tuple[N, N]]:
    """The directions (source, target) that a partition of this shape cuts.

    Args:
        shape: of the partition.
        nodes: at least two.
        draws: who stands where.
    """
    order = draws.shuffled(nodes)
    match shape:
        case Shape.HALVES:
            half = len(order) // 2
            return between(order[:half], order[half:])
        case Shape.UNIFORM:
            sides: tuple[list[N], list[N]] = ([], [])
            for node in order:
                sides[draws.below(2)].append(node)
            return between(*sides)
        case Shape.ISOLATE:
            return between(order[:1], order[1:])
        case Shape.BRIDGE:
            middle = len(order) // 2
            return between(order[:middle], order[middle + 1 :])
        case Shape.RING:
            count = len(order)
            return [
                (one, two) for i, one in enumerate(order) for j, two in enumerate(order)
                if i != j and (i - j) % count not in (1, count - 1)
            ]
        case Shape.ONE_WAY:
            unheard = [(order[0], other) for other in order[1:]]
            return [(two, one) for one, two in unheard] if draws.below(2) else unheard


def between(here: Iterable[N], there: Iterable[N]) -> list[tuple[N, N]]:
    """Both directions between two sides."""
    there = list(there)
    return [pair for one in here for two in there for pair in ((one, two), (two, one))]


def describe(nodes: Sequence[N], cuts: Iterable[tuple[N, N]]) -> str:
    """Whom each node does not hear, for people."""
    deaf: dict[N, list[str]] = {}
    for source, target in cuts:
        deaf.setdefault(target, []).append(str(getattr(source, "name", source)))
    return "; ".join(
        f"{getattr(node, 'name', node)} does not hear {' '.join(deaf[node])}" for node in nodes if node in deaf
    )
