"""Links of the simulated world: what one node has for another, what is under way, and when it arrives."""

from typing import Any

from core_ext.agenda import Agenda
from core_ext.draws import Draws

class StagePeer:
    """What a link knows of the nodes at its ends."""

    world: Agenda
    boots: int
    """How often the node was started."""
    up: bool
    paused: bool
    traced: bool

class Parcel:
    """One message on the wire; copies for several receivers share it, and its bytes are decoded once."""

    wire_id: int
    body: bytes
    message: Any
    def __init__(self, wire_id: int, body: bytes) -> None: ...

class Frame:
    """Envelopes under way together on one lane of a link, from one life of a node to one life of another."""

    link: StageLink
    envelopes: list[Any]
    control: bool

class StageLink:
    """What one node has for another one: what waits for the end of the turn, and what is under way."""

    source: Any
    target: Any
    key: tuple[str, str]
    """The names of both nodes."""
    cut: int
    """How many obstacles stand in the way; nothing gets through while there is one."""
    clogged_until: int
    slow_until: int
    slow_factor: float
    lost: bool
    """The sending side takes the peer for lost."""
    bytes_under_way: int
    controls_under_way: int
    queue_bytes: int
    control_limit: int
    max_body_bytes: int
    def __init__(
        self, source: StagePeer, target: StagePeer, key: tuple[str, str], queue_bytes: int, control_limit: int,
        max_body_bytes: int,
    ) -> None: ...
    def take(self, control: bool) -> tuple[list[Any], int]:
        """(envelopes, size) that wait in a lane; they are under way from now on, until ``arrived`` says so."""

    def leave(
        self, control: bool, envelopes: list[Any], size: int, depart_ns: int, delay_ns: int, ordered: bool
    ) -> bool:
        """What leaves now arrives when its delay, and what goes before it in its lane, allow; False when cut.

        Args:
            size: what ``take`` counted; given back on arrival.
            ordered: whether it keeps its place in its lane.
        """

    def read_frame(self, frame: Frame) -> None:
        """The receiver takes a frame in."""

    def connected(self) -> None:
        """Both ends have begun anew: nothing that is under way holds up what comes."""

    def arrived(self, control: bool, size: int) -> int:
        """So much is no longer under way."""

class StageMail:
    """All links of a world: how what leaves a node travels when nothing special is done to single messages."""

    world: Any
    """The clockwork; its ``faults.links`` say what is done to single messages."""
    draws: Draws
    """Of the delays."""
    omit_send: dict[Any, float]
    omit_receive: dict[Any, float]
    seen: Any
    """The ``faults.links`` that were looked at last."""
    single: bool
    """They, or an observer, want every message by itself."""
    bounded: bool
    """A delay is low_ns and up to ``STEPS`` steps more, whatever the link."""
    low_ns: int
    step_ns: int
    def __init__(self, world: Agenda, draws: Draws) -> None: ...
    def look(self, links: Any) -> None:
        """Other faults of links than before: note them in ``seen`` and ``single``. For the subclass."""
