"""Structured logs on the standard library's logging, and the watch over the event loop. Knows no actor and no socket.

Every line is one event with fields: ``log.warning("peer lost", extra=fields(node="a", reason="..."))``. Nothing is
configured by importing this module; ``configure`` is for programs, a library's user brings a handler of their own.
"""

from __future__ import annotations

import asyncio
import datetime
import faulthandler
import json
import logging
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

_FIELDS = "actorum_fields"
_EVENT = "actorum_event"  # the bare event, where the message itself carries the fields for other handlers
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/#@+,")


def fields(**values: Any) -> dict[str, Any]:
    """Fields of one log event, for logging's ``extra``."""
    return {_FIELDS: values}


def _event(record: logging.LogRecord, node: str) -> dict[str, Any]:
    when = datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(timespec="milliseconds")
    name = getattr(record, _EVENT, None) or record.getMessage()
    event: dict[str, Any] = {"time": when, "level": record.levelname.lower(), "event": name}
    if node:
        event["node"] = node
    event["logger"] = record.name
    event.update(getattr(record, _FIELDS, {}))
    if record.exc_info:
        event["exception"] = logging.Formatter().formatException(record.exc_info)
    return event


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, event, node, logger, then the event's own fields.

    Args:
        node: name of this node; empty leaves it out.
    """

    def __init__(self, node: str = "") -> None:
        super().__init__()
        self._node = node

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        return json.dumps(_event(record, self._node), default=str, ensure_ascii=False)


class KeyValueFormatter(logging.Formatter):
    """``time level event key=value ...``, for people and grep; a trace-back follows on lines of its own.

    Args:
        node: name of this node; empty leaves it out.
    """

    def __init__(self, node: str = "") -> None:
        super().__init__()
        self._node = node

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line (more with a trace-back)."""
        event = _event(record, self._node)
        head = f"{event.pop('time')} {event.pop('level'):<8}{event.pop('event')}"
        trace = event.pop("exception", None)
        return f"{head} {_pairs(event)}" + (f"\n{trace}" if trace else "")


def _pairs(values: dict[str, Any]) -> str:
    return " ".join(f"{key}={_shown(value)}" for key, value in values.items())


def _shown(value: Any) -> str:
    text = str(value)
    return text if text and _PLAIN.issuperset(text) else json.dumps(text, ensure_ascii=False)


def configure(
    node: str = "", *, json_lines: bool = False, level: int | str = logging.INFO, stream: TextIO | None = None
) -> logging.Handler:
    """Send this process's logs to a stream, one event a line.

    Args:
        node: name of this node, put on each line.
        json_lines: JSON instead of key=value.
        level: the lowest level that is written.
        stream: where to; standard error by default.

    Returns:
        The handler, for ``logging.getLogger().removeHandler``.
    """
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(JsonFormatter(node) if json_lines else KeyValueFormatter(node))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level)
    return handler


class RateLimited:
    """A logger that writes one event per key and interval and says how many it left out.

    Args:
        logger: where events go.
        interval_seconds: at most one event per key in this time.
        max_keys: keys remembered; the oldest one is forgotten for a new one.
        clock: seconds; for tests.
    """

    def __init__(
        self,
        logger: logging.Logger,
        interval_seconds: float = 5.0,
        max_keys: int = 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger = logger
        self._interval = interval_seconds
        self._max_keys = max_keys
        self._clock = clock
        self._last: dict[object, tuple[float, int]] = {}

    def warning(self, key: object, event: str, **values: Any) -> bool:
        """Log a warning unless one with the same key was logged within the interval. Returns whether it was."""
        return self._log(logging.WARNING, key, event, values)

    def info(self, key: object, event: str, **values: Any) -> bool:
        """Like ``warning``, at level INFO."""
        return self._log(logging.INFO, key, event, values)

    def _log(self, level: int, key: object, event: str, values: dict[str, Any]) -> bool:
        now = self._clock()
        since, left_out = self._last.get(key, (None, 0))
        if since is not None and now - since < self._interval:
            self._last[key] = (since, left_out + 1)
            return False
        if left_out:
            values["left_out"] = left_out
        if since is None and len(self._last) >= self._max_keys:
            del self._last[next(iter(self._last))]
        self._last.pop(key, None)
        self._last[key] = (now, 0)
        # A program without our handlers sees the message only, so that it says everything.
        self._logger.log(level, f"{event} {_pairs(values)}".rstrip(), extra={_EVENT: event, **fields(**values)})
        return True


class LoopStallMonitor:
    """Measures how late the event loop is: a timer that should fire every ``interval_seconds``.

    Attributes:
        longest_seconds: the longest delay seen since the last ``take_longest``.
        total_seconds: all delays above ``warn_after_seconds`` together.
        stalls: how many there were.

    Args:
        loop: the loop that is watched.
        interval_seconds: between two looks; a stall shorter than this may be seen only in part.
        warn_after_seconds: a longer delay is logged (rate-limited) and counted as a stall.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, interval_seconds: float = 0.05, warn_after_seconds: float = 0.05
    ) -> None:
        self.longest_seconds = 0.0
        self.total_seconds = 0.0
        self.stalls = 0
        self._loop = loop
        self._interval = interval_seconds
        self._warn_after = warn_after_seconds
        self._log = RateLimited(logging.getLogger("actors.loop"))
        self._due = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._due = self._loop.time() + self._interval
        self._handle = self._loop.call_at(self._due, self._look)

    def stop(self) -> None:
        """Watch no longer."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def take_longest(self) -> float:
        """The longest delay since the last call, in seconds."""
        longest, self.longest_seconds = self.longest_seconds, 0.0
        return longest

    def _look(self) -> None:
        late = max(0.0, self._loop.time() - self._due)
        self.longest_seconds = max(self.longest_seconds, late)
        if late > self._warn_after:
            self.stalls += 1
            self.total_seconds += late
            self._log.warning("stall", "event loop stalled", seconds=round(late, 4))
        self._due = self._loop.time() + self._interval
        self._handle = self._loop.call_at(self._due, self._look)


def install_stack_dump(
    loop: asyncio.AbstractEventLoop,
    busiest: Callable[[], list[tuple[str, int]]] | None = None,
    stream: TextIO | None = None,
) -> Callable[[], None]:
    """On SIGUSR1 write every thread's stack, also while the loop is stuck, and then, from the loop, the mailboxes.

    Main thread only, as Python's signal rules are.

    Args:
        busiest: the fullest mailboxes, (actor, messages that wait), fullest first.
        stream: where to; it needs a descriptor. Standard error by default.

    Returns:
        A function that takes the handlers back.
    """
    target = stream if stream is not None else sys.stderr

    def report() -> None:
        for name, depth in busiest() if busiest is not None else ():
            print(f"mailbox {name}: {depth} messages wait", file=target)
        target.flush()

    # The loop's handler first: faulthandler then dumps at once, in the signal itself, and chains to it. One that is
    # registered already would keep its place in the chain and never be reached.
    faulthandler.unregister(signal.SIGUSR1)
    loop.add_signal_handler(signal.SIGUSR1, report)
    faulthandler.register(signal.SIGUSR1, file=target, all_threads=True, chain=True)

    def remove() -> None:
        faulthandler.unregister(signal.SIGUSR1)
        loop.remove_signal_handler(signal.SIGUSR1)

    return remove
