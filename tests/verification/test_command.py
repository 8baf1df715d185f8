"""``actorum verify``: names and files, typed settings, exit codes, JSON, traces and diagrams."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import protocols.models
from actors.verification import Model
from actors.verification.actor_model import ActorModel
from actorum.cli import cli
from actorum.verify_models import ModelNotFound, load, shipped
from protocols.models.catalog import MODELS

OWN_MODEL = '''
"""A model of one's own."""

from actors.verification import Model, always


class Clock(Model):
    """An hour hand."""

    def __init__(self, hours: int = 12, names: tuple[str, ...] = ()) -> None:
        self.hours = hours
        self.names = names

    def initial_states(self):
        return [0]

    def actions(self, state):
        return ["tick"]

    def next_state(self, state, action):
        return (state + 1) % self.hours

    def properties(self):
        return [always("in the day", lambda state: state < 12)]


def broken(hours: int = 13) -> Clock:
    return Clock(hours)


ready = Clock(5)
'''


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["verify", *arguments])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "own_clock.py"
    path.write_text(OWN_MODEL)
    return path


def test_a_shipped_model_by_name_with_typed_settings() -> None:
    result = run("two-phase-commit", "--set", "managers=4", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["model"] == "TwoPhaseCommit(managers=4)"
    assert (found["distinct"], found["generated"]) == (1_568, 8_258)
    assert found["complete"] is True
    assert {one["verdict"] for one in found["properties"]} == {"holds"}


def test_a_violation_has_exit_code_one_and_a_counterexample() -> None:
    result = run("increment", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["distinct"] == 13
    (lost,) = [one for one in found["properties"] if one["name"] == "nothing is lost"]
    assert lost["verdict"] == "violated"
    steps = lost["counterexample"]["steps"]
    assert [step["action"] for step in steps] == [
        None, "Step(thread=0)", "Step(thread=1)", "Step(thread=0)", "Step(thread=1)",
    ]
    outside = "Thread(where=OUTSIDE, seen=0)"
    assert steps[0]["state"] == {"counter": "0", "threads": f"({outside}, {outside})"}


def test_a_bound_has_exit_code_four() -> None:
    result = run("two-phase-commit", "--max-depth", "4", "--json")
    assert result.exit_code == 4
    found = json.loads(result.stdout)
    assert found["complete"] is False
    assert found["bound"] == "a depth of 4"
    safety = [one["verdict"] for one in found["properties"] if one["kind"] == "always"]
    assert safety == ["no violation within bounds"] * 2


@pytest.mark.parametrize("name", ["Clock", "broken", "ready"])
def test_a_model_of_ones_own_is_a_class_a_function_or_a_model(file: Path, name: str) -> None:
    result = run(f"{file}:{name}", "--json")
    assert result.exit_code == (1 if name == "broken" else 0), result.output


def test_settings_reach_functions_and_are_read_as_json_where_text_does_not_do(file: Path) -> None:
    assert json.loads(run(f"{file}:broken", "--set", "hours=20", "--json").stdout)["distinct"] == 20
    found = json.loads(run(f"{file}:Clock", "--set", 'names=["a","b"]', "--json").stdout)
    assert found["model"] == "Clock(hours=12, names=('a', 'b'))"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["three-phase-commit"], "there is no shipped model 'three-phase-commit'; there are two-phase-commit"),
        (["increment", "--set", "thread=2"], "has no argument 'thread'; its arguments: threads"),
        (["increment", "--set", "threads=two"], "--set threads=two: Expected `int`"),
        (["increment", "--set", "threads"], "give KEY=VALUE"),
        (["nowhere.py:Model"], "there is no file 'nowhere.py'"),
        ([], "give a model"),
    ],
)
def test_what_is_wrong_with_a_command_is_said(arguments: list[str], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.output


def test_a_file_without_the_model_says_which_it_has(file: Path) -> None:
    result = run(f"{file}:Watch")
    assert result.exit_code == 2
    assert "has no 'Watch'" in result.output
    assert "Clock" in result.output


def test_a_file_that_cannot_be_imported_says_why(tmp_path: Path) -> None:
    path = tmp_path / "broken_import.py"
    path.write_text("import nothing_of_that_name\n")
    result = run(f"{path}:Model")
    assert result.exit_code == 2
    assert "nothing_of_that_name" in result.output


def test_a_model_that_cannot_be_checked_has_exit_code_two_and_json_says_so(tmp_path: Path) -> None:
    path = tmp_path / "mutable.py"
    path.write_text(OWN_MODEL.replace("return [0]", "return [[0]]"))
    result = run(f"{path}:Clock", "--json")
    assert result.exit_code == 2
    assert "is a list" in json.loads(result.stdout.splitlines()[0])["error"]


def test_the_text_shows_verdicts_counts_and_what_each_step_changed() -> None:
    result = run("two-phase-commit-hasty")
    assert result.exit_code == 1
    assert "498 distinct states, 1,956 generated, depth 11" in result.output
    assert "complete: every reachable state" in result.output
    assert "5  manager gives up 1\n         managers = (COMMITTED, ABORTED, WORKING)\n" in result.output


def test_the_text_of_a_lasso_says_where_it_goes_on() -> None:
    assert "and on as after step 1, for ever" in run("dining-philosophers-ordered").output


@pytest.mark.parametrize("suffix", ["txt", "svg"])
def test_a_diagram_of_a_counterexample_is_written(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"picture.{suffix}"
    assert run("two-phase-commit-hasty", "--diagram", str(path)).exit_code == 1
    text = path.read_text()
    assert "manager gives up 1" in text
    assert text.startswith("<svg") == (suffix == "svg")


def test_every_shipped_model_is_listed_with_its_arguments() -> None:
    result = run("--list", "--json")
    assert result.exit_code == 0
    listed = {one["name"]: one for one in json.loads(result.stdout)["models"]}
    assert listed.keys() == MODELS.keys()
    assert listed["two-phase-commit"]["arguments"] == ["managers=3 (int)"]
    assert all(one.summary for one in shipped())


@pytest.mark.parametrize("name", MODELS)
def test_every_shipped_model_can_be_made(name: str) -> None:
    assert hasattr(load(name), "check_with")


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ModelNotFound, match="is no Model"):
        load(f"{__file__}:NotAModel")


class NotAModel:
    """Has no check_with."""


def every_model() -> list[type[Any]]:
    """Every model below protocols.models."""
    found: list[type[Any]] = []
    waiting: list[type[Any]] = [Model, ActorModel]
    while waiting:
        for one in waiting.pop().__subclasses__():
            waiting.append(one)
            found.append(one)
    return [one for one in found if one.__module__.startswith("protocols.models.")]


def test_every_model_is_in_the_catalog() -> None:
    for module in pkgutil.iter_modules(protocols.models.__path__, "protocols.models."):
        importlib.import_module(module.name)
    listed = set(MODELS.values())
    for one in every_model():
        assert (one.__module__, one.__name__) in listed, one


def test_counts_and_traces_are_the_same_under_every_hash_seed() -> None:
    def output(seed: str) -> list[Any]:
        done = subprocess.run(
            [sys.executable, "-m", "actorum", "verify", "two-phase-commit-hasty", "--json"], check=False,
            capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed}, timeout=30,
        )
        found = json.loads(done.stdout)
        return [found["distinct"], found["generated"], found["depth"], found["properties"]]

    assert output("1") == output("2")


@pytest.mark.parametrize("world", ["simulator", "real"])
def test_a_counterexample_is_replayed_in_another_world(world: str) -> None:
    result = run("single-copy-register", "--set", "servers=2", "--replay", world, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["replays"] == [
        {"property": "linearizable", "world": world, "outcome": "violated", "steps": 4, "reason": ""},
    ]


def test_a_run_that_cannot_be_replayed_there_is_said_and_the_verdict_stands() -> None:
    result = run("flood-set", "--set", "rounds=1", "--replay", "real")
    assert result.exit_code == 1
    assert "agreement: cannot be replayed over real ZeroMQ" in result.stdout
    assert "is lost" in result.stdout.splitlines()[-1]
    result = run("flood-set", "--set", "rounds=1", "--replay", "simulator")
    assert "agreement: replayed in the simulator: 6 steps, the same states, violated there, too" in result.stdout


def test_worlds_that_do_not_agree_are_said_to_go_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocols.replaying.stage.Stage.came", lambda stage, post: None)
    result = run("single-copy-register", "--set", "servers=2", "--replay", "simulator", "--json")
    (replay,) = json.loads(result.stdout)["replays"]
    assert (result.exit_code, replay["outcome"]) == (1, "diverged")
    assert replay["reason"].startswith("after the start on their way are no messages, in the checked run ")


def test_a_plain_model_has_no_other_world() -> None:
    result = run("increment", "--replay", "simulator", "--json")
    assert result.exit_code == 2
    assert "only actors live in other worlds" in json.loads(result.stdout)["error"]


def test_a_model_that_holds_has_nothing_to_replay() -> None:
    result = run("single-copy-register", "--replay", "simulator", "--json")
    assert (result.exit_code, json.loads(result.stdout)["replays"]) == (0, [])
