"""What a search needs of the states that it walks. Knows neither models nor properties.

``RecordedSpace`` and ``PlainSpace`` are the two of plain models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from core_ext.explore import StateStore
from core_ext.explore_graph import Graph

Predicate = tuple[str, Callable[[Any], Any]]   # its name for errors, and the function


class Wishes:
    """What the properties ask of a space.

    Args:
        predicates: with the use of each (``MUST_HOLD``, ``MAY_HOLD``, ``MARKED``).
        stuck: where a run may end; None when nobody asks.
        edges: the graph is wanted.
        boundary: the model has a boundary of its own.
    """

    def __init__(
        self, predicates: Sequence[tuple[Predicate, int]], stuck: Callable[[Any], Any] | None, edges: bool,
        boundary: bool,
    ) -> None:
        self.predicates = predicates
        self.stuck = stuck
        self.edges = edges
        self.boundary = boundary


class Space(Protocol):
    """States that are reached step by step.

    Attributes:
        store: the states that were reached; their indices are what everybody calls them by.
        graph: the edges that were walked; None when no property needs them.
        initial: indices of the initial states.
        generated, depth: as in ``Result``.
        cut_by_depth, cut_by_boundary: something was left out.
        stuck_at: the first state in which nothing is enabled although no run may end there; None when there is none,
            or nobody asks.
        queue: states that were reached and not explored yet.
        bytes_used: by all tables.
        action_values: actions by number.
    """

    @property
    def store(self) -> StateStore: ...
    @property
    def graph(self) -> Graph | None: ...
    @property
    def initial(self) -> list[int]: ...
    @property
    def generated(self) -> int: ...
    @property
    def depth(self) -> int: ...
    @property
    def cut_by_depth(self) -> bool: ...
    @property
    def cut_by_boundary(self) -> bool: ...
    @property
    def stuck_at(self) -> int | None: ...
    @property
    def queue(self) -> int: ...
    @property
    def bytes_used(self) -> int: ...
    @property
    def action_values(self) -> list[Any]: ...

    def begin(self) -> None:
        """Reach the initial states."""

    def expand(self, limit: int) -> int:
        """Explore up to this many states; how many it were. Fewer than asked for: nothing is left to explore."""

    def first_noted(self, predicate: int) -> int | None:
        """The first state that a predicate's use asks for."""

    def marks_of(self, predicate: int) -> bytes | bytearray:
        """One byte per state: the value of a marked predicate."""

    def identify(self, state: Any) -> int | None:
        """The index of a state, None when it was not reached."""
