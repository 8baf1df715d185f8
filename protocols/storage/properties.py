"""What must always hold of a replicated store, over what its shards report. Used by every world that runs it."""

from __future__ import annotations

from protocols.storage.messages import ShardStatus


class Violation(AssertionError):
    """A property does not hold; the text names the node and what was seen."""


class History:
    """What was seen so far in one run."""

    def __init__(self) -> None:
        self.states: dict[int, tuple[str, ShardStatus]] = {}
        self.latest: dict[str, ShardStatus] = {}


def _agreed(status: ShardStatus) -> tuple[int, ...]:
    """What replicas with the same applied index must have in common."""
    return (status.digest, status.revision, status.log_time_ms, status.keys, status.sessions)


def replicas_agree(history: History, node: str, status: ShardStatus) -> None:
    """Replicas that have applied the same index are in the same state (state machine safety, seen from above).

    Raises:
        Violation: another replica, or this one before, was in another state at that index.
    """
    other, seen = history.states.setdefault(status.applied_index, (node, status))
    if _agreed(seen) != _agreed(status):
        raise Violation(f"at index {status.applied_index} {node} holds {status}, but {other} held {seen}")


def time_moves_forward(history: History, node: str, status: ShardStatus) -> None:
    """Log time and revision never go back while the applied index grows, on any replica.

    Raises:
        Violation: one of them did.
    """
    before = history.latest.get(node)
    history.latest[node] = status
    if before is None or status.applied_index < before.applied_index:
        return  # the first sight, or a node that began again
    if status.revision < before.revision or status.log_time_ms < before.log_time_ms:
        raise Violation(f"{node} went back in time from {before} to {status}")


def check(history: History, node: str, status: ShardStatus) -> None:
    """All of the above, on the node that moved.

    Raises:
        Violation: see each property.
    """
    replicas_agree(history, node, status)
    time_moves_forward(history, node, status)
