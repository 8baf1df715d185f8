"""The stage of the simulated world: mailboxes, turns, and what becomes of what a handler did."""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, Final

from core_ext.draws import Draws
from core_ext.mailbox import Reference
from core_ext.stage_hands import StageFloor
from core_ext.stage_link import StageLink, StageMail

NEW: Final[int]
RUNNING: Final[int]
CREATED: Final[int]
SUSPENDED: Final[int]
STOPPING: Final[int]
STOPPED: Final[int]
TELL: Final[int]
ASK: Final[int]
ANSWER: Final[int]
TIMER: Final[int]
STOP: Final[int]
WORLD: Final[int]
TAKEN: Final[int]
NOBODY: Final[int]
FULL: Final[int]
DROPPED: Final[int]
BATCH: Final[int]
"""Messages of one actor before the next actor's turn."""
TURN_LIMIT: Final[int]
"""Messages handled before what they caused leaves the node."""
CONTROL_CAPACITY: Final[int]
"""Control messages that may wait in one mailbox."""

class StageTimer:
    """One timer of one actor; ``generation`` counts its settings, so that an old firing is recognised."""

    cell: Any
    key: Hashable
    message: Any
    generation: int
    due: int
    queued: int
    """When it comes up, by virtual time; -1: it does not."""
    live: bool
    def __init__(self, cell: StageCell, key: Hashable) -> None: ...

class StageCell:
    """One actor's mailbox and state of life."""

    actor: Any
    own: Reference
    handlers: Any
    answers: Any
    after_batch: Callable[..., None] | None
    checks: tuple[Any, ...]
    journal: Any
    control: deque[Any]
    data: deque[Any]
    gated: deque[tuple[int, Any]]
    timers: dict[Hashable, StageTimer]
    unlaunched: list[Any]
    gate: int
    limit: int
    handled: int
    state: int
    queued: bool
    leaving: bool
    index: int
    stage: Any
    hands: Any
    def accept(self, kind: int, message: Any, sender: Reference | None, correlation: int, control: bool) -> int:
        """Put an entry into the mailbox; says what became of it."""

    def overflow(self, control: bool) -> int:
        """The queue may be full: what becomes of one more message. For the subclass."""

class StageNode(StageFloor):
    """One node's actors and their turns."""

    disk_stream: Draws
    """How long its syncs take."""
    disk_slow: float
    """By what factor they take longer than usual."""
    durability: Any
    """Writes its journals and says when they are on disk."""
    names: dict[str, Any]
    mail: StageMail
    """All links, as far as they are the same for each."""
    links: Any
    runnable: deque[Any]
    journal_effects: frozenset[type[Any]]
    actions: list[tuple[Callable[..., object], tuple[Any, ...]]]
    """Functions to be called between two actors' batches."""
    at_once: frozenset[type[Any]]
    """Types of effects that never wait for the disk."""
    gating: list[Any]
    """Actors whose newest records no batch of the log holds yet."""
    outbox: list[tuple[Any, bool]]
    synced: int
    busy_until: int
    fuse: int
    """The node crashes after so many more messages; 0: it does not."""
    handler_ns: int
    """What a message costs."""
    shift: float
    """Of a range that a timer's delay is drawn from, as a share of it."""
    in_turn: bool
    scheduled: bool
    def flush(self) -> None:
        """What a turn put into the outbox leaves, when not all of it goes plainly. For the subclass."""

    def post(self, link: StageLink | None, posted: tuple[Any, ...], control: bool) -> str | None:
        """Put an envelope into the outbox; says why when it is refused."""

    def enqueue(self, cell: StageCell) -> None:
        """Give an actor a turn soon."""

    def turn(self) -> None:
        """Actor after actor until nothing waits, or the turn is long enough; then what they did leaves the node."""

    def schedule(self) -> int:
        """Have a turn as soon as the node is not busy."""

    def run_hook(self, cell: StageCell, function: Callable[..., Any]) -> bool:
        """Call a hook like a handler; False when it raised and the supervisor has been told."""
