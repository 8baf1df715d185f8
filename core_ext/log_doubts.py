"""Which streams may have lost batches that left no trace: damaged places that hold whole ones, of whom nobody knows.

A COMMIT names the streams of its own batch only. So a hole that swallowed a batch with its COMMIT may have held records
of any stream, until a later record says how far the stream goes. Pure; knows no bytes and no positions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core_ext.log_recovery import Damage


class Doubts:
    """What is in doubt while a log is replayed, oldest record first.

    Attributes:
        unread: damaged places since the last COMMIT.
    """

    def __init__(self) -> None:
        self.unread: list[Damage] = []
        self._suspects: set[int] = set()  # streams that whole batches in ``unread`` may have been of
        self._doubted: set[int] = set()  # streams that lost batches, as far as anybody can tell
        self._unnamed: list[Damage] = []  # places that may have held streams of which nothing else is left
        self._rewritten: list[tuple[Damage, set[int]]] = []  # places that hid a truncation, and all streams then

    def hole(self, damage: Damage, streams: Iterable[int]) -> None:
        """Whole batches, of any stream, may have stood there; ``streams`` are the ids known so far."""
        self._suspects = set(streams)
        self.unread.append(damage)

    def truncation_hidden(self, streams: Iterable[int]) -> None:
        """The unread places hid that a stream was cut: other records may have been written at the same positions, and
        the old ones look as if they still counted."""
        self._rewritten.append((self.unread[-1], set(streams)))

    def told(self, stream: int) -> None:
        """A record behind the damage says how far this stream goes."""
        self._suspects.discard(stream)
        self._doubted.discard(stream)

    def all_told(self) -> None:
        """A segment has begun, with the bounds of all streams."""
        self._doubted.clear()
        self._unnamed.clear()
        self.committed(lambda hole: False)

    def committed(self, lost_batches: Callable[[Damage], bool]) -> None:
        """A COMMIT, or the end of the log.

        Args:
            lost_batches: whether an unread place held more than a part of the batch that ends now.
        """
        if any(lost_batches(hole) for hole in self.unread):
            self._doubted |= self._suspects
            self._unnamed.extend(self.unread)
        self.unread = []
        self._suspects = set()

    def lost(self, settled: Callable[[Damage], bool]) -> set[int]:
        """Streams that count as lost at the end; those of places that an earlier start has ``settled`` do not."""
        found = set(self._doubted)
        for hole, streams in self._rewritten:
            if not settled(hole):
                found |= streams
        return found

    def lost_unnamed(self, settled: Callable[[Damage], bool]) -> bool:
        """Whether streams may be lost of which not even the name is left."""
        return any(not settled(hole) for hole in self._unnamed)
