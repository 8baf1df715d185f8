"""The rare half of a turn: handlers that raise, effects that are not plain sends, and what waits for the disk.

The other half, paid for every message, is native (``core_ext.stage``). Knows cells and their node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.context import Ticket
from actors.errors import AskFailed
from actors.recording import (
    Ask,
    CancelTimer,
    Checkpoint,
    Read,
    Reply,
    Resolve,
    Stop,
    Truncate,
    Watch,
)
from actors.simulation import lifecycle
from actors.simulation.cell import Cell
from actors.simulation.context import Launch
from actors.simulation.errors import SimulationError
from core_ext.log_errors import LogError
from core_ext.stage_hands import Appended, Timed

if TYPE_CHECKING:
    from actors.simulation.journals import ActorJournal
    from actors.simulation.node import Node

JOURNAL = frozenset((Appended, Truncate, Resolve, Checkpoint, Read))
AT_ONCE = frozenset((Timed, CancelTimer))


def failed(node: Node, cell: Cell, error: BaseException, message: Any, ticket: Ticket | None) -> None:
    """A handler raised: none of its effects happens, and its supervisor decides."""
    if isinstance(error, SimulationError):  # the simulation itself ends
        raise error
    cell.hands.discard()
    for child in cell.unlaunched:
        lifecycle.finish(child)
    cell.unlaunched.clear()
    if ticket is not None:
        what = f"{cell.label} failed in its handler of {type(message).__qualname__}: {type(error).__name__}: {error}"
        settle(node, cell, ticket, None, AskFailed(what))
    node.failed(cell, error, message)


def unanswered(cell: Cell, message: Any) -> None:
    """A handler of a request returned, and neither answered nor deferred."""
    hands = cell.hands
    ticket = hands.unanswered()
    if ticket is not None:
        hands.fail(
            f"returned from its handler of {type(message).__qualname__} without an answer; it must call context.reply, "
            f"fail or defer", to=ticket,
        )


def write(node: Node, cell: Cell, effects: list[Any]) -> bool:
    """Hand what a handler wrote to a log that may refuse it; False when it did, and none of its effects happens."""
    journal, view = cell.journal, cell.hands.view
    assert journal is not None
    assert view is not None
    try:
        staged = journal.stage(effects)
    except ValueError as error:  # a record that cannot be written: as if the handler had raised
        failed(node, cell, error, None, None)
        return False
    view.keep()
    try:
        journal.apply(staged)
        deliver_entries(cell, journal, effects)
    except LogError as error:  # the disk was damaged under the open log
        effects.clear()
        node.log_broke(cell, error)
        return False
    if staged:
        node.durability.close_gate(cell)
    return True


def deliver_entries(cell: Cell, journal: ActorJournal, effects: list[Any]) -> None:
    """Answer what a handler asked of its journal: all of it, or none when the log cannot be read.

    Raises:
        LogError: the disk was damaged under the open log.
    """
    for answer in [journal.entries(effect) for effect in effects if type(effect) is Read]:
        cell.deliver(answer, False)


def waits(cell: Cell, effect: Any) -> bool:
    """Must an effect that is no send wait for the disk? An answer that does is no longer owed by the actor."""
    if type(effect) is Reply:
        if effect.now:
            return False
        forget_held(cell, effect.ticket)
    return True


def apply(node: Node, cell: Cell, effect: Any) -> None:
    """Make one effect happen that is no send."""
    match effect:
        case Reply(ticket, value, reason):
            failure = None if reason is None else AskFailed(f"{cell.label}: {reason}")
            settle(node, cell, ticket, value, failure)
        case CancelTimer(key):
            timer = cell.timers.pop(key, None)
            if timer is not None:
                timer.live = False
        case Ask(target, message, key, timeout_seconds):
            node.ask(cell, target, message, key, timeout_seconds)
        case Launch(child):
            lifecycle.launch(child)
        case Stop(target):
            found = node.find(target)
            if found is not None:
                lifecycle.order_stop(found)
        case Watch(target, on):
            (node.watches.watch if on else node.watches.unwatch)(cell, target)


def hold(cell: Cell, asker: Any, correlation: int) -> Ticket:
    """A request is handled from now on: its asker waits for this actor."""
    cell.held[asker.node if asker is not None else "", correlation] = asker
    return Ticket(asker, correlation)


def forget_held(cell: Cell, ticket: Ticket) -> None:
    """A request was answered."""
    asker = ticket.asker
    cell.held.pop((asker.node if asker is not None else "", ticket.correlation), None)


def settle(node: Node, cell: Cell, ticket: Ticket, value: Any, failure: Exception | None) -> None:
    """Give an answer to whoever holds the other end of a ticket."""
    forget_held(cell, ticket)
    node.answer(ticket.asker, ticket.correlation, value, failure)
