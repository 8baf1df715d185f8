"""The disk side of the stage: streams of records in memory, batches on their way to the disk, what waits for them."""

from typing import Any, Final

from core_ext.stage import StageCell, StageNode

PENDING: Final[int]
"""A gate whose records no batch of the log holds yet."""

class StageStream:
    """One stream in memory."""

    first: int
    """Position of the oldest record."""
    records: list[Any]
    chunks: tuple[Any, ...]
    """Of its newest checkpoint."""
    def copy(self) -> StageStream:
        """Another one, that goes its own way from now on."""

class StageLog:
    """A log in memory: what is written, what is on its way to the disk, what is there."""

    durable: dict[str, StageStream]
    present: dict[str, StageStream]
    opened: list[tuple[str, Any]]
    """Operations that no batch holds yet."""
    batches: list[list[tuple[str, Any]]]
    """Committed and not durable."""
    committed: int
    synced: int
    def __init__(self, durable: dict[str, StageStream], kinds: tuple[type[Any], ...]) -> None: ...
    def stream(self, name: str) -> StageStream:
        """A stream as its actor sees it; an empty one at first."""

    def apply(self, name: str, operation: Any, prepared: Any) -> Any:
        """One operation, in memory."""

    def commit(self) -> int:
        """Everything applied so far becomes a batch; its number, 0 when there was nothing."""

    def sync_begins(self) -> None:
        """The disk begins with what was committed so far."""

    def sync_done(self) -> int:
        """The disk is done with that: the newest durable batch."""

    def harden(self, batches: int) -> Any:
        """The oldest batches are on disk."""

class StageGates:
    """When the records of one life of a node are on disk, and what waits for that."""

    store: Any
    """The node's log; None until a durable actor lives on it."""
    gated: dict[Any, None]
    """Actors with effects, or an end, that wait for the disk."""
    syncing: bool
    unsynced: bool
    def __init__(self, node: StageNode) -> None: ...
    def write(self, cell: StageCell, effects: list[Any]) -> bool:
        """Hand what a handler wrote to the log; False when that failed, and none of its effects happens."""

    def write_to_log(self, cell: Any, effects: list[Any]) -> bool:
        """The same for a log that is not in memory. For the subclass."""

    def answer_reads(self, cell: Any, effects: list[Any]) -> None:
        """Answer what a handler asked of its journal. For the subclass."""

    def close_gate(self, cell: StageCell) -> Any:
        """An actor has written: what it does from now on waits."""

    def commit(self) -> None:
        """A turn is over: what was written in it becomes one batch, and the disk begins as soon as it is free."""

    def open_gates(self, nothing: None) -> None:
        """More is on disk: release what waited for it, in order."""

    def failed(self) -> None:
        """The disk refused. For the subclass."""

    def trace_sync(self) -> None:
        """Records became durable. For the subclass."""

    def may_stop(self, cell: Any) -> None:
        """Nothing of a stopping actor waits any more. For the subclass."""
