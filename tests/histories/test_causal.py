"""Causal consistency is judged as its definitions say, with the pattern and the broken session guarantee by name."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest

from actors.verification.histories import History, Operation, Outcome, Report, Verdict, judge, parse_history
from actors.verification.histories import causal as judging
from tests.histories.twin_causal import by_definition, by_patterns
from tests.histories.weak import disturbed, history, interleaved, mutated, parsed, serial_store, several

SENSES = ("CC", "CCv", "CM")

# Figure 3 of Bouajjani, Enea, Guerraoui, Hamza (POPL 2017), with what each keeps.
LITMUS = {
    "a": ("a: w x 1, r x 2 | b: w x 2, r x 1", "CC CM"),
    "b": ("a: w z 1, w x 1, w y 1 | b: w x 2, r z null, r y 1, r x 2", "CC CCv"),
    "c": ("a: w x 1 | b: w x 2, r x 1, r x 2", "CC"),
    "d": ("a: w x 1, r y null, w y 1, r x 1 | b: w x 2, r y null, w y 2, r x 2", "CC CCv CM"),
    "e": ("a: w x 1, w y 1 | b: r y 1, w x 2 | c: r x 2, r x 1", ""),
}


def judged(text: str | History) -> Report:
    """The causal report of a history of one line."""
    return judge(history(text) if isinstance(text, str) else text, "causal", "key-value")


@pytest.mark.parametrize("name", LITMUS)
def test_the_histories_of_the_paper_keep_what_it_says(name: str) -> None:
    text, keeps = LITMUS[name]
    details = judged(text).details
    assert {sense for sense in SENSES if details[sense] == "ok"} == set(keeps.split())


def test_history_d_of_the_paper_is_not_sequentially_consistent() -> None:
    assert judge(history(LITMUS["d"][0]), "sequential", "key-value").verdict is Verdict.VIOLATION


@pytest.mark.parametrize(("pattern", "sense", "text"), [
    ("ThinAirRead", "CC", "a: w x 1 | b: r x 2"),
    ("ThinAirRead", "CC", "a: w! x 1 | b: r x 1"),
    ("CyclicCO", "CC", "a: r x 1, w y 1 | b: r y 1, w x 1"),
    ("CyclicCO", "CC", "a: r x 1, w x 1"),
    ("WriteCOInitRead", "CC", "a: w x 1, w y 1 | b: r y 1, r x null"),
    ("WriteCORead", "CC", "a: w x 1, w x 2 | b: r x 2, r x 1"),
    ("CyclicCF", "CCv", LITMUS["a"][0]),
    ("WriteHBInitRead", "CM", LITMUS["b"][0]),
    ("CyclicHB", "CM", "a: w x 1 | b: w x 2 | c: r x 1, r x 2, r x 1"),
])
def test_the_bad_pattern_is_named(pattern: str, sense: str, text: str) -> None:
    report = judged(text)
    assert report.details["patterns"][sense]["name"] == pattern
    assert report.details[sense] == "violation"
    if sense == "CC":
        assert report.witness is not None
        assert report.witness.what == pattern


@pytest.mark.parametrize(("guarantee", "text"), [
    ("read your writes", "a: w x 1, r x null"),
    ("read your writes", "a: w x 1, w x 2, r x 1"),
    ("monotonic reads", "a: w x 1 | b: r x 1, r x null"),
    ("monotonic reads", "a: w x 1 | b: w x 2 | c: r x 1, r x 2, r x 1"),
    ("monotonic writes", "a: w x 1, w y 2 | b: r y 2, r x null"),
    ("writes follow reads", "a: w x 1 | b: r x 1, w y 2 | c: r y 2, r x null"),
])
def test_one_broken_session_guarantee_is_named_alone(guarantee: str, text: str) -> None:
    found = judged(text).details["session_guarantees"]
    assert {name for name, verdict in found.items() if verdict != "ok"} == {guarantee}


def test_a_session_that_reads_two_writes_of_another_in_the_wrong_order_breaks_two_guarantees() -> None:
    found = judged("a: w x 1, w x 2 | b: r x 2, r x 1").details["session_guarantees"]
    assert {name for name, verdict in found.items() if verdict != "ok"} == {"monotonic reads", "monotonic writes"}


@pytest.mark.parametrize(("guarantee", "text"), [
    ("monotonic writes", "a: w y 3, w x 4, w y 5 | b: r x 4, r y 5, r y null"),
    ("writes follow reads", "a: w x 1 | b: r x 1, w x 2, w y 3 | c: r x 2, r y 3, r x 1"),
])
def test_a_guarantee_broken_against_an_earlier_write_is_named_although_a_later_one_was_seen(
    guarantee: str, text: str
) -> None:
    assert judged(text).details["session_guarantees"][guarantee] == "violation"


def test_the_witness_is_the_shortest_cycle() -> None:
    report = judged(
        "a: r x 1, r z null, w y 1 | b: r y 1, r z null, w x 1 | c: r q 9 | d: r p 8, w q 9 | e: r q 9, w p 8"
    )
    assert report.witness is not None
    assert [edge.why for edge in report.witness.edges] == [
        "the same process did it earlier", "the latter read what the former wrote",
    ] * 2
    assert len(report.witness.operations) == 4


def test_definitions_patterns_and_judge_agree_on_tiny_histories() -> None:
    rng = random.Random(11)
    for size, rounds in ((4, 3_000), (5, 1_000)):
        for sessions in several(rng, rounds, size, 3, 2):
            kept = by_definition(sessions)
            report = judged(interleaved(sessions))
            assert {sense: report.details[sense] == "ok" for sense in SENSES} == kept, sessions


def test_patterns_and_judge_agree_on_small_histories() -> None:
    rng = random.Random(12)
    for keys in (1, 2):
        for sessions in several(rng, 2_000, 9, 4, keys):
            agrees_with_the_patterns(sessions)


def test_histories_that_tell_the_senses_apart_are_told_apart() -> None:
    rng = random.Random(13)
    seen = set()
    for _ in range(400):
        for text, _ in LITMUS.values():
            sessions = disturbed(rng, parsed(text))
            patterns = agrees_with_the_patterns(sessions)
            seen.add(tuple(not patterns[sense] for sense in SENSES))
    assert seen == {
        (True, True, True), (True, True, False), (True, False, True), (True, False, False), (False, False, False),
    }


def agrees_with_the_patterns(sessions: list[list[Any]]) -> dict[str, set[str]]:
    patterns = by_patterns(sessions)
    details = judged(interleaved(sessions)).details
    for sense in SENSES:
        assert (details[sense] == "ok") == (not patterns[sense]), (sense, sessions)
        if patterns[sense]:
            assert details["patterns"][sense]["name"] in patterns[sense], (sense, sessions)
    guarantees = details["session_guarantees"]
    if not patterns["CC"]:
        assert {name for name, verdict in guarantees.items() if verdict != "ok"} <= {"monotonic reads"}, sessions
    if not patterns["CM"]:
        assert set(guarantees.values()) == {"ok"}, sessions
    return patterns


def test_an_unread_write_of_unknown_outcome_may_never_have_happened() -> None:
    assert judged("a: w? x 1 | b: r x null, r x null").verdict is Verdict.OK


def test_a_write_of_unknown_outcome_that_was_read_happened() -> None:
    report = judged("a: w y 5, w? x 1 | b: r x 1, r y null")
    assert report.details["patterns"]["CC"]["name"] == "WriteCOInitRead"


def test_reads_without_an_answer_count_for_nothing() -> None:
    assert judged("a: w x 1, r? x null | b: r! x null, r x 1").verdict is Verdict.OK


def test_a_value_written_twice_and_read_leaves_the_verdict_open() -> None:
    report = judged("a: w x 1 | b: w x 1 | c: r x 1")
    assert report.verdict is Verdict.UNKNOWN
    assert "write each value once per key" in report.reason
    assert report.details["CM"] == "unknown"


def test_a_value_written_twice_and_never_read_does_no_harm() -> None:
    assert judged("a: w x 1 | b: w x 1 | c: w x 2, r x 2").verdict is Verdict.OK


def test_a_write_of_the_initial_value_leaves_reads_of_it_open() -> None:
    assert judged("a: w x null | b: r x null").verdict is Verdict.UNKNOWN


def test_what_is_broken_without_the_ambiguous_reads_is_broken() -> None:
    report = judged("a: w x 1 | b: w x 1 | c: r x 1 | d: w y 1, r y null")
    assert report.verdict is Verdict.VIOLATION


def test_the_same_value_at_two_keys_is_not_ambiguous() -> None:
    assert judged("a: w x 1, w y 1 | b: r x 1, r y 1").verdict is Verdict.OK


def test_true_and_one_are_two_values() -> None:
    assert judged("a: w x 1 | b: w x true | c: r x 1").verdict is Verdict.OK


def test_an_initial_value_is_read_before_any_write() -> None:
    lines = history("a: r x 0, r x 1 | b: w x 1")
    assert judge(lines, "causal", "register", initial=0).verdict is Verdict.OK
    assert judge(lines, "causal", "register", initial=7).verdict is Verdict.VIOLATION


def test_an_operation_that_is_no_read_and_no_write_leaves_the_verdict_open() -> None:
    lines = [
        {"process": 1, "type": "invoke", "f": "cas", "key": "x", "value": [None, 1]},
        {"process": 1, "type": "ok", "f": "cas", "key": "x"},
    ]
    report = judge(parse_history("\n".join(map(json.dumps, lines))), "causal", "cas-register")
    assert report.verdict is Verdict.UNKNOWN
    assert "cas" in report.reason


def test_causal_memory_beyond_its_budget_is_unknown_and_the_rest_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "CM_BUDGET_SECONDS", -1.0)
    report = judged(LITMUS["b"][0])
    assert (report.details["CC"], report.details["CCv"], report.details["CM"]) == ("ok", "ok", "unknown")
    assert any("CM" in reason for reason in report.details["unknown"])


def test_a_passed_deadline_leaves_unknown_and_never_ok() -> None:
    report = judging.judge_causal(history(LITMUS["b"][0]), "key-value", None, time.monotonic() - 1)
    assert report.details["CM"] == "unknown"
    assert set(report.details["session_guarantees"].values()) == {"unknown"}


def test_clocks_beyond_the_memory_limit_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.verification.histories.causal_accesses.MEMORY_BYTES", 16)
    report = judged(LITMUS["d"][0])
    assert report.verdict is Verdict.UNKNOWN
    assert "memory" in report.reason


def test_edges_beyond_the_memory_limit_leave_what_was_decided_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clocks of 9 sessions fit; the edges between concurrent writes that all have read do not."""
    monkeypatch.setattr("actors.verification.histories.causal_accesses.MEMORY_BYTES", 80_000)
    sessions = [[(p, "write", key, p) for key in range(40)] for p in range(9)]
    for p, session in enumerate(sessions):
        session += [(p, "read", key, reader) for reader in range(p, -1, -1) for key in range(40)]
    details = judged(interleaved(sessions)).details
    assert (details["CC"], details["CCv"], details["CM"]) == ("ok", "unknown", "unknown")
    assert any("memory limit" in reason for reason in details["unknown"])


def test_strong_is_sequential_is_causal_in_every_sense() -> None:
    """On histories of one copy, with real time, and mutated: a stronger level never holds where a weaker fails."""
    rng = random.Random(14)
    held = {"strong": 0, "sequential": 0, "CM": 0, "CCv": 0, "CC": 0}
    for number in range(1_500):
        sessions = serial_store(rng, rng.randrange(2, 10), 3, 2)
        lines = overlapping(rng, mutated(rng, sessions) if number % 2 else sessions)
        details = judged(lines).details
        keeps = {
            "strong": judge(lines, "strong", "key-value").verdict is Verdict.OK,
            "sequential": judge(lines, "sequential", "key-value").verdict is Verdict.OK,
            **{sense: details[sense] == "ok" for sense in SENSES},
        }
        for stronger, weaker in (("strong", "sequential"), ("sequential", "CM"), ("sequential", "CCv"),
                                 ("CM", "CC"), ("CCv", "CC")):
            assert keeps[weaker] or not keeps[stronger], (stronger, weaker, lines)
        for level, holds in keeps.items():
            held[level] += holds
    assert 0 < held["strong"] < held["sequential"] < held["CC"] < 1_500


def overlapping(rng: random.Random, sessions: list[list[Any]]) -> History:
    """The sessions' operations with values as places in time, so that neighbours overlap by chance."""
    spans: list[tuple[float, float, Any]] = []
    for session in sessions:
        now = 0.0
        for line in session:
            begin = max(now, (line[3] or 0) + rng.uniform(-3, 0)) if line[1] == "write" else now + rng.uniform(0, 2)
            now = begin + rng.uniform(0.1, 3)
            spans.append((begin, now, line))
    points = sorted((moment, number, end) for number, span in enumerate(spans) for end, moment in enumerate(span[:2]))
    place = {(number, end): at for at, (_, number, end) in enumerate(points, 1)}
    operations = [
        Operation(line[0], line[1], line[2], None if line[1] == "read" else line[3],
                  line[3] if line[1] == "read" else None, place[number, 0], place[number, 1], Outcome.OK)
        for number, (_, _, line) in enumerate(spans)
    ]
    return History(tuple(sorted(operations, key=lambda one: one.invoked)), None, len(points))


@pytest.mark.slow
def test_definitions_and_judge_agree_on_histories_of_six() -> None:
    rng = random.Random(15)
    for sessions in several(rng, 1_200, 6, 3, 2):
        kept = by_definition(sessions)
        details = judged(interleaved(sessions)).details
        assert {sense: details[sense] == "ok" for sense in SENSES} == kept, sessions
