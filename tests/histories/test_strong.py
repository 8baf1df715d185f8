"""The strong judge: what it promises about verdicts, evidence, limits and models of one's own."""

from __future__ import annotations

import random
import time
from typing import Any

import msgspec
import pytest

from actors.verification.histories import History, HistoryError, Model, Operation, Verdict, judge, parse_history
from actors.verification.histories import strong as judging
from core_ext.linear_layout import Layout
from core_ext.linear_problem import Problem
from core_ext.linear_search import BUDGET_SPENT, LINEARIZABLE, MEMORY_FULL, NOT_LINEARIZABLE, TIME_OVER, Search
from core_ext.linear_sweep import Sweep
from core_ext.linear_table import Table
from tests.histories.generate import CAS_REGISTER, KEY_VALUE, REGISTER, generate, to_lines


def history(text: str) -> History:
    """In short: ``0+write 1`` invokes, ``0=`` is an ok, ``0=5`` one with a value, ``0!`` fail, ``0?`` info."""
    events: list[dict[str, Any]] = []
    for word in text.split(", "):
        process, mark, rest = int(word[0]), word[1], word[2:]
        if mark == "+":
            f, *value = rest.split(" ")
            event: dict[str, Any] = {"process": process, "type": "invoke", "f": f}
            if value:
                event["value"] = [_value(one) for one in value] if f == "cas" else _value(value[0])
        else:
            event = {"process": process, "type": {"=": "ok", "!": "fail", "?": "info"}[mark]}
            if rest:
                event["result" if rest in ("True", "False") else "value"] = _value(rest)
        events.append(event)
    return parse_history(to_lines(events))


def _value(word: str) -> Any:
    known = {"null": None, "True": True, "False": False}
    return known[word] if word in known else int(word) if word.isdigit() else word


@pytest.mark.parametrize(("model", "text", "verdict"), [
    ("register", "0+write 1, 1+read, 1=null, 0=", "ok"),
    ("register", "0+write 1, 1+read, 1=1, 0=", "ok"),
    ("register", "0+write 1, 0=, 1+read, 1=null", "violation"),
    ("register", "0+write 1, 0=, 0+write 2, 1+read, 1=2, 2+read, 2=1, 0=", "violation"),  # new, then old
    ("register", "0+write 1, 0=, 0+write 2, 1+read, 2+read, 2=1, 1=2, 0=", "ok"),
    ("register", "0+read, 0=7", "violation"),  # never written
    ("register", "0+write 1, 0!, 1+read, 1=1", "violation"),  # certainly did not happen
    ("register", "0+write 1, 0?, 1+read, 1=1", "ok"),
    ("register", "0+write 1, 0?, 1+read, 1=null, 1+read, 1=1", "ok"),  # it happened later
    ("register", "0+write 1, 0?, 1+read, 1=1, 1+read, 1=null", "violation"),  # and not only for a while
    ("register", "0+write 1, 1+write 1, 0=, 1=, 2+read, 2=1", "ok"),
    ("cas-register", "0+write 1, 0=, 0+cas 1 2, 0=, 1+read, 1=2", "ok"),
    ("cas-register", "0+write 1, 0=, 0+cas 1 2, 0=False, 1+read, 1=1", "violation"),
    ("cas-register", "0+write 1, 0=, 0+cas 3 2, 0=False, 1+read, 1=1", "ok"),
    ("cas-register", "0+write 1, 0=, 0+cas 1 2, 1+cas 1 3, 0=, 1=", "violation"),  # both cannot win
    ("cas-register", "0+write 1, 0=, 0+cas 1 2, 1+cas 1 3, 0=, 1=False", "ok"),
    ("cas-register", "0+write 1, 0=, 1+cas 1 2, 1?, 0+read, 0=2", "ok"),
    ("cas-register", "0+cas null 5, 0=, 0+read, 0=5", "ok"),
    ("key-value", "0+append a, 0=, 1+append b, 1=, 0+get, 0=ab", "ok"),
    ("key-value", "0+append a, 0=, 1+append b, 1=, 0+get, 0=ba", "violation"),
    ("key-value", "0+append a, 1+append b, 1=, 0=, 0+get, 0=ba", "ok"),
    ("key-value", "0+append a, 0?, 1+append b, 1=, 2+get, 2=b, 2+get, 2=ba", "ok"),
    ("key-value", "0+put ab, 0=, 1+append c, 1=, 0+cas abc x, 0=, 0+get, 0=x", "ok"),
    ("key-value", "0+put a, 0=, 0+delete, 0=True, 1+get, 1=null", "ok"),
    ("key-value", "0+put a, 0=, 0+delete, 0=False", "violation"),
    ("key-value", "0+put a, 0=, 0+delete, 0=, 0+append b, 0=, 1+get, 1=b", "ok"),
    ("mutex", "0+acquire, 0=, 1+acquire, 0+release, 0=, 1=", "ok"),
    ("mutex", "0+acquire, 0=, 1+acquire, 1=, 0+release, 0=", "violation"),
    ("mutex", "0+acquire, 0=, 1+release, 1=", "violation"),
    ("mutex", "0+release, 0=", "violation"),
    ("mutex", "0+acquire, 0?, 1+acquire, 1=", "ok"),  # the first never happened
    ("mutex", "0+acquire, 0!, 1+acquire, 1=", "ok"),
    ("reentrant-mutex", "0+acquire, 0=, 0+acquire, 0=, 0+release, 0=, 1+acquire, 0+release, 0=, 1=", "ok"),
    ("reentrant-mutex", "0+acquire, 0=, 0+acquire, 0=, 0+release, 0=, 1+acquire, 1=", "violation"),
    ("fenced-mutex", "0+acquire, 0=3, 0+release, 0=, 1+acquire, 1=4", "ok"),
    ("fenced-mutex", "0+acquire, 0=4, 0+release, 0=, 1+acquire, 1=4", "violation"),
])
def test_small_histories_that_a_person_can_judge(model: str, text: str, verdict: str) -> None:
    assert judge(history(text), "strong", model).verdict == verdict


def test_keys_are_judged_apart_and_the_violation_is_found_in_its_key() -> None:
    events = [
        {"process": 0, "type": "invoke", "f": "put", "key": "x", "value": 1}, {"process": 0, "type": "ok"},
        {"process": 0, "type": "invoke", "f": "put", "key": "y", "value": 2}, {"process": 0, "type": "ok"},
        {"process": 1, "type": "invoke", "f": "get", "key": "y"}, {"process": 1, "type": "ok", "value": 2},
        {"process": 1, "type": "invoke", "f": "get", "key": "x"}, {"process": 1, "type": "ok", "value": None},
    ]
    report = judge(parse_history(to_lines(events)), "strong", "key-value")
    assert report.verdict is Verdict.VIOLATION
    assert report.witness is not None
    assert {one.key for one in report.witness.window} == {"x"}
    assert [one.invoked for one in report.witness.operations] == [7]


def test_true_is_not_one_and_a_string_is_not_a_number() -> None:
    events = [
        {"process": 0, "type": "invoke", "f": "write", "value": True}, {"process": 0, "type": "ok"},
        {"process": 0, "type": "invoke", "f": "read"}, {"process": 0, "type": "ok", "value": 1},
    ]
    assert judge(parse_history(to_lines(events)), "strong", "register").verdict is Verdict.VIOLATION
    events[0]["value"], events[3]["value"] = {"a": [1, 2]}, {"a": [1, 2]}
    assert judge(parse_history(to_lines(events)), "strong", "register").verdict is Verdict.OK


@pytest.mark.parametrize(("model", "text", "message"), [
    ("register", "0+append a, 0=", "line 1: a register has no append; it has get, put, read, write"),
    ("register", "0+cas 1 2, 0=", "a register has no cas"),
    ("mutex", "0+read, 0=1", "a mutex has no read"),
    ("key-value", "0+append 5, 0=", "appends strings, and not 5"),
    ("key-value", "0+put 5, 0=, 0+append a, 0=", "line 1: a key-value appends to strings"),
    ("multi-register", "0+append a, 0=", "line 1: a multi-register has no append"),
    ("list-append", "0+write 1, 0=", "line 1: a list-append has no w"),
    ("fenced-mutex", "0+acquire, 0=", "line 2: the ok of an acquire without its token"),
    ("queue", "0+read, 0=1", "no model 'queue'; there are register"),
])
def test_what_a_model_does_not_have_is_refused(model: str, text: str, message: str) -> None:
    with pytest.raises(HistoryError, match=message):
        judge(history(text), "strong", model)


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(HistoryError, match="no level 'linear'; there are strong"):
        judge(history("0+read, 0=null"), "linear", "register")


class Counter(Model):
    """A counter: ``put`` adds, ``get`` reads. Keys are counters of their own."""

    def initial(self) -> int:
        return 0

    def step(self, state: int, operation: Operation) -> tuple[bool, int]:
        if operation.f == "put":
            return True, state + operation.value
        return operation.result == state, state

    def partition(self, operation: Operation) -> Any:
        return operation.key

    def reads_only(self, operation: Operation) -> bool:
        return operation.f == "get"


class Broken(Counter):
    """A model with a bug."""

    def step(self, state: int, operation: Operation) -> tuple[bool, Any]:
        return True, [state]


def test_a_model_of_ones_own() -> None:
    right = history("0+put 1, 1+put 2, 2+get, 2=2, 1=, 0=, 2+get, 2=3, 0+put 5, 0?, 2+get, 2=3, 2+get, 2=8")
    assert judge(right, "strong", Counter()).verdict is Verdict.OK
    wrong = judge(history("0+put 1, 1+put 2, 1=, 2+get, 2=1, 0=, 2+get, 2=3"), "strong", Counter())
    assert (wrong.verdict, wrong.model) == (Verdict.VIOLATION, "Counter")
    assert wrong.witness is not None
    assert "the state could only be 2 or 3" in wrong.witness.text
    sum_of_nothing = judge(history("0+put 1, 0=, 1+put 2, 1=, 2+get, 2=5"), "strong", Counter())
    assert sum_of_nothing.witness is not None
    assert sum_of_nothing.witness.text.endswith("the state could only be 3.")  # not "nobody wrote 5": who writes sums?


def test_a_model_that_fails_is_named_with_the_line() -> None:
    with pytest.raises(HistoryError, match=r"line 1: the model Broken fails at put 1 in state 0: TypeError: "):
        judge(history("0+put 1, 0="), "strong", Broken())


def test_a_time_limit_makes_the_verdict_unknown_and_never_ok() -> None:
    events = generate(1, 20_000, clients=50, mix={"get": 1, "put": 3, "append": 3}, think=0.01)
    report = judge(parse_history(to_lines(events)), "strong", "key-value", time_limit_seconds=0.01)
    assert report.verdict is Verdict.UNKNOWN
    assert "time limit" in report.reason
    assert report.witness is None
    assert report.seconds < 5


def test_a_memory_limit_makes_the_verdict_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "MEMORY_BYTES", 50_000)
    events = generate(1, 3_000, clients=50, mix={"get": 1, "put": 3, "append": 3}, think=0.01, info=0.02)
    report = judge(parse_history(to_lines(events)), "strong", "key-value")
    assert report.verdict is Verdict.UNKNOWN
    assert "memory limit" in report.reason


def crowd(width: int) -> Problem:
    """Appends that all overlap, and then a string that none of their orders gives."""
    text = "".join(chr(97 + number) for number in range(width))
    words = [f"{number}+append {letter}" for number, letter in enumerate(text)]
    words += [f"{number}=" for number in range(width)]
    told = judging.problems_of(history(", ".join([*words, f"0+get, 0={text[:-1]}?"])).operations, "key-value", None)
    return told[0]


def test_budgets_time_and_memory_end_a_search_with_what_ended_it() -> None:
    assert Search(Layout(crowd(7))).run(10**9, True) == NOT_LINEARIZABLE
    assert Search(Layout(crowd(9))).run(500, True) == BUDGET_SPENT
    assert Search(Layout(crowd(9)), 20_000).run(10**9, True) == MEMORY_FULL
    assert Search(Layout(crowd(9))).run(10**9, True, time.monotonic() - 1) == TIME_OVER
    assert Sweep(Layout(crowd(9))).run(500) == BUDGET_SPENT
    assert Sweep(Layout(crowd(9)), 20_000).run(10**9) == MEMORY_FULL
    assert Sweep(Layout(crowd(9))).run(10**9, time.monotonic() - 1) == TIME_OVER


def test_many_operations_open_at_once_need_more_than_one_word_of_bits() -> None:
    events: list[dict[str, Any]] = []
    for process in range(200):
        events.append({"process": process, "type": "invoke", "f": "cas", "value": [process, process + 1]})
    events += [{"process": process, "type": "ok"} for process in range(200)]
    found = parse_history(to_lines(events))
    assert judge(found, "strong", "cas-register", initial=0).verdict is Verdict.OK
    assert judge(found, "strong", "cas-register", initial=1).verdict is Verdict.VIOLATION


def test_thousands_of_operations_of_unknown_outcome_cost_little() -> None:
    """Those that nobody can have seen are left out, and equal ones are one choice."""
    events: list[dict[str, Any]] = []
    for number in range(3_000):
        events.append({"process": 10 + number, "type": "invoke", "f": "write", "value": number % 7})
        events.append({"process": 10 + number, "type": "info"})
        events.append({"process": 0, "type": "invoke", "f": "read"})
        events.append({"process": 0, "type": "ok", "value": number % 5 if number % 9 else None if number < 5 else 4})
    found = parse_history(to_lines(events))
    started = time.monotonic()
    assert judge(found, "strong", "register").verdict in (Verdict.OK, Verdict.VIOLATION)
    assert time.monotonic() - started < 10


def test_a_long_string_costs_no_more_than_a_short_one() -> None:
    events: list[dict[str, Any]] = []
    for number in range(5_000):
        events.append({"process": 0, "type": "invoke", "f": "append", "value": f"{number:05d},"})
        events.append({"process": 0, "type": "ok"})
    whole = "".join(f"{number:05d}," for number in range(5_000))
    for text in (whole, whole[:-2] + "x,"):
        events += [{"process": 0, "type": "invoke", "f": "get"}, {"process": 0, "type": "ok", "value": text}]
    found = parse_history(to_lines(events))
    right = History(found.operations[:-1], None, found.length)
    assert judge(right, "strong", "key-value").verdict is Verdict.OK
    assert judge(found, "strong", "key-value").verdict is Verdict.VIOLATION


def test_a_string_is_the_same_however_it_came_to_be() -> None:
    """The state is a hash of the string: the order and the cuts of the appends must not matter, only the text."""
    rng = random.Random(1)
    for _ in range(200):
        text = "".join(rng.choice("abé€😀") for _ in range(rng.randint(1, 12)))
        cut = rng.randrange(len(text) + 1)
        words = [part for part in (text[:cut], text[cut:]) if part]
        events: list[dict[str, Any]] = []
        for part in words:
            events += [{"process": 0, "type": "invoke", "f": "append", "value": part}, {"process": 0, "type": "ok"}]
        events += [{"process": 0, "type": "invoke", "f": "cas", "value": [text, "end"]}, {"process": 0, "type": "ok"}]
        assert judge(parse_history(to_lines(events)), "strong", "key-value").verdict is Verdict.OK
        events[-2]["value"] = [text + "a", "end"]
        assert judge(parse_history(to_lines(events)), "strong", "key-value").verdict is Verdict.VIOLATION


@pytest.mark.parametrize("mix", [REGISTER, CAS_REGISTER, KEY_VALUE])
def test_long_histories_are_judged_in_seconds(mix: dict[str, int]) -> None:
    events = generate(7, 20_000, clients=10, keys=1 if mix is not KEY_VALUE else 20, mix=mix)
    model = "key-value" if mix is KEY_VALUE else "cas-register"
    report = judge(parse_history(to_lines(events)), "strong", model, time_limit_seconds=20)
    assert report.verdict is Verdict.OK


def test_a_table_numbers_values_and_builds_strings_again() -> None:
    table = Table(lambda value: (type(value).__name__, str(value)))
    numbers = [table.number_of(value) for value in (None, 1, "1", True, [1])]
    assert len(set(numbers)) == 5
    assert [table.number_of(value) for value in (None, 1, "1", True, [1])] == numbers
    assert [table.value_of(number) for number in numbers] == [None, 1, "1", True, [1]]
    with pytest.raises(IndexError, match="no state 99"):
        table.value_of(99)


def test_operations_out_of_order_are_refused_before_they_are_searched() -> None:
    first, second = history("0+write 1, 0=, 0+write 2, 0=").operations
    with pytest.raises(ValueError, match="operations come in order of invocation"):
        judge(History((second, first)), "strong", "register")
    with pytest.raises(ValueError, match="end after they begin"):
        judge(History((msgspec.structs.replace(first, completed=1),)), "strong", "register")


def test_a_search_of_nothing_succeeds() -> None:
    table = Table(lambda value: value)
    assert Search(Layout(Problem(table, 0))).run(1, True) == LINEARIZABLE
    assert Sweep(Layout(Problem(table, 0))).run(1) == LINEARIZABLE


def test_the_evidence_begins_with_the_operation_that_left_the_state_in_which_it_begins() -> None:
    history = parse_history(
        '{"process": 1, "type": "invoke", "f": "acquire"}\n{"process": 2, "type": "invoke", "f": "acquire"}\n'
        '{"process": 1, "type": "ok", "f": "acquire"}\n{"process": 2, "type": "ok", "f": "acquire"}\n'
    )
    witness = judge(history, "strong", "mutex").witness
    assert witness is not None
    assert [one.process for one in witness.window] == [1, 2], "who has the lock, and who got it all the same"
    assert "held by process 1" in witness.text
