"""The role's view of its replicated log; what is asked several times for every entry stands in the native base class.

Knows no term rules, peers or messages beyond Entry.
"""

from __future__ import annotations

import msgspec

from core_ext.entry_log import EntryLog
from protocols.raft.messages import Entry


class LogId(msgspec.Struct, frozen=True, order=True, gc=False):
    """Place of an entry in all logs: ordered by term first, then index (thesis 3.6.1, up-to-date)."""

    term: int
    index: int


class LogView(EntryLog[Entry]):
    """Entries base+1..last. Appends and truncations only; the caller writes the journal. See ``EntryLog``."""

    __slots__ = ()

    @property
    def last(self) -> LogId:
        """Place of the newest entry."""
        return LogId(self.last_term, self.last_index)
