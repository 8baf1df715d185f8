"""Everything about a Raft role that can be set, with the danger of each. Knows no role."""

from __future__ import annotations

import msgspec

MEBIBYTE = 1 << 20


class RaftSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one Raft group; the same on every member. Sections are those of Ongaro's thesis.

    Attributes:
        group: name of the role's actor on every node; a peer's role is found under it.
        heartbeat_seconds: how often a leader says that it is there (3.4). Must be well below the election time-out:
            one late heartbeat must not cost a leader. Each one costs a message a follower.
        election_timeout_seconds: bounds that each wait for a leader is drawn from (3.4, 9.3). The lower one is also how
            long votes are refused after a leader was heard (4.2.3), and how long a leader lives without a majority
            (6.2). Too low: leader changes under load; too high: long gaps without service after a crash; too narrow:
            split votes.
        watch_leader: a follower stands for election as soon as the leader's process, or the connection to it, is gone,
            and does not wait for the time-out. Without: a crash costs an election time-out, a broken connection less.
        max_append_bytes: command bytes of one AppendEntries; a larger entry goes alone. Large ones delay what follows.
        max_append_entries: entries of one AppendEntries.
        max_entry_bytes: command bytes that one entry collects in a turn; a larger command still goes, alone.
        inflight_appends: unacknowledged AppendEntries a follower (10.2.1, pipelining). Deeper than 8 is slower: a
            loss sends all of it again.
        retransmit_ticks: heartbeats without progress after which what is in flight to a follower counts as lost. Too
            low: a follower with a slow disk gets everything twice.
        max_uncommitted_bytes: commands in the log beyond the commit index, above which proposals are refused. Bounds
            the leader's memory when a majority is slow.
        max_uncommitted_entries: the same, counted in entries.
        max_pending_reads: read barriers waiting on one role; more are refused.
        read_rounds_in_flight: heartbeat rounds for reads (6.4) that may overlap; later reads share the next one.
        cache_bytes: recent entries kept in memory; older ones are read from the journal for slow followers.
        deliver_bytes: commands of one Committed message to the owner.
        deliver_entries: entries of one Committed message; bounds the owner's longest turn.
        deliver_window_bytes: commands given to the owner beyond what it has applied.
        deliver_window_messages: the same, counted in messages.
        report_ticks: heartbeats without word from the owner after which it is asked what it has applied; with a full
            window at once. It says so by itself only when half of the window is used. Too high: snapshots come late.
        follower_lag_entries: committed entries that a follower keeps back from its owner, so that it applies several at
            once, until so many have come, a read waits for them, or the leader's clock ticks; 1 keeps none back. Too
            high: long turns of the owner, and as much more to apply when the follower becomes the leader.
        follower_lag_bytes: the same, counted in bytes of their commands.
        snapshot_after_bytes: commands applied since the last snapshot, at which the owner is asked for one (5.1).
            Too low: the disk is busy with snapshots; too high: long recoveries.
        snapshot_chunk_bytes: the largest chunk of a snapshot that is accepted (at most 1 MiB: one chunk is one message
            and one journal record).
        retained_bytes: commands kept in the log behind a snapshot, so that a follower that was away for a moment gets
            entries and not the whole state (5.1.3).
    """

    group: str = "raft-0"
    heartbeat_seconds: float = 0.05
    election_timeout_seconds: tuple[float, float] = (0.25, 0.45)
    watch_leader: bool = True
    max_append_bytes: int = MEBIBYTE
    max_append_entries: int = 1024
    max_entry_bytes: int = MEBIBYTE
    inflight_appends: int = 4
    retransmit_ticks: int = 4
    max_uncommitted_bytes: int = 64 * MEBIBYTE
    max_uncommitted_entries: int = 16_384
    max_pending_reads: int = 65_536
    read_rounds_in_flight: int = 2
    cache_bytes: int = 32 * MEBIBYTE
    deliver_bytes: int = MEBIBYTE
    deliver_entries: int = 256
    deliver_window_bytes: int = 4 * MEBIBYTE
    deliver_window_messages: int = 8
    report_ticks: int = 4
    follower_lag_entries: int = 16
    follower_lag_bytes: int = 65_536
    snapshot_after_bytes: int = 128 * MEBIBYTE
    snapshot_chunk_bytes: int = MEBIBYTE
    retained_bytes: int = 8 * MEBIBYTE

    def __post_init__(self) -> None:
        low, high = self.election_timeout_seconds
        if not 0 < self.heartbeat_seconds * 2 < low < high:
            raise ValueError(
                f"raft settings: heartbeat_seconds {self.heartbeat_seconds} and election_timeout_seconds "
                f"({low}, {high}): twice the heartbeat must be below the lower bound, and that below the upper one"
            )
        if not 1 <= self.inflight_appends <= 64:
            raise ValueError(
                f"raft settings: inflight_appends is {self.inflight_appends}; give 1 to 64 (2 to 8 is best)"
            )
        if not 0 < self.snapshot_chunk_bytes <= MEBIBYTE:
            raise ValueError(
                f"raft settings: snapshot_chunk_bytes is {self.snapshot_chunk_bytes}; give 1 to {MEBIBYTE}"
            )
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if type(value) is int and value < (0 if name == "retained_bytes" else 1):
                raise ValueError(f"raft settings: {name} is {value}; give a positive number")

    @property
    def quorum_ticks(self) -> int:
        """Heartbeats without an answer after which a peer no longer counts for the leader (6.2)."""
        return max(2, int(self.election_timeout_seconds[0] / self.heartbeat_seconds))
