"""The examples of docs/verification.md run, and say what the page says."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from actorum.cli import cli

PAGE = Path(__file__).resolve().parents[2] / "docs" / "verification.md"


def blocks(language: str) -> list[str]:
    """The page's code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_python_of_the_page_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    for block in blocks("python"):
        exec(compile(block, str(PAGE), "exec"), module.__dict__)


@pytest.mark.parametrize("block", blocks("console"), ids=lambda block: block.splitlines()[0])
def test_the_commands_of_the_page_print_what_the_page_shows(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "counter.py").write_text(blocks("python")[0])
    monkeypatch.chdir(tmp_path)
    command, *expected = block.strip().splitlines()
    output = CliRunner().invoke(cli, command.removeprefix("$ actorum ").split()).output.strip()
    pattern = re.escape("\n".join(expected)).replace(re.escape("..."), ".*?")
    assert re.fullmatch(pattern, output, re.DOTALL), output
