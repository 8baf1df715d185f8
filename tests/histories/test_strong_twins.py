"""The strong judge says what trying everything says: on thousands of small random histories, true or false."""

from __future__ import annotations

import random
from typing import Any

import pytest

from actors.verification.histories import History, HistoryError, Verdict, judge, parse_history
from actors.verification.histories.problems import problems_of
from core_ext.linear_layout import Layout
from core_ext.linear_search import BUDGET_SPENT, LINEARIZABLE, NOT_LINEARIZABLE, Search
from core_ext.linear_sweep import Sweep
from core_ext.linear_zones import judge_zones
from tests.histories.brute import linearizable
from tests.histories.generate import (
    CAS_REGISTER,
    LOCK,
    REGISTER,
    generate,
    generate_transactions,
    mutate,
    to_lines,
)

STORE = {"get": 4, "put": 2, "append": 2, "cas": 2, "delete": 1}
MIXES: dict[str, dict[str, int]] = {
    "register": REGISTER, "cas-register": CAS_REGISTER, "key-value": STORE, "mutex": LOCK,
}
SEEDS = 1_000


def histories(model: str, seed: int) -> list[History]:
    """A true history and up to three mutations of it."""
    rng = random.Random(f"{model} {seed}")
    if model in MIXES:
        events = generate(
            seed, rng.randint(2, 9), clients=rng.randint(2, 5), keys=rng.choice([1, 1, 2]), mix=MIXES[model],
            values=rng.choice([None, 2, 3]), info=rng.choice([0, 0, 0.2, 0.5]), fail=rng.choice([0, 0.2]),
            think=rng.choice([0.1, 1]),
        )
    else:
        events = generate_transactions(
            seed, rng.randint(2, 7), clients=rng.randint(2, 4), keys=rng.randint(1, 4), lists=model == "list-append",
            values=rng.choice([None, 2]), info=rng.choice([0, 0.2]),
        )
    found = [parse_history(to_lines(events))]
    for _ in range(3):
        try:
            found.append(parse_history(to_lines(mutate(events, rng))))
        except HistoryError:
            continue  # two lines were swapped that cannot be
    return found


@pytest.mark.parametrize("model", [*MIXES, "multi-register", "list-append"])
def test_the_verdict_is_that_of_trying_every_order(model: str) -> None:
    verdicts = {True: 0, False: 0}
    for seed in range(SEEDS):
        for number, history in enumerate(histories(model, seed)):
            expected = linearizable(history.operations, model)
            assert expected or number, f"seed {seed}: the generator made a false history"
            report = judge(history, "strong", model)
            assert report.verdict is (Verdict.OK if expected else Verdict.VIOLATION), (seed, number, history)
            verdicts[expected] += 1
    assert min(verdicts.values()) > SEEDS / 30, verdicts  # both answers were put to the test


@pytest.mark.parametrize("model", MIXES)
def test_every_way_to_search_gives_the_same_answer(model: str) -> None:
    by_zones = 0
    for seed in range(SEEDS // 3):
        for history in histories(model, seed):
            for problem in problems_of(history.operations, model, None):
                sweep = Sweep(Layout(problem))
                while (expected := sweep.run(1)) == BUDGET_SPENT:
                    pass
                for by_return in (True, False):
                    assert Search(Layout(problem)).run(10**6, by_return) == expected
                search, budget = Search(Layout(problem)), 1
                while (answer := search.run(budget, seed % 2 == 0)) == BUDGET_SPENT:
                    budget *= 2
                assert answer == expected
                zones = judge_zones(problem)
                if zones is not None:
                    by_zones += 1
                    assert (zones[0] == "") == (expected == LINEARIZABLE), (seed, zones)
    assert by_zones > 50 or model in ("key-value", "cas-register", "mutex")


def judge_again_and_again(history: History, model: str) -> bool:
    """By searches whose budget is spent at first, so that they find out what waiting operations need."""
    right = True
    for problem in problems_of(history.operations, model, None):
        search, budget = Search(Layout(problem)), 1
        while (answer := search.run(budget, budget % 3 == 1)) == BUDGET_SPENT:
            budget *= 2
        right = right and answer == LINEARIZABLE
    return right


GROWING = {"get": 2, "append": 5}


@pytest.mark.parametrize(
    "mix",
    [{"get": 4, "put": 2, "append": 4}, {"get": 3, "append": 4, "cas": 1}, GROWING, {**GROWING, "delete": 1}, STORE],
)
def test_what_waiting_reads_of_growing_strings_need_prunes_nothing_that_counts(mix: dict[str, int]) -> None:
    for seed in range(SEEDS):
        rng = random.Random(f"strings {seed}")
        events = generate(
            seed, rng.randint(4, 9), clients=rng.randint(2, 5), mix=mix, values=rng.choice([None, 2]),
            info=rng.choice([0.2, 0.5]), think=0.1,
        )
        for number in range(4):
            try:
                history = parse_history(to_lines(mutate(events, rng) if number else events))
            except HistoryError:
                continue
            expected = linearizable(history.operations, "key-value")
            assert judge_again_and_again(history, "key-value") == expected, (seed, number)


@pytest.mark.parametrize("seed", range(5))
def test_a_list_that_is_rarely_read_is_judged_by_what_is_read_of_it(seed: int) -> None:
    """A wrong order of appends shows at the next read, a hundred appends later: too late to try the others."""
    events = generate(seed, 600, clients=8, mix={"get": 1, "append": 60}, info=0.02, think=0.1)
    history = parse_history(to_lines(events))
    [problem] = problems_of(history.operations, "key-value", None)
    search = Search(Layout(problem))
    assert search.run(1, True) == BUDGET_SPENT, "what waiting operations need is found out after the first run"
    assert search.run(20 * len(history.operations), True) == LINEARIZABLE

    reads = [event for event in events if event["type"] == "ok" and event["f"] == "get" and event["value"]]
    words = reads[-1]["value"]
    middle = len(words) // 2
    reads[-1]["value"] = words[:middle - 1] + words[middle] + words[middle - 1] + words[middle + 1:]
    history = parse_history(to_lines(events))
    [problem] = problems_of(history.operations, "key-value", None)
    search = Search(Layout(problem))
    search.run(1, True)
    assert search.run(20 * len(history.operations), True) == NOT_LINEARIZABLE


@pytest.mark.parametrize("model", MIXES)
def test_the_order_that_a_search_found_explains_every_result(model: str) -> None:
    for seed in range(300):
        history = histories(model, seed)[0]
        for problem in problems_of(history.operations, model, None):
            search = Search(Layout(problem))
            assert search.run(10**6, True) == LINEARIZABLE
            placed = [history.operations[source] for source in search.placed()]
            completed, _ = problem.sources()
            assert {one.invoked for one in placed} >= {history.operations[source].invoked for source in completed}
            line_up = [
                operation.__class__(
                    0, operation.f, operation.key, operation.value, operation.result, 2 * number, 2 * number + 1,
                    operation.outcome,
                ) if model != "mutex" else operation
                for number, operation in enumerate(placed)
            ]
            assert linearizable(line_up, model)
            for number, one in enumerate(placed):  # nothing stands before what had returned when it was invoked
                assert all(later.completed is None or later.completed > one.invoked for later in placed[number:])


@pytest.mark.parametrize("model", [*MIXES, "multi-register"])
def test_the_witness_is_itself_a_violation(model: str) -> None:
    shown = whole = 0
    for seed in range(SEEDS // 2):
        for history in histories(model, seed):
            report = judge(history, "strong", model)
            if report.verdict is not Verdict.VIOLATION:
                continue
            witness = report.witness
            assert witness is not None
            assert len(witness.operations) == 1
            assert witness.operations[0] in witness.window
            assert witness.text.startswith(witness.operations[0].describe())
            if "Whatever came before" not in witness.text and "before the only write" not in witness.text:
                # No state was taken for granted: the operations stand for themselves, up to the last return.
                end = witness.operations[0].completed
                assert end is not None
                own = [one for one in witness.window if one.invoked < end]
                assert not linearizable(own, model), (seed, report)
            shown += len(witness.window)
            whole += len(history.operations)
    assert shown < whole * 0.7


def test_an_initial_value_counts_as_written_before_everything() -> None:
    for seed in range(400):
        for history in histories("cas-register", seed):
            initial: Any = random.Random(seed).choice([0, 1, 2, "1", True])
            expected = linearizable(history.operations, "cas-register", initial)
            report = judge(history, "strong", "cas-register", initial=initial)
            assert (report.verdict is Verdict.OK) == expected, (seed, initial)
