"""A view of a state behaves as the state: every operation gives what the plain tuple and frozenset give, and reads no
more than it must.
"""

# Sums of tuples are what is tested.
# ruff: noqa: RUF005

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.verification import Model, Options, Property, State, put
from actors.verification.blame import Blame
from actors.verification.layout import Layout
from actors.verification.recorded_space import RecordedSpace
from actors.verification.space import Wishes
from actors.verification.views import Recorder, StateView, view_class


class Board(State):
    """What views are taken of."""

    name: str
    cells: tuple[int, ...]
    members: frozenset[int]

    def total(self) -> int:
        """A method of the state's own."""
        return sum(self.cells) + len(self.members)

    @property
    def first(self) -> int:
        """A property of the state's own."""
        return self.cells[0]


class Still(Model[Board, int]):
    """One state."""

    def __init__(self, state: Board) -> None:
        self.state = state

    def initial_states(self) -> Iterable[Board]:
        return [self.state]

    def actions(self, state: Board) -> Iterable[int]:
        return ()

    def next_state(self, state: Board, action: int) -> Board | None:
        return None

    def properties(self) -> Iterable[Property]:
        return ()


def viewed(state: Board) -> tuple[StateView, Recorder, Layout]:
    """A view of a state, and what it reads."""
    space = RecordedSpace(Still(state), [state], Wishes([], None, False, False), Options(), Blame("Still"))
    space.begin()
    space.identify(state)
    recorder = Recorder(space._search)
    recorder.start()
    return view_class(Board)(recorder, space._layout, {}), recorder, space._layout


boards = st.builds(
    Board, st.text(max_size=2), st.lists(st.integers(0, 3), min_size=1, max_size=5).map(tuple),
    st.frozensets(st.integers(0, 5), max_size=4),
)

OPERATIONS: list[Callable[[Any], Any]] = [
    lambda s: s.name, lambda s: tuple(s.cells), lambda s: list(s.cells), lambda s: s.cells[0], lambda s: s.cells[-1],
    lambda s: tuple(s.cells[1:]), lambda s: tuple(s.cells[::-1]), lambda s: len(s.cells), lambda s: 2 in s.cells,
    lambda s: s.cells == (1, 2), lambda s: s.cells == s.cells, lambda s: s.cells != (1,), lambda s: s.cells < (1, 2),
    lambda s: s.cells >= (1, 2), lambda s: s.cells >= (0,), lambda s: tuple(s.cells + (7,)),
    lambda s: tuple((7,) + s.cells), lambda s: tuple(s.cells + s.cells[:1]), lambda s: tuple(s.cells * 2),
    lambda s: s.cells.count(1), lambda s: hash(s.cells), lambda s: repr(s.cells), lambda s: sorted(s.cells),
    lambda s: max(s.cells), lambda s: sum(s.cells), lambda s: [*s.cells, *s.cells], lambda s: list(reversed(s.cells)),
    lambda s: list(enumerate(s.cells)), lambda s: list(zip(s.cells, s.cells[1:], strict=False)),
    lambda s: isinstance(s.cells, tuple), lambda s: {s.cells: 1}[tuple(s.cells)], lambda s: bool(s.cells),
    lambda s: s.cells.index(s.cells[0]), lambda s: any(cell > 2 for cell in s.cells),
    lambda s: frozenset(s.members), lambda s: 2 in s.members, lambda s: 9 in s.members, lambda s: len(s.members),
    lambda s: bool(s.members), lambda s: sorted(s.members), lambda s: frozenset(s.members | {1, 8}),
    lambda s: frozenset({1, 8} | s.members), lambda s: frozenset(s.members - {1, 2}),
    lambda s: frozenset({1, 2, 9} - s.members), lambda s: frozenset(s.members & {1, 2, 9}),
    lambda s: frozenset({1, 2} & s.members), lambda s: frozenset(s.members ^ {1, 9}), lambda s: s.members == {1, 2},
    lambda s: s.members != frozenset(), lambda s: s.members <= {0, 1, 2, 3}, lambda s: s.members >= {1},
    lambda s: {1} <= s.members, lambda s: s.members < {0, 1, 2, 3, 4, 5, 6}, lambda s: s.members > {1},
    lambda s: s.members.isdisjoint({1, 2}), lambda s: s.members.issubset({1, 2}), lambda s: s.members.issuperset([1]),
    lambda s: frozenset(s.members.union([4], [5])), lambda s: frozenset(s.members.difference([4], [5])),
    lambda s: frozenset(s.members.intersection([4, 5])), lambda s: hash(s.members), lambda s: max(s.members, default=0),
    lambda s: isinstance(s.members, frozenset), lambda s: {s.members: 1}[frozenset(s.members)],
    lambda s: frozenset((s.members | {7}) - {1}) == (s.members - {1}) | {7}, lambda s: 7 in s.members | {7},
    lambda s: len((s.members | {7, 8}) - {8}), lambda s: (s.members | {7}) <= {7}, lambda s: frozenset() == s.members,
    lambda s: isinstance(s, Board), lambda s: s.total(), lambda s: s.first, lambda s: {s: 1}[s], lambda s: repr(s.name),
    lambda s: s.replace(name="x").name, lambda s: s == s.replace(name=s.name), lambda s: s.replace(name="y") == s,
    lambda s: tuple(s.replace(cells=put(s.cells, 0, 9)).cells),
    lambda s: s.replace(cells=put(s.cells, -1, 9)).cells[-1],
    lambda s: sorted(s.replace(members=s.members | {7}).members),
]


@given(boards)
def test_every_operation_on_a_view_gives_what_it_gives_on_the_state(state: Board) -> None:
    for number, operation in enumerate(OPERATIONS):
        view, _, _ = viewed(state)
        assert operation(view) == operation(state), number


@given(boards)
def test_what_was_not_read_does_not_matter(state: Board) -> None:
    """Slots that an operation did not read can hold anything: it gives the same."""
    for number, operation in enumerate(OPERATIONS):
        view, recorder, layout = viewed(state)
        result = operation(view)
        read = {slot for slot, _ in recorder.reads}
        other = state
        if not read & set(layout.fields["name"].slots):
            other = other.replace(name="another")
        cells = layout.fields["cells"].slots
        other = other.replace(
            cells=tuple(cell if slot in read else 3 - cell for slot, cell in zip(cells, state.cells, strict=True))
        )
        assert operation(other) == result, number


READS: list[tuple[Callable[[Any], Any], int]] = [
    (lambda s: s.cells, 0), (lambda s: s.cells[1], 1), (lambda s: s.cells[1] + s.cells[1], 1),
    (lambda s: put(s.cells, 1, 5), 0), (lambda s: s.cells[:1] + (9,) + s.cells[2:], 0), (lambda s: 2 in s.members, 1),
    (lambda s: s.members | {9}, 0), (lambda s: s.members >= {1, 2}, 2), (lambda s: len(s.cells), 0),
    (lambda s: s.replace(name="x"), 0), (lambda s: any(cell == 0 for cell in s.cells), 1),
    (lambda s: s.members <= {1, 2, 3}, 1), (lambda s: len(s.members), 4),
]


@pytest.mark.parametrize(("operation", "reads"), READS)
def test_an_operation_reads_no_more_than_it_must(operation: Callable[[Any], Any], reads: int) -> None:
    view, recorder, _ = viewed(Board("a", (0, 1, 2), frozenset({1, 2, 3})))
    operation(view)
    assert len(recorder.reads) == reads


def test_put_refuses_an_index_that_there_is_not() -> None:
    with pytest.raises(IndexError, match="index 3 of a tuple of 3"):
        put((1, 2, 3), 3, 0)


def test_a_field_that_there_is_not_is_refused_as_in_a_state() -> None:
    view, _, _ = viewed(Board("a", (0,), frozenset()))
    with pytest.raises(TypeError, match="no field 'nam'"):
        view.replace(nam="b")
    with pytest.raises(AttributeError):
        view.nam  # noqa: B018
