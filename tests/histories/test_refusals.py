"""Models of one's own that fail, pictures that cannot be written: a sentence, and no exit code of a verdict."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from actorum.cli import cli

HISTORY = '{"process": 1, "type": "invoke", "f": "write", "value": 1}\n{"process": 1, "type": "ok"}\n'
STALE = HISTORY + (
    '{"process": 1, "type": "invoke", "f": "read"}\n{"process": 1, "type": "ok", "value": null}\n'
)
MODELS = '''
import neighbour_of_wrong

from actors.verification.histories import Model


class Right(Model):
    def initial(self):
        return neighbour_of_wrong.ZERO

    def step(self, state, operation):
        return True, state


class NoStart(Right):
    def initial(self):
        raise KeyError("start")


class ListStart(Right):
    def initial(self):
        return [1]


class ListPart(Right):
    def partition(self, operation):
        return [operation.key]


class NoIdea(Right):
    def reads_only(self, operation):
        return operation.value / 0


class Leaves(Right):
    def step(self, state, operation):
        raise SystemExit(0)
'''


def judge(history: str, folder: Path, *arguments: object) -> Result:
    (folder / "h.jsonl").write_text(history)
    return CliRunner().invoke(cli, ["judge", str(folder / "h.jsonl"), *map(str, arguments)])


@pytest.mark.parametrize("level", ["strong", "sequential"])
@pytest.mark.parametrize(("name", "exit_code", "said"), [
    ("Right", 0, "ok"),
    ("NoStart", 2, "the model NoStart fails in initial: KeyError: 'start'"),
    ("ListStart", 2, "the model ListStart fails in initial: TypeError: unhashable type: 'list'"),
    ("ListPart", 2, "line 1: the model ListPart fails in partition: TypeError: unhashable type: 'list'"),
    ("NoIdea", 2, "line 1: the model NoIdea fails in reads_only: ZeroDivisionError"),
    ("Leaves", 2, "the model ended the program with SystemExit(0); nothing was judged"),
    ("Missing", 2, "it has Right, NoStart, ListStart, ListPart, NoIdea"),
])
def test_a_model_of_ones_own_that_fails_is_named(tmp_path, level, name, exit_code, said):
    (tmp_path / "neighbour_of_wrong.py").write_text("ZERO = 0\n")
    (tmp_path / "wrong.py").write_text(MODELS)
    result = judge(HISTORY, tmp_path, "--level", level, "--model", f"{tmp_path / 'wrong.py'}:{name}")
    assert result.exit_code == exit_code
    assert said in " ".join(result.output.split())


def test_a_picture_that_cannot_be_written_changes_no_verdict(tmp_path):
    (tmp_path / "taken").write_text("a file where a folder is asked for")
    for history, exit_code in ((HISTORY, 0), (STALE, 1)):
        result = judge(history, tmp_path, "--picture", tmp_path / "taken" / "p.svg")
        assert result.exit_code == exit_code
        assert "the picture was not written" in result.output
    assert judge(STALE, tmp_path, "--picture", tmp_path / "new" / "p.svg").exit_code == 1
    assert (tmp_path / "new" / "p.svg").exists()
