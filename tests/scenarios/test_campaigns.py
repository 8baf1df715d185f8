"""Campaigns on what exists: bounded ones always, long ones when asked for; and the same seed is the same run."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from actors.simulation import campaign, swarm
from actors.simulation.tape import Tape
from actorum.simulate import SHIPPED, find
from tests.scenarios.counters import Durable, Hasty


def run_some(name, seeds, **settings):
    """A campaign in which nothing may fail."""
    done = campaign.run(find(name).with_settings(settings), seeds)
    assert not done.failures, f"seed {done.failures[0].seed}: {done.failures[0].text}"
    return done


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_raft_holds_its_invariants_and_a_healed_majority_serves(first):
    done = run_some("raft", range(first, first + 20), seconds=3.0)
    assert done.goals["a read is answered"] > 10
    assert sum(done.faults.values()) > 100


@pytest.mark.parametrize("first", range(0, 12, 4))
def test_the_store_is_linearizable_and_loses_nothing(first):
    done = run_some("store", range(first, first + 4), seconds=1.5)
    assert done.goals["a history is judged"] >= 1


def test_the_detector_is_complete_and_accurate_in_the_end():
    done = run_some("detector", range(15), seconds=5.0)
    assert not done.missed()


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", SHIPPED)
def test_long_campaigns(name):
    done = run_some(name, range(100_000, 101_000))
    assert not done.missed(), f"no run reached: {done.missed()}"


DIGESTS = """
import json, sys
from actorum.simulate import find
from actors.simulation import swarm
from actors.simulation.tape import Tape
found = {}
for name in ("raft", "store", "detector"):
    for seed in (1, 4):
        result, _ = swarm.play(find(name).with_settings({"seconds": 1.0}), Tape(seed))
        found[f"{name} {seed}"] = [result.digest, result.events, result.faults]
print(json.dumps(found))
"""


def test_the_same_seed_is_the_same_run_in_another_process_under_another_hash_seed():
    printed = []
    for hash_seed in ("0", "4711"):
        done = subprocess.run(
            [sys.executable, "-c", DIGESTS], capture_output=True, text=True, timeout=55, check=True,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
        )
        printed.append(json.loads(done.stdout))
    assert printed[0] == printed[1]
    assert len({digest for digest, *_ in printed[0].values()}) == len(printed[0])


def test_a_traced_run_is_the_same_run():
    """Looking must not change what is looked at."""
    for name in SHIPPED:
        scenario = find(name).with_settings({"seconds": 1.0})
        plain, nothing = swarm.play(scenario, Tape(5))
        traced, events = swarm.play(scenario, Tape(5), traced=True)
        assert plain.digest == traced.digest
        assert not nothing
        assert events


def test_recorded_choices_give_the_same_run():
    for name in SHIPPED:
        scenario = find(name).with_settings({"seconds": 1.0})
        tape = Tape(6)
        first, _ = swarm.play(scenario, tape)
        again, _ = swarm.play(scenario, Tape.replay(tape.recorded()))
        assert (again.digest, again.events, again.faults) == (first.digest, first.events, first.faults)


def test_a_run_without_choices_has_no_faults():
    for name in SHIPPED:
        calm, _ = swarm.play(find(name).with_settings({"seconds": 1.0}), Tape.replay({}))
        assert not calm.violated, calm.text
        assert not set(calm.faults) - {"crash"}, "only the minority that the scenario itself takes down"


def test_a_right_program_passes_and_a_wrong_one_is_found_shrunk_and_drawn(tmp_path):
    short = {"seconds": 1.0}
    hasty = Hasty.with_settings(short)
    assert not campaign.run(Durable.with_settings(short), range(80, 120)).failures
    done = campaign.run(hasty, range(80, 180))
    assert done.failures, "100 seeds did not find a counter that acknowledges too early"
    found = campaign.investigate(hasty, "hasty", "0.1.0", done.failures[0], shrink_seconds=30.0)
    assert found.repeatable
    assert found.shrunk.violated == "durability"
    assert found.shrunk.faults == {"crash": 1}, "one crash is enough"
    assert "VIOLATION: durability" in found.text
    assert "crash" in found.text
    written = campaign.write(found, tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".svg", ".txt", ".py"}
    assert written.test.name.startswith("test_hasty")
    compile(written.test.read_text(), written.test.name, "exec")


def test_a_campaign_ends_with_the_first_failure_unless_told_otherwise():
    hasty = Hasty.with_settings({"seconds": 1.0})
    assert len(campaign.run(hasty, range(80, 120)).failures) == 1
    assert len(campaign.run(hasty, range(80, 120), keep_going=True).failures) > 1
