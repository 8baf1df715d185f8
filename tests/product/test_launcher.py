"""The launcher's policy, without processes."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from actorum.launcher import FIRST_DELAY_SECONDS, HEALTHY_SECONDS, LONGEST_DELAY_SECONDS, Backoff, Launcher
from actorum.launcher_view import HEADINGS, Rate, milliseconds, row, size, table
from actorum.readiness import problem, refusal


def test_the_delay_before_a_restart_doubles_to_its_limit_and_never_gives_up() -> None:
    backoff = Backoff()
    now, delays = 0.0, []
    for _ in range(12):
        backoff.started(now)
        delays.append(backoff.ended(now))
        now += delays[-1]
    assert delays[:3] == [FIRST_DELAY_SECONDS, 0.2, 0.4]
    assert delays[-2:] == [LONGEST_DELAY_SECONDS, LONGEST_DELAY_SECONDS]


def test_the_delay_starts_again_after_healthy_seconds() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.started(0.0)
        backoff.ended(1.0)
    backoff.started(100.0)
    assert backoff.ended(100.0 + HEALTHY_SECONDS - 0.01) > FIRST_DELAY_SECONDS
    backoff.started(200.0)
    assert backoff.ended(200.0 + HEALTHY_SECONDS) == FIRST_DELAY_SECONDS


def test_a_rate_is_taken_over_a_second_and_survives_a_restart() -> None:
    rate = Rate()
    assert rate.update(10.0, 1000) == 0
    assert rate.update(10.5, 2000) == 0
    assert rate.update(12.0, 5000) == 2000
    assert rate.update(12.5, 0) == 2000  # a new process counts from 0
    assert rate.update(13.5, 100) == 100


def test_a_silent_node_has_a_row_too() -> None:
    cells = [str(cell) for cell in row({"name": "n1", "role": None, "redis_port": 6401})]
    assert cells[0] == "n1"
    assert "unreachable" in cells
    assert cells[-1] == "6401"
    assert milliseconds(0.0015) == "1.50 ms"


BUSY = {
    "name": "n1", "role": "follower", "term": 12, "commit_index": 1_234_567, "applied_index": 1_234_567,
    "keys": 987_654, "disk_bytes": 5 * 2**30, "rate": 123_456.0,
    "latency_p50_seconds": 0.0123, "latency_p99_seconds": 0.123,
    "redis_port": 17001,
}


@pytest.mark.parametrize("width", [40, 60, 80, 110, 200])
def test_a_table_leaves_columns_out_rather_than_cutting_them(width: int) -> None:
    drawn = io.StringIO()
    console = Console(file=drawn, width=width)
    console.print(table([row(BUSY), row({"name": "n2", "role": None, "redis_port": 17002})], width))
    lines = drawn.getvalue().splitlines()
    assert "\u2026" not in drawn.getvalue(), "nothing is cut"
    assert max(map(len, lines)) <= width
    headings = lines[1].split()
    assert headings == [heading for heading in HEADINGS if heading in headings]
    assert {"node", "role", "keys", "redis"} <= {*headings}
    assert (len(headings) == len(HEADINGS)) == (width >= 110)
    assert "unreachable" in drawn.getvalue()


def test_columns_that_say_nothing_can_be_left_out() -> None:
    idle = {**BUSY, "rate": None, "latency_p50_seconds": None, "latency_p99_seconds": None}
    headings = [str(column.header) for column in table([row(idle)], 200, empty_columns=False).columns]
    assert headings == ["node", "role", "term", "commit", "applied", "keys", "disk", "redis"]


def test_bytes_for_people() -> None:
    assert [size(count) for count in (None, 0, 1023, 1024, 64 << 20, 3 << 49)] == [
        "", "0 B", "1023 B", "1.0 KiB", "64.0 MiB", "1536.0 TiB",
    ]


def test_what_keeps_a_node_from_serving_is_said_in_words() -> None:
    checks = {"running": "ok", "leader": "no leader is known", "peers": "refused by its peers n2, n3: emptied"}
    emptied = {"role": "follower", "ready": False, "checks": checks, "refused_by": {"n3": "emptied", "n2": "emptied"}}
    assert problem(emptied) == "up, not ready: refused by its peers n2, n3: emptied"
    assert problem({**emptied, "refused_by": {}, "checks": {"leader": "no leader is known"}}) == (
        "up, not ready: no leader is known"
    )
    assert problem({"role": None, "ready": False}) is None, "it does not answer: the table says so"
    assert problem({"role": "leader", "ready": True, "refused_by": {}}) is None
    assert problem({"role": "leader", "ready": True, "refused_by": {"n9": "why"}}) == "refused by its peer n9: why"
    assert refusal({}) is None


def test_the_launcher_says_once_that_a_node_is_refused() -> None:
    said = io.StringIO()
    node: Any = SimpleNamespace(name="n1")
    cluster: Any = [node]
    launcher = Launcher(cluster, restart=True, as_json=False, log=said)
    for refused_by in ({}, {"n2": "emptied"}, {"n2": "emptied"}, {}, {"n2": "emptied"}):
        statuses: Any = SimpleNamespace(of=lambda _node, found=refused_by: {"refused_by": found})
        launcher._tell_refusals(statuses)
    line = "actorum: node n1 is up and not ready: refused by its peer n2: emptied\n"
    assert said.getvalue() == 2 * line
