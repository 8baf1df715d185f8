"""Rows of the history judges: a long history of a causally consistent store, judged in a process of its own.

usage: python -m bench.judge_rows [--operations N] [--sessions N] [--keys N]; prints one JSON object
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import deque

from actors.verification.histories import History, Operation, Outcome, judge
from actors.verification.histories.causal import single_units
from actors.verification.histories.causal_accesses import Accesses
from actors.verification.histories.causal_patterns import check_cc, check_ccv
from bench.lab import Lab
from bench.report import Measured
from bench.timing import run_module

OPERATIONS = 100_000
SESSIONS = 10
KEYS = 100
ROUNDS = 5


def causal_history(operations: int, sessions: int, keys: int, seed: int = 1) -> History:
    """What the sessions of a causal store see, each at a replica of its own; half of the operations are writes.

    Updates are broadcast in causal order, a replica keeps the write with the largest (Lamport time, replica), and lags
    behind the others by chance.
    """
    rng = random.Random(seed)
    replicas: list[dict[int, tuple[int, int, int]]] = [{} for _ in range(sessions)]
    lamport = [0] * sessions
    sent: deque[tuple[int, int, tuple[int, int, int]]] = deque()  # every replica takes all in this order: causal enough
    first = 0  # number of the oldest update in ``sent``
    taken = [0] * sessions
    done: list[Operation] = []
    for number in range(operations):
        me, key = rng.randrange(sessions), rng.randrange(keys)
        for _ in range(rng.randrange(3 * sessions // 2)):
            if taken[me] < first + len(sent):
                origin, its_key, stamped = sent[taken[me] - first]
                if origin != me and stamped > replicas[me].get(its_key, (-1, 0, 0)):
                    replicas[me][its_key] = stamped
                lamport[me] = max(lamport[me], stamped[0])
                taken[me] += 1
        while sent and min(taken) > first:
            sent.popleft()
            first += 1
        span = (2 * number + 1, 2 * number + 2, Outcome.OK)
        if rng.random() < 0.5:
            lamport[me] += 1
            replicas[me][key] = (lamport[me], me, number)
            sent.append((me, key, replicas[me][key]))
            done.append(Operation(me, "write", key, number, None, *span))
        else:
            found = replicas[me].get(key)
            done.append(Operation(me, "read", key, None, None if found is None else found[2], *span))
    return History(tuple(done), None, 2 * operations)


def causal(operations: int, sessions: int, keys: int) -> dict[str, float]:
    """Seconds for CC and CCv from a history in memory, and for the whole report with CM and session guarantees."""
    history = causal_history(operations, sessions, keys)
    both, whole, report = [], [], None
    for _ in range(ROUNDS):
        start = time.perf_counter()
        accesses = Accesses(single_units(history), None)
        causality = accesses.causality()
        verdicts = (check_cc(accesses, causality).verdict, check_ccv(accesses, causality).verdict)
        both.append(time.perf_counter() - start)
        if verdicts != ("ok", "ok"):
            raise AssertionError(f"a causal store's history was judged {verdicts}")
        start = time.perf_counter()
        report = judge(history, "causal", "register")
        whole.append(time.perf_counter() - start)
    if report is None or report.details["CM"] == "unknown":
        raise AssertionError("causal memory was not decided")
    return {"value": min(both), "median_s": sorted(both)[ROUNDS // 2], "whole_report_s": min(whole)}


def causal_row(lab: Lab) -> Measured:
    """CC and CCv of 100,000 operations in 10 sessions."""
    lab.quiet()
    found = run_module("bench.judge_rows", "--operations", OPERATIONS, "--sessions", SESSIONS, "--keys", KEYS)
    return Measured(float(found.pop("value")), "s", {**found, "operations": OPERATIONS, "sessions": SESSIONS})


def main() -> None:
    """Measure once and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=OPERATIONS)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--keys", type=int, default=KEYS)
    given = parser.parse_args()
    print(json.dumps(causal(given.operations, given.sessions, given.keys)))


if __name__ == "__main__":
    main()
