"""Writes histories: a recorder for workloads, in memory or line by line into a file. Knows the format, and no judge.

    writer = HistoryWriter(file)
    process = writer.process()
    writer.invoke(process, "write", "x", 1)
    writer.ok(process)                      # or fail(process), or, when nobody knows:
    process = writer.info(process)          # the client goes on as a new process

A writer is for one thread; the order of its calls is the order of the history.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from actors.verification.histories.history import History, HistoryError, Key, Process
from actors.verification.histories.reader import Event, assemble, check_invocation

_UNSET = msgspec.UNSET
_encoder = msgspec.json.Encoder()


class HistoryWriter:
    """Records what clients ask and are told.

    Args:
        file: gets one JSON line per event as it happens, unflushed; None: kept in memory, for ``history``.
        clock: gives nanoseconds for the picture; None: events have no time.
    """

    def __init__(self, file: BinaryIO | None = None, clock: Callable[[], int] | None = None) -> None:
        self._file = file
        self._clock = clock
        self._events: list[Event] = []
        self._open: dict[Process, str] = {}
        self._retired: set[Process] = set()
        self._processes = 0
        self._count = 0

    def process(self) -> int:
        """A process id that nobody used."""
        self._processes += 1
        return self._processes - 1

    def invoke(
        self, process: int, f: str, key: Key = None, value: Any = _UNSET, *, node: Process | None = None
    ) -> None:
        """An operation begins.

        Args:
            process: who asks: a number from ``process`` or ``info``, or one of the caller's own.
            f: what is asked.
            key: of what; None in a history of one object.
            value: the argument, if it takes one.
            node: which replica is asked, if that is known.

        Raises:
            HistoryError: the process has an operation open or has retired, or the operation is not of the format.
        """
        if process in self._open:
            raise HistoryError(f"process {process} invokes {f} while its {self._open[process]} is open")
        if process in self._retired:
            raise HistoryError(f"process {process} invokes {f}, but retired at its info; go on as the new process")
        event = self._event("invoke", process, f, key, value, _UNSET, node)
        check_invocation(self._count + 1, event)
        self._open[process] = f
        self._processes = max(self._processes, process + 1)
        self._write(event)

    def ok(
        self, process: int, value: Any = _UNSET, *, result: Any = _UNSET, node: Process | None = None
    ) -> None:
        """The open operation of a process happened.

        Args:
            process: who asked.
            value: what a read or get returned (null counts), the filled in list of a txn, the token of an acquire.
            result: False of a cas that saw another value.
            node: which replica answered, if that is known.

        Raises:
            HistoryError: the process has no operation open.
        """
        self._complete("ok", process, value, result, node)

    def fail(self, process: int) -> None:
        """The open operation of a process certainly did not happen, and never will.

        Raises:
            HistoryError: the process has no operation open.
        """
        self._complete("fail", process)

    def info(self, process: int) -> int:
        """Nobody knows whether the open operation of a process happened, or still will: the process retires.

        Returns:
            The process id as which the client goes on.

        Raises:
            HistoryError: the process has no operation open.
        """
        self._complete("info", process)
        return self.process()

    def quiet(self) -> None:
        """From here on no fault and no write comes: the eventual level judges from here."""
        self._write(Event("quiet", time=self._clock() if self._clock else None))

    def history(self) -> History:
        """What was recorded in memory so far; operations that are open count as of unknown outcome.

        Raises:
            HistoryError: nothing was recorded, the writer writes into a file, or a completion does not fit its
                invocation.
        """
        if self._file is not None:
            raise HistoryError("this writer keeps nothing: it writes into a file, which read_history reads")
        return assemble(enumerate(self._events, 1))

    def lines(self) -> bytes:
        """What was recorded in memory so far, in the format of the file."""
        return b"".join(_encoder.encode(event) + b"\n" for event in self._events)

    def save(self, path: Path) -> None:
        """Write what was recorded in memory so far into a file.

        Raises:
            OSError: it cannot be written.
        """
        path.write_bytes(self.lines())

    def _complete(
        self, kind: str, process: int, value: Any = _UNSET, result: Any = _UNSET, node: Process | None = None
    ) -> None:
        f = self._open.pop(process, None)
        if f is None:
            raise HistoryError(f"{kind} of process {process}, which has no open operation")
        self._write(self._event(kind, process, f, None, value, result, node))
        if kind == "info":
            self._retired.add(process)

    def _event(
        self, kind: Any, process: int, f: str, key: Key, value: Any, result: Any, node: Process | None
    ) -> Event:
        time = self._clock() if self._clock else None
        return Event(kind, process, f, _UNSET if key is None else key, value, result, time, node)

    def _write(self, event: Event) -> None:
        self._count += 1
        if self._file is None:
            self._events.append(event)
        else:
            self._file.write(_encoder.encode(event) + b"\n")
