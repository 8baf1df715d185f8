"""Sequential consistency is decided as by trying every interleaving, for registers and for any object."""

from __future__ import annotations

import random
import time
from collections.abc import Hashable
from typing import Any

import pytest

from actors.verification.histories import History, HistoryError, Operation, Outcome, Report, Verdict, judge
from actors.verification.histories.models import Model
from actors.verification.histories.sequential import judge_sequential
from actors.verification.histories.sequential_objects import BuiltIn
from actors.verification.histories.sequential_search import Answer, ModelSearch
from tests.histories.brute import single
from tests.histories.weak import disturbed, history, interleaved, parsed, several


def judged(text: str | History, model: str | Model = "key-value") -> Report:
    """The sequential report of a history of one line."""
    return judge(history(text) if isinstance(text, str) else text, "sequential", model)


def brute(lines: History, initial: Any = None) -> bool:
    """Try every interleaving; an operation of unknown outcome is taken or left."""
    sessions = [
        [one for one in session if one.outcome is not Outcome.FAIL] for session in lines.by_process().values()
    ]
    seen: set[Hashable] = set()

    def go(places: tuple[int, ...], state: dict[Any, Any]) -> bool:
        mark = (places, repr(sorted(state.items(), key=repr)))
        if mark in seen:
            return False
        seen.add(mark)
        rest = [(s, session[places[s]]) for s, session in enumerate(sessions) if places[s] < len(session)]
        if not rest:
            return True
        for s, one in rest:
            onward = (*places[:s], places[s] + 1, *places[s + 1 :])
            if one.outcome is Outcome.INFO and go(onward, state):
                return True
            right, after = single(state.get(one.key, initial), one)
            if right and go(onward, {**state, one.key: after}):
                return True
        return False

    return go((0,) * len(sessions), {})


@pytest.mark.parametrize(("holds", "text"), [
    (True, "a: w x 1, r y null | b: w y 1, r x 1"),
    (False, "a: w x 1, r y null | b: w y 1, r x null"),
    (True, "a: w x 1, w x 2 | b: r x null, r x 1, r x 2"),
    (False, "a: w x 1 | b: w x 2 | c: r x 1, r x 2 | d: r x 2, r x 1"),
    (False, "a: w x 1 | b: r x 1, w y 1 | c: r y 1, r x null"),
    (True, "a: w? x 1 | b: r x null, r x 1"),
    (True, "a: w? x 1 | b: r x null, r x null"),
    (False, "a: w! x 1 | b: r x 1"),
])
def test_the_classic_litmus_tests(holds: bool, text: str) -> None:
    assert judged(text).verdict is (Verdict.OK if holds else Verdict.VIOLATION)


def test_real_time_plays_no_part() -> None:
    operations = (
        Operation(1, "write", "x", 1, None, 1, 2, Outcome.OK), Operation(2, "read", "x", None, None, 3, 4, Outcome.OK),
    )
    lines = History(operations, None, 4)
    assert judged(lines).verdict is Verdict.OK
    assert judge(lines, "strong", "key-value").verdict is Verdict.VIOLATION


def test_keys_cannot_be_judged_apart() -> None:
    crossed = "a: w x 1, r y null | b: w y 1, r x null"
    for key in ("x", "y"):
        lines = History(tuple(one for one in history(crossed).operations if one.key == key), None, 8)
        assert judged(lines).verdict is Verdict.OK
    assert judged(crossed).verdict is Verdict.VIOLATION


def test_what_causal_patterns_reject_is_named_by_them() -> None:
    report = judged("a: w x 1, w x 2 | b: r x 2, r x 1")
    assert report.witness is not None
    assert report.witness.what == "WriteCORead"


def test_histories_on_whose_order_two_readers_disagree_are_named_by_the_causal_pattern() -> None:
    report = judged("a: w x 1, r x 2 | b: w x 2, r x 1")
    assert report.witness is not None
    assert report.witness.what == "CyclicCF"


@pytest.mark.parametrize("read", [1, 2])
def test_an_operation_of_unknown_outcome_may_be_left_out_in_the_middle_of_a_process(read: int) -> None:
    """The file format retires such a process; a history made in Python may go on."""
    lines = History((
        Operation(1, "write", "x", 1, None, 1, 2, Outcome.OK),
        Operation(1, "write", "x", 2, None, 3, None, Outcome.INFO),
        Operation(1, "cas", "x", [read, 3], True, 4, 5, Outcome.OK),
        Operation(1, "write", "x", 1, None, 6, 7, Outcome.OK),
        Operation(1, "read", "x", None, 1, 8, 9, Outcome.OK),
    ), None, 9)
    assert brute(lines)
    assert judged(lines, "cas-register").verdict is Verdict.OK


def test_a_circle_of_all_orders_is_shown_with_its_reasons() -> None:
    report = judged("a: w x 1, r y null | b: w y 1, r x null")
    assert report.witness is not None
    assert len(report.witness.edges) == 4
    assert sum("overwrote" in edge.why for edge in report.witness.edges) == 2
    assert len(report.witness.operations) == 4


def test_both_searches_agree_with_trying_everything() -> None:
    rng = random.Random(31)
    verdicts = {True: 0, False: 0}
    for sessions in several(rng, 3_000, 10, 4, 2):
        lines = interleaved(sessions)
        holds = brute(lines)
        verdicts[holds] += 1
        assert (judged(lines).verdict is Verdict.OK) == holds, sessions
        search = ModelSearch(list(lines.operations), BuiltIn("key-value", None))
        assert search.run(None) is (Answer.FOUND if holds else Answer.NONE), sessions
    assert min(verdicts.values()) > 300


def test_the_neighbours_of_a_causal_history_that_is_not_sequential() -> None:
    rng = random.Random(32)
    litmus = parsed("a: w x 1, r y null, w y 1, r x 1 | b: w x 2, r y null, w y 2, r x 2")
    for _ in range(1_500):
        lines = interleaved(disturbed(rng, litmus))
        assert (judged(lines).verdict is Verdict.OK) == brute(lines), lines


@pytest.mark.parametrize("model", ["register", "cas-register", "key-value", "mutex"])
def test_any_object_and_any_outcome_agree_with_trying_everything(model: str) -> None:
    rng = random.Random(33)
    verdicts = {True: 0, False: 0}
    for number in range(1_200):
        lines = object_history(rng, model, rng.randrange(2, 9), wrong=number % 2 == 1)
        holds = brute(lines)
        verdicts[holds] += 1
        report = judged(lines, model)
        assert report.verdict is (Verdict.OK if holds else Verdict.VIOLATION), lines
    assert min(verdicts.values()) > 50


def object_history(rng: random.Random, model: str, size: int, wrong: bool) -> History:
    """Operations on one copy with few values, of all outcomes; ``wrong``: some results are changed."""
    keys = [None] if model == "register" else ["x", "y"]
    names = {
        "register": ["read", "write"], "cas-register": ["read", "write", "cas", "cas"],
        "key-value": ["get", "put", "cas", "append", "delete"], "mutex": ["acquire", "release"],
    }[model]
    strings = model == "key-value"
    copy: dict[Any, Any] = {}
    sessions: dict[Any, list[Operation]] = {}
    process = [0, 1, 2]
    position = 0
    for _ in range(size):
        lane = rng.randrange(3)
        key, f = rng.choice(keys), rng.choice(names)
        value: Any = None
        if f in ("write", "put", "append"):
            value = rng.choice("ab") if strings else rng.randrange(3)
        elif f == "cas":
            old, new = (rng.choice(["a", "b", None]), rng.choice("ab")) if strings else rng.choices(range(3), k=2)
            value = [old, new]
        outcome = rng.choices([Outcome.OK, Outcome.INFO, Outcome.FAIL], [8, 1, 1])[0]
        trial = Operation(process[lane], f, key, value, None, 0, 0, Outcome.INFO)
        result: Any = None
        allowed, after = single(copy.get(key), trial)
        if f in ("read", "get"):
            result = copy.get(key)
        elif f == "cas":
            result = after != copy.get(key) or value[0] == copy.get(key)
        elif f == "delete":
            result = copy.get(key) is not None if rng.random() < 0.5 else None
        if not allowed:
            outcome = Outcome.FAIL
        if outcome is Outcome.OK or (outcome is Outcome.INFO and rng.random() < 0.5):
            copy[key] = after
        if wrong and rng.random() < 0.3:
            if f in ("read", "get"):
                result = rng.choice(["a", "b", "ab", None]) if strings else rng.choice([None, 0, 1, 2])
            elif f == "cas":
                result = not result
            elif f in ("acquire", "release"):
                outcome = Outcome.OK
        operation = Operation(
            process[lane], f, key, value, result if outcome is Outcome.OK else None, position + 1,
            None if outcome is Outcome.INFO else position + 2, outcome,
        )
        position += 2
        sessions.setdefault(process[lane], []).append(operation)
        if outcome is Outcome.INFO:
            process[lane] += 10
    everything = [operation for session in sessions.values() for operation in session]
    return History(tuple(sorted(everything, key=lambda one: one.invoked)), None, position)


def test_a_model_of_your_own() -> None:
    class Counter(Model):
        name = "counter"

        def initial(self) -> Hashable:
            return 0

        def step(self, state: int, operation: Operation) -> tuple[bool, Hashable]:
            if operation.f == "write":
                return True, state + operation.value
            return operation.result == state, state

    assert judged("a: w x 1, w x 1 | b: r x 1, r x 2", Counter()).verdict is Verdict.OK
    report = judged("a: w x 1, w x 1 | b: r x 2, r x 1", Counter())
    assert report.verdict is Verdict.VIOLATION
    assert report.model == "counter"


def test_a_model_that_raises_is_named_with_the_line() -> None:
    class Broken(Model):
        def initial(self) -> Hashable:
            return 0

        def step(self, state: Any, operation: Operation) -> tuple[bool, Hashable]:
            raise ZeroDivisionError("no")

    with pytest.raises(HistoryError, match="line 1: the model Broken fails at"):
        judged("a: w x 1", Broken())


def test_transactions_of_registers_are_judged_with_atomic_effect() -> None:
    def transaction(process: int, steps: list[Any], at: int) -> Operation:
        asked = [[f, key, None if f == "r" else value] for f, key, value in steps]
        return Operation(process, "txn", None, asked, steps, at, at + 1, Outcome.OK)

    whole = (transaction(1, [["w", "x", 1], ["w", "y", 1]], 1), transaction(2, [["r", "x", 1], ["r", "y", 1]], 3))
    torn = (transaction(1, [["w", "x", 1], ["w", "y", 1]], 1), transaction(2, [["r", "x", 1], ["r", "y", None]], 3))
    blind = (transaction(1, [["w", "x", 1], ["r", "x", 2]], 1),)
    assert judged(History(whole, None, 4), "multi-register").verdict is Verdict.OK
    assert judged(History(torn, None, 4), "multi-register").verdict is Verdict.VIOLATION
    report = judged(History(blind, None, 2), "multi-register")
    assert report.witness is not None
    assert report.witness.what == "internal"


def test_the_deadline_leaves_unknown_and_never_ok() -> None:
    """Equal values, and a failed cas of a value that always stands: every frontier has to be tried."""
    sessions: list[list[Any]] = [[(process, "write", "x", 1)] * 12 for process in range(6)]
    lines = interleaved(sessions)
    failed = Operation(9, "cas", "x", [1, 2], False, lines.length + 1, lines.length + 2, Outcome.OK)
    lines = History((*lines.operations, failed), None, lines.length + 2)
    report = judge_sequential(lines, "cas-register", 1, time.monotonic() + 0.05)
    assert report.verdict is Verdict.UNKNOWN
    assert "time limit" in report.reason


def test_the_frontier_limit_leaves_unknown_and_never_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.verification.histories.sequential_search.MOST_FRONTIERS", 3)
    report = judged("a: w x 1, w x 1, w x 2 | b: w x 1, w x 2 | c: r x 2, r x 1, r x 2")
    assert report.verdict is Verdict.UNKNOWN
    assert "frontiers" in report.reason


def test_a_long_history_of_one_copy_needs_no_luck() -> None:
    rng = random.Random(34)
    copy: dict[int, int] = {}
    operations = []
    for number in range(20_000):
        key, process = rng.randrange(20), rng.randrange(8)
        span = (2 * number + 1, 2 * number + 2, Outcome.OK)
        if rng.random() < 0.5:
            copy[key] = number
            operations.append(Operation(process, "write", key, number, None, *span))
        else:
            operations.append(Operation(process, "read", key, None, copy.get(key), *span))
    assert judged(History(tuple(operations), None, 40_000)).verdict is Verdict.OK
