"""A replicated log as one server sees it, in plain Python: the oracle of core_ext.entry_log."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import Any, NamedTuple

SHARE_BYTES = 32


class Entry(NamedTuple):
    """What a log needs to know of an entry."""

    index: int
    term: int
    commands: tuple[bytes, ...]


class TwinLog:
    """Entries base+1..last.

    Args:
        cache_bytes: recent entries are kept whole up to this size; at least the last one is.
    """

    __slots__ = ("_cache", "_cache_bytes", "_cache_first", "_ends", "_positions", "_terms", "base", "base_term")

    def __init__(self, cache_bytes: int) -> None:
        self._cache_bytes = cache_bytes
        self.reset(0, 0)

    def reset(self, index: int, term: int) -> None:
        """Forget every entry; the log begins after (index, term)."""
        self.base = index
        self.base_term = term
        self._terms = array("Q")
        self._positions = array("Q")
        self._ends = array("Q", [0])  # running total of bytes; one longer than the others
        self._cache: dict[int, Entry] = {}
        self._cache_first = index + 1

    @property
    def last_index(self) -> int:
        return self.base + len(self._terms)

    @property
    def last_term(self) -> int:
        return self._terms[-1] if self._terms else self.base_term

    def term_at(self, index: int) -> int | None:
        """Term of the entry at ``index``; None when it is compacted away or not there yet."""
        if index == self.base:
            return self.base_term
        offset = index - self.base - 1
        return self._terms[offset] if 0 <= offset < len(self._terms) else None

    def position_at(self, index: int) -> int:
        """Journal position of an entry that is there."""
        return self._positions[self._offset(index)]

    def bytes_between(self, after: int, last: int) -> int:
        """Bytes of the entries after+1..last, as far as they are there."""
        low = min(max(after - self.base, 0), len(self._terms))
        high = min(max(last - self.base, low), len(self._terms))
        return self._ends[high] - self._ends[low]

    def append(self, entry: Entry, position: int) -> None:
        """Take the next entry, which the journal has at ``position``."""
        if entry.index != self.last_index + 1 or entry.term < self.last_term:
            raise AssertionError(
                f"append of {entry.term}/{entry.index} after {self.last_term}/{self.last_index}: not the next entry"
            )
        self._terms.append(entry.term)
        self._positions.append(position)
        self._ends.append(self._ends[-1] + SHARE_BYTES + sum(map(len, entry.commands)))
        self._cache[entry.index] = entry
        self._trim_cache()

    def truncate(self, index: int) -> None:
        """Forget the entries from ``index`` on."""
        offset = self._offset(index)
        for gone in range(max(index, self._cache_first), self.last_index + 1):
            del self._cache[gone]
        del self._terms[offset:]
        del self._positions[offset:]
        del self._ends[offset + 1 :]
        self._cache_first = min(self._cache_first, self.last_index + 1)

    def compact(self, index: int) -> None:
        """Forget the entries up to ``index``, which becomes the base."""
        term = self.term_at(index)
        assert term is not None, f"compact to {index}: the log holds {self.base}..{self.last_index}"
        count = index - self.base
        for gone in range(self._cache_first, index + 1):
            del self._cache[gone]
        del self._terms[:count]
        del self._positions[:count]
        del self._ends[:count]
        self.base, self.base_term = index, term
        self._cache_first = max(self._cache_first, index + 1)

    def shift_positions(self, by: int) -> None:
        """Recovery counted records from 0; now the first one's position is known."""
        self._positions = array("Q", [position + by for position in self._positions])

    def cached(self, first: int, limit_bytes: int, limit_count: int) -> tuple[Entry, ...] | None:
        """Entries from ``first`` on within the limits, at least one; None when they are no longer in memory."""
        if first < self._cache_first:
            return None
        end = self.prefix(first, limit_bytes, limit_count)
        return tuple([self._cache[index] for index in range(first, end + 1)])

    def prefix(self, first: int, limit_bytes: int, limit_count: int) -> int:
        """Last index of the entries from ``first`` on that fit the limits; one fits always, also a larger one."""
        low = self._offset(first)
        high = min(len(self._terms), low + limit_count)
        fits = bisect_right(self._ends, self._ends[low] + limit_bytes, low + 1, high + 1) - 1
        return self.base + max(fits, low + 1)

    def stored_run(self, first: int, limit_bytes: int, limit_count: int) -> int:
        """Like ``prefix``, and all of them in neighbouring journal positions, so that one read finds them."""
        end = self.prefix(first, limit_bytes, limit_count)
        start = self._positions[self._offset(first)]
        index = first
        while index < end and self._positions[self._offset(index + 1)] == start + index + 1 - first:
            index += 1
        return index

    def retained_from(self, index: int, limit_bytes: int) -> int:
        """The lowest base at or below ``index`` such that the entries after it up to ``index`` fit ``limit_bytes``."""
        offset = index - self.base
        wanted = max(self._ends[offset] - limit_bytes, self._ends[0])
        return self.base + bisect_left(self._ends, wanted, 0, offset)

    def last_not_above(self, index: int, term: int) -> int:
        """Highest index at or below ``index`` whose term is at most ``term``; below the base when only an entry that is
        compacted away can be meant."""
        if index < self.base:
            return index
        found = self.base + bisect_right(self._terms, term, 0, min(index, self.last_index) - self.base)
        return found - 1 if found == self.base and self.base_term > term else found

    def terms(self) -> tuple[int, tuple[int, ...]]:
        """The base, and the term of every entry after it."""
        return self.base, tuple(self._terms)

    def recent(self) -> list[Entry]:
        """The entries that are in memory, in order."""
        return list(self._cache.values())

    def entry_at(self, index: int) -> Entry | None:
        """The entry at ``index`` when it is in memory."""
        return self._cache.get(index)

    def snapshot(self) -> tuple[Any, ...]:
        """A plain copy of everything, for worlds that compare states."""
        terms, positions, ends = tuple(self._terms), tuple(self._positions), tuple(self._ends)
        return (self.base, self.base_term, terms, positions, ends, tuple(self._cache.values()))

    def restore(self, state: tuple[Any, ...]) -> None:
        """Become what ``snapshot`` returned."""
        self.base, self.base_term, terms, positions, ends, entries = state
        self._terms, self._positions, self._ends = array("Q", terms), array("Q", positions), array("Q", ends)
        self._cache = {entry.index: entry for entry in entries}
        self._cache_first = entries[0].index if entries else self.last_index + 1

    def _offset(self, index: int) -> int:
        offset = index - self.base - 1
        if not 0 <= offset < len(self._terms):
            raise AssertionError(f"entry {index} is not in the log, which holds {self.base + 1}..{self.last_index}")
        return offset

    def _trim_cache(self) -> None:
        ends, last = self._ends, self.last_index
        while self._cache_first < last and ends[-1] - ends[self._cache_first - 1 - self.base] > self._cache_bytes:
            del self._cache[self._cache_first]
            self._cache_first += 1
