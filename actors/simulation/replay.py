"""Replay files: a failing run as a file that anybody with the same version can run again.

JSON, so that a person can read and edit it. Knows tapes as numbers and scenarios as names.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

FORMAT = 1


class ReplayError(ValueError):
    """A replay file cannot be used; the message says why, and what to do."""


class Replay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One failing run.

    Attributes:
        format: of this file.
        version: of the package that wrote it: the same choices mean another run in another version.
        scenario: its name, or ``path/to/file.py:Name``.
        seed: of the run that failed first, before it was shrunk; for people.
        settings: of the scenario, as it was run: numbers by name.
        violated: name of the property.
        text: what the violation said.
        digest: of the run that these choices give.
        choices: the tape, by stream.
    """

    format: int = FORMAT
    version: str
    scenario: str
    seed: int
    settings: dict[str, float | int | str | bool] = {}
    violated: str
    text: str
    digest: str
    choices: dict[str, list[int]]


def write(path: Path, replay: Replay) -> None:
    """Write a replay file, streams one a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(replay, choices={})), indent=2).decode()
    streams = ",\n".join(
        f"    {msgspec.json.encode(label).decode()}: {msgspec.json.encode(values).decode()}"
        for label, values in sorted(replay.choices.items())
    )
    empty = '"choices": {}'
    path.write_text(head.replace(empty, f'"choices": {{\n{streams}\n  }}') + "\n")


def read(path: Path, version: str, scenario: str | None = None) -> Replay:
    """Read a replay file for this version.

    Args:
        path: of the file.
        version: of the running package.
        scenario: the one that is asked for; None takes the file's.

    Raises:
        ReplayError: it is no replay file, or another version's or scenario's.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ReplayError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        marked = msgspec.json.decode(content, type=_Marked)
        if marked.format != FORMAT:
            raise ReplayError(
                f"{path}: is of replay format {marked.format}, this version reads format {FORMAT}; replay it with "
                f"version {marked.version} of the package"
            )
        found = msgspec.json.decode(content, type=Replay)
    except msgspec.MsgspecError as error:
        raise ReplayError(f"{path}: is not a replay file: {error}") from error
    if found.version != version:
        raise ReplayError(
            f"{path}: was written by version {found.version}, this is {version}, in which the same choices are another "
            f"run; install that version, or run the scenario again with --seed {found.seed}"
        )
    if scenario is not None and found.scenario != scenario:
        raise ReplayError(f"{path}: is a run of {found.scenario!r}, not of {scenario!r}; give that name, or none")
    if any(value < 0 for values in found.choices.values() for value in values):
        raise ReplayError(f"{path}: a choice is negative; choices count from 0")
    return found


class _Marked(msgspec.Struct):
    """What every format has."""

    format: int
    version: str
