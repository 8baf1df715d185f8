"""What the clients of a simulated store saw: one event a line, as docs/histories.md describes, for the judges; and what
can be said without a judge about appends and deadlines. Knows no world and no judge.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from protocols.storage.properties import Violation


class Operation(NamedTuple):
    """An operation that has no completion yet, or what is known of one."""

    process: int
    f: str
    key: str
    value: str | None


class Recorder:
    """The history of one run.

    Args:
        now_ns: virtual time, for pictures.

    Attributes:
        counts: completions by kind.
    """

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._events: list[tuple[int, str, str, str, Any, int]] = []
        self._processes = 0
        self._open: dict[int, Operation] = {}
        self._appended: dict[str, dict[str, str]] = {}  # by key and token: what became of each append
        self._ends: dict[str, dict[str, int]] = {}  # by key and token: how long the value was said to be after it
        self._gone_ms: dict[str, int] = {}  # by value: when it must have reached its deadline
        self.counts: Counter[str] = Counter()

    def new_process(self) -> int:
        """A client's number; one whose operation ended unknown goes on under a new one."""
        self._processes += 1
        return self._processes

    def invoke(self, process: int, f: str, key: str, value: str | None) -> None:
        """A client asks."""
        if process in self._open:
            raise AssertionError(f"client {process} asks again before it was answered")
        self._open[process] = Operation(process, f, key, value)
        if f == "append" and value is not None:
            self._appended.setdefault(key, {})[value] = "info"
        self._events.append((process, "invoke", f, key, value, self._now_ns()))

    def complete(self, process: int, kind: str, value: Any = None) -> None:
        """A client is told: ``ok``, ``fail`` (certainly not executed) or ``info`` (nobody knows)."""
        operation = self._open.pop(process)
        self.counts[kind] += 1
        if operation.f == "append" and operation.value is not None:
            self._appended[operation.key][operation.value] = kind
        shown = value if operation.f == "get" else operation.value
        self._events.append((process, kind, operation.f, operation.key, shown, self._now_ns()))

    def appended_to(self, process: int, length: int) -> None:
        """A client is told how long the value is after its append."""
        operation = self._open[process]
        if operation.f == "append" and operation.value is not None:
            self._ends.setdefault(operation.key, {})[operation.value] = length

    def written_for(self, value: str, until_ms: int) -> None:
        """A value with a time to live was acknowledged: from that time on nobody may read it."""
        self._gone_ms[value] = until_ms

    def check_deadline(self, value: str, asked_ms: int) -> None:
        """A value that was read had not reached its deadline when it was asked for.

        Raises:
            Violation: names the value.
        """
        gone_ms = self._gone_ms.get(value, asked_ms)
        if asked_ms > gone_ms:
            raise Violation(f"deadlines: {value!r} is read {asked_ms - gone_ms} ms after its time was up")

    def is_open(self, process: int) -> bool:
        """Whether a client waits for an answer that the history will have."""
        return process in self._open

    def lines(self) -> Iterator[bytes]:
        """The history as JSON lines, for a judge of the model ``key-value``."""
        for process, kind, f, key, value, at in self._events:
            yield msgspec.json.encode(
                {"process": process, "type": kind, "f": f, "key": key, "value": value, "time": at}
            )

    def check_appends(self, key: str, final: str) -> None:
        """Acknowledged appends are there once, where their answers said, failed ones are not, unknown ones are at most
        once, nothing else is; and those of one client stand in the order in which it asked.

        Args:
            key: one that is only ever appended to, with ``<client>.<number of its operation>,`` each.
            final: its value at the end.

        Raises:
            Violation: names the token.
        """
        tokens = [f"{token}," for token in final.split(",")[:-1]]
        seen = Counter(tokens)
        ends = dict(zip(tokens, itertools.accumulate(map(len, tokens)), strict=True))
        for token, kind in self._appended.get(key, {}).items():
            times = seen.pop(token, 0)
            if times > 1:
                raise Violation(f"acknowledged writes: append of {token!r} to {key!r} took effect {times} times")
            if kind == "ok" and times == 0:
                raise Violation(f"acknowledged writes: append of {token!r} to {key!r} was acknowledged and is lost")
            if kind == "fail" and times:
                raise Violation(f"acknowledged writes: append of {token!r} to {key!r} was refused, and is there")
        for token, length in self._ends.get(key, {}).items():
            if ends[token] != length:
                raise Violation(
                    f"kept replies: append of {token!r} to {key!r} was answered with the length {length}, but ends at "
                    f"{ends[token]}"
                )
        if seen:
            raise Violation(f"acknowledged writes: {key!r} holds {next(iter(seen))!r}, which nobody appended")
        newest: dict[str, int] = {}
        for token in tokens:
            client, _, number = token[:-1].partition(".")
            if int(number) < newest.get(client, 0):
                raise Violation(
                    f"own order: append {number} of client {client} to {key!r} took effect after its later "
                    f"append {newest[client]}"
                )
            newest[client] = int(number)

    def appended_keys(self) -> list[str]:
        """Keys that were appended to."""
        return list(self._appended)
