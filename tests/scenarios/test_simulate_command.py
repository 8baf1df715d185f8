"""``actorum simulate`` as a user runs it: exit codes, files of a failure, JSON, and what is said to bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from actorum.simulate import ReplayFailed, replay, simulate

COUNTERS = str(Path(__file__).with_name("counters.py"))
SHORT = ["--set", "seconds=1.0"]


def invoke(*arguments):
    """The command's result."""
    return CliRunner().invoke(simulate, [str(argument) for argument in arguments])


def test_a_scenario_that_holds(tmp_path):
    done = invoke("detector", "--seed", 3, "--set", "seconds=1.0", "--diagram", tmp_path / "run.svg")
    assert done.exit_code == 0, done.output
    assert "no property was violated" in done.output
    assert "seeds 3 to 3, 1 run," in done.output
    assert "digest: " in done.output
    assert (tmp_path / "run.svg").read_text().startswith("<svg")


def test_the_same_seeds_print_the_same_digest():
    printed = [json.loads(invoke("detector", "--runs", 3, "--json", *SHORT).stdout) for _ in range(2)]
    for document in printed:
        del document["wall_seconds"]
    assert printed[0] == printed[1]
    assert printed[0]["runs"] == 3
    assert printed[0]["failures"] == []


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """A campaign that found something, and where its files are."""
    folder = tmp_path_factory.mktemp("failures")
    done = invoke(
        f"{COUNTERS}:Hasty", "--runs", 200, "--json", "--out", folder, "--shrink-seconds", 5, *SHORT,
        "--diagram", folder / "picture.svg",
    )
    assert done.exit_code == 1, done.output
    return json.loads(done.stdout), folder


def test_a_failure_comes_with_everything_that_is_needed_to_look_into_it(failed):
    document, folder = failed
    (failure,) = document["failures"]
    assert failure["violated"] == "durability"
    assert failure["repeatable"]
    assert failure["shrunk"]["events"] > 0
    assert Path(failure["svg"]) == folder / "picture.svg"
    for name in ("replay", "svg", "diagram", "test"):
        assert Path(failure[name]).exists(), name
    assert "VIOLATION: durability" in Path(failure["diagram"]).read_text()


def test_a_replay_file_fails_in_the_same_way(failed):
    document, _ = failed
    (failure,) = document["failures"]
    again = invoke(f"{COUNTERS}:Hasty", "--replay", failure["replay"], "--json")
    assert again.exit_code == 1, again.output
    found = json.loads(again.stdout)
    assert found["same_run"]
    assert found["digest"] == failure["shrunk"]["digest"]
    shown = invoke(f"{COUNTERS}:Hasty", "--replay", failure["replay"])
    assert "violates: durability" in shown.output
    assert "VIOLATION" in shown.output
    with pytest.raises(ReplayFailed, match="durability"):
        replay(Path(failure["replay"]))


def test_the_written_test_fails_as_long_as_the_bug_is_there(failed):
    document, _ = failed
    source = Path(document["failures"][0]["test"])
    space = {"__file__": str(source)}
    exec(compile(source.read_text(), source, "exec"), space)
    with pytest.raises(AssertionError, match="durability"):
        space["test_durability"]()


def test_a_replay_of_mended_code_says_that_it_is_another_run(failed, tmp_path):
    document, _ = failed
    mended = tmp_path / "mended.json"
    content = Path(document["failures"][0]["replay"]).read_text()
    mended.write_text(content.replace("counters.py:Hasty", "counters.py:Durable"))
    done = invoke(f"{COUNTERS}:Durable", "--replay", mended)
    assert done.exit_code == 0, done.output
    assert "no property is violated; when the file was written, 'durability' was" in done.output
    assert "the code under test is another one" in done.output


def test_a_failure_is_told_in_words(tmp_path):
    done = invoke(f"{COUNTERS}:Hasty", "--runs", 200, "--out", tmp_path, "--shrink-seconds", 0, *SHORT)
    assert done.exit_code == 1
    for expected in ("violates: durability", "digest ", "replay file: ", "diagram: ", "test: ", "def test_durability"):
        assert expected in done.output, done.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing"], "there is no scenario 'nothing'; give one of raft, store, detector, or path/to/file.py:Class"),
        (["missing.py:Name"], "there is no file 'missing.py'"),
        ([f"{COUNTERS}:Counter"], "has no subclass 'Counter' of actors.simulation.swarm.Scenario"),
        (["raft", "--set", "nodes"], "--set nodes: give NAME=VALUE"),
        (["raft", "--set", "nodes=many"], "its settings are seconds, nodes"),
        (["raft", "--set", "colour=red"], "unknown field `colour`"),
        (["raft", "--replay", COUNTERS], "is not a replay file"),
        (["raft", "--replay", "x.json", "--seed", "3"], "leave --seed, --runs, --minutes and --set out"),
        (["raft", "--runs", "0"], "0 is not in the range"),
    ],
)
def test_bad_input_is_answered_with_exit_code_2_and_the_reason(arguments, says):
    done = invoke(*arguments)
    assert done.exit_code == 2, done.output
    assert says in done.output


def test_a_file_that_cannot_be_loaded_and_a_scenario_that_raises_are_told_apart(tmp_path):
    broken = tmp_path / "broken_scenario.py"
    broken.write_text("import nothing_like_this\n")
    done = invoke(f"{broken}:Any")
    assert done.exit_code == 2
    assert "cannot be loaded: ModuleNotFoundError" in done.output
    raising = tmp_path / "raising_scenario.py"
    raising.write_text(
        "from actors.simulation import BoundedDelay, Faults\n"
        "from actors.simulation.swarm import Scenario\n\n\n"
        "class Raises(Scenario):\n"
        "    def play(self, run):\n"
        "        run.world(faults=Faults(), time_model=BoundedDelay())\n"
        "        {}['missing']\n"
    )
    done = invoke(f"{raising}:Raises", "--seed", 5, "--out", tmp_path, "--shrink-seconds", 0)
    assert done.exit_code == 1, done.output
    assert "seed 5 violates: no error escapes" in done.output
    assert "KeyError: 'missing'" in done.output
