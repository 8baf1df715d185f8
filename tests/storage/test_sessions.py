"""Exactly once: a serial takes effect once, is answered the same when repeated, and never out of order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_ext.session_table import SessionTable
from protocols.storage.messages import SubmitStatus
from tests.storage import twin_sessions

TABLES = pytest.mark.parametrize("table_class", [SessionTable, twin_sessions.SessionTable], ids=["native", "twin"])


class Twin:
    """One session as a list of everything that was executed; nothing is ever forgotten."""

    def __init__(self) -> None:
        self.executed: list[bytes] = []

    def submit(self, serial: int) -> tuple[SubmitStatus, bytes]:
        if serial > len(self.executed) + 1:
            return SubmitStatus.GAP, b""
        if serial == len(self.executed) + 1:
            self.executed.append(b"reply %d" % serial)
        return SubmitStatus.DONE, self.executed[serial - 1]


def submit(table: Any, now: int, number: int, serial: int, floor: int = 0) -> tuple[SubmitStatus, bytes]:
    """Admit and, where admitted, execute."""
    verdict = table.admit(now, number, serial, floor)
    if verdict is not None:
        return SubmitStatus(verdict[0]), verdict[1]
    replies = b"reply %d" % serial
    table.keep(number, serial, replies)
    return SubmitStatus.DONE, replies


@TABLES
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 12), st.booleans()), max_size=80))
def test_duplicates_and_reorders_execute_each_serial_once(table_class: Any, steps: list[tuple[int, int, bool]]) -> None:
    table = table_class()
    twins = {table.open(0, 60_000): Twin() for _ in range(2)}
    for which, serial, snapshot in steps:
        number = list(twins)[which]
        assert submit(table, 1, number, serial) == twins[number].submit(serial)
        if snapshot:
            again = table_class()
            again.restore(table.snapshot())
            assert again.snapshot() == table.snapshot()
            assert again.kept_bytes == table.kept_bytes
            table = again


@TABLES
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30_000)), max_size=40))
def test_sessions_end_by_log_time_alone_also_after_a_restore(table_class: Any, steps: list[tuple[int, int]]) -> None:
    table, now = table_class(), 0
    seen: dict[int, int] = {}  # the twin: session, and log time of its last command
    for which, pause in steps:
        now += pause
        numbers = list(seen)
        if which == 0 or not numbers:
            seen = {number: at for number, at in seen.items() if now - at < 20_000}
            seen[table.open(now, 20_000)] = now
        else:
            number = numbers[which % len(numbers)]
            assert submit(table, now, number, 99)[0] is SubmitStatus.GAP
            seen[number] = now
            seen = {number: at for number, at in seen.items() if now - at < 20_000}
        again = table_class()
        again.restore(table.snapshot())
        table = again
        assert len(table) == len(seen)


@TABLES
def test_a_silent_session_ends_and_is_not_created_again(table_class: Any) -> None:
    table = table_class()
    silent, busy = table.open(0, 20_000), table.open(0, 20_000)
    submit(table, 15_000, busy, 1)
    assert submit(table, 20_000, busy, 2)[0] is SubmitStatus.DONE
    assert len(table) == 1
    assert submit(table, 20_000, silent, 1)[0] is SubmitStatus.SESSION_EXPIRED
    assert table.open(20_000, 20_000) == 3


@TABLES
def test_a_sessions_own_command_comes_before_the_time_that_it_brings(table_class: Any) -> None:
    table = table_class()
    number = table.open(0, 20_000)
    assert submit(table, 10**9, number, 1)[0] is SubmitStatus.DONE


@TABLES
def test_replies_up_to_the_floor_are_forgotten(table_class: Any) -> None:
    table = table_class()
    number = table.open(0, 60_000)
    for serial in range(1, 6):
        submit(table, 1, number, serial)
    assert table.kept_bytes == 5 * len(b"reply 1")
    submit(table, 1, number, 6, floor=5)
    assert table.kept_bytes == len(b"reply 6")
    assert submit(table, 1, number, 6) == (SubmitStatus.DONE, b"reply 6")
    assert submit(table, 1, number, 3)[0] is SubmitStatus.SESSION_EXPIRED


@TABLES
def test_kept_replies_are_bounded_in_count_and_bytes(table_class: Any) -> None:
    table = table_class(max_kept_replies=4, max_kept_bytes=100, max_total_kept_bytes=150)
    one, other = table.open(0, 60_000), table.open(0, 60_000)
    for serial in range(1, 10):
        submit(table, 1, one, serial)
    assert table.kept_bytes == 4 * len(b"reply 1")
    table.admit(1, one, 10, 0)
    table.keep(one, 10, b"x" * 90)
    assert table.kept_bytes == 90 + len(b"reply 9")
    table.admit(1, other, 1, 0)
    table.keep(other, 1, b"y" * 100)
    assert table.kept_bytes == 100
    assert submit(table, 1, other, 1) == (SubmitStatus.DONE, b"y" * 100)
    table.admit(1, other, 2, 0)
    table.keep(other, 2, b"z" * 200)
    assert table.kept_bytes == 0
    assert submit(table, 1, other, 3)[0] is SubmitStatus.DONE


@TABLES
def test_too_many_sessions_end_those_silent_longest(table_class: Any) -> None:
    table = table_class(max_sessions=3)
    busy, *others = [table.open(0, 60_000) for _ in range(3)]
    submit(table, 1, busy, 1)
    new = [table.open(2, 60_000) for _ in range(2)]
    assert len(table) == 3
    assert [submit(table, 3, number, 1)[0] for number in others] == [SubmitStatus.SESSION_EXPIRED] * 2
    assert [submit(table, 3, number, 2)[0] for number in [busy, *new]] == [
        SubmitStatus.DONE, SubmitStatus.GAP, SubmitStatus.GAP
    ]


@TABLES
def test_bytes_that_are_not_a_table_are_refused(table_class: Any) -> None:
    table = table_class()
    table.open(0, 60_000)
    before = table.snapshot()
    with pytest.raises(ValueError, match="not a session table"):
        table.restore(b"\x93nonsense")
    assert table.snapshot() == before
