"""A small world for Raft roles: virtual time, a lossy network, disks that lose what was not synced, one seed.

Every step is one event; the invariants of ``protocols.raft.properties`` are checked after each, and with them what only
a world can see: one vote a term on the wire, commits durable on a majority, reads that are not stale.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import msgspec

from actors.context import Ticket
from actors.message import JournalEntries, Lane, Message, Reason, Terminated
from core_ext.mailbox import Reference
from protocols.raft import Configuration, RaftRole, RaftSettings, configuration, messages, properties
from protocols.raft.messages import Entry, RoleName
from protocols.raft.records import SnapshotMeta, Truncated, UncertainTail
from tests.raft.disk import Disk, MemoryJournal
from tests.raft.owner import OWNER, Owner

ROLE = "raft-0"


class Faults(msgspec.Struct):
    """What the world does wrong, drawn per run (swarm testing). Probabilities are per message or per step."""

    drop: float = 0.0
    duplicate: float = 0.0
    delay_seconds: tuple[float, float] = (0.0001, 0.001)
    reorder: bool = False
    sync_seconds: tuple[float, float] = (0.0005, 0.002)
    crash: float = 0.0
    partition: float = 0.0
    pause: float = 0.0
    damage: float = 0.0
    batch: int = 4


class Hands:
    """The ``Context`` of one role in this world."""

    def __init__(self, world: World, node: Node) -> None:
        self.world, self._node = world, node
        self.sender: Reference | None = None
        self.parent = None
        self.self = Reference(node.name, ROLE, node.incarnation)
        self.journal: Any = node.journal
        self.gated: list[tuple[Reference, Message]] = []
        self.ungated: list[tuple[Reference, Message]] = []
        self.replies: list[Any] = []

    @property
    def node(self) -> str:
        return self._node.name

    def send(self, target: Reference, message: Message) -> None:
        self.gated.append((target, message))

    def send_now(self, target: Reference, message: Message) -> None:
        self.ungated.append((target, message))

    def reply_now(self, value: Any, to: Ticket | None = None) -> None:
        self.replies.append(value)

    def ref(self, name: str, node: str | None = None) -> Reference:
        return Reference(node or self._node.name, name)

    def set_timer(self, message: Message, delay_seconds: Any, key: Hashable = None) -> None:
        low, high = delay_seconds if isinstance(delay_seconds, tuple) else (delay_seconds, delay_seconds)
        key = type(message) if key is None else key
        self._node.timers[key] = number = self.world.number()
        delay = self.world.random.uniform(low, high)
        self.world.after(delay, self.world.fire, self._node, self._node.incarnation, key, number, message)

    def cancel_timer(self, key: Hashable) -> None:
        self._node.timers.pop(key, None)

    def watch(self, target: Reference) -> None:
        self._node.watched.add(target.node)

    def unwatch(self, target: Reference) -> None:
        self._node.watched.discard(target.node)

    def choose(self, options: Sequence[Any]) -> Any:
        return self.world.random.choice(options)


class Node:
    """One server: its disk, and while it is up its role, mailbox and owner."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.disk = Disk()
        self.incarnation = 0
        self.up = False
        self.paused = False
        self.failure: Exception | None = None
        self.inbox: dict[Lane, deque[tuple[Reference | None, Message, tuple[Hashable, int] | None]]] = {}
        self.timers: dict[Hashable, int] = {}
        self.held: deque[tuple[int, Reference, Message]] = deque()
        self.watched: set[str] = set()  # nodes, whose loss the role wants to hear of
        self.running = False


class World:
    """A cluster under one seed.

    Args:
        names: voters.
        seed: of every choice.
        settings: of the group; small limits by default, so that every branch is taken.
        faults: what goes wrong.
        role_class: for tests that break a rule.
    """

    def __init__(
        self, names: Sequence[str] = ("a", "b", "c"), seed: int = 0, settings: RaftSettings | None = None,
        faults: Faults | None = None, role_class: type[RaftRole] = RaftRole, start: bool = True,
    ) -> None:
        self.random = random.Random(seed)
        self.settings = settings or RaftSettings()
        self.faults = faults or Faults()
        self.role_class = role_class
        self.configuration: Configuration = configuration(*names)
        self.time = 0.0
        self.events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self.count = 0
        self.steps = 0
        self.nodes = {name: Node(name) for name in names}
        self.roles: dict[str, RaftRole] = {}
        self.owners: dict[str, Owner] = {}
        self.cut: set[tuple[str, str]] = set()
        self.filter: Callable[[str, str, Message], bool | Message] | None = None  # passes, drops or changes
        self.wire: list[tuple[float, str, str, Message]] = []
        self.record_wire = False
        self.lanes: dict[tuple[str, str, Lane], float] = {}
        self.history = properties.History()
        self.votes: dict[tuple[str, int], str] = {}
        self.durable: dict[str, tuple[int, int, dict[int, int]]] = {}
        self.commit_checked: dict[str, tuple[int, int]] = {}
        self.states: dict[int, tuple[int, bytes | None]] = {}
        self.acknowledged = 0
        self.tag = 0
        if start:
            for name in names:
                self.boot(name)

    # --- time ---

    def number(self) -> int:
        self.count += 1
        return self.count

    def after(self, delay: float, action: Callable[..., None], *arguments: Any) -> None:
        heapq.heappush(self.events, (self.time + delay, self.number(), action, arguments))

    def step(self) -> None:
        """One event."""
        self.time, _, action, arguments = heapq.heappop(self.events)
        self.steps += 1
        action(*arguments)

    def run(self, seconds: float) -> None:
        """Let virtual time pass."""
        end = self.time + seconds
        while self.events and self.events[0][0] <= end:
            self.step()
        self.time = end

    def run_until(self, condition: Callable[[], Any], seconds: float = 10.0, why: str = "") -> None:
        """Let virtual time pass until something holds."""
        end = self.time + seconds
        while not condition():
            if not self.events or self.events[0][0] > end:
                raise AssertionError(f"not within {seconds} s of virtual time: {why or condition}")
            self.step()

    # --- nodes ---

    def boot(self, name: str) -> None:
        """Start a node, or start it again: its role recovers from its disk."""
        node = self.nodes[name]
        assert not node.up
        node.incarnation += 1
        node.up, node.paused, node.failure, node.running = True, False, None, False
        node.inbox = {Lane.CONTROL: deque(), Lane.DATA: deque()}
        node.timers, node.held, node.watched = {}, deque(), set()
        node.journal = MemoryJournal(node.disk, lambda *read: self.read(node, *read))
        node.hands = Hands(self, node)
        role = self.role_class(self.settings, self.configuration, OWNER)
        self.roles[name], self.owners[name] = role, Owner(self, node)
        for record in node.journal.recovered():
            role.recover(record)
        self.handle(node, lambda: role.start(node.hands))

    def crash(self, name: str, damage: int | None = None) -> None:
        """kill -9 and power loss: what was not synced is gone. ``damage``: the disk also ruins what the last sync wrote
        from that operation on."""
        node = self.nodes[name]
        node.up = False
        node.disk.crash()
        if damage is not None:
            node.disk.damage(damage)
            self.durable.pop(name, None)
        self.roles.pop(name, None)
        self.owners.pop(name, None)
        for other in self.nodes.values():
            if other.up and name in other.watched and (name, other.name) not in self.cut:
                self.lose(other.name, name)

    def lose(self, name: str, gone: str) -> None:
        """A node hears soon that another one, which it watches, is gone; true or not."""
        node = self.nodes[name]
        node.watched.discard(gone)
        news = Terminated(Reference(gone, ROLE, self.nodes[gone].incarnation), Reason.UNREACHABLE)
        delay = self.random.uniform(*self.faults.delay_seconds)
        self.after(delay, self.told, node, node.incarnation, news)

    def told(self, node: Node, incarnation: int, news: Terminated) -> None:
        if node.incarnation == incarnation:
            self.post(node, None, news)

    def restart(self, name: str) -> None:
        """Crash when up, and boot."""
        if self.nodes[name].up:
            self.crash(name)
        self.boot(name)

    def pause(self, name: str) -> None:
        """SIGSTOP: nothing is handled, everything piles up."""
        self.nodes[name].paused = True

    def resume(self, name: str) -> None:
        node = self.nodes[name]
        node.paused = False
        self.wake(node)

    # --- mailboxes ---

    def post(
        self, node: Node, sender: Reference | None, message: Message, timer: tuple[Hashable, int] | None = None
    ) -> None:
        """Put a message into the role's mailbox."""
        if node.up:
            node.inbox[type(message).lane].append((sender, message, timer))
            self.wake(node)

    def wake(self, node: Node) -> None:
        if node.up and not node.running and not node.paused and any(node.inbox.values()):
            node.running = True
            self.after(0.00001, self.turn, node, node.incarnation)

    def fire(self, node: Node, incarnation: int, key: Hashable, number: int, message: Message) -> None:
        """A timer is due: it waits behind what the mailbox holds."""
        if node.incarnation == incarnation and node.timers.get(key) == number:
            self.post(node, None, message, (key, number))

    def turn(self, node: Node, incarnation: int) -> None:
        """One batch of the mailbox, control first."""
        if not node.up or node.incarnation != incarnation:
            return
        node.running = False
        if node.paused:
            return
        role = self.roles[node.name]
        for _ in range(self.random.randint(1, self.faults.batch)):
            lane = Lane.CONTROL if node.inbox[Lane.CONTROL] else Lane.DATA
            if not node.inbox[lane]:
                break
            sender, message, timer = node.inbox[lane].popleft()
            if timer is not None and node.timers.get(timer[0]) != timer[1]:
                continue
            if timer is not None:
                del node.timers[timer[0]]
            node.hands.sender = sender
            handler = role.handlers[type(message)]
            self.handle(node, lambda h=handler, m=message: h(role, m, node.hands))
            if not node.up:
                return
            if self.faults.crash and self.random.random() < self.faults.crash / 20:
                self.crash_later(node)
                return
        node.hands.sender = None
        self.handle(node, lambda: role.after_batch(node.hands))
        self.wake(node)

    def crash_later(self, node: Node) -> None:
        """Crash now, perhaps with a damaged disk, and boot after a while."""
        damage = None
        if self.faults.damage and self.random.random() < self.faults.damage and self.all_certain():
            damage = self.random.randint(node.disk.previous_sync, node.disk.synced)
        self.crash(node.name, damage)
        self.after(self.random.uniform(0.05, 1.0), self.boot_again, node)

    def all_certain(self) -> bool:
        """No disk holds an unsettled damage: one at a time is what a majority of copies can bear."""
        return len(self.roles) == len(self.nodes) and not any(role.uncertain for role in self.roles.values())

    def boot_again(self, node: Node) -> None:
        if not node.up:
            self.boot(node.name)

    def handle(self, node: Node, run: Callable[[], None]) -> None:
        """Run one handler, release its effects, check the invariants."""
        hands = node.hands
        operations = len(node.disk.operations)
        run()
        node.journal.release()
        gate = len(node.disk.operations)
        if gate > operations:
            delay = self.random.uniform(*self.faults.sync_seconds)
            self.after(delay, self.synced, node, node.incarnation, gate)
        for target, message in hands.ungated:
            self.route(node, target, message)
        for target, message in hands.gated:
            if node.disk.synced >= gate and not node.held:
                self.route(node, target, message)
            else:
                node.held.append((gate, target, message))
        hands.ungated.clear()
        hands.gated.clear()
        self.check(node)

    def synced(self, node: Node, incarnation: int, upto: int) -> None:
        """The disk has written: the gate opens."""
        if node.incarnation != incarnation or not node.up:
            return
        node.disk.sync(upto)
        while node.held and node.held[0][0] <= node.disk.synced:
            _, target, message = node.held.popleft()
            self.route(node, target, message)

    def read(self, node: Node, first: int, last: int, limit_bytes: int, key: int = 0) -> None:
        """``journal.read``: answered a little later."""
        delay = self.random.uniform(0.0001, 0.001)
        self.after(delay, self.read_done, node, node.incarnation, first, last, limit_bytes, key)

    def read_done(self, node: Node, incarnation: int, first: int, last: int, limit: int, key: int) -> None:
        if node.incarnation != incarnation or not node.up:
            return
        found: list[Message] = []
        for position in range(first, last + 1):
            record = node.journal.records.get(position)
            if record is None:
                break
            size = len(getattr(record, "data", b"")) + sum(map(len, getattr(record, "commands", ())))
            if found and size > limit:
                break
            limit -= size
            found.append(record)
        self.post(node, None, JournalEntries(key=key, first=first, records=tuple(found)))

    # --- network ---

    def route(self, node: Node, target: Reference, message: Message) -> None:
        """From a role to wherever the reference points."""
        if target.node == node.name:
            if target.name == OWNER:
                self.owners[node.name].receive(message)
            else:
                self.post(node, node.hands.self, message)
            return
        self.see(node.name, target.node, message)
        if self.filter is not None:
            passed = self.filter(node.name, target.node, message)
            if not passed:
                return
            message = passed if isinstance(passed, Message) else message
        copies = 1
        if self.faults.drop and self.random.random() < self.faults.drop:
            copies = 0
        elif self.faults.duplicate and self.random.random() < self.faults.duplicate:
            copies = 2
        for _ in range(copies):
            due = self.time + self.random.uniform(*self.faults.delay_seconds)
            lane = (node.name, target.node, type(message).lane)
            if not self.faults.reorder:
                due = max(due, self.lanes.get(lane, 0.0))
                self.lanes[lane] = due
            self.after(due - self.time, self.arrive, node.name, node.hands.self, target, message)

    def arrive(self, source: str, sender: Reference, target: Reference, message: Message) -> None:
        node = self.nodes[target.node]
        if (source, target.node) in self.cut or not node.up:
            return
        if target.incarnation in (0, node.incarnation):
            self.post(node, sender, message)

    def partition(self, *groups: Sequence[str]) -> None:
        """Only nodes of the same group hear each other."""
        self.cut = {
            (one, other)
            for one in self.nodes for other in self.nodes
            if one != other and not any(one in group and other in group for group in groups)
        }

    def heal(self) -> None:
        self.cut = set()

    # --- what only a world can see ---

    def see(self, source: str, target: str, message: Message) -> None:
        """Every message that leaves a node."""
        if self.record_wire:
            self.wire.append((self.time, source, target, message))
        candidate = None
        if isinstance(message, messages.VoteReply) and message.granted and not message.pre:
            key, candidate = (source, message.request_term), target
        elif isinstance(message, messages.VoteRequest) and not message.pre:
            key, candidate = (source, message.term), source
        if candidate is not None and self.votes.setdefault(key, candidate) != candidate:
            raise properties.Violation(f"{source} votes for {candidate} and {self.votes[key]} in term {key[1]}")

    def check(self, node: Node) -> None:
        """All invariants, on the node that moved."""
        role = self.roles[node.name]
        properties.check(self.history, role)
        if role.role is RoleName.LEADER and self.commit_checked.get(node.name) != (node.incarnation, role.commit):
            self.commit_checked[node.name] = (node.incarnation, role.commit)
            self.check_commit_durable(role)

    def check_commit_durable(self, role: RaftRole) -> None:
        """What a leader takes for committed is on the disks of a majority."""
        index, term = role.commit, role.log.term_at(role.commit)
        if index == 0:
            return
        holders = [name for name in self.nodes if self.on_disk(name, index) == term]
        if len(holders) * 2 <= len(self.nodes):
            raise properties.Violation(
                f"{role.node} takes {index} of term {term} for committed; it is on the disks of {holders} only"
            )

    def on_disk(self, name: str, index: int) -> int | None:
        """Term of the entry that this node would find, or claim, at ``index`` after a crash now."""
        disk = self.nodes[name].disk
        done, base, terms = self.durable.get(name, (0, 0, {}))
        for number in range(done, disk.synced):
            kind, record, *_ = (*disk.operations[number], None)
            if kind == "uncertain":
                for tag, note in record:
                    if tag == Entry.wire_id:
                        terms[max(terms, default=0) + 1] = note
                    elif tag == Truncated.wire_id:
                        for gone in [i for i in terms if i >= note]:
                            del terms[gone]
            elif kind == "append" and isinstance(record, UncertainTail):
                for gone in [i for i in terms if i > record.after]:
                    del terms[gone]
                terms.update(enumerate(record.terms, record.after + 1))
            if kind == "append" and isinstance(record, Entry):
                terms[record.index] = record.term
            elif kind == "append" and isinstance(record, Truncated):
                for gone in [i for i in terms if i >= record.index]:
                    del terms[gone]
            elif kind == "checkpoint":
                meta = record[0]
                assert isinstance(meta, SnapshotMeta)
                base = meta.index
                for covered in range(1, meta.index + 1):
                    terms.setdefault(covered, self.history.committed.get(covered, 0))
        self.durable[name] = (disk.synced, base, terms)
        return terms.get(index)

    def check_state(self, name: str, index: int, state: list[bytes]) -> None:
        """A restored snapshot is what applying everything up to its index gives."""
        expected = [
            command for at in range(1, index + 1) if at in self.history.applied
            for command in self.history.applied[at].commands
        ]
        if state != expected:
            raise properties.Violation(f"{name}: the snapshot at {index} is not the state at {index}")

    # --- clients ---

    def leader(self) -> str | None:
        """The leader of the highest term that is up."""
        leading = [r for n, r in self.roles.items() if self.nodes[n].up and r.role is RoleName.LEADER]
        return max(leading, key=lambda role: role.term).node if leading else None

    def elect(self, seconds: float = 10.0) -> str:
        """Let time pass until there is a leader that has committed in its term, and everybody follows it."""
        def ready() -> bool:
            name = self.leader()
            return name is not None and self.roles[name].commit >= self.roles[name].term_start > 0

        self.run_until(ready, seconds, "a leader")
        name = self.leader()
        assert name is not None
        return name

    def propose(self, name: str, *commands: bytes) -> int:
        """The owner on ``name`` proposes; returns the tag."""
        self.tag += 1
        if name in self.owners:
            self.owners[name].tell(messages.Propose(tag=self.tag, commands=commands or (b"%d" % self.tag,)))
        return self.tag

    def ask(self, name: str) -> int:
        """The owner on ``name`` asks for a read barrier now; returns the tag."""
        self.tag += 1
        if name in self.owners:
            self.owners[name].reads[self.tag] = self.acknowledged
            self.owners[name].tell(messages.ReadBarrier(tag=self.tag))
        return self.tag

    def converged(self) -> bool:
        """Everybody up has applied the same, and everything that is in the leader's log."""
        name = self.leader()
        if name is None or len(self.roles) < len(self.nodes):
            return False
        role = self.roles[name]
        last = role.log.last_index
        return role.commit == last and all(
            owner.index == last and self.roles[n].term == role.term and not self.roles[n].uncertain
            for n, owner in self.owners.items()
        )
