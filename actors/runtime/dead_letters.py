"""What may happen very often and must be seen all the same: counted, and logged at a bounded rate.

Dead letters are messages that nobody will handle; they are logged with their true target.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from core_ext.mailbox import Reference

_REFUSED_SECONDS = 5.0
_REFUSED_NODES = 256


class BoundedLog:
    """A log of at most ``per_second`` lines a second; what is beyond is summed up in the next line."""

    def __init__(self, log: logging.Logger | logging.LoggerAdapter[Any], per_second: int) -> None:
        self._log = log
        self._per_second = per_second
        self._second = 0
        self._logged = 0
        self._left_out = 0

    def write(self, level: int, text: str, *arguments: object, error: BaseException | None = None) -> None:
        """Log one line, with the traceback of ``error``, unless this second has had its share."""
        second = int(time.monotonic())
        if second != self._second:
            self.sum_up()
            self._second, self._logged = second, 0
        if self._logged >= self._per_second:
            self._left_out += 1
            return
        self._logged += 1
        self._log.log(level, text, *arguments, exc_info=error)

    def sum_up(self) -> None:
        """Say how many lines were left out."""
        if self._left_out:
            self._log.warning("%d more lines like the last ones were left out", self._left_out)
            self._left_out = 0


class DeadLetters:
    """Counts and logs.

    Args:
        log: where to.
    """

    def __init__(self, log: BoundedLog) -> None:
        self.count = 0
        self._log = log
        self._refused: dict[str, _Refused] = {}  # by node

    def add(self, target: Reference, message: object, sender: object, why: str, left_out: str = "") -> None:
        """One more message that reached nobody, and why."""
        self.count += 1
        name = type(message).__qualname__
        origin = f" from {sender!r}" if isinstance(sender, Reference) else ""
        self._log.write(logging.WARNING, "dead letter: %s%s to %r: %s%s", name, origin, target, why, left_out)

    def add_refused(self, target: Reference, message: object, sender: object, why: str) -> None:
        """One more message that the transport did not take.

        A node that is down is sent to again and again: one line per node and ``_REFUSED_SECONDS``, with the number of
        those before it that had none.
        """
        now = time.monotonic()
        refused = self._refused.get(target.node)
        if refused is not None and now < refused.quiet_until:
            self.count += 1
            refused.left_out += 1
            return
        if refused is None and len(self._refused) >= _REFUSED_NODES:
            self._refused.clear()
        self._refused[target.node] = _Refused(now + _REFUSED_SECONDS)
        more = f" ({refused.left_out} more to this node since the last line)" if refused and refused.left_out else ""
        self.add(target, message, sender, why, more)


class _Refused:
    """What was refused for one node since its last line."""

    __slots__ = ("left_out", "quiet_until")

    def __init__(self, quiet_until: float) -> None:
        self.quiet_until = quiet_until
        self.left_out = 0
