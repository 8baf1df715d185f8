"""Replay files: what was written is what is read, and what cannot be used says why."""

from __future__ import annotations

import msgspec
import pytest

from actors.simulation import replay
from actors.simulation.replay import Replay, ReplayError

RUN = Replay(
    version="0.1.0", scenario="raft", seed=7, settings={"seconds": 5.0, "nodes": 3}, violated="election safety",
    text='election safety: "n1" and n2 both lead term 3', digest="00ff", choices={"network": [0, 3], "faults": [1]},
)


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "new" / "run.json"
    replay.write(path, RUN)
    assert replay.read(path, "0.1.0", "raft") == RUN
    assert replay.read(path, "0.1.0") == RUN
    empty = msgspec.structs.replace(RUN, choices={}, text='"choices": {}')
    replay.write(path, empty)
    assert replay.read(path, "0.1.0") == empty


def test_a_stream_is_a_line(tmp_path):
    replay.write(tmp_path / "run.json", RUN)
    assert '    "network": [0,3]' in (tmp_path / "run.json").read_text().splitlines()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is not a replay file"),
        (b"{}", "is not a replay file"),
        (b"\xff\x00", "is not a replay file"),
        (b'{"format": 2, "version": "9.0"}', "is of replay format 2, this version reads format 1"),
        (msgspec.json.encode(msgspec.structs.replace(RUN, version="0.0.9")), "written by version 0.0.9, this is 0.1.0"),
        (msgspec.json.encode(msgspec.structs.replace(RUN, scenario="store")), "is a run of 'store', not of 'raft'"),
        (msgspec.json.encode(msgspec.structs.replace(RUN, choices={"a": [-1]})), "a choice is negative"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(tmp_path, content, says):
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(ReplayError, match=says) as caught:
        replay.read(path, "0.1.0", "raft")
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ReplayError, match="cannot be read"):
        replay.read(tmp_path / "none.json", "0.1.0")
