"""The native view of a replicated log against a plain one: any sequence of changes, every question after each."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_ext.entry_log import ENTRY_SHARE_BYTES, EntryLog
from tests.core.twins_entry_log import SHARE_BYTES, Entry, TwinLog

sizes = st.lists(st.integers(0, 300), max_size=3)
changes = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 2), sizes, st.integers(1, 3)),
        st.tuples(st.just("truncate"), st.integers(0, 30)),
        st.tuples(st.just("compact"), st.integers(0, 30)),
        st.tuples(st.just("reset"), st.integers(0, 50), st.integers(0, 9)),
        st.tuples(st.just("shift"), st.integers(0, 9)),
        st.tuples(st.just("copy")),
    ),
    max_size=60,
)


def outcome(log: Any, method: str, *arguments: Any) -> Any:
    """What a call returns, or that it refuses; both logs must refuse the same."""
    try:
        return getattr(log, method)(*arguments)
    except AssertionError as refused:
        return str(refused)


def compare(log: EntryLog[Entry], twin: TwinLog, limit: int, count: int) -> None:
    assert (log.base, log.base_term, log.last_index, log.last_term) == (
        twin.base, twin.base_term, twin.last_index, twin.last_term
    )
    assert (log.terms(), log.recent(), log.snapshot()) == (twin.terms(), twin.recent(), twin.snapshot())
    for index in range(twin.base - 1, twin.last_index + 3):
        assert (log.term_at(index), log.entry_at(index)) == (twin.term_at(index), twin.entry_at(index))
        assert outcome(log, "position_at", index) == outcome(twin, "position_at", index)
        assert log.bytes_between(index, index + count) == twin.bytes_between(index, index + count)
        for term in (0, twin.base_term, twin.last_term, 1 << 70):
            assert log.last_not_above(index, term) == twin.last_not_above(index, term)
    for index in range(twin.base + 1, twin.last_index + 1):
        for method in ("cached", "prefix", "stored_run"):
            assert outcome(log, method, index, limit, count) == outcome(twin, method, index, limit, count)
        assert log.retained_from(index, limit) == twin.retained_from(index, limit)


def change(log: Any, what: tuple[Any, ...], position: int) -> Any:
    if what[0] == "append":
        entry = Entry(log.last_index + 1, log.last_term + what[1], tuple(bytes(size) for size in what[2]))
        return outcome(log, "append", entry, position)
    if what[0] == "reset":
        return log.reset(what[1], what[2])
    if what[0] == "shift":
        return log.shift_positions(what[1])
    if what[0] == "compact" and not log.base <= log.base + what[1] <= log.last_index:
        return None
    return outcome(log, what[0], log.base + what[1])


@given(st.integers(0, 700), changes, st.integers(0, 500), st.integers(1, 5))
@settings(max_examples=150)
def test_it_answers_as_the_plain_log_does(cache: int, plan: list[tuple[Any, ...]], limit: int, count: int) -> None:
    log, twin = EntryLog[Entry](cache), TwinLog(cache)
    position = 1
    for what in plan:
        if what[0] == "copy":
            log, twin = copy.deepcopy(log), copy.deepcopy(twin)
            continue
        position += what[3] if what[0] == "append" else 0
        assert change(log, what, position) == change(twin, what, position)
        compare(log, twin, limit, count)
    restored = EntryLog[Entry](cache)
    restored.restore(twin.snapshot())
    assert restored.snapshot() == twin.snapshot()


def test_many_entries_pass_through_a_small_cache() -> None:
    assert ENTRY_SHARE_BYTES == SHARE_BYTES
    log, twin = EntryLog[Entry](400), TwinLog(400)
    for index in range(1, 5001):
        entry = Entry(index, index // 1000, (bytes(index % 50),))
        log.append(entry, index)
        twin.append(entry, index)
        if index % 700 == 0:
            log.compact(index - 3)
            twin.compact(index - 3)
    compare(log, twin, 100, 4)


def test_numbers_that_no_log_holds_are_compared_too() -> None:
    """A peer may name any index and term."""
    log = EntryLog[Entry](1000)
    log.append(Entry(1, 3, (b"x",)), 1)
    assert log.term_at(1 << 80) is log.term_at(-(1 << 80)) is None
    assert log.last_not_above(1 << 80, 1 << 80) == 1
    assert log.last_not_above(1 << 80, -5) == -1
    assert log.last_not_above(-(1 << 80), 0) == -(1 << 80)


@pytest.mark.parametrize(("index", "term"), [(2, 1), (4, 1), (3, 0), (0, 9)])
def test_only_the_next_entry_is_taken(index: int, term: int) -> None:
    log = EntryLog[Entry](1000)
    log.reset(2, 1)
    with pytest.raises(AssertionError, match="not the next entry"):
        log.append(Entry(index, term, ()), 7)
