"""The launcher's policy, without processes."""

from __future__ import annotations

from actorum.launcher import FIRST_DELAY_SECONDS, HEALTHY_SECONDS, LONGEST_DELAY_SECONDS, Backoff
from actorum.launcher_view import Rate, milliseconds, row


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
