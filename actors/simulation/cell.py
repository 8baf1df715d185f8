"""One actor in the simulated world: its mailbox, its state of life, what waits for its disk. Knows no rule of life."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from actors.actor import Actor
from actors.context import Mailbox, Overflow, Supervision
from actors.message import Message, Reason
from core_ext.mailbox import Reference
from core_ext.stage import ASK, CONTROL_CAPACITY, CREATED, DROPPED, FULL, TAKEN, WORLD, StageCell

if TYPE_CHECKING:
    from actors.simulation.context import Hands
    from actors.simulation.journals import ActorJournal
    from actors.simulation.node import Node

Entry = tuple[int, Any, Reference | None, int]


class Cell(StageCell):
    """One actor: what the stage needs of it, and its place in the tree of supervision.

    Args:
        node: where it lives.
        actor_class, args: what it is made of, also at every restart.
        own: its reference.
        parent: its supervisor; None for a top-level actor.
        supervision, mailbox: as given to ``spawn``.
    """

    hands: Hands
    journal: ActorJournal | None

    def __init__(
        self, node: Node, actor_class: type[Any], args: tuple[Any, ...], own: Reference, parent: Cell | None,
        supervision: Supervision, mailbox: Mailbox | None, index: int,
    ) -> None:
        self.node = node
        self.stage = node
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
        self.after_batch = getattr(actor_class, "after_batch", None)
        self.state = CREATED
        self.control = deque()
        self.data = deque()
        self.limit = 1 << 62 if self.mailbox.overflow is Overflow.UNBOUNDED else self.mailbox.capacity
        self.generation = 0
        self.timers = {}
        self.held: dict[tuple[str, int], Reference | None] = {}  # requests neither answered nor failed, by asker
        self.journal = None
        self.gated = deque()
        self.children: dict[Cell, None] = {}
        self.unlaunched = []
        self.watchers: dict[tuple[Reference, Reference], None] = {}  # (watcher, target as the watcher named it)
        self.restarts: list[int] = []
        self.stop_reason: Reason | None = None
        self.stopped_ran = False
        self.alarm = False  # the time for its orderly stop is running
        self.checks = ()

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

    def overflow(self, control: bool) -> int:
        """The queue may be full: what becomes of one more message; TAKEN when there is room, or was made."""
        if control:
            return FULL if _counted(self.control) >= CONTROL_CAPACITY else TAKEN
        if _counted(self.data) < self.limit:
            return TAKEN
        policy = self.mailbox.overflow
        if policy is Overflow.REJECT:
            self.node.counters["rejected"] += 1
            return FULL
        self.node.counters["dropped"] += 1
        if policy is Overflow.DROP_NEWEST:
            return DROPPED
        self._drop_oldest()
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
