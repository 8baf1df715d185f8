"""After the quiet mark: replicas that agree, on everything acknowledged, and nothing from nowhere."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from actors.verification.histories import HistoryError, Operation, Outcome, Report, Verdict, judge, parse_history
from actors.verification.histories.eventual_updates import Kind, Update, explain
from tests.histories.twin_eventual import possible_finals

Event = dict[str, Any]
QUIET: list[Event] = [{"type": "quiet"}]


def write(value: Any, key: str = "x", process: Any = 1, end: str = "ok", f: str = "put") -> list[Event]:
    return [
        {"process": process, "type": "invoke", "f": f, "key": key, "value": value},
        {"process": process, "type": end, "f": f, "key": key},
    ]


def read(value: Any, node: str | None = "n1", key: str = "x", process: Any = 9) -> list[Event]:
    done = {"process": process, "type": "ok", "f": "get", "key": key, "value": value}
    return [{"process": process, "type": "invoke", "f": "get", "key": key}, {**done, "node": node} if node else done]


def everywhere(value: Any, key: str = "x") -> list[Event]:
    return read(value, "n1", key) + read(value, "n2", key)


def judged(*parts: list[Event], model: str = "key-value", timed: bool = False) -> Report:
    lines = [event for part in parts for event in part]
    if timed:
        lines = [{**line, "time": 1_000 * number} for number, line in enumerate(lines)]
    return judge(parse_history("\n".join(map(json.dumps, lines))), "eventual", model)


def violated(report: Report) -> str:
    assert report.verdict is Verdict.VIOLATION, report
    assert report.witness is not None
    return report.witness.what


def test_replicas_that_agree_on_the_newest_write_keep_the_level() -> None:
    report = judged(write(1), write(2), QUIET, everywhere(2))
    assert report.verdict is Verdict.OK
    assert (report.details["keys"], report.details["replicas"]) == (1, 2)


def test_replicas_that_differ_in_the_end_are_a_violation() -> None:
    assert violated(judged(write(1), write(2), QUIET, read(1, "n1"), read(2, "n2"))) == "disagreement"


def test_replicas_may_differ_until_they_have_converged() -> None:
    report = judged(write(1), write(2), QUIET, read(1, "n1"), read(2, "n2"), read(2, "n1"), timed=True)
    assert report.verdict is Verdict.OK
    # The mark is line 5; the last event before it came at 3,000 ns, the stale read ended at 6,000, the last at 10,000.
    assert report.details["time_to_converge"] == {"at_least": 3_000, "at_most": 7_000}


def test_without_times_there_is_no_time_to_converge() -> None:
    assert judged(write(1), QUIET, everywhere(1)).details["time_to_converge"] == {"at_least": None, "at_most": None}


def test_reads_before_the_mark_may_differ() -> None:
    assert judged(write(1), read(None, "n2"), read(1, "n1"), QUIET, everywhere(1)).verdict is Verdict.OK


def test_an_acknowledged_write_that_is_gone_is_a_lost_update() -> None:
    assert violated(judged(write(1), QUIET, everywhere(None))) == "lost update"
    assert violated(judged(write(1), write(2), QUIET, everywhere(1))) == "lost update"


def test_of_concurrent_writes_any_may_win() -> None:
    begin1, end1 = write(1, process=1)
    begin2, end2 = write(2, process=2)
    for winner in (1, 2):
        assert judged([begin1, begin2, end1, end2], QUIET, everywhere(winner)).verdict is Verdict.OK
    assert violated(judged([begin1, begin2, end1, end2], QUIET, everywhere(None))) == "lost update"


def test_a_write_of_unknown_outcome_may_come_late_or_never() -> None:
    for winner in (1, 2):
        assert judged(write(1, process=5, end="info"), write(2), QUIET, everywhere(winner)).verdict is Verdict.OK
    assert judged(write(1, end="info"), QUIET, everywhere(None)).verdict is Verdict.OK


def test_a_failed_write_must_not_be_seen() -> None:
    assert violated(judged(write(1, end="fail"), QUIET, everywhere(1))) == "value from nowhere"
    assert judged(write(1, end="fail"), QUIET, everywhere(None)).verdict is Verdict.OK


def test_nothing_comes_from_nowhere_not_even_before_the_mark() -> None:
    assert violated(judged(write(1), read(7), QUIET, everywhere(1))) == "value from nowhere"
    assert violated(judged(read(1), write(1), QUIET, everywhere(1))) == "value from nowhere"


def test_every_acknowledged_append_is_there_once() -> None:
    both = write("a,", f="append"), write("b,", f="append")
    assert judged(*both, QUIET, everywhere("b,a,")).verdict is Verdict.OK
    assert violated(judged(*both, QUIET, everywhere("a,"))) == "lost update"
    assert violated(judged(*both, QUIET, everywhere("a,b,a,"))) == "value from nowhere"


def test_lists_hold_every_acknowledged_element_once() -> None:
    def transaction(steps: list[list[Any]], node: str | None = None) -> list[Event]:
        asked = [[f, key, None if f == "r" else value] for f, key, value in steps]
        done = {"process": 1, "type": "ok", "f": "txn", "value": steps}
        return [{"process": 1, "type": "invoke", "f": "txn", "value": asked}, {**done, "node": node} if node else done]

    appended = transaction([["append", "x", 1], ["append", "x", 2]])

    def final(found: Any) -> Report:
        return judged(appended, QUIET, transaction([["r", "x", found]], "n1"), transaction([["r", "x", found]], "n2"),
                      model="list-append")

    assert final([2, 1]).verdict is Verdict.OK
    assert violated(final([1])) == "lost update"
    assert violated(final([1, 2, 2])) == "applied twice"
    assert violated(final([1, 2, 3])) == "value from nowhere"
    assert violated(final(None)) == "lost update"
    empty = judged(transaction([["r", "y", None]], "n1"), QUIET, transaction([["r", "y", []]], "n1"),
                   model="list-append")
    assert empty.verdict is Verdict.OK


def test_a_cas_that_succeeded_is_an_update_and_one_that_failed_is_none() -> None:
    def cas(result: bool) -> list[Event]:
        begin = {"process": 1, "type": "invoke", "f": "cas", "key": "x", "value": [1, 2]}
        return [begin, {"process": 1, "type": "ok", "f": "cas", "key": "x", "result": result}]

    assert judged(write(1), cas(True), QUIET, everywhere(2), model="cas-register").verdict is Verdict.OK
    assert violated(judged(write(1), cas(True), QUIET, everywhere(1), model="cas-register")) == "lost update"
    assert judged(write(1), cas(False), QUIET, everywhere(1), model="cas-register").verdict is Verdict.OK


def test_a_delete_leaves_the_initial_value() -> None:
    gone = [{"process": 1, "type": "invoke", "f": "delete", "key": "x"},
            {"process": 1, "type": "ok", "f": "delete", "key": "x"}]
    assert judged(write(1), gone, QUIET, everywhere(None)).verdict is Verdict.OK
    assert violated(judged(write(1), gone, QUIET, everywhere(1))) == "lost update"
    assert judged(gone, write(1), QUIET, everywhere(1)).verdict is Verdict.OK


@pytest.mark.parametrize(("reason", "parts"), [
    ("quiet", [write(1), everywhere(1)]),
    ("after the quiet mark", [write(1), QUIET, everywhere(1), write(2)]),
    ("not read after the quiet mark", [write(1), QUIET]),
    ("not read after the quiet mark", [write(1), read(1, "n2"), QUIET, read(1, "n1")]),
    ("not read after the quiet mark", [write(1), write(1, "y"), QUIET, everywhere(1)]),
    ("too many ways", [*[write("a" * (number % 7 + 1), f="append") for number in range(60)], QUIET,
                       everywhere("a" * 300)]),
])
def test_what_nobody_looked_at_is_unknown_and_never_ok(reason: str, parts: list[list[Event]]) -> None:
    report = judged(*parts)
    assert report.verdict is Verdict.UNKNOWN
    assert reason in report.reason


def test_a_read_that_names_no_node_stands_for_its_process() -> None:
    assert judged(write(1), QUIET, read(1, None, process=2), read(1, None, process=3)).verdict is Verdict.OK
    differ = judged(write(1), write(2), QUIET, read(1, None, process=2), read(2, None, process=3))
    assert violated(differ) == "disagreement"


def test_locks_have_no_end_to_judge() -> None:
    lock = [{"process": 1, "type": "invoke", "f": "acquire"}, {"process": 1, "type": "ok", "f": "acquire"}]
    with pytest.raises(HistoryError, match="not for locks"):
        judged(lock, QUIET)
    assert judged(lock, QUIET, model="mutex").verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("text", [False, True])
def test_a_final_value_is_explained_as_by_running_every_order(text: bool) -> None:
    rng = random.Random(51)
    explained = {True: 0, False: 0}
    for _ in range(2_500):
        initial = rng.choice([None, "i"])
        updates = random_updates(rng, text)
        finals = possible_finals(updates, initial, text)
        others = [None, "i", "a", "b", "c"] + (["ab", "ba", "abc", "ia", "iab", "aa", "cab", "bb"] if text else [])
        for final in [*sorted(finals, key=repr), *rng.sample(others, 3)]:
            holds = explain(final, updates, initial) is None
            assert holds == (final in finals), (final, finals, updates, initial)
            explained[holds] += 1
    assert min(explained.values()) > 1_000


def random_updates(rng: random.Random, text: bool) -> list[Update]:
    count = rng.randrange(0, 5)
    spans = sorted(rng.sample(range(1, 100), 2 * count))
    rng.shuffle(spans)
    updates = []
    for number in range(count):
        begin, end = sorted(spans[2 * number : 2 * number + 2])
        known = rng.random() < 0.7
        kind = Kind.TEXT_APPEND if text and rng.random() < 0.6 else Kind.SET
        value = rng.choice("abc")
        operation = Operation(
            number, "put" if kind is Kind.SET else "append", "x", value, None, begin, end if known else None,
            Outcome.OK if known else Outcome.INFO,
        )
        updates.append(Update(operation, kind, value))
    return updates
