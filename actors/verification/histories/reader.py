"""Reads histories: JSON lines, one event each, in the one order that counts. Knows the format, and no judge.

The format is described for users in docs/histories.md. What contradicts it is refused with the number of the line:
a history that is misread gives a wrong verdict.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal

import msgspec

from actors.verification.histories.history import (
    History,
    HistoryError,
    Key,
    Operation,
    Outcome,
    Process,
    identity,
    show,
)

MAX_LINE_BYTES = 16 * 1024 * 1024
MAX_OPERATIONS = 20_000_000
CHUNK_BYTES = 256 * 1024

READS = frozenset({"read", "get"})
WRITES = frozenset({"write", "put", "append"})
FUNCTIONS = READS | WRITES | {"cas", "delete", "acquire", "release", "txn"}

_UNSET = msgspec.UNSET


class Event(msgspec.Struct, gc=False, omit_defaults=True):
    """One line. What the format does not name is ignored, so that recorders may note more."""

    type: Literal["invoke", "ok", "fail", "info", "quiet"]
    process: Process | None = None
    f: str | None = None
    key: Key | msgspec.UnsetType = _UNSET
    value: Any = _UNSET
    result: Any = _UNSET
    time: int | None = None
    node: Process | None = None


_decoder = msgspec.json.Decoder(Event)


def read_history(source: Path | BinaryIO) -> History:
    """Read a whole history.

    The file is read in pieces: beside the operations themselves only one piece, at most one line, is in memory.

    Args:
        source: a path, or a stream of bytes such as ``sys.stdin.buffer``.

    Raises:
        HistoryError: malformed, empty or too long; the message names the line.
        OSError: the file cannot be read.
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            return assemble(_events(file))
    return assemble(_events(source))


def parse_history(text: str | bytes) -> History:
    """The same for a history that is in memory.

    Raises:
        HistoryError: malformed, empty or too long; the message names the line.
    """
    data = text.encode() if isinstance(text, str) else text
    return assemble(_decoded(data, 1))


def assemble(events: Iterable[tuple[int, Event]]) -> History:
    """Pair invocations with completions.

    Args:
        events: line number, from 1, and event.

    Raises:
        HistoryError: two invocations open on one process, a completion without an invocation, a process that goes on
            after its info, an unknown f, a value of the wrong shape, no operation at all.
    """
    operations: list[Operation | None] = []
    opened: dict[Process, tuple[int, int, Event]] = {}
    retired: dict[Process, int] = {}
    quiet: int | None = None
    number = 0
    for number, event in events:
        kind, process = event.type, event.process
        if kind == "quiet":
            if quiet is not None:
                raise _malformed(number, f"a second quiet mark; the first is on line {quiet}, and there is one end")
            quiet = number
        elif process is None:
            raise _malformed(number, f"{kind} without a process; every event but quiet says whose it is")
        elif kind == "invoke":
            if process in opened:
                raise _malformed(
                    number, f"process {process} invokes while its operation of line {opened[process][1]} is open; "
                    f"a process has one operation at a time"
                )
            if process in retired:
                raise _malformed(
                    number, f"process {process} invokes after its info on line {retired[process]}; its last operation "
                    f"may still be under way, so that the client must go on as a new process"
                )
            check_invocation(number, event)
            event.f = sys.intern(event.f)  # type: ignore[arg-type]
            if type(event.key) is str:
                event.key = sys.intern(event.key)  # one string per key, not per line
            opened[process] = (len(operations), number, event)
            operations.append(None)
            if len(operations) > MAX_OPERATIONS:
                raise _malformed(number, f"more than {MAX_OPERATIONS:,} operations; judge the history in parts")
        else:
            if process not in opened:
                raise _malformed(number, f"{kind} of process {process}, which has no open operation")
            slot, invoked, call = opened.pop(process)
            operations[slot] = _completed(number, event, invoked, call)
            if kind == "info":
                retired[process] = number
    for slot, invoked, call in opened.values():
        operations[slot] = _unfinished(invoked, call)
    if not operations:
        raise HistoryError("the history is empty: it holds no operation, and nothing can be judged")
    return History(tuple(operations), quiet, number)  # type: ignore[arg-type]


def _malformed(number: int, what: str) -> HistoryError:
    return HistoryError(f"line {number}: {what}")


def check_invocation(number: int, call: Event) -> None:
    """Whether an invocation is of the format.

    Args:
        number: of its line, for the error.
        call: the invocation.

    Raises:
        HistoryError: its f is not known, or its value does not have the shape that its f needs.
    """
    f, value = call.f, call.value
    if f not in FUNCTIONS:
        raise _malformed(number, f"unknown f {show(f)}; known are {', '.join(sorted(FUNCTIONS))}")
    if f in WRITES:
        if value is _UNSET:
            raise _malformed(number, f"{f} without a value")
    elif f == "cas":
        if type(value) is not list or len(value) != 2:
            raise _malformed(number, "cas without [old, new] as its value")
    elif f == "txn":
        _check_transaction(number, value)
    elif f in READS and value is not _UNSET and value is not None:
        raise _malformed(number, f"the invocation of a {f} has the value {show(value)}; what it read stands in its ok")


def _check_transaction(number: int, value: Any) -> None:
    if type(value) is not list:
        raise _malformed(number, "txn without a list of [\"r\" | \"w\" | \"append\", key, value] as its value")
    for step in value:
        if type(step) is not list or len(step) != 3 or step[0] not in ("r", "w", "append"):
            raise _malformed(number, f"{show(step)} in a txn is not [\"r\" | \"w\" | \"append\", key, value]")
        if type(step[1]) not in (int, str, type(None)):
            raise _malformed(number, f"the key {show(step[1])} in a txn is not a string, a whole number or null")


def _completed(number: int, event: Event, invoked: int, call: Event) -> Operation:
    f = call.f
    if event.f is not None and event.f != f:
        raise _malformed(number, f"completes a {event.f}, but line {invoked} invoked a {f}")
    key = None if call.key is _UNSET else call.key
    if event.key is not _UNSET and event.key != key:
        raise _malformed(number, f"completes key {show(event.key)}, but line {invoked} invoked key {show(key)}")
    result: Any = None
    if event.type == "ok":
        outcome, completed = Outcome.OK, number
        result = _result(number, event, invoked, call)
    elif event.type == "fail":
        outcome, completed = Outcome.FAIL, number
    else:
        outcome, completed = Outcome.INFO, None
    return Operation(
        call.process, f, key, None if call.value is _UNSET else call.value, result,  # type: ignore[arg-type]
        invoked, completed, outcome, event.node if event.node is not None else call.node, call.time, event.time,
    )


def _unfinished(invoked: int, call: Event) -> Operation:
    return Operation(
        call.process, call.f, None if call.key is _UNSET else call.key,  # type: ignore[arg-type]
        None if call.value is _UNSET else call.value, None, invoked, None, Outcome.INFO, call.node, call.time, None,
    )


def _result(number: int, event: Event, invoked: int, call: Event) -> Any:
    """What an ok returned, by the kind of operation."""
    f, value, result = call.f, event.value, event.result
    if f in READS:
        if value is _UNSET:
            raise _malformed(number, f"the ok of a {f} without a value; a {f} of something never written has null")
        return value
    if f == "txn":
        _check_filled(number, value, invoked, call.value)
        return value
    if f in WRITES or f == "cas":
        if value is not _UNSET and value is not None and identity(value) != identity(call.value):
            raise _malformed(
                number, f"the ok of a {f} has the value {show(value)}; line {invoked} has {show(call.value)}"
            )
        if f == "cas":
            if result is _UNSET:
                return True
            if type(result) is not bool:
                raise _malformed(number, f"the result of a cas is true or false, not {show(result)}")
            return result
    if result is not _UNSET:
        return result
    return value if f in ("acquire", "release", "delete") and value is not _UNSET else None


def _check_filled(number: int, filled: Any, invoked: int, asked: list[Any]) -> None:
    _check_transaction(number, filled)
    same = len(filled) == len(asked) and all(
        done[0] == step[0] and done[1] == step[1] and (done[0] == "r" or identity(done[2]) == identity(step[2]))
        for done, step in zip(filled, asked, strict=True)
    )
    if not same:
        raise _malformed(number, f"the ok of a txn has other operations than line {invoked}; only reads are filled in")


def _events(file: BinaryIO) -> Iterator[tuple[int, Event]]:
    """Cut a stream into pieces that end with a line."""
    number, rest = 1, b""
    while piece := file.read(CHUNK_BYTES):
        cut = piece.rfind(b"\n") + 1
        if cut:
            data = rest + piece[:cut]
            yield from _decoded(data, number)
            number += data.count(b"\n")
            rest = piece[cut:]
        else:
            rest += piece
        if len(rest) > MAX_LINE_BYTES:
            raise _malformed(number, f"longer than {MAX_LINE_BYTES:,} bytes; a history has one event per line")
    yield from _decoded(rest, number)


def _decoded(data: bytes, first: int) -> Iterator[tuple[int, Event]]:
    """Decode whole lines at once; one by one when that fails, or when blank lines would shift the numbers."""
    lines = data.count(b"\n") + (not data.endswith(b"\n"))
    try:
        events = _decoder.decode_lines(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        events = []
    if events and len(events) == lines:
        yield from enumerate(events, first)
        return
    for number, line in enumerate(data.split(b"\n"), first):
        if line.strip():
            try:
                event = _decoder.decode(line)
            except RecursionError:
                raise _malformed(number, "nested too deeply") from None
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise _malformed(number, f"not an event: {error}") from None
            yield number, event
