"""The durable side of one node: its journals, and the rare half of its output gate.

The other half, paid for every write, is native (``core_ext.stage_disk``). Knows the store's interface, and no log
format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.simulation import lifecycle, turns
from actors.simulation.cell import Cell
from actors.simulation.journals import ActorJournal, Medium, Store
from core_ext.stage_disk import StageGates

if TYPE_CHECKING:
    from actors.simulation.node import Node


class Durability(StageGates):
    """The journals of one life of a node.

    Args:
        node: whose they are.
        medium: what outlives it.
    """

    store: Store | None
    gated: dict[Cell, None]

    def __init__(self, node: Node, medium: Medium) -> None:
        super().__init__(node)
        self._node = node
        self._medium = medium
        self._journals: dict[str, ActorJournal] = {}

    def attach(self, cell: Cell) -> None:
        """Give a durable actor its stream.

        Raises:
            LogError: the node's log cannot be opened.
        """
        node = self._node
        if self.store is None:
            self.store = self._medium.open(node.simulation.alone(node))
        journal = self._journals.get(cell.name)
        if journal is None:
            journal = self._journals[cell.name] = ActorJournal(self.store, cell.name)
        cell.journal = journal
        cell.gate = journal.batch  # an earlier incarnation's newest records may still be on their way to the disk
        if cell.gate > node.synced:
            self.gated[cell] = None

    def crash(self) -> None:
        """Power off."""
        if self.store is not None:
            keep = self._node.simulation.faults.disks.keep_unsynced
            self.store.crash(self._node.disk_stream, self.syncing, keep)

    def sync_oldest(self) -> bool:
        """The oldest batch reaches the disk now, whatever the clock says; False when none waits."""
        node = self._node
        before = node.synced
        if self.store is not None:
            node.synced = self.store.sync_oldest()
        if node.synced == before:
            return False
        if node.traced:
            self.trace_sync()
        self.open_gates(None)
        return True

    # --- the gate: what the native half asks for -------------------------------------------------------------------

    def write_to_log(self, cell: Cell, effects: list[Any]) -> bool:
        """Hand what a handler wrote to a log that may refuse it; False when it did."""
        return turns.write(self._node, cell, effects)

    def answer_reads(self, cell: Cell, effects: list[Any]) -> None:
        """Answer what a handler asked of its journal."""
        assert cell.journal is not None
        turns.deliver_entries(cell, cell.journal, effects)

    def trace_sync(self) -> None:
        """Records became durable."""
        self._node.simulation.trace_sync(self._node)

    def may_stop(self, cell: Cell) -> None:
        """Nothing of a stopping actor waits any more."""
        self._node.later(lifecycle.gate_opened, cell)

    def failed(self) -> None:
        """The disk refused."""
        assert self.store is not None
        self._node.log_failed(self.store.failure)
