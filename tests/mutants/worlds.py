"""The worlds that look for a wrong version: written tests, random runs in memory, the simulator, the checker, and the
definition of a quorum. Each says what it saw first, and what that took. Whoever calls them has put the wrong version in
place.
"""

from __future__ import annotations

import io
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout

import msgspec
import pytest

from actors.simulation import campaign, swarm
from actors.simulation.swarm import Scenario
from actors.verification import check
from protocols.raft.scenario import RaftScenario
from protocols.storage.scenario import StoreScenario
from tests.mutants import checked
from tests.raft import campaign as in_memory
from tests.raft import test_rules

#: A run with so many events is a storm; right versions stay far below (the row "nothing" of the table shows it).
MOST_EVENTS = 200_000
MOST_STATES = 500_000
MORE_FOR_RANDOM_SECONDS = 30.0  # the rarest takes 500 seeds
RAFT_TESTS = [f"tests/raft/test_{name}.py" for name in
              ("elections", "replication", "reads", "recovery", "snapshots", "guard")]
STORE_TESTS = [f"tests/storage/test_{name}.py" for name in ("sessions", "shard", "gateway", "raft_log", "cluster")]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a world said.

    Attributes:
        caught: whether it saw something wrong.
        by: the first property, test or error that failed.
        runs: seeds, tests or checks up to that one.
        events: of all those runs; distinct states for the checker; 0 where it is not counted.
        seconds: of this process's own time; the machine may have been busy with others.
    """

    caught: bool
    by: str = ""
    runs: int = 0
    events: int = 0
    seconds: float = 0.0


def written_tests(files: list[str]) -> Callable[[float], Found]:
    """The tests of these files, up to the first failure."""
    def look(seconds: float) -> Found:
        first = FirstFailure()
        began = time.process_time()
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            pytest.main(
                [*files, "-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", "-p", "no:randomly"], plugins=[first]
            )
        return Found(
            caught=bool(first.name), by=first.name, runs=first.tests, seconds=time.process_time() - began
        )

    return look


def written_test(name: str) -> Callable[[float], Found]:
    """The one test that is written for the rule, among those of Raft; else all their files."""
    test = test_rules.RULES.get(name)
    if test is None:
        return written_tests(RAFT_TESTS)

    def look(seconds: float) -> Found:
        began = time.process_time()
        caught = False
        try:
            test()
        except (Exception, pytest.fail.Exception):
            caught = True
        by = "the rule's test in test_rules" if caught else ""
        return Found(caught=caught, by=by, runs=1, seconds=time.process_time() - began)

    return look


class FirstFailure:
    """A pytest plugin that keeps which test failed first."""

    def __init__(self) -> None:
        self.name = ""
        self.tests = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.tests += report.when == "call"
        if report.failed and not self.name:
            self.name = report.nodeid.rpartition("::")[2].partition("[")[0]


def random_runs(seconds: float) -> Found:
    """Groups of tests/raft/campaign.py, seed after seed."""
    began = time.process_time()
    for seed in itertools.count():
        try:
            in_memory.run(seed, steps=2500)
        except Exception as error:
            name = str(error).partition(":")[0] if isinstance(error, AssertionError) else ""
            return Found(
                caught=True, by=name if 0 < len(name) < 60 else type(error).__name__, runs=seed + 1,
                seconds=time.process_time() - began,
            )
        if time.process_time() - began >= seconds + MORE_FOR_RANDOM_SECONDS:
            return Found(caught=False, runs=seed + 1, seconds=time.process_time() - began)
    raise AssertionError("seeds do not end")


def simulated(scenario: Scenario) -> Callable[[float], Found]:
    """Runs of a scenario, seed after seed, until a property is violated."""
    def look(seconds: float) -> Found:
        began = time.process_time()

        def seeds() -> Iterator[int]:
            """They end with the time of this process; the campaign's own limit is wall time."""
            for seed in itertools.count():
                if seed and time.process_time() - began >= seconds:
                    return
                yield seed

        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(swarm, "MOST_EVENTS", MOST_EVENTS)
            done = campaign.run(scenario, seeds())
        return Found(
            caught=bool(done.failures), by=done.failures[0].violated if done.failures else "", runs=done.runs,
            events=done.events, seconds=time.process_time() - began,
        )

    return look


def explored(models: tuple[str, ...]) -> Callable[[float], Found]:
    """Every interleaving of small models, one model after the other."""
    def look(seconds: float) -> Found:
        began = time.process_time()
        states = 0
        for number, name in enumerate(models, 1):
            result = check(checked.MODELS[name](), max_states=MOST_STATES, stop_on_violation=True)
            states += result.distinct
            for finding in result.findings:
                if finding.verdict.name == "VIOLATED" and finding.kind.name == "ALWAYS":
                    return Found(
                        caught=True, by=f"{finding.name} ({name})", runs=number, events=states,
                        seconds=time.process_time() - began,
                    )
        return Found(caught=False, runs=len(models), events=states, seconds=time.process_time() - began)

    return look


RAFT = {
    "random": random_runs,
    "raft": simulated(RaftScenario()),
    "store": simulated(StoreScenario()),
}
STORE = {"tests": written_tests(STORE_TESTS), "store": simulated(StoreScenario())}
