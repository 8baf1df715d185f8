"""What a user can get wrong, on the command line: a clear sentence and exit code 2; no verdict, no traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from actorum.cli import cli

MODELS = '''
import itertools
import time

from actors import Actor, Message, on
from actors.verification import Model, always
from actors.verification.actor_model import ActorModel

counter = itertools.count()


class Go(Message, wire="tests.refusals.go"):
    """Go."""


class Clocked(Actor):
    def __init__(self, other=None):
        self.other, self.at = other, 0

    def start(self, context):
        if self.other is not None:
            context.send(self.other, Go())

    @on(Go)
    def go(self, message, context):
        self.at = time.perf_counter_ns()


class Counting(Clocked):
    @on(Go)
    def go(self, message, context):
        self.at = next(counter)


def pair(actor):
    class Pair(ActorModel):
        def __init__(self):
            super().__init__()
            self.spawn(actor, self.spawn(actor, name="a"), name="b")

        def properties(self):
            return [always("true", lambda state: True)]

    return Pair


class Unordered(Clocked):
    @on(Go)
    def go(self, message, context):
        for name in {"a", "b"}:
            self.at = name


class Names(Message, wire="tests.refusals.names"):
    members: frozenset[str] = frozenset({"a", "b"})


class UnorderedMessage(Clocked):
    @on(Names)
    def names(self, message, context):
        self.at = [name for name in message.members]


clocked, counting, unordered = pair(Clocked), pair(Counting), pair(Unordered)
unordered_message = pair(UnorderedMessage)


class Meddling(pair(Actor)):
    """A property that takes away what it looks at."""

    def __init__(self):
        ActorModel.__init__(self)
        self.spawn(Keeping, name="a")

    def properties(self):
        return [always("all are kept", lambda state: len(state.actors["a"].kept) != 2 or state.actors["a"].kept.pop())]


class Keeping(Actor):
    def __init__(self):
        self.kept = [1, 2]


class Growing(Clocked):
    @on(Go)
    def go(self, message, context):
        self.at += 1
        context.send(context.sender, Go())


growing = pair(Growing)


class NothingClaimed(clocked):
    def properties(self):
        return None


class SameNames(clocked):
    def properties(self):
        return [always("one", lambda state: True), always("one", lambda state: False)]


class Steps(Model):
    def initial_states(self):
        return [0]

    def actions(self, state):
        return ["on"]

    def next_state(self, state, action):
        return (state + 1) % 3

    def properties(self):
        return [always("small", lambda state: state < 2)]


class NoList(Steps):
    def properties(self):
        return None


class NotMade(Steps):
    def __init__(self):
        raise KeyError("limit")


class Leaves(Steps):
    def next_state(self, state, action):
        raise SystemExit(0)
'''


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The file of models."""
    file = tmp_path / "wrong_models.py"
    file.write_text(MODELS)
    return file


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["verify", *map(str, arguments)])


@pytest.mark.parametrize(("name", "said"), [
    ("clocked", "actor a met 'Go()' twice in the same state, and did not do the same"),
    ("counting", "use nothing that changes outside of its own fields"),
    ("unordered", "iterates the set {'a', 'b'}, whose order the hash seed decides; use sorted("),
    ("unordered_message", "iterates the set message.members"),
    ("Meddling", "changed the actor that it looked at"),
    ("NothingClaimed", "properties raised TypeError: 'NoneType' object is not iterable"),
    ("SameNames", "two properties are named 'one'"),
    ("NoList", "properties raised TypeError: 'NoneType' object is not iterable"),
    ("NotMade", "cannot be made: KeyError: 'limit'"),
    ("Leaves", "SystemExit(0); nothing was judged"),
])
def test_a_model_that_cannot_be_checked_is_refused_by_name(models, name, said):
    result = run(f"{models}:{name}")
    assert (result.exit_code, isinstance(result.exception, SystemExit)) == (2, True)
    assert said in result.output


def test_actors_whose_states_never_end_come_to_the_bound_of_memory(models):
    """What grows here are the actors' own states, not the tables of global ones."""
    result = run(f"{models}:growing", "--memory", "2")
    assert result.exit_code == 4
    assert "the tables would take more than 2 MiB" in result.output


def test_a_diagram_that_cannot_be_written_changes_no_verdict(models, tmp_path):
    (tmp_path / "taken").write_text("a file where a folder is asked for")
    result = run(f"{models}:Steps", "--diagram", tmp_path / "taken" / "run.svg")
    assert result.exit_code == 1
    assert "the diagram was not written" in result.output
    assert run(f"{models}:Steps", "--diagram", tmp_path / "new" / "run.svg").exit_code == 1
    assert (tmp_path / "new" / "run.svg").read_text().startswith("<")


@pytest.mark.parametrize(("arguments", "exit_code"), [
    (("oral-messages", "--set", "n=3"), 1),
    (("oral-messages", "--set", "n=4"), 0),
    (("abd-register-hasty", "--stop"), 1),
    (("abd-register",), 0),
])
def test_broken_twins_show_by_name_alone(arguments, exit_code):
    assert run(*arguments).exit_code == exit_code


def test_a_counterexample_of_actors_reads_as_sentences_with_what_changed():
    said = run("single-copy-register", "--set", "servers=2").output
    steps = said[said.index("    0  start"):].splitlines()
    assert [line for line in steps if "history = " not in line][-11:-1] == [
        "         server-0.value = 'A'",
        "         in flight: server-0 -> client-0: PutDone(request=2)",
        "    2  client-0 takes PutDone(request=2) from server-0",
        "         client-0.awaiting = 4",
        "         client-0.done = 1",
        "         in flight: client-0 -> server-1: Get(request=4)",
        "    3  server-1 takes Get(request=4) from client-0",
        "         in flight: server-1 -> client-0: GetDone(request=4, value=None)",
        "    4  client-0 takes GetDone(request=4, value=None) from server-1",
        "         client-0.awaiting = None",
    ]
    assert all(line.startswith("    ") for line in steps)


def test_json_says_the_steps_in_the_same_words():
    found = json.loads(run("single-copy-register", "--set", "servers=2", "--json").output)
    steps = found["properties"][0]["counterexample"]["steps"]
    assert [step["action"] for step in steps] == [
        None, "server-0 takes Put(request=2, value='A') from client-0",
        "client-0 takes PutDone(request=2) from server-0",
        "server-1 takes Get(request=4) from client-0", "client-0 takes GetDone(request=4, value=None) from server-1",
    ]
    assert steps[1]["state"]["server-0.value"] == "'A'"
    assert steps[3]["state"]["in flight"].startswith("client-1 -> server-1: Put(request=3, value='B'), ")
