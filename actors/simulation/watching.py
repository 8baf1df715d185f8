"""Who wants to know when whom is gone, on one simulated node. Terminated comes once per watch, and is final.

On the node of the watched actor its cell keeps the watchers; on the node of the watcher this table keeps what is
watched elsewhere, so that the loss of a whole node ends those watches too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.message import Reason, Terminated
from actors.simulation.cell import Cell
from actors.simulation.envelope import TERMINATED, UNWATCH, WATCH
from core_ext.mailbox import Reference

if TYPE_CHECKING:
    from actors.simulation.node import Node


class Watches:
    """The watches of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._watched: dict[Reference, dict[Reference, None]] = {}  # watcher here -> targets, anywhere
        self._elsewhere: dict[str, dict[tuple[Reference, Reference], None]] = {}  # node -> (watcher here, target there)

    def watch(self, cell: Cell, target: Reference) -> None:
        """An actor here watches a target, here or elsewhere; watching twice is watching once."""
        watcher = cell.own
        targets = self._watched.setdefault(watcher, {})
        if target in targets:
            return
        targets[target] = None
        if target.node == self._node.name:
            self._add(watcher, target)
            return
        self._elsewhere.setdefault(target.node, {})[watcher, target] = None
        if self._node.send_system(target.node, WATCH, (watcher, target)) is not None:
            self._ended(watcher, target, Reason.UNREACHABLE)

    def unwatch(self, cell: Cell, target: Reference) -> None:
        """No longer; a Terminated that waits in the mailbox already is still delivered."""
        if self._forget(cell.own, target):
            if target.node == self._node.name:
                self._remove_here(cell.own, target)
            else:
                self._node.send_system(target.node, UNWATCH, (cell.own, target))

    def forget_watcher(self, cell: Cell) -> None:
        """A watcher was restarted or is gone."""
        for target in list(self._watched.get(cell.own, ())):
            self.unwatch(cell, target)

    def announce(self, cell: Cell, reason: Reason) -> None:
        """A watched actor here is gone."""
        for watcher, target in cell.watchers:
            self._tell(watcher, target, reason)

    def from_peer(self, kind: int, watcher: Reference, target: Reference, reason: Reason | None) -> None:
        """A word of another node's world."""
        if kind == WATCH:
            self._add(watcher, target)
        elif kind == UNWATCH:
            self._remove_here(watcher, target)
        elif reason is not None:
            self._ended(watcher, target, reason)

    def node_lost(self, node: str) -> None:
        """A whole node is gone: so is every actor on it, and every watcher."""
        for watcher, target in list(self._elsewhere.get(node, ())):
            self._ended(watcher, target, Reason.UNREACHABLE)
        for cell in self._node.names.values():
            for watcher, target in [pair for pair in cell.watchers if pair[0].node == node]:
                del cell.watchers[watcher, target]

    def _add(self, watcher: Reference, target: Reference) -> None:
        cell = self._node.find(target)
        if cell is not None:
            cell.watchers[watcher, target] = None
            return
        replaced = target.incarnation != 0 and target.name in self._node.names
        self._tell(watcher, target, Reason.REPLACED if replaced else Reason.STOPPED)

    def _tell(self, watcher: Reference, target: Reference, reason: Reason) -> None:
        if watcher.node == self._node.name:
            self._ended(watcher, target, reason)
        else:
            self._node.send_system(watcher.node, TERMINATED, (watcher, target, reason))

    def _ended(self, watcher: Reference, target: Reference, reason: Reason) -> None:
        if self._forget(watcher, target):
            cell = self._node.find(watcher)
            if cell is not None:
                cell.deliver(Terminated(target, reason), True)

    def _forget(self, watcher: Reference, target: Reference) -> bool:
        targets = self._watched.get(watcher, {})
        if target not in targets:
            return False
        self._elsewhere.get(target.node, {}).pop((watcher, target), None)
        del targets[target]
        if not targets:
            del self._watched[watcher]
        return True

    def _remove_here(self, watcher: Reference, target: Reference) -> None:
        cell = self._node.find(target)
        if cell is not None:
            cell.watchers.pop((watcher, target), None)
