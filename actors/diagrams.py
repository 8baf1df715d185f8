"""Sequence diagrams of a run: which events are shown, in which columns, and what is down, paused or cut meanwhile.

``lay_out`` makes a ``Diagram``, which ``diagrams_text`` and ``diagrams_svg`` draw. A long run is shown as a window that
ends at the violation (or at its end), with the last faults before it; what else came before is summed up, and the state
in which the picture begins is worked out from all of it. Knows the events of ``actors.trace`` and no world.
"""

from __future__ import annotations

import enum
import itertools
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from actors.trace import Event, What

#: Actors get columns of their own up to here; with more, a column is a node.
MOST_COLUMNS = 9
DEFAULT_ROWS = 80

_ARROWS = (What.DELIVER, What.DROP, What.DUPLICATE)
_WORLD = (What.PARTITION, What.HEAL, What.VIOLATION)
#: Left out first when there is too much to show: they explain the least.
_QUIET = (What.SYNC, What.CHOICE)
_CAUSES = (What.START, What.CRASH, What.PAUSE, What.RESUME, What.PARTITION, What.HEAL, What.FAULT, What.FAILURE)
#: Counted in the summary of what came before the window.
_COUNTED = (
    What.CRASH, What.PAUSE, What.PARTITION, What.HEAL, What.FAULT, What.DROP, What.DUPLICATE, What.CLIENT, What.FAILURE,
)


class Life(enum.Enum):
    """The state of a column."""

    UP = "up"
    DOWN = "down"
    PAUSED = "paused"


class Row(NamedTuple):
    """One step of a diagram.

    Attributes:
        event: what happened.
        column: where; None for what concerns the whole world.
        source: for a message, the column that it left; None for other steps.
        sent_row: for a message, the row after which it left; -1 when that was before the first row.
        text: what people read: of a message, also when only its SEND said it.
        lives: state of each column when the row is done.
        skipped: steps that are left out between the row before and this one.
    """

    event: Event
    column: int | None
    source: int | None
    sent_row: int
    text: str
    lives: tuple[Life, ...]
    skipped: int = 0


class Diagram(NamedTuple):
    """What is to be drawn.

    Attributes:
        columns: names, in order.
        rows: the window.
        first: state of each column before the first row.
        before: a sentence about what was left out before it; empty when nothing was.
        after: the same about what came after it.
        cut: the partition in force when the window begins; empty when there is none.
        timed: whether the events carry times.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    first: tuple[Life, ...]
    before: str
    after: str
    cut: str
    timed: bool

    def violated(self) -> str:
        """Text of the violation that is shown; empty when none is."""
        return next((row.text for row in self.rows if row.event.what is What.VIOLATION), "")


def lay_out(events: Sequence[Event], rows: int = DEFAULT_ROWS) -> Diagram:
    """Decide what is shown, and where.

    Args:
        events: of one run, in order.
        rows: at most so many steps; the last ones before and with the first violation, else the last ones of all.

    Raises:
        ValueError: ``rows`` is not positive.
    """
    if rows < 1:
        raise ValueError(f"a diagram of {rows} rows was asked for; give at least 1")
    end = next((at + 1 for at, event in enumerate(events) if event.what is What.VIOLATION), len(events))
    columns, place = _columns(events)
    shown = _window(events, end, rows, place)
    start = shown[0] if shown else end
    lives = dict.fromkeys(range(len(columns)), Life.UP)
    cut = ""
    for event in events[:start]:
        _live(event, lives, place)
        if event.what in (What.PARTITION, What.HEAL):
            cut = event.text if event.what is What.PARTITION else ""
    first = tuple(lives.values())
    return Diagram(
        columns, tuple(_rows(events, shown, lives, place)), first,
        _summary(events[:start], "before this"), _summary(events[end:], "after the violation"), cut,
        any(event.at_seconds for event in events),
    )


class _Places:
    """Which column an event's actor stands in."""

    def __init__(self, names: Sequence[tuple[str, str]]) -> None:
        self._actors = {name: at for at, name in enumerate(names)}
        self._nodes: dict[str, list[int]] = {}
        for at, (node, _) in enumerate(names):
            self._nodes.setdefault(node, []).append(at)

    def one(self, node: str, actor: str) -> int | None:
        """The actor's own column, or its node's first."""
        if (node, actor) in self._actors:
            return self._actors[node, actor]
        found = self._nodes.get(node)
        return found[0] if found else None

    def all(self, node: str, actor: str) -> list[int]:
        """Every column that goes down when this actor or, without an actor, this node does."""
        if actor and (node, actor) in self._actors:
            return [self._actors[node, actor]]
        return [] if actor else self._nodes.get(node, [])


def _columns(events: Sequence[Event]) -> tuple[tuple[str, ...], _Places]:
    """A column an actor as long as that is readable, else one a node."""
    actors: dict[tuple[str, str], None] = {}
    nodes: dict[str, None] = {}
    for event in events:
        for node, actor in ((event.node, event.actor), (event.peer_node, event.peer_actor)):
            if node:
                nodes[node] = None
                if actor:
                    actors[node, actor] = None
    silent = [(node, "") for node in nodes if not any(node == other for other, _ in actors)]
    pairs = sorted([*actors, *silent])
    if len(pairs) <= MOST_COLUMNS:
        lonely = Counter(node for node, _ in pairs)
        names = [node if lonely[node] == 1 else f"{node}/{actor}" for node, actor in pairs]
        return tuple(names), _Places(pairs)
    ordered = sorted(nodes)
    return tuple(ordered), _Places([(node, "") for node in ordered])


def _window(events: Sequence[Event], end: int, rows: int, place: _Places) -> list[int]:
    """Positions of the events that get a row."""
    arrived = {event.number for event in events[:end] if event.number and event.what in _ARROWS}
    told = [
        at for at in range(end)
        if not (events[at].what is What.SEND and events[at].number in arrived)  # the arrow says both
    ]
    if len(told) <= rows:
        return told
    loud = [at for at in told if events[at].what not in _QUIET and not _is_local(events[at], place)]
    shown = loud[-rows:]
    # the last faults before the window are shown too, as they may be the cause
    earlier = [at for at in loud[:-rows] if events[at].what in _CAUSES][-(rows // 4) :] if rows >= 4 else []
    return [*earlier, *shown[len(earlier) :]]


def _is_local(event: Event, place: _Places) -> bool:
    """A message that does not leave its column."""
    if event.what not in _ARROWS and event.what is not What.SEND:
        return False
    return place.one(event.node, event.actor) == place.one(event.peer_node, event.peer_actor)


def _rows(
    events: Sequence[Event], shown: Sequence[int], lives: dict[int, Life], place: _Places
) -> list[Row]:
    gaps = [_far_apart(events, here, there, place) for here, there in itertools.pairwise(shown)]
    sent: dict[int, tuple[int, Event]] = {}
    for at, event in enumerate(events[: shown[-1] + 1] if shown else ()):
        if event.what is What.SEND:
            sent[event.number] = (at, event)
    made: list[Row] = []
    done = shown[0] if shown else 0
    for row, at in enumerate(shown):
        for event in events[done : at + 1]:
            _live(event, lives, place)
        done = at + 1
        event = events[at]
        column = None if event.what in _WORLD else place.one(event.node, event.actor)
        source, sent_row, text = None, row, event.text
        if event.what in _ARROWS or event.what is What.SEND:
            left, sending = sent.get(event.number, (-1, event))
            text = text or sending.text
            sent_row = sum(1 for other in shown[:row] if other < left) - 1
            here, there = place.one(event.node, event.actor), place.one(event.peer_node, event.peer_actor)
            # a DROP and a SEND are told by the sender, an arrival by the receiver
            column, source = (there, here) if event.what in (What.DROP, What.SEND) else (here, there)
        made.append(Row(event, column, source, sent_row, text, tuple(lives.values()), gaps[row - 1] if row else 0))
    return made


def _far_apart(events: Sequence[Event], here: int, there: int, place: _Places) -> int:
    """How many steps that would be worth a row lie between two that are shown."""
    return sum(
        1 for event in events[here + 1 : there]
        if event.what not in _QUIET and event.what is not What.SEND and not _is_local(event, place)
    )


def _live(event: Event, lives: dict[int, Life], place: _Places) -> None:
    """What an event changes about who is up."""
    state = {
        What.START: Life.UP, What.CRASH: Life.DOWN, What.PAUSE: Life.PAUSED, What.RESUME: Life.UP,
    }.get(event.what)
    if state is None:
        return
    for column in place.all(event.node, event.actor):
        lives[column] = state


def _summary(events: Sequence[Event], when: str) -> str:
    """How much is not shown, and which faults were among it."""
    if not events:
        return ""
    counts = Counter(event.what for event in events)
    named = [f"{counts[what]} {what.value}" for what in _COUNTED if counts[what]]
    return f"{len(events)} events {when} are not shown" + (f" ({', '.join(named)})" if named else "")
