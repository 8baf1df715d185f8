"""The receiving end of a link's flow control. Pure: counts envelopes and bytes, knows no socket and no clock.

The sending end is ``core_ext.flow.Outbox``: it may have a window of bytes under way; what was taken in is reported back
as totals since the link came up, so that a lost or late report does no harm.
"""

from __future__ import annotations


class Intake:
    """One lane of a link as its receiver sees it: what was taken in, and what the sender knows of that.

    Args:
        window_bytes: the sender's window; a report is due when a quarter of it was taken in.
        window_count: the sender's limit on envelopes; likewise.
    """

    __slots__ = ("total_bytes", "total_count", "_reported_bytes", "_reported_count", "_step_bytes", "_step_count")

    def __init__(self, window_bytes: int, window_count: int) -> None:
        self.total_bytes = 0
        self.total_count = 0
        self._reported_bytes = 0
        self._reported_count = 0
        self._step_bytes = window_bytes // 4
        self._step_count = window_count // 4

    def take(self, size: int, count: int) -> bool:
        """A frame of ``size`` bytes and ``count`` envelopes was taken in. Returns whether a report is due."""
        self.total_bytes += size
        self.total_count += count
        return (
            self.total_bytes - self._reported_bytes >= self._step_bytes
            or self.total_count - self._reported_count >= self._step_count
        )

    def report(self) -> tuple[int, int]:
        """The totals to send now: (bytes, envelopes)."""
        self._reported_bytes = self.total_bytes
        self._reported_count = self.total_count
        return self.total_bytes, self.total_count
