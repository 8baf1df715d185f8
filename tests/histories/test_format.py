"""The history format: what it means, and that what contradicts it is refused with the number of the line."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from actors.verification.histories import (
    History,
    HistoryError,
    HistoryWriter,
    Outcome,
    identity,
    parse_history,
    read_history,
    reader,
)
from tests.histories.generate import generate, to_lines


def lines(*events: dict[str, Any]) -> str:
    return to_lines(events)


def invoke(process: int | str = 0, f: str = "read", **more: Any) -> dict[str, Any]:
    return {"process": process, "type": "invoke", "f": f, **more}


def ok(process: int | str = 0, **more: Any) -> dict[str, Any]:
    return {"process": process, "type": "ok", **more}


def test_an_operation_is_paired_with_its_completion_and_keeps_the_order_of_invocations() -> None:
    history = parse_history(lines(
        invoke(0, "write", key="x", value=1, time=10),
        invoke("b", "read", key="x", time=11),
        ok("b", f="read", value=None, node="n2", time=12),
        ok(0, f="write", key="x", value=1, time=13),
    ))
    write, read = history.operations
    assert (write.process, write.f, write.key, write.value) == (0, "write", "x", 1)
    assert (write.invoked, write.completed) == (1, 4)
    assert (read.process, read.result, read.node, read.outcome) == ("b", None, "n2", Outcome.OK)
    assert (write.time_invoked, write.time_completed) == (10, 13)
    assert history.length == 4


def test_a_cas_that_completed_succeeded_unless_it_says_otherwise() -> None:
    history = parse_history(lines(
        invoke(0, "cas", value=[1, 2]), ok(0), invoke(0, "cas", value=[1, 2]), ok(0, result=False),
        invoke(0, "cas", value=[1, 2]), {"process": 0, "type": "info"},
    ))
    assert [one.result for one in history.operations] == [True, False, None]


def test_info_and_a_missing_completion_are_operations_that_may_have_happened() -> None:
    history = parse_history(lines(
        invoke(0, "write", value=1), invoke(1, "write", value=2), {"process": 1, "type": "info", "f": "write"},
        invoke(2, "write", value=3), {"process": 2, "type": "fail", "f": "write"},
    ))
    assert [(one.outcome, one.completed) for one in history.operations] == [
        (Outcome.INFO, None), (Outcome.INFO, None), (Outcome.FAIL, 5),
    ]


def test_reads_of_a_transaction_are_filled_in_by_its_ok() -> None:
    history = parse_history(lines(
        invoke(0, "txn", value=[["r", "x", None], ["append", "y", 1]]),
        ok(0, value=[["r", "x", [3]], ["append", "y", 1]]),
    ))
    assert history.operations[0].result == [["r", "x", [3]], ["append", "y", 1]]


def test_blank_lines_count_as_lines_and_the_quiet_mark_has_a_position() -> None:
    text = "\n" + lines(invoke(0, "write", value=1)) + "   \n" + lines(ok(0), {"type": "quiet"}, invoke(0, "read"))
    history = parse_history(text)
    assert (history.operations[0].invoked, history.operations[0].completed, history.quiet) == (2, 4, 5)
    assert history.operations[1].invoked == 6


def test_unknown_members_of_a_line_are_ignored() -> None:
    assert len(parse_history(lines(invoke(0, "read", index=7, error=["x"]))).operations) == 1


@pytest.mark.parametrize(("text", "message"), [
    ("", "the history is empty"),
    ("\n \n", "the history is empty"),
    (lines({"type": "quiet"}), "the history is empty"),
    (lines(invoke(0), invoke(0)), "line 2: process 0 invokes while its operation of line 1 is open"),
    (lines(invoke(0), ok(0, value=1), ok(0, value=1)), "line 3: ok of process 0, which has no open operation"),
    (lines(ok(3, value=1)), "line 1: ok of process 3, which has no open operation"),
    (lines(invoke(0), {"process": 0, "type": "info"}, invoke(0)), "line 3: process 0 invokes after its info on line 2"),
    (lines(invoke(0, "increment")), "line 1: unknown f \"increment\""),
    (lines({"type": "invoke", "process": 0}), "line 1: unknown f null"),
    (lines(invoke(0, "write")), "line 1: write without a value"),
    (lines(invoke(0, "cas", value=3)), r"line 1: cas without \[old, new\]"),
    (lines(invoke(0, "cas", value=[1, 2]), ok(0, result="no")), "line 2: the result of a cas is true or false"),
    (lines(invoke(0), ok(0)), "line 2: the ok of a read without a value"),
    (lines(invoke(0, value=3)), "line 1: the invocation of a read has the value 3"),
    (lines(invoke(0, "txn", value=[["r", "x"]])), "line 1: .* in a txn is not"),
    (lines(invoke(0, "txn", value={})), "line 1: txn without a list"),
    (
        lines(invoke(0, "txn", value=[["r", "x", None]]), ok(0, value=[["r", "y", 1]])),
        "line 2: the ok of a txn has other operations than line 1",
    ),
    (lines(invoke(0), ok(0, f="write", value=1)), "line 2: completes a write, but line 1 invoked a read"),
    (lines(invoke(0, key="x"), ok(0, key="y", value=1)), "line 2: completes key \"y\", but line 1 invoked key \"x\""),
    (lines(invoke(0, "write", value=1), ok(0, value=2)), "line 2: the ok of a write has the value 2; line 1 has 1"),
    (lines({"type": "quiet"}, {"type": "quiet"}), "line 2: a second quiet mark"),
    (lines({"type": "invoke", "f": "read"}), "line 1: invoke without a process"),
    (lines(invoke(0)) + "{\n", "line 2: not an event"),
    (lines(invoke(0)) + '{"type": "begin"}\n', "line 2: not an event"),
    (lines(invoke(0)) + '{"type": "ok", "process": 1.5}\n', "line 2: not an event"),
    (lines(invoke(0)) + '{"type": "ok", "process": true}\n', "line 2: not an event"),
    ("[" * 100_000 + "\n", "line 1: "),
    ('{"value":' + "[" * 100_000 + "\n", "line 1: nested too deeply"),
])
def test_what_contradicts_the_format_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(HistoryError, match=message):
        parse_history(text)


def test_bytes_that_are_not_utf_8_are_refused_with_their_line() -> None:
    with pytest.raises(HistoryError, match="line 2: not an event"):
        parse_history(lines(invoke(0)).encode() + b'{"type": "ok", "process": 0, "value": "\xff"}\n')


def test_the_line_is_right_far_into_a_file_that_is_read_in_pieces(tmp_path: Path) -> None:
    events = generate(1, 12_000, clients=3)
    path = tmp_path / "history.jsonl"
    path.write_text(to_lines(events) + "nonsense\n")
    assert path.stat().st_size > 4 * reader.CHUNK_BYTES
    with pytest.raises(HistoryError, match=f"line {len(events) + 1}: not an event"):
        read_history(path)
    path.write_text(to_lines(events))
    assert read_history(path) == parse_history(to_lines(events))


class Endless(io.RawIOBase):
    """A stream of one line that never ends; counts what was taken of it."""

    taken = 0

    def read(self, size: int = -1) -> bytes:
        self.taken += size
        return b"x" * size


def test_a_line_without_end_is_refused_before_it_fills_the_memory() -> None:
    stream = Endless()
    with pytest.raises(HistoryError, match="line 1: longer than"):
        read_history(stream)  # type: ignore[arg-type]
    assert stream.taken <= reader.MAX_LINE_BYTES + 2 * reader.CHUNK_BYTES


def test_too_many_operations_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_OPERATIONS", 10)
    with pytest.raises(HistoryError, match="more than 10 operations"):
        parse_history(to_lines(generate(1, 20)))


def test_values_are_the_same_exactly_when_their_json_is() -> None:
    values = [None, True, False, 0, 1, 1.5, "1", "", [], [1], [True], {}, {"a": 1}, {"a": [1]}, 2**80, "null"]
    for one in values:
        for other in values:
            equal = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
            assert (identity(one) == identity(other)) == equal, (one, other)
    assert identity(1) == identity(1.0)
    assert identity({"a": 1, "b": 2}) == identity({"b": 2, "a": 1})


def test_what_a_writer_recorded_reads_as_it_happened(tmp_path: Path) -> None:
    def record(writer: HistoryWriter) -> None:
        first, second = writer.process(), writer.process()
        writer.invoke(first, "put", "x", "a")
        writer.invoke(second, "get", "x", node="n1")
        writer.ok(second, None, node="n1")
        writer.ok(first)
        writer.invoke(first, "cas", "x", ["b", "c"])
        writer.ok(first, result=False)
        writer.invoke(second, "put", "x", "d")
        third = writer.info(second)
        writer.invoke(third, "get", "x")
        writer.fail(third)
        writer.quiet()

    def words(history: History) -> list[tuple[Any, ...]]:
        return [(one.process, one.f, one.key, one.value, one.result, one.outcome) for one in history.operations]

    memory = HistoryWriter(clock=iter(range(100)).__next__)
    record(memory)
    expected = [
        (0, "put", "x", "a", None, "ok"), (1, "get", "x", None, None, "ok"), (0, "cas", "x", ["b", "c"], False, "ok"),
        (1, "put", "x", "d", None, "info"), (2, "get", "x", None, None, "fail"),
    ]
    assert words(memory.history()) == expected
    assert memory.history().quiet == 11
    assert parse_history(memory.lines()) == memory.history()
    memory.save(tmp_path / "memory.jsonl")
    assert read_history(tmp_path / "memory.jsonl") == memory.history()
    with (tmp_path / "streamed.jsonl").open("wb") as file:
        streamed = HistoryWriter(file)
        record(streamed)
    assert words(read_history(tmp_path / "streamed.jsonl")) == expected
    with pytest.raises(HistoryError, match="keeps nothing"):
        streamed.history()


def test_a_writer_refuses_what_a_reader_would() -> None:
    writer = HistoryWriter()
    process = writer.process()
    with pytest.raises(HistoryError, match="no open operation"):
        writer.ok(process)
    with pytest.raises(HistoryError, match="unknown f"):
        writer.invoke(process, "increment")
    writer.invoke(process, "read")
    with pytest.raises(HistoryError, match="invokes read while its read is open"):
        writer.invoke(process, "read")
    assert writer.info(process) != process
    with pytest.raises(HistoryError, match="retired"):
        writer.invoke(process, "read")
    with pytest.raises(HistoryError, match="no open operation"):
        writer.ok(process)
