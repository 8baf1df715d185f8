"""A plain-Python twin of ``core_ext.flow.Outbox``: the same rules, written to be read."""

from __future__ import annotations

from collections import deque

from core_ext.codec import ENVELOPE_OVERHEAD_BYTES, FRAME_OVERHEAD_BYTES, MAX_NAME_BYTES, CodecError, FrameWriter

FRAME_ENVELOPES = 4096


class Outbox:
    """One lane of a link as its sender sees it: open frames, and what is under way.

    Args:
        incarnation: of the sending node.
        frame_bytes: size at which a frame is closed.
        queue_bytes: limit on bytes that wait here.
        window_bytes: limit on bytes under way, sent and not reported as taken in.
        window_count: limit on envelopes that wait or are under way together.
        max_frame_bytes: the largest frame that the peer takes.
    """

    __slots__ = (
        "count_acknowledged", "count_sent", "bytes_acknowledged", "bytes_sent", "max_body_bytes", "window_bytes",
        "window_count", "_frame_bytes", "_full", "_full_bytes", "_full_count", "_incarnation", "_queue_bytes",
        "_writer",
    )

    def __init__(
        self, incarnation: int, frame_bytes: int, queue_bytes: int, window_bytes: int, window_count: int,
        max_frame_bytes: int,
    ) -> None:
        self.window_bytes = window_bytes
        self.window_count = window_count
        self.limit_frames(max_frame_bytes)
        self._incarnation = incarnation
        self._frame_bytes = frame_bytes
        self._queue_bytes = queue_bytes
        self._full: deque[FrameWriter] = deque()
        self._full_bytes = self._full_count = 0
        self._writer = FrameWriter(incarnation)
        self.count_sent = self.count_acknowledged = 0
        self.bytes_sent = self.bytes_acknowledged = 0

    def reset(self) -> int:
        """The link is gone: forget what waits and what is under way. Returns how many envelopes were dropped."""
        dropped = self.waiting
        self._full.clear()
        self._full_bytes = self._full_count = 0
        self._writer = FrameWriter(self._incarnation)
        self.count_sent = self.count_acknowledged = 0
        self.bytes_sent = self.bytes_acknowledged = 0
        return dropped

    def limit_frames(self, max_frame_bytes: int) -> None:
        """The peer takes no larger frame than this."""
        self.max_body_bytes = max_frame_bytes - FRAME_OVERHEAD_BYTES - ENVELOPE_OVERHEAD_BYTES - 2 * MAX_NAME_BYTES

    @property
    def waiting(self) -> int:
        """Envelopes that wait here."""
        return self._full_count + self._writer.count

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait here."""
        return self._full_bytes + (self._writer.size if self._writer.count else 0)

    def add(
        self, kind: int, target: tuple[str, int], sender: tuple[str, int] | None, correlation: int, wire_id: int,
        body: bytes,
    ) -> str | None:
        """Put an envelope into the open frame.

        Returns:
            None when it was taken; otherwise why not, as a sentence's end ("out of credit: ...").
        """
        size = len(body)
        writer = self._writer
        if size > self.max_body_bytes:
            return f"too large: {size} bytes, the limit is {self.max_body_bytes}; send it in pieces"
        if self._full_bytes + writer.size + size > self._queue_bytes and writer.count + self._full_count:
            return f"out of credit: {self.waiting_bytes} bytes already wait for the peer; send less, or retry later"
        if self.count_sent - self.count_acknowledged + self._full_count + writer.count >= self.window_count:
            return f"out of credit: {self.window_count} envelopes are under way to the peer and not taken in yet"
        name, incarnation = target
        sender_name, sender_incarnation = sender if sender is not None else (None, 0)
        if writer.count and writer.size + size > self._frame_bytes:
            writer = self._close()
        try:
            writer.add(kind, name, incarnation, sender_name, sender_incarnation, correlation, wire_id, body)
        except CodecError as error:
            return str(error)
        if writer.count >= FRAME_ENVELOPES:
            self._close()
        return None

    def _close(self) -> FrameWriter:
        writer = self._writer
        self._full.append(writer)
        self._full_bytes += writer.size
        self._full_count += writer.count
        self._writer = FrameWriter(self._incarnation)
        return self._writer

    def next_frame(self, receiver_incarnation: int) -> list[bytes] | None:
        """Close and return the next frame that may go out now; None when nothing waits or the window is full.

        A frame larger than the window goes out when nothing else is under way.
        """
        writer = self._full[0] if self._full else self._writer
        count, size = writer.count, writer.size
        if not count:
            return None
        under_way = self.bytes_sent - self.bytes_acknowledged
        if under_way and under_way + size > self.window_bytes:
            return None
        if self._full:
            self._full.popleft()
            self._full_bytes -= size
            self._full_count -= count
        writer.receiver_incarnation = receiver_incarnation
        parts = writer.finish()
        self.count_sent += count
        self.bytes_sent += sum(map(len, parts))
        return parts

    def acknowledge(self, total_bytes: int, total_count: int) -> None:
        """The receiver has taken in this much since the link came up; what cannot be true is ignored."""
        if self.bytes_acknowledged < total_bytes <= self.bytes_sent:
            self.bytes_acknowledged = total_bytes
        if self.count_acknowledged < total_count <= self.count_sent:
            self.count_acknowledged = total_count
