"""Transactions are judged as by trying every order of them, and what is wrong has its name."""

from __future__ import annotations

import random
from typing import Any

import pytest

from actors.verification.histories import History, HistoryError, Operation, Outcome, Report, Verdict, judge
from actors.verification.histories.models import Model
from tests.histories.twin_transactions import serial_orders_exist, weak_levels

Steps = list[list[Any]]


def transactions(*lines: tuple[Any, ...]) -> History:
    """Each line is (process, begin, end, steps[, outcome]); begin and end are places in time."""
    points = sorted((moment, number) for number, line in enumerate(lines) for moment in line[1:3])
    place = {point: at for at, point in enumerate(points, 1)}
    operations = []
    for number, (process, begin, end, steps, *rest) in enumerate(lines):
        outcome = rest[0] if rest else Outcome.OK
        asked = [[f, key, None if f == "r" else value] for f, key, value in steps]
        operations.append(Operation(
            process, "txn", None, asked, steps if outcome is Outcome.OK else None, place[begin, number],
            None if outcome is Outcome.INFO else place[end, number], outcome,
        ))
    return History(tuple(sorted(operations, key=lambda one: one.invoked)), None, len(points))


def lists(text: str, *more: str) -> History:
    """Concurrent list transactions: ``append x 1, r y [2]``; with a beginning ``! `` failed, with ``? `` unknown."""
    parsed = []
    for number, line in enumerate((text, *more)):
        outcome = {"!": Outcome.FAIL, "?": Outcome.INFO}.get(line[0], Outcome.OK)
        steps: Steps = []
        for step in line.lstrip("!? ").split(","):
            f, key, value = step.split(maxsplit=2)
            steps.append([f, key, [int(one) for one in value.strip("[]").split()] if f == "r" else int(value)])
        parsed.append((number, number / 1000, 10 + number, steps, outcome))
    return transactions(*parsed)


def judged(history: History, model: str = "list-append") -> Report:
    return judge(history, "transactions", model)


@pytest.mark.parametrize(("anomaly", "weakest", "history"), [
    ("G0", "read uncommitted", lists("append x 1, append y 1", "append x 2, append y 2", "r x [1 2], r y [2 1]")),
    ("G1a", "read committed", lists("! append x 1", "r x [1]")),
    ("G1b", "read committed", lists("append x 1, append x 2", "r x [1]", "r x [1 2]")),
    ("G1c", "read committed", lists("append x 1, r y [1]", "append y 1, r x [1]")),
    ("G-single", "consistent view", lists("append x 1, append y 1", "r x [1], r y []", "r y [1]")),
    ("G-single", "consistent view", lists("r x [], append x 1", "r x [], append x 2", "r x [1 2]")),
    ("G2", "serializable", lists("r x [], append y 1", "r y [], append x 1", "r x [1], r y [1]")),
    ("internal", "consistent view", lists("append x 1, r x []", "r x [1]")),
    ("internal", "consistent view", lists("r x [], r x [1]", "append x 1")),
    ("incompatible order", "read uncommitted", lists("append x 1", "append x 2", "r x [1 2]", "r x [2]")),
    ("incompatible order", "read uncommitted", lists("append x 1, append x 2", "r x [2 1]")),
    ("duplicate elements", "read uncommitted", lists("append x 1", "r x [1 1]")),
    ("garbage read", "read uncommitted", lists("append x 1", "r x [1 9]")),
    ("G-single-realtime", "strictly serializable", transactions(
        (1, 0, 1, [["append", "x", 1]]), (2, 2, 3, [["r", "x", []]]),
    )),
    ("G0-realtime", "strictly serializable", transactions(
        (1, 0, 1, [["append", "x", 1]]), (2, 2, 3, [["append", "x", 2]]), (3, 4, 5, [["r", "x", [2, 1]]]),
    )),
])
def test_an_anomaly_has_its_name_and_the_level_that_it_breaks(anomaly: str, weakest: str, history: History) -> None:
    report = judged(history)
    assert report.verdict is Verdict.VIOLATION
    assert report.witness is not None
    assert report.witness.what == anomaly
    assert report.details["weakest_level_broken"] == weakest
    assert anomaly in [found["name"] for found in report.details["anomalies"]]


@pytest.mark.parametrize("history", [
    lists("append x 1", "append x 2", "r x [2 1]"),
    lists("append x 1, r x [1]", "r x []"),
    lists("r x [], append x 1, r x [1]", "append x 2", "r x [1 2]"),
    lists("? append x 1", "r x []"),
    lists("? append x 1", "r x [1]"),
    lists("! append x 1", "r x []"),
    lists("append x 1", "append y 2"),
])
def test_what_one_order_explains_is_serializable(history: History) -> None:
    report = judged(history)
    assert report.verdict is Verdict.OK
    assert set(report.details["levels"].values()) == {"ok"}
    assert report.details["weakest_level_broken"] is None


def test_a_transaction_of_unknown_outcome_that_was_read_counts_with_all_it_did() -> None:
    report = judged(lists("? append x 1, append y 1", "r x [1], r y []", "r y [1]"))
    assert report.witness is not None
    assert report.witness.what == "G-single"


def test_a_transaction_of_unknown_outcome_ends_at_no_time() -> None:
    assert judged(transactions(
        (1, 0, 1, [["append", "x", 1]], Outcome.INFO), (2, 2, 3, [["r", "x", []]]), (3, 4, 5, [["r", "x", [1]]]),
    )).verdict is Verdict.OK


def test_the_edges_of_a_cycle_are_explained_one_by_one() -> None:
    report = judged(lists("r x [], append y 1", "r y [], append x 1", "r x [1], r y [1]"))
    assert report.witness is not None
    assert [edge.why for edge in report.witness.edges] == [
        'rw: the former read "x" before the latter appended to it', 'rw: the former read "y" before the latter '
        "appended to it",
    ]
    assert [edge.before.process for edge in report.witness.edges] == [0, 1]


def test_an_append_that_nobody_saw_comes_after_all_that_was_seen() -> None:
    """A lost update: acknowledged, and then two reads without it."""
    report = judged(transactions(
        (1, 0, 1, [["append", "x", 1]]), (2, 2, 3, [["append", "x", 2]]), (3, 4, 5, [["r", "x", [1]]]),
    ))
    assert report.witness is not None
    assert report.witness.what == "G-single-realtime"


def test_an_element_that_was_appended_twice_is_refused() -> None:
    for history in (lists("append x 1", "append x 1", "r x [1]"), lists("append x 1, append x 1"),
                    lists("! append x 1", "append x 1")):
        report = judged(history)
        assert report.verdict is Verdict.UNKNOWN
        assert "append each element once" in report.reason


def test_the_same_element_at_two_keys_is_no_duplicate() -> None:
    assert judged(lists("append x 1, append y 1", "r x [1], r y [1]")).verdict is Verdict.OK


def test_single_operations_are_transactions() -> None:
    operations = (
        Operation(1, "append", "x", 1, None, 1, 2, Outcome.OK), Operation(2, "read", "x", None, None, 3, 4, Outcome.OK),
    )
    assert judged(History(operations, None, 4)).verdict is Verdict.VIOLATION


def test_what_is_no_list_and_what_is_no_transaction_are_refused() -> None:
    with pytest.raises(HistoryError, match="neither a list nor null"):
        judged(transactions((1, 0, 1, [["append", "x", 1]]), (2, 2, 3, [["r", "x", 1]])))
    with pytest.raises(HistoryError, match=r"appends and .* writes"):
        judged(transactions((1, 0, 1, [["append", "x", 1]]), (2, 2, 3, [["w", "x", 1]])))
    with pytest.raises(HistoryError, match="other operations"):
        judged(History((Operation(1, "acquire", None, None, None, 1, 2, Outcome.OK),), None, 2), "register")


class Counter(Model):
    """An object of which no value tells who wrote it."""


@pytest.mark.parametrize("model", ["mutex", Counter()])
@pytest.mark.parametrize("level", ["causal", "eventual", "transactions"])
def test_levels_that_run_no_model_leave_objects_open_that_they_do_not_know(level: str, model: str | Model) -> None:
    report = judge(lists("r x []"), level, model)
    assert report.verdict is Verdict.UNKNOWN
    assert "is defined for" in report.reason


@pytest.mark.parametrize("level", ["sequential", "causal", "eventual", "transactions"])
def test_a_model_that_does_not_exist_is_refused(level: str) -> None:
    with pytest.raises(HistoryError, match="no model 'regster'"):
        judge(lists("r x []"), level, "regster")


def test_a_list_that_nobody_appended_to_is_empty_at_every_level() -> None:
    for level in ("sequential", "transactions"):
        assert judge(lists("r x []"), level, "list-append").verdict is Verdict.OK
    assert judge(lists("r x []"), "causal", "list-append").verdict is Verdict.UNKNOWN


def test_lists_agree_with_trying_every_order() -> None:
    rng = random.Random(41)
    verdicts = {True: 0, False: 0}
    for number in range(2_500):
        history = random_history(rng, appends=True, outcomes=True, wrong=number % 4 != 0)
        expected = serial_orders_exist(history, lists=True)
        levels = judged(history).details["levels"]
        for level, holds in expected.items():
            assert (levels[level] == "ok") == holds, (level, history)
        verdicts[expected["serializable"]] += 1
    assert min(verdicts.values()) > 300


def test_registers_agree_with_trying_every_order() -> None:
    rng = random.Random(42)
    verdicts = {True: 0, False: 0}
    for number in range(2_500):
        history = random_history(rng, appends=False, outcomes=True, wrong=number % 3 != 0)
        expected = serial_orders_exist(history, lists=False)
        report = judged(history, "multi-register")
        for level, holds in expected.items():
            assert (report.details["levels"][level] == "ok") == holds, (level, history)
        assert (report.verdict is Verdict.OK) == expected["strictly serializable"]
        verdicts[expected["serializable"]] += 1
    assert min(verdicts.values()) > 200


def test_the_weak_levels_of_registers_agree_with_their_axioms() -> None:
    rng = random.Random(43)
    broken: dict[str, int] = {}
    for number in range(1_500):
        history = random_history(rng, appends=False, outcomes=False, wrong=number % 3 != 0)
        causal = judge(history, "causal", "multi-register")
        levels = judged(history, "multi-register").details["levels"]
        for level, holds in weak_levels(history).items():
            assert (causal.details[level] == "ok") == holds, (level, history)
            assert level not in levels or (levels[level] == "ok") == holds, (level, history)
            broken[level] = broken.get(level, 0) + (not holds)
        assert (causal.verdict is Verdict.OK) == (causal.details["causal"] == "ok")
    assert 20 < broken["read committed"] < broken["read atomic"] < broken["causal"]


def random_history(rng: random.Random, appends: bool, outcomes: bool, wrong: bool) -> History:
    """Up to six transactions of one copy, which overlap by chance; ``wrong``: some reads are changed."""
    copy: dict[str, Any] = {}
    written: dict[str, list[int]] = {"x": [], "y": []}
    lines = []
    ends = dict.fromkeys(range(3), -100.0)
    fresh = 0
    for number in range(rng.randrange(1, 7 if appends else 6)):
        mine = dict(copy)
        steps: Steps = []
        for _ in range(rng.randrange(1, 4)):
            key = rng.choice("xy")
            if rng.random() < 0.5:
                fresh += 1
                written[key].append(fresh)
                mine[key] = [*mine.get(key, []), fresh] if appends else fresh
                steps.append(["append" if appends else "w", key, fresh])
            else:
                steps.append(["r", key, mine.get(key)])
        outcome = rng.choices([Outcome.OK, Outcome.INFO, Outcome.FAIL], [8, 1, 1])[0] if outcomes else Outcome.OK
        if outcome is Outcome.OK or (outcome is Outcome.INFO and rng.random() < 0.5):
            copy = mine
        process = rng.randrange(3)
        begin = max(10 * number + rng.uniform(-12, 3), ends[process] + 0.1)
        end = max(10 * number + rng.uniform(3, 16), begin + 0.1)
        if outcome is Outcome.INFO:
            process = 10 + number
        ends[process] = end
        lines.append((process, begin, end, steps, outcome))
    reads = [step for line in lines for step in line[3] if step[0] == "r"]
    for step in rng.sample(reads, min(len(reads), rng.randrange(1, 3))) if wrong else ():
        if not appends:
            step[2] = rng.choice([None, *written[step[1]]])
            continue
        found = list(step[2] or [])
        others = [one for one in written[step[1]] if one not in found]
        if rng.random() < 0.5 and found:
            found = found[: rng.randrange(len(found))]
        elif others:
            found.append(rng.choice(others))
        else:
            rng.shuffle(found)
        step[2] = found
    return transactions(*lines)


def test_a_value_written_twice_and_read_leaves_registers_open() -> None:
    history = transactions((1, 0, 9, [["w", "x", 1]]), (2, 1, 8, [["w", "x", 1]]), (3, 2, 7, [["r", "x", 1]]))
    report = judged(history, "multi-register")
    assert report.verdict is Verdict.UNKNOWN
    assert "write each value once" in report.reason
    assert judge(history, "causal", "multi-register").verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(("level", "pattern", "history"), [
    ("read committed", "G1a", transactions((1, 0, 1, [["w", "x", 1]], Outcome.FAIL), (2, 2, 3, [["r", "x", 1]]))),
    ("read committed", "G1b", transactions((1, 0, 1, [["w", "x", 1], ["w", "x", 2]]), (2, 2, 3, [["r", "x", 1]]))),
    ("read committed", "ThinAirRead", transactions((2, 2, 3, [["r", "x", 1]]))),
    ("read committed", "not read committed", transactions(
        (1, 0, 1, [["w", "x", 1], ["w", "y", 1]]), (2, 2, 3, [["r", "x", 1], ["r", "y", None]]),
    )),
    ("read atomic", "not read atomic", transactions(
        (1, 0, 1, [["w", "x", 1], ["w", "y", 1]]), (2, 2, 3, [["r", "y", None], ["r", "x", 1]]),
    )),
    ("read atomic", "internal", transactions((1, 0, 1, [["w", "x", 1], ["r", "x", None]]))),
    ("causal", "WriteCOInitRead", transactions(
        (1, 0, 1, [["w", "x", 1]]), (2, 2, 3, [["r", "x", 1], ["w", "y", 1]]), (3, 4, 5, [["r", "y", 1]]),
        (3, 6, 7, [["r", "x", None]]),
    )),
])
def test_the_weakest_level_that_registers_break_is_named(level: str, pattern: str, history: History) -> None:
    report = judge(history, "causal", "multi-register")
    assert report.verdict is Verdict.VIOLATION
    assert report.details["patterns"][level]["name"] == pattern
    order = ("read committed", "read atomic", "causal")
    assert {report.details[weaker] for weaker in order[: order.index(level)]} <= {"ok", "unknown"}
    assert {report.details[stricter] for stricter in order[order.index(level) :]} == {"violation"}


def test_a_long_history_of_lists_is_judged_in_linear_time() -> None:
    rng = random.Random(44)
    copy: dict[int, list[int]] = {}
    lines = []
    for number in range(2_000):
        key = number // 50
        if rng.random() < 0.5:
            copy.setdefault(key, []).append(number)
            lines.append((number % 10, number, number + 5.5, [["append", key, number]]))
        else:
            lines.append((number % 10, number, number + 5.5, [["r", key, list(copy.get(key, []))]]))
    assert judged(transactions(*lines)).verdict is Verdict.OK
    lines[1_900] = (lines[1_900][0], 1_900, 1_905.5, [["r", 10, []]])
    assert judged(transactions(*lines)).details["weakest_level_broken"] == "strictly serializable"
