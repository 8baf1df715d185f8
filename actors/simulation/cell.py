"""One actor in the simulated world: its mailbox, its state of life, what waits for its disk. Knows no rule of life."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from actors.actor import Actor
from actors.context import Mailbox, Overflow, Supervision
from actors.message import Message, Reason
from core_ext.mailbox import Reference

if TYPE_CHECKING:
    from actors.simulation.context import Hands
    from actors.simulation.journals import ActorJournal
    from actors.simulation.node import Node


class State(enum.IntEnum):
    """Where an actor stands in its life; the order counts: only up to RUNNING does it get turns."""

    NEW = 0
    RUNNING = 1
    CREATED = 2
    SUSPENDED = 3
    STOPPING = 4
    STOPPED = 5


# What a mailbox entry is; those above ASK are exempt from the mailbox's bound.
TELL, ASK, ANSWER, TIMER, STOP, WORLD = range(6)

# What becomes of a message.
TAKEN, NOBODY, FULL, DROPPED = range(4)

# Plain numbers for the turn loop: an enum's member costs a look-up each time.
NEW, RUNNING, CREATED, SUSPENDED, STOPPING, STOPPED = (int(state) for state in State)

PENDING = 1 << 62  # a gate whose records no batch of the log holds yet
CONTROL_CAPACITY = 65_536

Entry = tuple[int, Any, Reference | None, int]


class Timer:
    """One timer of one actor; ``generation`` counts its settings, so that an old firing is recognised.

    A timer that is put off again and again stays where it stands in the agenda and finds its place when it comes up.
    """

    __slots__ = ("cell", "due", "generation", "key", "live", "message", "queued")

    def __init__(self, cell: Cell, key: Hashable) -> None:
        self.cell = cell
        self.key = key
        self.message: Message | None = None
        self.generation = 0
        self.live = False
        self.due = 0
        self.queued = -1  # when it comes up; -1: it does not


class Cell:
    """One actor.

    Args:
        node: where it lives.
        actor_class, args: what it is made of, also at every restart.
        own: its reference.
        parent: its supervisor; None for a top-level actor.
        supervision, mailbox: as given to ``spawn``.
    """

    __slots__ = (
        "actor", "actor_class", "after_batch", "alarm", "answers", "args", "batch_pending", "checks", "children",
        "control", "data", "gate", "gated", "generation", "hands", "handled", "handlers", "held", "index", "journal",
        "leaving", "limit", "mailbox", "name", "node", "own", "parent", "queued", "restarts", "sent_reports", "state",
        "stop_reason", "stopped_ran", "supervision", "timers", "unlaunched", "watchers",
    )

    hands: Hands

    def __init__(
        self, node: Node, actor_class: type[Any], args: tuple[Any, ...], own: Reference, parent: Cell | None,
        supervision: Supervision, mailbox: Mailbox | None, index: int,
    ) -> None:
        self.node = node
        self.actor_class = actor_class
        self.args = args
        self.own = own
        self.name = own.name
        self.parent = parent
        self.supervision = supervision
        self.mailbox = mailbox or Mailbox()
        self.index = index
        self.actor: Any = None
        self.handlers = actor_class.handlers
        self.answers = actor_class.answer_handlers
        self.after_batch: Callable[..., None] | None = getattr(actor_class, "after_batch", None)
        self.state: int = CREATED
        self.control: deque[Entry] = deque()
        self.data: deque[Entry] = deque()
        self.limit = 1 << 62 if self.mailbox.overflow is Overflow.UNBOUNDED else self.mailbox.capacity
        self.queued = False
        self.leaving = False
        self.generation = 0
        self.handled = 0
        self.timers: dict[Hashable, Timer] = {}
        self.held: dict[tuple[str, int], Reference | None] = {}  # requests neither answered nor failed, by asker
        self.journal: ActorJournal | None = None
        self.gate = 0
        self.gated: deque[tuple[int, Any]] = deque()
        self.children: dict[Cell, None] = {}
        self.unlaunched: list[Cell] = []
        self.watchers: dict[tuple[Reference, Reference], None] = {}  # (watcher, target as the watcher named it)
        self.restarts: list[int] = []
        self.stop_reason: Reason | None = None
        self.stopped_ran = False
        self.alarm = False  # the time for its orderly stop is running
        self.checks: tuple[Any, ...] = ()

    @property
    def label(self) -> str:
        """How errors name this actor: ``node/name (Class)``."""
        return f"{self.node.name}/{self.name} ({self.actor_class.__qualname__})"

    @property
    def starts(self) -> bool:
        """Must something run before the first message?"""
        return self.actor_class.is_durable or self.actor_class.start is not Actor.start

    def gate_closed(self) -> bool:
        """True while its records are not on disk: neither an effect nor its end may be seen."""
        return bool(self.gated) or self.gate > self.node.synced

    def accept(self, kind: int, message: Any, sender: Reference | None, correlation: int, control: bool) -> int:
        """Put an entry into the mailbox; says what became of it."""
        if self.state >= STOPPING:
            return NOBODY
        if control:
            if kind <= ASK and len(self.control) >= CONTROL_CAPACITY and _counted(self.control) >= CONTROL_CAPACITY:
                return FULL
            self.control.append((kind, message, sender, correlation))
        else:
            if kind <= ASK and len(self.data) >= self.limit and _counted(self.data) >= self.limit:
                overflow = self.mailbox.overflow
                if overflow is Overflow.REJECT:
                    self.node.counters["rejected"] += 1
                    return FULL
                self.node.counters["dropped"] += 1
                if overflow is Overflow.DROP_NEWEST:
                    return DROPPED
                self._drop_oldest()
            self.data.append((kind, message, sender, correlation))
        if not self.queued and self.state <= RUNNING:
            self.queued = True
            self.node.runnable.append(self)
        return TAKEN

    def _drop_oldest(self) -> None:
        for at, (kind, message, sender, correlation) in enumerate(self.data):
            if kind <= ASK:
                del self.data[at]
                if kind == ASK:
                    self.node.refuse_ask(self.own, message, sender, correlation, DROPPED)
                return

    def deliver(self, message: Message, control: bool) -> None:
        """Put a message of the world itself into the mailbox, whatever its bound."""
        self.accept(WORLD, message, None, 0, control)

    def rest(self) -> list[Entry]:
        """Empty the mailbox: what nobody will handle."""
        entries = [*self.control, *self.data]
        self.control.clear()
        self.data.clear()
        return entries


def _counted(entries: deque[Entry]) -> int:
    return sum(1 for entry in entries if entry[0] <= ASK)
