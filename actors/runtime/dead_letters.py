"""Messages that nobody will handle: counted, and logged with their true target at a bounded rate."""

from __future__ import annotations

import logging
import time
from typing import Any

from core_ext.mailbox import Reference


class DeadLetters:
    """Counts and logs.

    Args:
        log: where to.
        per_second: lines a second; what is beyond is summed up in the next line.
    """

    def __init__(self, log: logging.Logger | logging.LoggerAdapter[Any], per_second: int) -> None:
        self.count = 0
        self._log = log
        self._per_second = per_second
        self._second = 0
        self._logged = 0
        self._unlogged = 0

    def add(self, target: Reference, message: object, sender: object, why: str) -> None:
        """One more message that reached nobody, and why."""
        self.count += 1
        second = int(time.monotonic())
        if second != self._second:
            if self._unlogged:
                self._log.warning("%d more dead letters were not logged one by one", self._unlogged)
            self._second, self._logged, self._unlogged = second, 0, 0
        if self._logged >= self._per_second:
            self._unlogged += 1
            return
        self._logged += 1
        name = type(message).__qualname__
        origin = f" from {sender!r}" if isinstance(sender, Reference) else ""
        self._log.warning("dead letter: %s%s to %r: %s", name, origin, target, why)
