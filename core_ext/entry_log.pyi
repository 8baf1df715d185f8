from typing import Any, Generic, Protocol, Self, TypeVar

ENTRY_SHARE_BYTES: int

class LogEntry(Protocol):
    """What a log needs to know of an entry."""

    @property
    def index(self) -> int: ...
    @property
    def term(self) -> int: ...
    @property
    def commands(self) -> tuple[bytes, ...]: ...

E = TypeVar("E", bound=LogEntry)

class EntryLog(Generic[E]):
    """Entries base+1..last: terms, journal positions and sizes of all, the recent ones whole.

    Args:
        cache_bytes: recent entries are kept whole up to this size; at least the last one is.
    """

    @property
    def base(self) -> int:
        """The last index that is compacted away."""
    @property
    def base_term(self) -> int: ...
    @property
    def last_index(self) -> int: ...
    @property
    def last_term(self) -> int: ...
    def __init__(self, cache_bytes: int) -> None: ...
    def reset(self, index: int, term: int) -> None:
        """Forget every entry; the log begins after (index, term)."""
    def term_at(self, index: int) -> int | None:
        """Term of the entry at ``index``; None when it is compacted away or not there yet."""
    def position_at(self, index: int) -> int:
        """Journal position of an entry that is there."""
    def bytes_between(self, after: int, last: int) -> int:
        """Bytes of the entries after+1..last, as far as they are there: their commands plus a fixed share each."""
    def append(self, entry: E, position: int) -> None:
        """Take the next entry, which the journal has at ``position``.

        Raises:
            AssertionError: it is not the next one, or of an earlier term than the last one.
        """
    def truncate(self, index: int) -> None:
        """Forget the entries from ``index`` on."""
    def compact(self, index: int) -> None:
        """Forget the entries up to ``index``, which becomes the base."""
    def shift_positions(self, by: int) -> None:
        """Recovery counted records from 0; now the first one's position is known."""
    def cached(self, first: int, limit_bytes: int, limit_count: int) -> tuple[E, ...] | None:
        """Entries from ``first`` on within the limits, at least one; None when they are no longer in memory."""
    def prefix(self, first: int, limit_bytes: int, limit_count: int) -> int:
        """Last index of the entries from ``first`` on that fit the limits; one fits always, also a larger one."""
    def stored_run(self, first: int, limit_bytes: int, limit_count: int) -> int:
        """Like ``prefix``, and all of them in neighbouring journal positions, so that one read finds them."""
    def retained_from(self, index: int, limit_bytes: int) -> int:
        """The lowest base at or below ``index`` such that the entries after it up to ``index`` fit ``limit_bytes``."""
    def last_not_above(self, index: int, term: int) -> int:
        """Highest index at or below ``index`` whose term is at most ``term``; below the base when only an entry that is
        compacted away can be meant."""
    def terms(self) -> tuple[int, tuple[int, ...]]:
        """The base, and the term of every entry after it."""
    def recent(self) -> list[E]:
        """The entries that are in memory, in order."""
    def entry_at(self, index: int) -> E | None:
        """The entry at ``index`` when it is in memory."""
    def snapshot(self) -> tuple[Any, ...]:
        """A plain copy of everything, for worlds that compare states."""
    def restore(self, state: tuple[Any, ...]) -> None:
        """Become what ``snapshot`` returned."""
    def __deepcopy__(self, memo: Any) -> Self: ...
