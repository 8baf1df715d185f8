"""The examples of docs/histories.md run, and say what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from actorum.cli import cli

PAGE = Path(__file__).resolve().parents[2] / "docs" / "histories.md"
BLOCK = re.compile(r"(?:`([\w.-]+)`:\n\n)?```(\w+)\n(.*?)```", re.DOTALL)


def test_the_examples_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = BLOCK.findall(PAGE.read_text())
    monkeypatch.chdir(tmp_path)
    for name, _, text in blocks:
        if name:
            (tmp_path / name).write_text(text)
    commands = 0
    for name, language, text in blocks:
        if language == "python" and not name:
            exec(compile(text, str(PAGE), "exec"), {})
        if language == "console":
            command, *expected = text.strip().splitlines()
            told = CliRunner().invoke(cli, command.removeprefix("$ actorum ").split())
            for line in expected:
                assert line in told.output, f"{command}: {told.output}"
            commands += 1
    assert commands >= 3
