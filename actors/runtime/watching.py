"""Who wants to know when whom is gone. Terminated is delivered once per watch, and is final for that incarnation.

On the node of the watched actor its cell keeps the watchers; on the node of the watcher this table keeps what is
watched elsewhere, so that the loss of a whole node ends those watches too.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from actors.message import Lane, Message, Reason, Terminated
from core_ext.mailbox import Reference

if TYPE_CHECKING:
    from actors.runtime.cell import ActorCell
    from actors.runtime.world import World

_AGAIN_SECONDS = 0.02  # until a Terminated that the link refused is tried again


class Watch(Message, wire="actors.watch", lane=Lane.CONTROL):
    """World to world: ``watcher`` wants Terminated when ``target`` is gone."""

    watcher: Reference
    target: Reference


class Unwatch(Message, wire="actors.unwatch", lane=Lane.CONTROL):
    """World to world: no longer."""

    watcher: Reference
    target: Reference


class Watches:
    """The watches of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._watched: dict[Reference, dict[Reference, None]] = {}  # watcher here -> targets, anywhere
        self._elsewhere: dict[str, dict[tuple[Reference, Reference], None]] = {}  # node -> (watcher here, target there)
        self._watchers_elsewhere: dict[str, dict[tuple[Reference, Reference], None]] = {}  # node -> (watcher, target)

    def watch(self, cell: ActorCell, target: Reference) -> None:
        """An actor here watches a target, here or elsewhere; watching twice is watching once."""
        watcher = cell.self
        targets = self._watched.setdefault(watcher, {})
        if target in targets:
            return
        targets[target] = None
        if target.node == self._world.node:
            self._add(watcher, target)
            return
        self._elsewhere.setdefault(target.node, {})[watcher, target] = None
        refused = self._world.remote.send_as_world(target, Watch(watcher, target))
        if refused is not None:
            self._ended(watcher, target, Reason.UNREACHABLE)

    def unwatch(self, cell: ActorCell, target: Reference) -> None:
        """No longer; a Terminated that waits in the mailbox already is still delivered."""
        if self._forget(cell.self, target):
            self._remove(cell.self, target)

    def forget_watcher(self, cell: ActorCell) -> None:
        """A watcher was restarted or is gone."""
        for target in list(self._watched.get(cell.self, ())):
            self.unwatch(cell, target)

    def announce(self, cell: ActorCell, watchers: dict[tuple[Reference, Reference], None], reason: Reason) -> None:
        """A watched actor here is gone."""
        for watcher, target in watchers:
            self._tell(watcher, target, reason)

    def from_peer(self, message: Watch | Unwatch | Terminated, node: str) -> None:
        """A world's own message from another node; what speaks for a third node is ignored."""
        if isinstance(message, Terminated):
            if message.actor.node == node:
                for watcher, target in list(self._elsewhere.get(node, ())):
                    if target == message.actor:
                        self._ended(watcher, target, message.reason)
        elif message.watcher.node != node or message.target.node != self._world.node:
            self._world.log.warning("node %r asked to watch for %r; ignored", node, message.watcher)
        elif isinstance(message, Watch):
            self._watchers_elsewhere.setdefault(node, {})[message.watcher, message.target] = None
            self._add(message.watcher, message.target)
        else:
            self._watchers_elsewhere.get(node, {}).pop((message.watcher, message.target), None)
            self._remove_here(message.watcher, message.target)

    def node_lost(self, node: str) -> None:
        """A whole node is gone: so is every actor on it, and every watcher."""
        for watcher, target in list(self._elsewhere.get(node, ())):
            self._ended(watcher, target, Reason.UNREACHABLE)
        for watcher, target in self._watchers_elsewhere.pop(node, {}):
            self._remove_here(watcher, target)

    def _add(self, watcher: Reference, target: Reference) -> None:
        cell = self._world.find(target)
        if cell is not None:
            cell._rarely().watchers[watcher, target] = None
            return
        replaced = target.incarnation != 0 and target.name in self._world.names
        self._tell(watcher, target, Reason.REPLACED if replaced else Reason.STOPPED)

    def _tell(self, watcher: Reference, target: Reference, reason: Reason) -> None:
        if watcher.node == self._world.node:
            self._ended(watcher, target, reason)
        elif self._world.remote.send_as_world(watcher, Terminated(target, reason)) is None:
            self._watchers_elsewhere.get(watcher.node, {}).pop((watcher, target), None)
        else:  # too much is under way there; when the node is lost instead, node_lost forgets the watch
            self._world.timers.call_later(_AGAIN_SECONDS, partial(self._tell_again, watcher, target, reason))

    def _tell_again(self, watcher: Reference, target: Reference, reason: Reason) -> None:
        if (watcher, target) in self._watchers_elsewhere.get(watcher.node, {}):
            self._tell(watcher, target, reason)

    def _ended(self, watcher: Reference, target: Reference, reason: Reason) -> None:
        """A watch of an actor here ends with its Terminated."""
        if self._forget(watcher, target):
            cell = self._world.find(watcher)
            if cell is not None:
                cell._deliver(Terminated(self._world.bind(target), reason), True)

    def _forget(self, watcher: Reference, target: Reference) -> bool:
        targets = self._watched.get(watcher, {})
        if target not in targets:
            return False
        self._elsewhere.get(target.node, {}).pop((watcher, target), None)
        del targets[target]
        if not targets:
            del self._watched[watcher]
        return True

    def _remove(self, watcher: Reference, target: Reference) -> None:
        if target.node == self._world.node:
            self._remove_here(watcher, target)
            return
        self._world.remote.send_as_world(target, Unwatch(watcher, target))

    def _remove_here(self, watcher: Reference, target: Reference) -> None:
        cell = self._world.find(target)
        if cell is not None and cell._rare is not None:
            cell._rare.watchers.pop((watcher, target), None)
