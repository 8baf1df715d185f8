"""What a leader knows of one follower: how far it has come, and what is on its way to it. Knows no log or message.

    PROBE --accepted--> REPLICATE --refused, or nothing for long--> PROBE
    PROBE, REPLICATE --next entry is compacted away--> SNAPSHOT --installed--> PROBE
"""

from __future__ import annotations

import enum
from collections import deque
from typing import Any


class Mode(enum.Enum):
    """How a follower is fed."""

    PROBE = "probe"  # one append at a time, until the logs are known to meet
    REPLICATE = "replicate"  # pipelined, optimistic
    SNAPSHOT = "snapshot"  # chunks, one at a time


# asked for each append and answer; before Python 3.12 a name is found several times as fast as a member of its enum
PROBE, REPLICATE, SNAPSHOT = Mode


class Progress:
    """One follower in the current term of a leader. Kept for every member, voters or not.

    Attributes:
        match: highest index known to be on the follower's disk (thesis 3.5, matchIndex).
        next: first index that was not sent (nextIndex).
        sent: last index of each AppendEntries in flight, oldest first.
        commit_sent: highest commit index that it was told.
        commit_wanted: commit index that reads at the follower wait for.
        round: highest heartbeat round that it answered in this term (6.4).
        silent_ticks: heartbeats since it was last heard (6.2).
        stuck_ticks: heartbeats without progress while something is in flight.
        reading: a journal read for it is under way.
        snapshot_index: the snapshot that is being sent.
        next_piece: its first chunk that was not acknowledged.
    """

    __slots__ = (
        "commit_sent", "commit_wanted", "match", "mode", "next", "next_piece", "reading", "round", "sent",
        "silent_ticks", "snapshot_index", "stuck_ticks",
    )

    def __init__(self, next_index: int) -> None:
        self.match = 0
        self.next = next_index
        self.mode = PROBE
        self.sent: deque[int] = deque()
        self.commit_sent = 0
        self.commit_wanted = 0
        self.round = 0
        self.silent_ticks = 0
        self.stuck_ticks = 0
        self.reading = False
        self.snapshot_index = 0
        self.next_piece = 0

    def room(self, window: int) -> bool:
        """Whether one more AppendEntries may be sent."""
        if self.reading or self.mode is SNAPSHOT:
            return False
        return len(self.sent) < (window if self.mode is REPLICATE else 1)

    def appended(self, last: int) -> None:
        """An AppendEntries that ends at ``last`` is on its way."""
        self.sent.append(last)
        if self.mode is REPLICATE:
            self.next = last + 1

    def accepted(self, match: int) -> bool:
        """The follower holds everything up to ``match``. Returns whether that is news."""
        while self.sent and self.sent[0] <= match:
            self.sent.popleft()
        self.stuck_ticks = 0
        if self.mode is PROBE:
            self.mode = REPLICATE
            self.sent.clear()
            self.next = match + 1
        self.next = max(self.next, match + 1)
        if match <= self.match:
            return False
        self.match = match
        return True

    def waits_for(self, prev_index: int) -> bool:
        """Whether a refusal of an append after ``prev_index`` can be news; anything else is a stale one."""
        if self.mode is PROBE:
            return prev_index == self.next - 1
        return self.mode is REPLICATE and self.match <= prev_index < self.next

    def probe(self, next_index: int) -> None:
        """Forget what is in flight, and feel for the place where the logs meet from ``next_index`` on."""
        self.mode = PROBE
        self.sent.clear()
        self.stuck_ticks = 0
        self.next = max(next_index, self.match + 1)

    def install(self, snapshot_index: int) -> None:
        """Send this snapshot from its first chunk on."""
        self.mode = SNAPSHOT
        self.sent.clear()
        self.stuck_ticks = 0
        self.snapshot_index = snapshot_index
        self.next_piece = 0

    def snapshot(self) -> tuple[Any, ...]:
        """A plain copy of everything, for worlds that compare states."""
        return tuple(tuple(value) if isinstance(value := getattr(self, name), deque) else value
                     for name in self.__slots__)

    def restore(self, state: tuple[Any, ...]) -> None:
        """Become what ``snapshot`` returned."""
        for name, value in zip(self.__slots__, state, strict=True):
            setattr(self, name, deque(value) if name == "sent" else value)
