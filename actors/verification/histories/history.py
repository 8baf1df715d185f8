"""What clients asked and what they were told, as plain values: the input of every judge. Knows no file and no judge.

Order is all that counts: ``invoked`` and ``completed`` are positions (line numbers, from 1) in the one order in which
the recorder saw invocations and completions. Times are for pictures.
"""

from __future__ import annotations

import enum
from collections.abc import Hashable
from typing import Any

import msgspec

Key = int | str | None
Process = int | str


class HistoryError(ValueError):
    """A history that cannot be judged: it contradicts its own format, or lacks what the level or model needs."""


class Outcome(enum.StrEnum):
    """What a client knows of its operation."""

    OK = "ok"  # it happened between invocation and completion
    FAIL = "fail"  # it certainly did not happen, and never will
    INFO = "info"  # it happened at any time after its invocation, will happen, or never does


class Operation(msgspec.Struct, frozen=True, gc=False):
    """One operation of one client, from its invocation to what became of it.

    Attributes:
        process: the client, which has one operation at a time.
        f: what was asked, by its name in the file: ``read``, ``write``, ``cas``, ``get``, ``put``, ``append``,
            ``delete``, ``acquire``, ``release`` or ``txn``.
        key: of which register, key or lock; None in a history that has only one.
        value: the argument: what a write writes, ``[old, new]`` of a cas, a list of ``[f, key, value]`` of a txn (as
            invoked, reads null); None for what takes none.
        result: what an OK operation returned: the value of a read or get, the micro-operations of a txn with their
            reads filled in, True or False for a cas; for other operations what the recorder noted. None unless OK.
        invoked: position of the invocation.
        completed: position of the completion of an OK or FAIL operation; None for INFO, whose effect may come at any
            later time.
        outcome: see ``Outcome``; INFO also for an operation whose completion is missing.
        node: which replica answered, if the history says so.
        time_invoked, time_completed: nanoseconds, or None.
    """

    process: Process
    f: str
    key: Key
    value: Any
    result: Any
    invoked: int
    completed: int | None
    outcome: Outcome
    node: Process | None = None
    time_invoked: int | None = None
    time_completed: int | None = None

    def describe(self) -> str:
        """The operation in one line, as a person would write it: ``process 3: cas x 1 -> 2: false (lines 7 to 9)``."""
        lines = f"line {self.invoked}" if self.completed is None else f"lines {self.invoked} to {self.completed}"
        return f"process {self.process}: {self.short()} ({lines})"

    def short(self) -> str:
        """What was asked and answered, without who and when."""
        words = [self.f] if self.key is None else [self.f, show(self.key)]
        if self.f == "cas":
            words.append(f"{show(self.value[0])} -> {show(self.value[1])}")
        elif self.f == "txn":
            words.append(show(self.result if self.outcome is Outcome.OK else self.value))
        elif self.value is not None or self.f in ("write", "put", "append"):
            words.append(show(self.value))
        text = " ".join(words)
        if self.outcome is Outcome.FAIL:
            return f"{text}: failed"
        if self.outcome is Outcome.INFO:
            return f"{text}: outcome unknown"
        if self.f in ("read", "get") or (self.f == "cas" and self.result is False):
            return f"{text}: {show(self.result)}"
        return text


class History(msgspec.Struct, frozen=True):
    """Every operation of a run.

    Attributes:
        operations: in the order of their invocations; FAIL ones included.
        quiet: position of the mark after which no fault and no write came, or None.
        length: how many positions there are: the last line's number.
    """

    operations: tuple[Operation, ...]
    quiet: int | None = None
    length: int = 0

    def by_key(self) -> dict[Key, list[Operation]]:
        """Operations per key, each in order of invocation; keys in order of appearance."""
        found: dict[Key, list[Operation]] = {}
        for operation in self.operations:
            found.setdefault(operation.key, []).append(operation)
        return found

    def by_process(self) -> dict[Process, list[Operation]]:
        """Operations per process, each in order of invocation; processes in order of appearance."""
        found: dict[Process, list[Operation]] = {}
        for operation in self.operations:
            found.setdefault(operation.process, []).append(operation)
        return found


def identity(value: Any) -> Hashable:
    """A hashable value that is equal for two JSON values exactly when they are the same value.

    Python's own equality will not do: it takes ``true`` for 1, and lists are not hashable. The numbers 1 and 1.0 are
    one value.
    """
    kind = type(value)
    if kind is int or kind is str or value is None:
        return value  # type: ignore[no-any-return]
    if kind is bool:
        return ("bool", value)
    if kind is float:
        return int(value) if value.is_integer() else value
    if kind is list or kind is tuple:
        return ("list", *map(identity, value))
    if kind is dict:
        return ("object", *sorted((name, identity(value[name])) for name in value))
    return value  # type: ignore[no-any-return]


def show(value: Any, limit: int = 200) -> str:
    """A value as JSON, shortened in the middle when it is longer than ``limit`` characters."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= limit else f"{text[: limit // 2]} … {text[-limit // 4 :]}"
