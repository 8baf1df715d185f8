"""The durable side of one node: its journals, when its disk is done, and which effects wait for that.

The output gate: everything after a journal append leaves the actor when the records are on disk. Knows the store's
interface, and no log format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.simulation import lifecycle
from actors.simulation.cell import PENDING, Cell
from actors.simulation.journals import ActorJournal, Medium, Store
from core_ext.stage import STOPPING

if TYPE_CHECKING:
    from actors.simulation.node import Node


class Durability:
    """The journals of one life of a node.

    Args:
        node: whose they are.
        medium: what outlives it.

    Attributes:
        gated: actors with effects, or an end, that wait for the disk.
    """

    def __init__(self, node: Node, medium: Medium) -> None:
        self._node = node
        self._medium = medium
        self._store: Store | None = None
        self._journals: dict[str, ActorJournal] = {}
        self._syncing = False
        self._unsynced = False
        self.gated: dict[Cell, None] = {}

    def attach(self, cell: Cell) -> None:
        """Give a durable actor its stream.

        Raises:
            LogError: the node's log cannot be opened.
        """
        node = self._node
        if self._store is None:
            self._store = self._medium.open(node.simulation.alone(node))
        journal = self._journals.get(cell.name)
        if journal is None:
            journal = self._journals[cell.name] = ActorJournal(self._store, cell.name)
        cell.journal = journal
        cell.gate = journal.batch  # an earlier incarnation's newest records may still be on their way to the disk
        if cell.gate > node.synced:
            self.gated[cell] = None

    def crash(self) -> None:
        """Power off."""
        if self._store is not None:
            keep = self._node.simulation.faults.disks.keep_unsynced
            self._store.crash(self._node.disk_stream, self._syncing, keep)

    # --- the gate --------------------------------------------------------------------------------------------------

    def close_gate(self, cell: Cell) -> None:
        """An actor has written: what it does from now on waits."""
        if cell.gate != PENDING:
            cell.gate = PENDING
            self._node.gating.append(cell)
            self.gated[cell] = None

    def commit(self) -> None:
        """A turn is over: what was written in it becomes one batch, and the disk begins as soon as it is free."""
        assert self._store is not None
        if self._store.failure is not None:
            self._node.gating.clear()
            self._failed()
            return
        batch = self._store.commit()
        for cell in self._node.gating:
            assert cell.journal is not None
            cell.journal.batch = cell.gate = batch
            gated = cell.gated
            at = len(gated) - 1
            while at >= 0 and gated[at][0] == PENDING:
                gated[at] = batch, gated[at][1]
                at -= 1
        self._node.gating.clear()
        if self._syncing:
            self._unsynced = True
        else:
            self._sync()

    def _sync(self) -> None:
        assert self._store is not None
        node, simulation = self._node, self._node.simulation
        self._syncing, self._unsynced = True, False
        self._store.sync_begins()
        seconds = node.disk_stream.uniform(*simulation.faults.disks.sync_seconds) * node.disk_slow
        simulation.at(simulation.now_ns + int(seconds * 1e9), self._synced, None)

    def _synced(self, _: Any) -> None:
        node = self._node
        if node.durability is not self or self._store is None:  # another life of the node has begun
            return
        self._syncing = False
        node.synced = self._store.sync_done()
        node.simulation.note_sync(node)
        if self._store.failure is not None:
            self._failed()
        elif self._unsynced:
            self._sync()
        if node.paused:
            node.hold(self._open_gates, None)
        else:
            self._open_gates(None)

    def _open_gates(self, _: Any) -> None:
        """More is on disk: release what waited for it, in order."""
        node = self._node
        for cell in list(self.gated):
            gated = cell.gated
            while gated and gated[0][0] <= node.synced:
                node.apply(cell, gated.popleft()[1])
            if not gated and cell.gate <= node.synced:
                self.gated.pop(cell, None)
                if cell.state == STOPPING:
                    node.later(lifecycle.gate_opened, cell)
        if not node.scheduled:
            node.turn()

    def _failed(self) -> None:
        assert self._store is not None
        self._node.log_failed(self._store.failure)
