"""Which streams may have lost batches that left no trace: damaged places that held whole ones, of whom nobody knows.

A COMMIT names the streams of its own batch only. So a hole that swallowed a batch with its COMMIT may have held records
of any stream, until a later record says how far the stream goes. Pure; knows no bytes and no positions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core_ext.log_recovery import Damage


class Doubt:
    """What one damaged place leaves open.

    Attributes:
        hole: the place.
        streams: ids of those that whole batches in it may have been of, and of which nothing behind it tells.
        unnamed: there may have been streams whose very name is gone.
        rewritten: ids of all streams, if it hid that one was cut; other records may have been written at the same
            positions then, and the old ones look as if they still counted.
    """

    def __init__(self, hole: Damage, streams: Iterable[int]) -> None:
        self.hole = hole
        self.streams = set(streams)
        self.unnamed = True
        self.rewritten: set[int] = set()


class Doubts:
    """What is in doubt while a log is replayed, oldest record first.

    Attributes:
        unread: what damaged places since the last COMMIT leave open.
    """

    def __init__(self) -> None:
        self.unread: list[Doubt] = []
        self._kept: list[Doubt] = []  # that a COMMIT has not dispelled

    def hole(self, damage: Damage, streams: Iterable[int]) -> None:
        """Whole batches, of any stream, may have stood there; ``streams`` are the ids known so far."""
        self.unread.append(Doubt(damage, streams))

    def truncation_hidden(self, streams: Iterable[int]) -> None:
        """Somewhere in the unread places a stream was cut."""
        self.unread[-1].rewritten = set(streams)

    def told(self, stream: int) -> None:
        """A record says how far this stream goes."""
        for doubt in (*self.unread, *self._kept):
            doubt.streams.discard(stream)

    def all_told(self) -> None:
        """A segment has begun, with the bounds of all streams."""
        for doubt in (*self.unread, *self._kept):
            doubt.streams.clear()
            doubt.unnamed = False

    def committed(self, lost_batches: Callable[[Damage], bool]) -> None:
        """A COMMIT has come.

        Args:
            lost_batches: whether an unread place held more than a part of the batch that ends here.
        """
        whole = any(lost_batches(doubt.hole) for doubt in self.unread)
        self._kept.extend(doubt for doubt in self.unread if whole or doubt.rewritten)
        if not whole:
            for doubt in self.unread:
                doubt.streams.clear()
                doubt.unnamed = False
        self.unread = []

    def lost(self, was_durable: Callable[[Damage], bool]) -> tuple[set[int], bool]:
        """At the end: ids of the streams that count as lost, and whether unnamed ones may be lost as well.

        Args:
            was_durable: whether what stood in a place behind which a COMMIT stands had been acknowledged. What no
                COMMIT follows counts, since a place is only taken for damaged there when no power failure explains it.
        """
        doubts = [*self.unread, *(doubt for doubt in self._kept if was_durable(doubt.hole))]
        return set().union(*(doubt.streams | doubt.rewritten for doubt in doubts)), any(
            doubt.unnamed for doubt in doubts
        )
