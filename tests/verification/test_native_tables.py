"""The native tables against plain Python: states, values, remembered steps, graphs."""

from __future__ import annotations

import dataclasses
import enum
import itertools
import os
import subprocess
import sys
from array import array
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_ext.explore import StateStore
from core_ext.explore_graph import OUTSIDE, Graph
from core_ext.explore_trees import Trees
from core_ext.explore_values import Encoder, Unsuitable, explain
from tests.verification.twin import typed


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Point(NamedTuple):
    x: Any
    y: Any


class Frozen(msgspec.Struct, frozen=True):
    x: Any


class Loose(msgspec.Struct):
    x: Any


@dataclasses.dataclass(frozen=True)
class Record:
    x: Any


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(-2, 2) | st.floats(allow_nan=False) | st.text(max_size=3)
    | st.binary(max_size=3) | st.sampled_from(Colour),
    lambda inner: st.tuples(inner) | st.tuples(inner, inner) | st.frozensets(inner, max_size=3)
    | st.builds(Point, inner, inner) | st.builds(Frozen, inner) | st.builds(Record, inner),
    max_leaves=6,
)


def deep(value: Any) -> Any:
    """As ``typed``, into structs, and with the sign of a zero."""
    if isinstance(value, (Frozen, Record)):
        return (type(value), deep(value.x))
    if isinstance(value, tuple):
        return (type(value), tuple(map(deep, value)))
    if isinstance(value, frozenset):
        return (type(value), frozenset(map(deep, value)))
    return (float, value.hex()) if isinstance(value, float) else typed(value)


@given(values, values)
def test_two_values_have_the_same_bytes_exactly_when_they_are_equal_and_of_the_same_types(one: Any, other: Any) -> None:
    encoder = Encoder()
    assert (encoder.encode(one) == encoder.encode(other)) == (deep(one) == deep(other))
    assert encoder.digest(one) == (encoder.encode(one), encoder.hash(one))


def test_hashes_do_not_depend_on_the_process() -> None:
    program = (
        "from core_ext.explore_values import Encoder\n"
        "print(Encoder().hash((1, 'a', frozenset({'x', 'y', 'z', 'xy'}), None, 1.5, True, b'q')))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, timeout=30,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1


@pytest.mark.parametrize(
    ("value", "path", "found"),
    [
        ([1], "", "list"), ((1, {2}), "[1]", "set"), (Point(1, (2, {})), ".y[1]", "dict"),
        (Frozen(bytearray()), ".x", "bytearray"), (Record((Loose(1),)), ".x[0]", "Loose"), (Loose(1), "", "Loose"),
        (frozenset({(1, Record(2), Frozen)}), "{(1, Record(x=2), <class", "StructMeta"),
    ],
)
def test_what_is_mutable_or_unknown_is_refused_with_its_path(value: Any, path: str, found: str) -> None:
    encoder = Encoder()
    with pytest.raises(Unsuitable):
        encoder.encode(value)
    error = explain(encoder, value)
    assert error is not None
    assert error.path.startswith(path)
    assert error.found == found


def test_endless_nesting_is_refused() -> None:
    value: Any = ()
    for _ in range(100_000):
        value = (value,)
    with pytest.raises(Unsuitable, match="nested"):
        Encoder().encode(value)
    while value:   # unnested by hand: the interpreter's own deallocation recurses too
        (value,) = value


def test_two_classes_of_one_name_are_refused() -> None:
    def made() -> Any:
        class Same(NamedTuple):
            x: int

        return Same(1)

    encoder = Encoder()
    encoder.encode(made())
    with pytest.raises(Unsuitable, match="of which there are two"):
        encoder.encode(made())


@given(st.lists(st.binary(max_size=6), max_size=300), st.integers(1, 64), st.booleans())
def test_the_store_is_a_dict_of_rows_and_exact_rows_survive_equal_fingerprints(
    rows: list[bytes], fingerprints: int, keep: bool
) -> None:
    store = StateStore(keep, True)
    twin: dict[bytes, int] = {}
    parents: dict[int, int | None] = {}
    for at, row in enumerate(rows):
        fingerprint = sum(row) % fingerprints
        parent = None if at % 3 == 0 or not twin else at % len(twin)
        index, is_new = store.add(row, fingerprint, parent, at)
        assert is_new == (row not in twin)
        assert index == twin.setdefault(row, len(twin))
        if is_new:
            parents[index] = parent
    assert store.count == len(twin)
    for row, index in twin.items():
        assert store.row_of(index) == row
        assert store.find(row, sum(row) % fingerprints) == index
        path = [at for at, _ in store.path(index)]
        for before, after in itertools.pairwise(path):
            assert parents[after] == before
        assert path[-1] == index
        assert parents[path[0]] is None
    assert [store.take() for _ in twin] == list(twin)
    assert store.take() is None


def test_rows_are_read_in_order_while_more_are_added_and_then_forgotten() -> None:
    store = StateStore()
    read = 0
    for number in range(200_000):
        store.add(number.to_bytes(8, "little") * 3, number + 1)
        if number % 3 == 2:
            for _ in range(3):
                assert store.take() == read.to_bytes(8, "little") * 3
                read += 1
    assert store.bytes_used < 200_000 * 60
    with pytest.raises(IndexError):
        store.row_of(0)


class Reader:
    """A deterministic function of a vector that reads slots one by one: a small random program."""

    def __init__(self, program: list[tuple[int, int]]) -> None:
        self.program = program

    def run(self, vector: list[int]) -> tuple[list[tuple[int, int]], int]:
        reads: list[tuple[int, int]] = []
        seen: dict[int, int] = {}
        mixed = 0
        for slot, needs in self.program:
            at = (slot + mixed) % len(vector)
            if at not in seen:
                seen[at] = vector[at]
                reads.append((at, vector[at]))
            mixed = (mixed * 3 + seen[at]) % 7
            if seen[at] == needs:
                break
        return reads, mixed


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 4), st.integers(0, 40)), max_size=5).map(Reader), min_size=1, max_size=4
    ),
    st.lists(st.lists(st.sampled_from([0, 1, 2, 14, 15, 16, 40, 70_000]), min_size=5, max_size=5), max_size=80),
)
def test_remembered_steps_say_what_the_functions_say(readers: list[Reader], vectors: list[list[int]]) -> None:
    trees = Trees()
    roots = [trees.new_root() for _ in readers]
    for vector in vectors:
        for root, reader in zip(roots, readers, strict=True):
            reads, outcome = reader.run(vector)
            known = trees.known(root, vector)
            assert known in (None, outcome)
            if known is None:
                trees.learn(root, reads, outcome)
                assert trees.known(root, vector) == outcome
    for vector in vectors:
        for root, reader in zip(roots, readers, strict=True):
            assert trees.known(root, vector) == reader.run(vector)[1]


def test_a_function_that_is_not_deterministic_is_refused() -> None:
    trees = Trees()
    root = trees.new_root()
    trees.learn(root, [(0, 1), (1, 2)], 5)
    for reads, outcome in (([(0, 1), (1, 2)], 6), ([(0, 1), (2, 2)], 5), ([(0, 1)], 5), ([(0, 1), (1, 2), (2, 1)], 5)):
        with pytest.raises(ValueError, match="after the same reads"):
            trees.learn(root, reads, outcome)


edges = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 3), st.integers(0, 8)), max_size=30)


def graph_of(found: list[tuple[int, int, int]]) -> Graph:
    graph = Graph()
    for source in range(8):
        graph.start(source)
        for a, action, b in found:
            if a == source:
                graph.add(OUTSIDE if b == 8 else b, action)
    return graph


def reachable(found: list[tuple[int, int, int]], start: int, within: bytes) -> set[int]:
    """Vertices at the end of a path of at least one edge within a set."""
    seen: set[int] = set()
    frontier = {start}
    while frontier:
        frontier = {b for a, _, b in found if a in frontier and b != 8 and within[b]} - seen
        seen |= frontier
    return seen


@given(edges, st.binary(min_size=8, max_size=8).map(lambda raw: bytes(one % 2 for one in raw)))
@settings(max_examples=300)
def test_components_are_the_largest_sets_that_a_run_can_go_round_in(
    found: list[tuple[int, int, int]], within: bytes
) -> None:
    inside = [vertex for vertex in range(8) if within[vertex]]
    reach = {vertex: reachable(found, vertex, within) for vertex in inside}
    expected = {
        frozenset(b for b in inside if b in reach[a] and a in reach[b]) for a in inside if a in reach[a]
    }
    assert {frozenset(one) for one in graph_of(found).components(within)} == expected


@given(edges, st.integers(0, 7), st.integers(0, 7), st.booleans())
@settings(max_examples=300)
def test_paths_and_closures_stay_within_and_paths_are_shortest(
    found: list[tuple[int, int, int]], start: int, goal: int, move: bool
) -> None:
    graph = graph_of(found)
    within = bytes(vertex != 3 for vertex in range(8))
    starts = bytes(vertex == start for vertex in range(8))
    goals = bytes(vertex == goal for vertex in range(8))
    path = graph.path(starts, within, goals, move)
    distance = shortest(found, start, goal, within, move)
    if distance is None:
        assert path is None
    else:
        assert path is not None
        assert len(path) == distance + 1
        assert path[0] == (None, start)
        for (_, before), (action, after) in itertools.pairwise(path):
            assert (before, action, after) in found
    closure = {vertex for vertex, mark in enumerate(graph.closure(starts, within)) if mark}
    assert closure == ({start} | reachable(found, start, within) if within[start] else set())


def shortest(found: list[tuple[int, int, int]], start: int, goal: int, within: bytes, move: bool) -> int | None:
    if not within[start]:
        return None
    if start == goal and not move:
        return 0
    frontier, seen = {start}, {start}
    for distance in range(1, 10):
        frontier = {b for a, _, b in found if a in frontier and b != 8 and within[b]}
        if goal in frontier:
            return distance
        frontier -= seen
        seen |= frontier
    return None


@given(edges, st.integers(0, 3))
def test_a_group_is_enabled_by_steps_that_change_something(found: list[tuple[int, int, int]], group: int) -> None:
    graph = graph_of(found)
    component = [0, 1, 2]
    inside = bytes(vertex in component for vertex in range(8))
    group_of = array("I", [5, group, 5, 5])
    def of_group(vertex: int) -> list[int]:
        return [
            b for a, action, b in found if a == vertex and group_of[action] == 5 and b != a
        ]
    idle, taking = graph.fairness(component, inside, group_of, 5)
    assert idle == [vertex for vertex in component if not of_group(vertex)]
    assert taking == [vertex for vertex in component if any(b in component for b in of_group(vertex))]


def test_an_unexplored_vertex_is_not_stuck() -> None:
    graph = Graph()
    graph.start(0)
    graph.add(1, 0)
    graph.start(2)
    assert bytes(graph.without_edges(4)) == bytes([0, 0, 1, 0])
