from collections.abc import Callable, Sequence

from core_ext.explore import StateStore
from core_ext.explore_graph import Graph
from core_ext.interleave_predicates import Predicate
from core_ext.interleave_steps import LocalSteps, World
from core_ext.interleave_twins import Twins

class Interleaving(LocalSteps):
    states: StateStore
    generated: int
    cut: bool
    withheld: bool
    failure: tuple[int, int] | None
    graph: Graph | None
    failing: list[int]
    boundary: Predicate | None
    watched: list[Predicate]
    once: int
    twins: Twins | None
    unequal: Callable[[int, tuple[int, ...]], None] | None
    def __init__(
        self, world: World, slots: int, nodes: list[tuple[list[int], list[int], list[int]]], duplicating: bool,
        lossy: bool, crashes: int, down: int, drops: int, capacity: int, final: bool, rounds: bool, exact: bool,
        keep_graph: bool,
    ) -> None: ...
    def successors(
        self, state: tuple[int, ...], plan: Sequence[tuple[int, int]] | None = None
    ) -> list[tuple[int, int, tuple[tuple[int, int, int], ...], tuple[int, ...]]]: ...
    def seed(self, initial: list[tuple[int, ...]]) -> None: ...
    def advance(self, expansions: int, last: int) -> int: ...
    def where(self, mask: int, wanted: int) -> bytearray: ...
    def node_slots(self, node: int) -> list[int]: ...
    def number_of(self, state: tuple[int, ...]) -> int | None: ...
    def first_where(self, start: int, mask: int, wanted: int) -> int | None: ...
    @property
    def table_bytes(self) -> int: ...
