"""``actorum judge``: exit codes, JSON, pictures, models of one's own, and clear answers to bad input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from actorum.cli import cli
from tests.histories.generate import generate, to_lines

RIGHT = [
    {"process": 0, "type": "invoke", "f": "write", "value": 1}, {"process": 0, "type": "ok"},
    {"process": 1, "type": "invoke", "f": "read"}, {"process": 1, "type": "ok", "value": 1},
]
WRONG: list[dict[str, Any]] = [*RIGHT[:3], {"process": 1, "type": "ok", "value": None}]

COUNTER = '''
from actors.verification.histories import Model


class Counter(Model):
    """Writes add up."""

    def initial(self):
        return 0

    def step(self, state, operation):
        if operation.f == "write":
            return True, state + operation.value
        return operation.result == state, state


class NotAModel:
    """No model."""
'''


def run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["judge", *arguments], input=given)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A history that is right, one that is wrong, and one that takes long to judge."""
    hard = generate(1, 3_000, clients=40, mix={"get": 1, "put": 3, "append": 3}, think=0.01, info=0.01)
    found = {}
    for name, events in (("right", RIGHT), ("wrong", WRONG), ("hard", hard)):
        path = tmp_path / f"{name}.jsonl"
        path.write_text(to_lines(events))
        found[name] = str(path)
    return found


def test_exit_codes_say_ok_violation_and_unknown(files: dict[str, str]) -> None:
    right = run(files["right"])
    assert (right.exit_code, right.output.split(" · ")[0]) == (0, "strong (register): ok")
    wrong = run(files["wrong"], "--level", "strong", "--model", "register")
    assert (wrong.exit_code, wrong.output.split(" · ")[0]) == (1, "strong (register): violation")
    assert "process 1: read: null (lines 3 to 4) fits nowhere" in wrong.output
    unknown = run(files["hard"], "--model", "key-value", "--time-limit", "0.001")
    assert (unknown.exit_code, unknown.output.split(" · ")[0]) == (4, "strong (key-value): unknown")
    assert "time limit" in unknown.output


def test_json_holds_the_verdict_the_evidence_and_the_reason(files: dict[str, str]) -> None:
    wrong = json.loads(run(files["wrong"], "--json").output)
    assert (wrong["level"], wrong["model"], wrong["verdict"]) == ("strong", "register", "violation")
    assert wrong["operations"] == 2
    assert wrong["witness"]["operations"][0]["invoked"] == 3
    assert wrong["seconds"] >= 0
    right = json.loads(run(files["right"], "--json").output)
    assert (right["verdict"], right["witness"], right["reason"]) == ("ok", None, "")
    unknown = run(files["hard"], "--model", "key-value", "--time-limit", "0.001", "--json")
    assert unknown.exit_code == 4
    assert "time limit" in json.loads(unknown.output)["reason"]


def test_a_history_is_read_from_standard_input() -> None:
    assert run("-", given=to_lines(RIGHT)).exit_code == 0
    assert run("-", given=to_lines(WRONG)).exit_code == 1
    done = subprocess.run(
        [sys.executable, "-m", "actorum", "judge", "-"], input=to_lines(WRONG).encode(), capture_output=True,
        check=False, timeout=30,
    )
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize(("text", "message"), [
    ("", "standard input: the history is empty"),
    ("{}\n", "line 1: not an event"),
    (to_lines([RIGHT[0], RIGHT[0]]), "line 2: process 0 invokes while its operation of line 1 is open"),
    (to_lines(RIGHT[1:]), "line 1: ok of process 0, which has no open operation"),
    (to_lines([{**RIGHT[0], "f": "append"}]), "line 1: a register has no append"),
])
def test_bad_histories_get_a_clear_answer_and_exit_code_2(text: str, message: str) -> None:
    told = run("-", given=text)
    assert told.exit_code == 2
    assert message in told.output
    as_json = run("-", "--json", given=text)
    assert as_json.exit_code == 2
    found = json.loads(as_json.output)
    assert found["verdict"] is None
    assert found["error"] in message or message.removeprefix("standard input: ") in found["error"]


def test_a_file_that_is_not_there_and_an_unknown_model_are_exit_code_2(files: dict[str, str]) -> None:
    assert run("nowhere.jsonl").exit_code == 2
    told = run(files["right"], "--model", "queue")
    assert told.exit_code == 2
    assert "no model 'queue'; there are register, cas-register" in told.output
    assert run(files["right"], "--level", "linear").exit_code == 2


@pytest.mark.parametrize(("given", "code"), [("5", 0), ('"5"', 1), ("five", 1), ("null", 1)])
def test_the_initial_value_is_json_or_else_text(given: str, code: int) -> None:
    events = [{"process": 0, "type": "invoke", "f": "read"}, {"process": 0, "type": "ok", "value": 5}]
    assert run("-", "--key-initial", given, given=to_lines(events)).exit_code == code
    events[1]["value"] = "five"
    assert run("-", "--key-initial", given, given=to_lines(events)).exit_code == (0 if given == "five" else 1)


def test_a_model_of_ones_own_comes_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "counter.py"
    path.write_text(COUNTER)
    assert run("-", "--model", f"{path}:Counter", given=to_lines([*RIGHT[:2], *RIGHT])).exit_code == 1
    events = [*RIGHT[:2], *RIGHT[:3], {**RIGHT[3], "value": 2}]
    assert run("-", "--model", f"{path}:Counter", given=to_lines(events)).exit_code == 0
    for name, message in (
        (f"{path}:Missing", "has no subclass 'Missing'"), (f"{path}:NotAModel", "has no subclass 'NotAModel'"),
        (f"{tmp_path}/nowhere.py:Counter", "there is no file"),
    ):
        told = run("-", "--model", name, given=to_lines(RIGHT))
        assert told.exit_code == 2
        assert message in " ".join(told.output.split()).replace("│ ", "")


@pytest.mark.parametrize("level", ["strong", "sequential", "causal"])
def test_every_level_answers_for_a_register(level: str, files: dict[str, str]) -> None:
    assert run(files["right"], "--level", level).exit_code == 0


def test_transactions_are_lists_unless_said_otherwise() -> None:
    events = [
        {"process": 0, "type": "invoke", "f": "txn", "value": [["append", "x", 1], ["r", "x", None]]},
        {"process": 0, "type": "ok", "value": [["append", "x", 1], ["r", "x", [1]]]},
    ]
    told = run("-", "--level", "transactions", given=to_lines(events))
    assert told.exit_code == 0
    assert told.output.startswith("transactions (list-append): ok")
