"""The native causal order and frontier search do what their plain twins do, and refuse what contradicts itself."""

from __future__ import annotations

import random

import pytest

from core_ext.causal import Causality, CausalLimit
from core_ext.frontier import Frontier
from tests.histories.twin_causal import closed, shape_past

ROOM = 1 << 20


class Chance:
    """Nodes of several reads and writes, and the same as a relation of pasts."""

    def __init__(self, rng: random.Random, forward: bool) -> None:
        self.shape = tuple(rng.randrange(0, 5) for _ in range(rng.randrange(1, 5)))
        self.count = sum(self.shape)
        self.keys = rng.randrange(1, 4)
        self.writes = [rng.sample(range(self.keys), rng.randrange(self.keys + 1)) for _ in range(self.count)]
        self.reads: list[list[tuple[int, int]]] = []
        for node in range(self.count):
            mine = []
            for key in range(self.keys):
                sources = [
                    other for other in range(self.count)
                    if key in self.writes[other] and other != node and (other < node or not forward)
                ]
                if rng.random() < 0.5:
                    mine.append((key, rng.choice([-1, *sources])))
            self.reads.append(mine)

    def native(self) -> Causality:
        starts, read_starts, write_starts = [0], [0], [0]
        for length in self.shape:
            starts.append(starts[-1] + length)
        for reads, writes in zip(self.reads, self.writes, strict=True):
            read_starts.append(read_starts[-1] + len(reads))
            write_starts.append(write_starts[-1] + len(writes))
        flat = [read for reads in self.reads for read in reads]
        return Causality(
            starts, read_starts, [key for key, _ in flat], [source for _, source in flat], write_starts,
            [key for writes in self.writes for key in writes], self.keys, ROOM,
        )

    def past(self, edges: list[tuple[int, int]]) -> list[int]:
        past = list(shape_past(self.shape))
        for node, reads in enumerate(self.reads):
            for _, source in reads:
                past[node] |= 1 << source if source >= 0 else 0
        for one, other in edges:
            past[other] |= 1 << one
        return closed(past)


@pytest.mark.parametrize("forward", [True, False])
def test_order_and_clocks_are_the_transitive_closure(forward: bool) -> None:
    rng = random.Random(21)
    acyclic = 0
    for _ in range(3_000):
        chance = Chance(rng, forward)
        native = chance.native()
        edges = []
        if chance.count > 1 and rng.random() < 0.5:
            edges = [(rng.randrange(chance.count), rng.randrange(chance.count)) for _ in range(rng.randrange(3))]
            if forward:
                edges = [(min(edge), max(edge)) for edge in edges if edge[0] != edge[1]]
            native.add_edges([one for one, _ in edges], [other for _, other in edges])
        past = chance.past(edges)
        circle = any(past[node] >> node & 1 for node in range(chance.count))
        assert native.order() == (not circle)
        if circle:
            on_circles = {node for node in range(chance.count) if past[node] >> node & 1}
            assert on_circles <= set(native.unordered())
            continue
        acyclic += 1
        for one in range(chance.count):
            for other in range(chance.count):
                assert native.before(one, other) == bool(past[other] >> one & 1)
    assert acyclic > 300


def test_overwritten_reads_and_derived_edges_are_those_of_the_definition() -> None:
    rng = random.Random(22)
    for _ in range(3_000):
        chance = Chance(rng, forward=True)
        native = chance.native()
        assert native.order()
        past = chance.past([])
        conflicts, antis, overwritten = set(), set(), set()
        for node, reads in enumerate(chance.reads):
            for key, source in reads:
                for other in range(chance.count):
                    if key not in chance.writes[other] or other == source:
                        continue
                    if past[node] >> other & 1 and source >= 0 and not past[source] >> other & 1:
                        conflicts.add((other, source))
                    if past[node] >> other & 1 and (source < 0 or past[other] >> source & 1):
                        overwritten.add((source, node))
                    after = source < 0 or past[other] >> source & 1
                    if after and other != node and not past[other] >> node & 1:
                        antis.add((node, other))
        assert {(source, node) for source, _, node in native.overwritten(1_000)} == overwritten
        # Only the edges next to a session's frontier are added: with them the closure is that of all edges.
        native.add_conflicts()
        assert closure_with(chance, native.edges()) == chance.past(sorted(conflicts))
        native.forget_edges()
        native.add_anti()
        assert closure_with(chance, native.edges()) == chance.past(sorted(antis))


def closure_with(chance: Chance, edges: list[tuple[int, int, int, int]]) -> list[int]:
    return chance.past([(one, other) for one, other, _, _ in edges])


def test_edges_beyond_those_kept_are_forgotten() -> None:
    native = Causality([0, 1, 2], [0, 0, 0], [], [], [0, 0, 0], [], 0, ROOM)
    native.add_edges([0], [1])
    native.add_edges([1], [0])
    assert not native.order()
    native.forget_edges(1)
    assert native.order()
    assert native.past(1) == [1, 0]


@pytest.mark.parametrize("broken", [
    {"starts": [0, 3]},
    {"starts": [1, 2]},
    {"read_starts": [0, 1]},
    {"read_starts": [0, 2, 1]},
    {"reads": [5]},
    {"sources": [7]},
    {"sources": [-2]},
    {"writes": [-1]},
    {"sources": []},
])
def test_arrays_that_contradict_one_another_are_refused(broken: dict[str, list[int]]) -> None:
    arrays = {
        "starts": [0, 2], "read_starts": [0, 1, 1], "reads": [0], "sources": [-1], "write_starts": [0, 0, 1],
        "writes": [0],
    }
    with pytest.raises(ValueError, match=r"must|instead|goes down"):
        Causality(**{**arrays, **broken}, keys=1, limit_bytes=ROOM)


def test_clocks_and_edges_have_limits() -> None:
    with pytest.raises(CausalLimit, match="the limit is 4"):
        Causality([0, 1, 2], [0, 0, 0], [], [], [0, 0, 0], [], 0, 4)
    native = Causality([0, 1, 2], [0, 0, 0], [], [], [0, 0, 0], [], 0, 64)
    with pytest.raises(CausalLimit, match="edges"):
        native.add_edges([0] * 10_000, [1] * 10_000)


def test_nodes_and_sessions_that_do_not_exist_are_refused() -> None:
    native = Causality([0, 1], [0, 0], [], [], [0, 0], [], 0, ROOM)
    with pytest.raises(IndexError):
        native.before(0, 1)
    with pytest.raises(IndexError):
        native.past(-1)
    with pytest.raises(IndexError):
        native.add_conflicts(1)
    with pytest.raises(ValueError, match="nodes are"):
        native.add_edges([0], [1])


def test_a_frontier_search_finds_an_order_exactly_when_there_is_one() -> None:
    rng = random.Random(23)
    answers = {1: 0, 2: 0}
    for _ in range(4_000):
        chance = Chance(rng, forward=False)
        native = chance.native()
        if native.order():
            search = Frontier(native, list(range(chance.count)), 100_000)
            answer = search.run(1_000_000)
            answers[answer] += 1
            assert (answer == 1) == order_exists(chance)
            if answer == 1:
                assert legal(chance, search.order())
    assert min(answers.values()) > 100


def order_exists(chance: Chance) -> bool:
    """By trying every interleaving of the sessions."""
    firsts = [sum(chance.shape[:session]) for session in range(len(chance.shape))]

    def go(places: tuple[int, ...], newest: tuple[int, ...]) -> bool:
        if places == chance.shape:
            return True
        for session, place in enumerate(places):
            if place < chance.shape[session]:
                node = firsts[session] + place
                if all(newest[key] == source for key, source in chance.reads[node]):
                    after = tuple(node if key in chance.writes[node] else old for key, old in enumerate(newest))
                    if go((*places[:session], place + 1, *places[session + 1 :]), after):
                        return True
        return False

    return go((0,) * len(chance.shape), (-1,) * chance.keys)


def legal(chance: Chance, order: list[int]) -> bool:
    newest = [-1] * chance.keys
    for node in order:
        if any(newest[key] != source for key, source in chance.reads[node]):
            return False
        for key in chance.writes[node]:
            newest[key] = node
    return sorted(order) == list(range(chance.count))


def test_a_frontier_search_stops_at_its_limits() -> None:
    # Two sessions that write two keys in turn, and a third that read them in an impossible order.
    native = Causality([0, 4, 8], [0] * 9, [], [], list(range(9)), [0, 1] * 4, 2, ROOM)
    assert native.order()
    assert Frontier(native, list(range(8)), 1).run(1_000) == 3
    search = Frontier(native, list(range(8)), 100)
    assert search.run(2) == 0
    assert search.run(1_000) == 1
    with pytest.raises(ValueError, match="ranks"):
        Frontier(native, [], 1)
