"""The command line as a newcomer meets it: exit codes in one table, help that fits, no colors where none are wanted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from actors.verification.result import UNDECIDED_EXIT, VIOLATION_EXIT
from actorum.cli import cli
from actorum.exits import MEANINGS, OF_COMMANDS, Exit

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, (*path, name))
        else:
            yield (*path, name)


def help_of(*path: str) -> str:
    result = CliRunner().invoke(cli, [*path, "--help"], prog_name="actorum", terminal_width=80)
    assert result.exit_code == Exit.OK
    return result.output


def test_every_command_says_its_exit_codes_and_no_others_exist() -> None:
    found = {" ".join(path): path for path in commands(cli)}
    assert found.keys() == OF_COMMANDS.keys()
    for name, codes in OF_COMMANDS.items():
        text = help_of(*found[name])
        assert re.findall(r"^ +(\d+)  (.*)$", text.partition("Exit codes:")[2], re.M) == [
            (str(int(code)), meaning) for code, meaning in sorted(codes.items())
        ], name
        assert "xit code" not in text.partition("Exit codes:")[0], f"{name} says it twice"


def test_the_help_of_the_program_has_them_all_and_cuts_no_sentence() -> None:
    text = help_of()
    assert re.findall(r"^ +(\d+)  (.*)$", text.partition("Exit codes:")[2], re.M) == [
        (str(int(code)), MEANINGS[code]) for code in Exit
    ]
    for shown in (text, help_of("log"), help_of("config")):
        assert "..." not in shown.partition("Commands:")[2]


@pytest.mark.parametrize("path", [(), *commands(cli), ("log",), ("config",)], ids=" ".join)
def test_help_fits_a_narrow_terminal(path: tuple[str, ...]) -> None:
    lines = help_of(*path).splitlines()
    assert [line for line in lines if len(line) > 80 and "kill-leader" not in line] == []


def test_the_docs_have_the_same_table() -> None:
    text = PAGE.read_text()
    for code in Exit:
        users = ", ".join(f"`{name}`" for name, codes in OF_COMMANDS.items() if code in codes)
        whose = "all" if code in (Exit.OK, Exit.INTERRUPTED) else users
        assert f"| {int(code)} | {MEANINGS[code]} | {whose} |" in text


@pytest.mark.parametrize(("environment", "styled"), [({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_that_wants_no_colors_gets_none(environment: dict[str, str], styled: bool) -> None:
    result = CliRunner(env={"NO_COLOR": None, **environment}).invoke(cli, ["verify", "--list"], color=True)
    assert result.exit_code == Exit.OK
    assert ("\x1b[" in result.output) is styled


def test_a_log_folder_that_does_not_exist_is_a_mistake_of_the_command_line(tmp_path: Path) -> None:
    for command in ("inspect", "verify", "repair"):
        result = CliRunner().invoke(cli, ["log", command, str(tmp_path / "nowhere")])
        assert result.exit_code == Exit.SETTINGS
        assert "does not exist" in result.output


def test_the_checker_decides_with_the_same_codes() -> None:
    assert (VIOLATION_EXIT, UNDECIDED_EXIT) == (Exit.FAILED, Exit.UNDECIDED)
