"""What can be set about the store, with units and dangers, and the names of its actors. Knows no actor."""

from __future__ import annotations

import msgspec

MEBIBYTE = 1 << 20

ROLE_NAME = "raft-0"
LOG_NAME = "log-0"
SHARD_NAME = "shard-0"
GATEWAY_NAME = "gateway"

#: The largest batch of commands: a larger one is refused before it enters the log. It must fit, with the entry around
#: it, into one message between nodes and one record of the log; so must the replies: the store keeps them below 41 MiB.
MAX_BATCH_BYTES = 34 * MEBIBYTE
LARGEST_MESSAGE_BYTES = 48 * MEBIBYTE


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one node's gateway; nodes may differ.

    Attributes:
        request_timeout_seconds: a batch or query without an outcome by then is answered as not executed or unknown.
        tick_seconds: granularity of time-outs and retries; also how soon a refused batch is tried again.
        retry_seconds: an answer that has not come by then counts as lost; the batch is sent again. Too low: slow disks
            get everything twice (it is applied once all the same).
        session_seconds: log time after which the gateway's session ends when silent. Too low: a gateway that was idle
            needs a new session for its next batch, and one cut off for longer cannot learn what became of its batches.
        max_in_flight: batches sent and not answered.
        max_in_flight_bytes: the same, in bytes; one batch is always allowed.
        max_waiting: batches that wait for a place in flight; more are refused as overloaded.
        max_waiting_bytes: the same, in bytes.
        max_reads: queries that are not answered; more are refused as overloaded.
        max_reads_bytes: the same, in bytes.
    """

    request_timeout_seconds: float = 5.0
    tick_seconds: float = 0.05
    retry_seconds: float = 1.0
    session_seconds: float = 600.0
    max_in_flight: int = 64
    max_in_flight_bytes: int = 8 * MEBIBYTE
    max_waiting: int = 8192
    max_waiting_bytes: int = 256 * MEBIBYTE
    max_reads: int = 16_384
    max_reads_bytes: int = 256 * MEBIBYTE

    def __post_init__(self) -> None:
        if not 0 < self.tick_seconds <= self.retry_seconds <= self.request_timeout_seconds:
            raise ValueError(
                f"gateway settings: tick_seconds {self.tick_seconds}, retry_seconds {self.retry_seconds} and "
                f"request_timeout_seconds {self.request_timeout_seconds} must be positive and in growing order"
            )
        if self.session_seconds < 2 * self.request_timeout_seconds:
            raise ValueError(
                f"gateway settings: session_seconds is {self.session_seconds}; give at least twice "
                f"request_timeout_seconds ({self.request_timeout_seconds}), else sessions end under their requests"
            )
        for name in ("max_in_flight", "max_in_flight_bytes", "max_waiting", "max_waiting_bytes", "max_reads",
                     "max_reads_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"gateway settings: {name} is {getattr(self, name)}; give at least 1")

    @property
    def timeout_ticks(self) -> int:
        """Ticks that a request may wait."""
        return max(1, round(self.request_timeout_seconds / self.tick_seconds))

    @property
    def retry_ticks(self) -> int:
        """Ticks after which an answer counts as lost."""
        return max(1, round(self.retry_seconds / self.tick_seconds))


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a log adapter.

    Attributes:
        max_pending: batches taken in as leader and not applied yet; more are refused as overloaded.
        deadline_tick_seconds: with keys whose deadline is due and no other traffic, log time advances this often. Each
            tick is an entry of the log.
    """

    max_pending: int = 16_384
    deadline_tick_seconds: float = 0.1


class ShardSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a storage shard. They change nothing that replicas must agree on.

    Attributes:
        snapshot_chunk_bytes: one piece of a snapshot; at most what the log's protocol takes (Raft: 1 MiB). Larger
            pieces make longer turns.
        max_waiting_reads: reads that wait for an index to be applied; more are refused.
    """

    snapshot_chunk_bytes: int = 256 << 10
    max_waiting_reads: int = 65_536
