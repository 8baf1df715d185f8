"""The hands of an actor in the simulated world: what a running handler does, written down in order."""

from collections.abc import Hashable, Sequence
from typing import Any, Final, TypeVar

from core_ext.codec import MessageCodec
from core_ext.draws import Draws
from core_ext.mailbox import Reference
from core_ext.stage_link import StagePeer

T = TypeVar("T")

EPOCH_SECONDS: Final[float]
"""What every clock of a simulated node shows at the beginning."""

class Sent:
    """A message to an actor of the same node; ``now``: it need not wait for the disk."""

    target: Reference
    message: Any
    now: bool

class Away:
    """A message to another node, with what travels of it; ``now``: it need not wait for the disk."""

    target: Reference
    message: Any
    content: Any
    now: bool

class Timed:
    """A timer that is to be set; ``delay_seconds`` is a number or (low, high)."""

    message: Any
    delay_seconds: Any
    key: Hashable

class Appended:
    """A record at the end of the journal."""

    position: int
    record: Any
    note: int
    critical: bool
    def __init__(self, position: int, record: Any, note: int = 0, critical: bool = False) -> None: ...

class StageFloor(StagePeer):
    """What an actor's hands need of its node."""

    stream: Draws
    types: dict[type[Any], bool]
    """For each type of message seen, whether it travels in the control lane."""
    codec: MessageCodec
    encoded: bool
    """False: the message itself travels."""
    clock_rate: float
    """Of its clock, in seconds per second."""
    clock_offset: float
    """Of its clock, in seconds."""
    def check_type(self, message: object) -> None:
        """Check a type of message seen for the first time, and note its lane. For the subclass."""

    def pack(self, message: Any) -> Any:
        """What travels of a message to another node; the same message sent to several is encoded once.

        Raises:
            CodecError: it cannot travel; whatever ``check_type`` raises.
        """

class StageHands:
    """The part of an actor's context that every message needs."""

    sender: Reference | None
    effects: list[Any]
    """What the running handler has done; asking for it outside of a handler is an error."""
    items: list[Any]
    """The same list, for the world, at any time."""
    active: bool
    """One of the actor's handlers runs."""
    view: Any
    self: Reference
    """This actor."""
    own: Reference
    node: str
    _ticket: Any
    def __init__(self, own: Reference, stage: StageFloor) -> None: ...
    def send(self, target: Reference, message: Any) -> None:
        """See ``Context.send``."""

    def send_now(self, target: Reference, message: Any) -> None:
        """See ``Context.send_now``."""

    def set_timer(self, message: Any, delay_seconds: float | tuple[float, float], key: Hashable = None) -> None:
        """See ``Context.set_timer``."""

    def check_timer(self, delay_seconds: Any, key: Any) -> None:
        """Refuse a timer; called for those that are not obviously right. For the subclass."""

    def choose(self, options: Sequence[T]) -> T:
        """See ``Context.choose``."""

    def now(self) -> float:
        """See ``Context.now``."""

class StageView:
    """A journal as the running handler sees it: what was there, and what the handler has staged.

    Args:
        effects: where the operations are written down.
        first, next: positions of the oldest record and of the next append.
        uncertain, lost: what recovery found.
    """

    first_position: int
    next_position: int
    uncertain: tuple[Any, ...]
    lost: bool
    _effects: list[Any]
    def __init__(
        self, effects: list[Any], first: int, next: int, uncertain: tuple[Any, ...], lost: bool
    ) -> None: ...
    def append(self, record: Any, note: int = 0, critical: bool = False) -> int:
        """See ``Journal.append``."""

    def check_append(self, record: Any, note: Any) -> None:
        """Refuse a record; called for those that are not obviously right. For the subclass."""

    def keep(self) -> None:
        """The handler returned: what it staged stands."""

    def discard(self) -> None:
        """The handler raised: forget what it staged."""
