"""A small world for the store's actors: several nodes with several actors each, virtual time, one seed.

Messages between actors of a node arrive in order and are never lost; between nodes they are delayed, and lost when a
fault says so. A crash takes all actors of a node and what its disk had not synced. Journals are the Raft tests'.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import msgspec

from actors.actor import Actor
from actors.context import Ticket
from actors.message import JournalEntries, Lane, Message, Reason, Terminated
from core_ext.mailbox import Reference
from tests.raft.disk import Disk, MemoryJournal

EPOCH_SECONDS = 1_700_000_000.0


class Faults(msgspec.Struct):
    """What goes wrong between nodes."""

    drop: float = 0.0
    delay_seconds: tuple[float, float] = (0.0001, 0.001)
    sync_seconds: tuple[float, float] = (0.0005, 0.002)
    batch: int = 4


class Cell:
    """One actor, its mailbox and its ``Context``."""

    def __init__(self, world: World, node: str, name: str, actor: Actor, disk: Disk | None) -> None:
        self.world, self.node, self.name, self.actor = world, node, name, actor
        self.self = Reference(node, name, world.number())
        self.parent = None
        self.sender: Reference | None = None
        self.inbox: dict[Lane, deque[tuple[Reference | None, Message, tuple[Hashable, int] | None]]] = {
            Lane.CONTROL: deque(), Lane.DATA: deque()
        }
        self.timers: dict[Hashable, int] = {}
        self.watched: dict[Reference, None] = {}
        self.running = False
        self.effects: list[tuple[bool, Reference, Message]] = []
        self.held: deque[tuple[int, Reference, Message]] = deque()
        self.replies: list[Any] = []
        self.disk = disk
        self.journal: Any = None if disk is None else MemoryJournal(disk, self._read)

    # --- the contract's hands ---

    def send(self, target: Reference, message: Message) -> None:
        self.effects.append((True, target, message))

    def send_now(self, target: Reference, message: Message) -> None:
        self.effects.append((False, target, message))

    def reply(self, value: Any, to: Ticket | None = None) -> None:
        self.replies.append(value)

    reply_now = reply

    def ref(self, name: str, node: str | None = None) -> Reference:
        return Reference(node or self.node, name)

    def now(self) -> float:
        return EPOCH_SECONDS + self.world.time + self.world.clock_offsets.get(self.node, 0.0)

    def choose(self, options: Sequence[Any]) -> Any:
        return self.world.random.choice(options)

    def set_timer(self, message: Message, delay_seconds: Any, key: Hashable = None) -> None:
        low, high = delay_seconds if isinstance(delay_seconds, tuple) else (delay_seconds, delay_seconds)
        key = type(message) if key is None else key
        self.timers[key] = number = self.world.number()
        self.world.after(self.world.random.uniform(low, high), self._fire, key, number, message)

    def cancel_timer(self, key: Hashable) -> None:
        self.timers.pop(key, None)

    def watch(self, target: Reference) -> None:
        self.watched[target] = None

    def unwatch(self, target: Reference) -> None:
        self.watched.pop(target, None)

    # --- the world's side ---

    @property
    def alive(self) -> bool:
        return self.world.cells.get((self.node, self.name)) is self

    def _fire(self, key: Hashable, number: int, message: Message) -> None:
        if self.alive and self.timers.get(key) == number:
            self.post(None, message, (key, number))

    def post(self, sender: Reference | None, message: Message, timer: tuple[Hashable, int] | None = None) -> None:
        """Put a message into the mailbox."""
        self.inbox[type(message).lane].append((sender, message, timer))
        if not self.running:
            self.running = True
            self.world.after(0.00001, self._turn)

    def _turn(self) -> None:
        if not self.alive:
            return
        self.running = False
        for _ in range(self.world.random.randint(1, self.world.faults.batch)):
            lane = Lane.CONTROL if self.inbox[Lane.CONTROL] else Lane.DATA
            if not self.inbox[lane]:
                break
            self.sender, message, timer = self.inbox[lane].popleft()
            if timer is not None:
                if self.timers.get(timer[0]) != timer[1]:
                    continue
                del self.timers[timer[0]]
            handler = self.actor.handlers[type(message)]
            self.run(lambda h=handler, m=message: h(self.actor, m, self))
        self.sender = None
        after_batch = getattr(self.actor, "after_batch", None)
        if after_batch is not None:
            self.run(lambda: after_batch(self))
        if any(self.inbox.values()) and not self.running:
            self.running = True
            self.world.after(0.00001, self._turn)

    def run(self, work: Callable[[], None]) -> None:
        """One handler, then its effects."""
        work()
        gate = 0
        if self.disk is not None:
            before = len(self.disk.operations)
            self.journal.release()
            gate = len(self.disk.operations)
            if gate > before:
                self.world.after(self.world.random.uniform(*self.world.faults.sync_seconds), self._synced, gate)
        effects, self.effects = self.effects, []
        for waits, target, message in effects:
            if waits and self.disk is not None and (self.disk.synced < gate or self.held):
                self.held.append((gate, target, message))
            else:
                self.world.route(self, target, message)

    def _synced(self, gate: int) -> None:
        if not self.alive:
            return
        assert self.disk is not None
        self.disk.sync(gate)
        while self.held and self.held[0][0] <= self.disk.synced:
            _, target, message = self.held.popleft()
            self.world.route(self, target, message)

    def _read(self, first: int, last: int, limit_bytes: int, key: int = 0) -> None:
        self.world.after(0.0005, self._read_done, first, last, limit_bytes, key)

    def _read_done(self, first: int, last: int, limit: int, key: int) -> None:
        if not self.alive:
            return
        found: list[Message] = []
        for position in range(first, last + 1):
            record = self.journal.records.get(position)
            if record is None:
                break
            limit -= len(getattr(record, "data", b"")) + sum(map(len, getattr(record, "commands", ())))
            if found and limit < 0:
                break
            found.append(record)
        self.post(None, JournalEntries(key=key, first=first, records=tuple(found)))


class World:
    """Nodes with actors.

    Args:
        seed: of every choice.
        faults: between nodes.
    """

    def __init__(self, seed: int = 0, faults: Faults | None = None) -> None:
        self.random = random.Random(seed)
        self.faults = faults or Faults()
        self.time = 0.0
        self.clock_offsets: dict[str, float] = {}
        self.cells: dict[tuple[str, str], Cell] = {}
        self.disks: dict[tuple[str, str], Disk] = {}
        self.cut: set[tuple[str, str]] = set()
        self.lanes: dict[tuple[str, str, Lane], float] = {}
        self.lost: list[Message] = []
        self.filter: Callable[[Cell, Reference, Message], bool] | None = None
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0

    def number(self) -> int:
        self._count += 1
        return self._count

    def after(self, delay: float, action: Callable[..., None], *arguments: Any) -> None:
        heapq.heappush(self._events, (self.time + delay, self.number(), action, arguments))

    def step(self) -> None:
        """One event."""
        self.time, _, action, arguments = heapq.heappop(self._events)
        action(*arguments)

    def run(self, seconds: float) -> None:
        """Let virtual time pass."""
        end = self.time + seconds
        while self._events and self._events[0][0] <= end:
            self.step()
        self.time = end

    def run_until(self, condition: Callable[[], Any], seconds: float = 20.0, why: str = "") -> None:
        """Let virtual time pass until something holds."""
        end = self.time + seconds
        while not condition():
            if not self._events or self._events[0][0] > end:
                raise AssertionError(f"not within {seconds} s of virtual time: {why or condition}")
            self.step()

    def spawn(self, node: str, name: str, actor: Actor) -> Cell:
        """Start an actor; a durable one recovers from its disk."""
        disk = None
        if type(actor).is_durable:
            disk = self.disks.setdefault((node, name), Disk())
        cell = Cell(self, node, name, actor, disk)
        self.cells[node, name] = cell
        if disk is not None:
            for record in cell.journal.recovered():
                actor.recover(record)  # type: ignore[attr-defined]
        cell.run(lambda: actor.start(cell))
        return cell

    def crash(self, node: str) -> None:
        """All actors of a node are gone, and what its disks had not synced."""
        for key in [key for key in self.cells if key[0] == node]:
            cell = self.cells.pop(key)
            if cell.disk is not None:
                cell.disk.crash()
        for cell in self.cells.values():
            for target in [target for target in cell.watched if target.node == node]:
                if (node, cell.node) not in self.cut:
                    cell.unwatch(target)
                    delay = self.random.uniform(*self.faults.delay_seconds)
                    self.after(delay, self._gone, cell, Terminated(target, Reason.UNREACHABLE))

    def _gone(self, cell: Cell, news: Terminated) -> None:
        if cell.alive:
            cell.post(None, news)

    def tell(self, target: Reference, message: Message, sender: Reference | None = None) -> None:
        """From outside."""
        self.cells[target.node, target.name].post(sender, message)

    def route(self, cell: Cell, target: Reference, message: Message) -> None:
        """A message leaves an actor."""
        if self.filter is not None and not self.filter(cell, target, message):
            return
        if target.node == cell.node:
            self._arrive(cell.self, target, message)
            return
        if self.random.random() < self.faults.drop:
            return
        lane = (cell.node, target.node, type(message).lane)
        due = max(self.time + self.random.uniform(*self.faults.delay_seconds), self.lanes.get(lane, 0.0))
        self.lanes[lane] = due
        self.after(due - self.time, self._arrive, cell.self, target, message)

    def _arrive(self, sender: Reference, target: Reference, message: Message) -> None:
        cell = self.cells.get((target.node, target.name))
        if cell is None or (sender.node, target.node) in self.cut or target.incarnation not in (
            0, cell.self.incarnation
        ):
            self.lost.append(message)
            return
        cell.post(sender, message)

    def isolate(self, *nodes: str) -> None:
        """These nodes hear only each other."""
        names = {key[0] for key in self.cells}
        self.cut = {(a, b) for a in names for b in names if (a in nodes) != (b in nodes)}

    def heal(self) -> None:
        """Everybody hears everybody."""
        self.cut = set()
